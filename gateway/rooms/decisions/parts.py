"""What other rooms show of a decision in its one view: each contributes its part, and this room knows none of them.

A room names its ``Part`` in its ``Room`` value (``decision_part``); parts are found as rooms are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from gateway.foundation import rooms
from gateway.foundation.http.views import View
from gateway.rooms.decisions.duties import Mark
from gateway.rooms.decisions.records import Decision
from gateway.words.errors import SettingsError
from gateway.words.saying import say


@dataclass(frozen=True)
class Contribution:
    """What a room shows of one decision, and what that means for what must be done next."""

    items: Sequence[View]
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True)
class Part:
    """A room's part of the view: the member's ``name`` in JSON, the ``view`` of its items, and how they are read.

    ``of`` runs inside one query with all other parts. ``rank``: parts stand in this order, those of one rank by name.
    """

    name: str
    view: type[View]
    of: Callable[[Connection, Decision], Contribution]
    rank: int = 100


def installed() -> tuple[Part, ...]:
    """The parts of all rooms, in their order. Raises SettingsError where two have one name."""
    found = [room.place(room.decision_part) for room in rooms.found() if room.decision_part is not None]
    return in_order(found)


class Ranked(Protocol):
    """A part of some record's view."""

    @property
    def name(self) -> str:
        """The member's name in JSON."""
        ...

    @property
    def rank(self) -> int:
        """Where it stands."""
        ...


P = TypeVar("P", bound=Ranked)


def in_order(found: Sequence[P], of: str = "a decision") -> tuple[P, ...]:
    """Parts as the view shows them. Raises SettingsError where two have one name."""
    names = [part.name for part in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError("rooms", say("decisions.part_twice", twice=twice[0], of=of))
    return tuple(sorted(found, key=lambda part: (part.rank, part.name)))
