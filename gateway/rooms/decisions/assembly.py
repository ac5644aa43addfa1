"""Opens the room of decisions."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.decisions.corrections import Corrections
from gateway.rooms.decisions.service import Decisions


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Decisions stand on no other room."""
    decisions = Decisions(base)
    return Opened(
        services=(decisions, Corrections(base, decisions)),
        comes_round=(Duty("parties by index", "*/10 * * * *", lambda _: decisions.fill_parties()),),
    )
