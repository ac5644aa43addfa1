"""Opens the room of evidence."""

from __future__ import annotations

from datetime import datetime

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Keeps, Opened, Services
from gateway.words.clock import to_micros


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Evidence is kept by the foundation; here its old exact bytes are shredded when their time is over."""

    async def shred(before: datetime) -> int:
        return await base.evidence.forget(to_micros(before))

    days = base.settings.evidence.keep_days
    why = "the exact bytes prove an exchange; its digest stays in the chain for good ([evidence] keep_days)"
    return Opened(keeps=(Keeps("evidence", days, why, shred),))
