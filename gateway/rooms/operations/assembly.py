"""Opens the room of operations."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.rooms.operations.service import Operations


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Operations are carried out by the foundation; here people look at them."""
    return Opened(services=(Operations(base.store),))
