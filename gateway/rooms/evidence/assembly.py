"""Opens the room of evidence."""

from __future__ import annotations

from datetime import datetime

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Keeps, Opened, Services
from gateway.rooms.evidence.bundles import Bundles
from gateway.rooms.evidence.nightly import Nightly
from gateway.rooms.timestamps import TimeStamps
from gateway.words.clock import to_micros


def open_room(base: Foundation, rooms: Services) -> Opened:
    """Evidence is kept by the foundation; here its old exact bytes are shredded when their time is over.

    Each night what came since the last checkpoint is verified.
    """
    nightly = Nightly(base, rooms.get(TimeStamps))

    async def shred(before: datetime) -> int:
        return await base.evidence.forget(to_micros(before))

    days = base.settings.evidence.keep_days
    why = "the exact bytes prove an exchange; its digest stays in the chain for good ([evidence] keep_days)"
    return Opened(
        services=(Bundles(base, rooms),),
        comes_round=(Duty("evidence check", "40 2 * * *", nightly.check),),
        keeps=(Keeps("evidence", days, why, shred),),
        notes=nightly.notes,
    )
