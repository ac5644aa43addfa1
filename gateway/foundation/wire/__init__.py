"""The only code that opens a socket outwards: HTTP, SOAP, frames over TCP, message signatures, our webhooks out."""

from gateway.foundation.wire.channel import ChannelWire, ErrorFactory, Limits, Timeouts, Tls, WireSettings, busy
from gateway.foundation.wire.frame import FrameWire
from gateway.foundation.wire.signing import MessageSigner

__all__ = [
    "ChannelWire",
    "ErrorFactory",
    "FrameWire",
    "Limits",
    "MessageSigner",
    "Timeouts",
    "Tls",
    "WireSettings",
    "busy",
]
