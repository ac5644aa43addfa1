"""Opens the room of decisions."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.rooms.decisions.service import Decisions


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Decisions stand on no other room."""
    return Opened(services=(Decisions(base),))
