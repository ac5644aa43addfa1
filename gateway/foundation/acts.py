"""What people do here: an act is one thing, with a route, a command, and a button where a page has one.

Each room declares its acts (``Room.acts``). The route of an act is the function of its name; the command is written by
the room, or made from what the route asks; a page draws its button from the same list. Its sentence stands in the
catalogue under ``acts.NAME``, a reason's under ``reasons.WORD``. What is only looked at has its command in the same way
(``Room.looks``): a GET route, whose parameters are options.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.words.saying import Sentence, say

if TYPE_CHECKING:
    from gateway.foundation.rooms import Room


@dataclass(frozen=True, slots=True)
class Act:
    """One act.

    ``name``: its route's function, and its operation in the description of the API. ``route``: method and path.
    ``command``: the words after ``gateway``. ``scope``: the right that it needs; that it needs a person the route says.
    ``two``: it counts only with the word of a second person; that word is an act of its own, which has ``look``: the
    path of the view whose ``seen`` it sends back. ``reasons``: usual ones to choose from, beside words of one's own.
    """

    name: str
    route: str
    command: str
    scope: str
    two: bool = False
    look: str | None = None
    reasons: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The route's method."""
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        """The route's path, with its parameters in braces."""
        return self.route.partition(" ")[2]

    @property
    def sentence(self) -> Sentence:
        """What it does, for people."""
        return say(f"acts.{self.name}")

    def why(self) -> dict[str, Sentence]:
        """The usual reasons, by word."""
        return {word: say(f"reasons.{word}") for word in self.reasons}


def looks() -> tuple[tuple[Room, Act], ...]:
    """Every list and record of the installed rooms that has a command made from its route."""
    from gateway.foundation import rooms

    return tuple((room, look) for room in rooms.found() for look in room.looks)


ASSIGN: Final = Act("assign_record", "PUT /v1/assignments/{subject}", "operators assign", "work:assign")
"""A record is taken, handed to a colleague, or put back: the one act that screens of every room show (``taking``)."""


def by_name(*declared: Act) -> dict[str, Act]:
    """Acts by their names: what a room's screens are drawn from."""
    return {one.name: one for one in declared}


def acts() -> tuple[tuple[Room, Act], ...]:
    """Every act of the installed rooms, each with the room that brings it."""
    from gateway.foundation import rooms

    return tuple((room, act) for room in rooms.found() for act in room.acts)
