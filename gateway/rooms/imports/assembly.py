"""Opens the room of imports."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.rooms.imports.service import Imports


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Bills that an earlier system has issued become payments here."""
    return Opened(services=(Imports(base),))
