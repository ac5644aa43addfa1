"""Opens the room of evidence."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.words.clock import to_micros

log = structlog.get_logger(__name__)


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Evidence is kept by the foundation; here its old exact bytes are shredded when their time is over."""

    async def shred(_slot: datetime) -> None:
        keep = base.settings.evidence.keep_days
        if keep is not None:
            forgotten = await base.evidence.forget(to_micros(base.clock.now() - timedelta(days=keep)))
            log.info("exact bytes of old exchanges were shredded", exchanges=forgotten)

    return Opened(comes_round=(Duty("retention of evidence", "15 3 * * *", shred),))
