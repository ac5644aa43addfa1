"""Opens the room of imports."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.rooms.decisions import Decisions
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.imports.decisions import DecisionBatches
from gateway.rooms.imports.service import Imports


def open_room(base: Foundation, rooms: Services) -> Opened:
    """Bills that an earlier system has issued become payments here, and rows of a file decisions that are published."""
    batches = DecisionBatches(base, rooms.get(Decisions), rooms.get(Disclosures))
    return Opened(services=(Imports(base), batches))
