"""今日待办: what waits for a person in every room, by its last day. Each count leads to what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final, Literal

from gateway.app import App
from gateway.foundation.screens import Due, Head, Look, Many, Note, Page, Row, Screen, Table, Tag, Value, Waiting, Waits
from gateway.words.saying import say

TODAY: Final = "today"
_NEVER: Final = date.max


def today(gateway: App) -> Screen:
    """The screen over what the rooms say that waits."""
    waiting: list[Waiting] = [room.place(place) for room, _ in gateway.rooms for place in room.waiting]

    async def page(look: Look) -> Page:
        found = [one for ask in (*waiting, _days_off) for one in await ask(look) if one.number]
        found.sort(key=lambda one: (one.due or _NEVER, _RANK[one.tone]))
        second = _table("second", [one for one in found if one.whose == "second"])
        others = _table("others", [one for one in found if one.whose == "others"])
        mine = _table("mine", [one for one in found if one.whose == "mine"])
        blocks = [*second, *mine, *_table("all", [one for one in found if one.whose == "all"]), *others]
        return Page(
            title=say("console.today"),
            lead=say("console.today_lead", day=look.today),
            blocks=blocks or [Note(say("console.today_none"), "good")],
        )

    return Screen(name=TODAY, title=say("console.today"), scope="", place=0, page=page)


async def _days_off(look: Look) -> Sequence[Waits]:
    """Days off that are not known: of this year, from October on also of the next, when the notice of it is due."""
    unknown = look.base.reckoning.of(None).calendar.unknown_years(look.today)
    said = say("console.wait_days_off", years=unknown)
    return (Waits(said, len(unknown), instead="gateway calendar", tone="warn"),)


_RANK: Final = {"bad": 0, "warn": 1, "wait": 2, "plain": 3, "good": 4}


def _table(whose: Literal["all", "mine", "second", "others"], found: Sequence[Waits]) -> list[Table]:
    if not found:
        return []
    heads = (
        Head(say("console.today_what")),
        Head(say("console.today_number"), number=True),
        Head(say("console.today_due")),
    )
    titles = {
        "second": say("console.today_second"),
        "others": say("console.today_others"),
        "mine": say("console.today_mine"),
        "all": say("console.today_all"),
    }
    rows = [Row(None, (_what(one), _number(one), Due(one.due))) for one in found]
    return [Table(titles[whose], heads, rows, "")]


def _what(one: Waits) -> Value:
    """What waits, marked where it is late or broken, and the command that lists it where no screen does."""
    words: list[Value] = [_linked(one, Tag(one.what, one.tone) if one.tone != "plain" else one.what)]
    return words[0] if not one.instead else Many([*words, say("console.today_instead", command=one.instead)])


def _number(one: Waits) -> Value:
    more = one.most is not None and one.number >= one.most
    return _linked(one, say("console.today_most", number=one.number) if more else one.number)


def _linked(one: Waits, words: Value) -> Value:
    return words if one.to is None else replace(one.to, words=words)
