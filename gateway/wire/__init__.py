"""The only code that opens a socket outwards: HTTP, SOAP, message signatures, and our own webhooks out."""

from gateway.wire.channel import ChannelWire, ErrorFactory, Limits, Timeouts, Tls, WireSettings, busy
from gateway.wire.signing import MessageSigner

__all__ = [
    "ChannelWire",
    "ErrorFactory",
    "Limits",
    "MessageSigner",
    "Timeouts",
    "Tls",
    "WireSettings",
    "busy",
]
