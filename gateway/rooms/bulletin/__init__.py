"""The bulletin 公示栏: the gateway's own page for the public, a target like any other."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.bulletin.records import Entry, Found, Shown
    from gateway.rooms.bulletin.service import Bulletin
else:
    __getattr__ = late(__name__, {"records": "Entry Found Shown", "service": "Bulletin"})

__all__ = ["Bulletin", "Entry", "Found", "Shown"]
