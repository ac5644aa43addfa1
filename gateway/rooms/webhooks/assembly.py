"""Opens the room of webhooks."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.delivery.events import EventLog
from gateway.foundation.rooms import Opened, Services


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Events are sent by the foundation; here they are read again."""
    return Opened(services=(EventLog(base.store),))
