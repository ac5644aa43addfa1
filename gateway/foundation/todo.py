"""今日待办: what waits for a person in every room, and each list behind a count, in words.

The console draws it, and a command tells it: both count the same, and lead to exactly the list that is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from gateway.foundation.base import Foundation
from gateway.foundation.narrowing import narrowed
from gateway.foundation.rooms import Opened, Room
from gateway.foundation.screens import (
    Code,
    Deed,
    Due,
    Look,
    Many,
    Moment,
    Named,
    Screen,
    Table,
    Tag,
    To,
    Verbatim,
    Waiting,
    Waits,
    Wanted,
    Yuan,
)
from gateway.words.clock import day_of, from_micros, rfc3339
from gateway.words.errors import InvalidProblem, NotFoundProblem, Problem
from gateway.words.money import format_yuan
from gateway.words.saying import Language, Sentence, Word, head_in, named, say

_NEVER: Final = date.max
_RANK: Final = {"bad": 0, "warn": 1, "wait": 2, "plain": 3, "good": 4}
_FAR: Final = 60
"""Working days are counted up to so many days away; further off the days are said."""
WHOSE: Final = ("second", "mine", "all", "others")
"""Whose things wait, in the order in which they are told."""


async def waits(rooms: Iterable[tuple[Room, Opened]], look: Look) -> list[Waits]:
    """What the rooms say that waits, by its last day, then by how bad it is."""
    waiting: list[Waiting] = [room.place(place) for room, _ in rooms for place in room.waiting]
    found = [one for ask in waiting for one in await ask(look) if one.number]
    found.sort(key=lambda one: (WHOSE.index(one.whose), one.due or _NEVER, _RANK[one.tone]))
    return found


def left_until(base: Foundation, on: date, authority: str | None = None) -> Sentence:
    """What is left until a day, in working days, or for how many days it is over."""
    today = day_of(base.clock.now())
    if on == today:
        return say("console.due_today")
    if on < today:
        return say("console.late_days", days=(today - on).days)
    gap = (on - today).days
    if gap > _FAR:
        return say("console.left_days", days=gap)
    calendar = base.reckoning.of(authority).calendar
    ahead = (today + timedelta(days=one) for one in range(1, gap + 1))
    return say("console.left_working", days=sum(calendar.is_working(one).value for one in ahead))


# --- the list behind a count ------------------------------------------------------------------------------------------


def place_of(to: To) -> str:
    """Where a count leads, in one word: the screen, and what narrows it."""
    asked = urlencode(to.asked)
    return f"{to.screen}?{asked}" if asked else to.screen


@dataclass(frozen=True)
class Told:
    """A list in words: heads, rows with each record's id, what may be done with them, and the next page's cursor."""

    title: str
    heads: list[str]
    rows: list[tuple[str | None, list[str]]]
    commands: list[str]
    next: str | None = None


async def told(screens: Mapping[str, Screen], look: Look, place: str, cursor: str | None = None) -> Told:
    """The list at a place (``place_of``), as who looks may see it.

    Raises NotFoundProblem where there is none, a 403 Problem for whoever may not see it, InvalidProblem for a filter.
    """
    name, _, query = place.partition("?")
    screen = screens.get(name)
    if screen is None:
        raise NotFoundProblem(say("console.no_screen"))
    if screen.scope and not look.may(screen.scope):
        raise Problem(say("http.scope", scope=screen.scope), type="scope-missing")
    asked, title = dict(parse_qsl(query)), named(screen.title, look.language)
    may = list(dict.fromkeys(f"gateway {one.same_as}" for one in screen.acts if look.may(one.of.scope)))
    if screen.lists is not None:
        meant = await narrowed(screen.lists, look, asked)
        for label, value in meant.unknown:
            raise InvalidProblem(say("console.no_filter", label=_words(look, label), value=value))
        found = await screen.lists.find(replace(look, asked=meant.asked), Wanted(cursor))
        heads = [_words(look, one.words) for one in screen.lists.heads]
        return Told(title, heads, [(one.id, _cells(look, one.cells)) for one in found.rows], may, found.next)
    if screen.page is None:
        raise NotFoundProblem(say("console.no_screen"))
    page = await screen.page(replace(look, asked=asked))
    table = next((one for one in page.blocks if isinstance(one, Table)), None)
    if table is None:
        return Told(title, [], [], may)
    heads = [_words(look, one.words) for one in table.heads]
    return Told(_words(look, table.title), heads, [(one.id, _cells(look, one.cells)) for one in table.rows], may)


def _cells(look: Look, cells: Sequence[Any]) -> list[str]:
    return [text(look, one) for one in cells]


def _words(look: Look, said: Any) -> str:
    return head_in(said, look.language) if isinstance(said, Named) else named(said, look.language)


def text(look: Look, value: Any) -> str:
    """A value of a screen as text: amounts in yuan, moments in +08:00, last days with what is left."""
    match value:
        case None:
            return ""
        case Yuan(fen):
            return "" if fen is None else format_yuan(fen) if fen >= 0 else f"-{format_yuan(-fen)}"
        case Moment(micros):
            return "" if micros is None else rfc3339(from_micros(micros))
        case Code(kept) | Verbatim(kept):
            return kept or ""
        case Tag(word):
            return _words(look, word)
        case Due():
            return _due(look, value)
        case To():
            return text(look, value.words)
        case Deed(action):
            return named(Word(action), look.language)
        case Many(values):
            return "; ".join(one for one in (text(look, each) for each in values) if one)
        case bool():
            return named(say("console.yes" if value else "console.no"), look.language)
        case int() | date():
            return str(value)
        case _:
            return _words(look, value)


def _due(look: Look, due: Due) -> str:
    if due.on is None:
        return ""
    said = [left_until(look.base, due.on, due.authority)] if due.open else []
    said += [say("console.provisional")] if due.provisional else []
    left = ("，" if look.language is Language.CHINESE else ", ").join(one.in_(look.language) for one in said)
    return f"{due.on} ({left})" if left else str(due.on)
