"""What happened since a person was last here: a shift report, counted from the events that rooms keep anyhow.

A room says which of its events are told, and in which words (``Room.happened``). A count is of records, and leads to
exactly those.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.foundation.access.people import Visit
from gateway.foundation.base import Foundation
from gateway.foundation.delivery import event_records
from gateway.foundation.delivery.event_records import READ, Since, Tally, Touched
from gateway.foundation.rooms import Opened, Room
from gateway.words.saying import Sentence

__all__ = ["MOST", "READ", "Report", "Tally", "Touched"]

_RIGHT: Final = "events:read"
MOST: Final = 500
"""So many records are listed behind a count."""


class Report:
    """What happened within the authorities that a person sees, since the session before this one was last used."""

    def __init__(self, base: Foundation, rooms: Iterable[tuple[Room, Opened]], visit: Visit) -> None:
        self._base, self._visit = base, visit
        self.told: dict[str, Sentence] = {type: said for room, _ in rooms for type, said in room.happened.items()}

    async def tallies(self) -> tuple[int, list[Tally]] | None:
        """Since when, and what happened to how many records, in the rooms' order; None for who is here first."""
        since = await self._since(self.told)
        if since is None:
            return None
        found = await self._base.store.read(lambda conn: event_records.tallies(conn, since))
        order = list(self.told)
        return since.at, sorted(found, key=lambda one: order.index(one.type))

    async def touched(self, type: str) -> list[Touched]:
        """The records behind a count, the latest first."""
        since = await self._since([type])
        return [] if since is None else await self._base.store.read(lambda c: event_records.touched(c, since, MOST))

    async def _since(self, types: Iterable[str]) -> Since | None:
        before = await self._base.people.last_before(self._visit)
        if before is None or _RIGHT not in self._visit.who.scopes:
            return None
        after = f"evt_{before.id.partition('_')[2]}"
        return Since(after, before.used_at, sorted(self._visit.who.authorities), list(types))
