"""Any time stamp service that speaks RFC 3161 over HTTP."""

from gateway.adapters.timestamp.rfc3161.adapter import Rfc3161TimeStamps

__all__ = ["Rfc3161TimeStamps"]
