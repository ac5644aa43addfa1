"""The only code that opens a socket outwards: HTTP, SOAP, frames over TCP, message signatures, our webhooks out.

And the only one that exchanges files in a folder.
"""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.foundation.wire.bounds import Limits, Timeouts
    from gateway.foundation.wire.channel import ChannelWire, ErrorFactory, WireSettings, busy
    from gateway.foundation.wire.folder import FolderWire
    from gateway.foundation.wire.frame import FrameWire
    from gateway.foundation.wire.signing import MessageSigner
    from gateway.foundation.wire.terms import WireTerms
    from gateway.foundation.wire.tls import Tls
else:
    __getattr__ = late(
        __name__,
        {
            "bounds": "Limits Timeouts",
            "channel": "ChannelWire ErrorFactory WireSettings busy",
            "folder": "FolderWire",
            "frame": "FrameWire",
            "signing": "MessageSigner",
            "terms": "WireTerms",
            "tls": "Tls",
        },
    )

__all__ = [
    "ChannelWire",
    "ErrorFactory",
    "FolderWire",
    "FrameWire",
    "Limits",
    "MessageSigner",
    "Timeouts",
    "Tls",
    "WireSettings",
    "WireTerms",
    "busy",
]
