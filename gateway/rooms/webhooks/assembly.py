"""Opens the room of webhooks."""

from __future__ import annotations

from datetime import datetime

from gateway.foundation.base import Foundation
from gateway.foundation.delivery.events import EventLog
from gateway.foundation.rooms import Duty, Opened, Services


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Events are sent by the foundation; here they are read again, and what nobody takes is given up in time."""
    days = base.settings.webhooks.wait_days

    async def give_up(_: datetime) -> None:
        await base.webhooks.give_up_waiting(days)

    return Opened(services=(EventLog(base.store),), comes_round=(Duty("webhooks given up", "20 3 * * *", give_up),))
