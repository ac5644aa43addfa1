"""Opens the room of keys."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """The foundation changes keys; this room shows how far that is."""

    async def notes() -> Sequence[str]:
        return base.rotation.trouble

    return Opened(notes=notes)
