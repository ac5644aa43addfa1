"""Opens the room of time stamps."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.rooms.timestamps.service import TimeStamps


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Time stamps stand on no other room, and keep nothing: a token belongs to what it stamps."""
    return Opened(services=(TimeStamps(base.channels),))
