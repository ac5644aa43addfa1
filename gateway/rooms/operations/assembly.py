"""Opens the room of operations."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.operations.bulk import BulkRetries
from gateway.rooms.operations.service import Operations


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Operations are carried out by the foundation; here people look at them."""
    retries = BulkRetries(base)
    goes_on = Duty("bulk retries that were cut", "* * * * *", retries.go_on)
    return Opened(services=(Operations(base.store), retries), comes_round=(goes_on,))
