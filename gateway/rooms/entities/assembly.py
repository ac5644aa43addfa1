"""Opens the room of entities."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.entities.service import Entities


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Entities stand on no other room."""
    entities = Entities(base)
    duty = Duty("registration changes", "40 * * * *", lambda _: entities.pull_every_feed())
    return Opened(services=(entities,), comes_round=(duty,))
