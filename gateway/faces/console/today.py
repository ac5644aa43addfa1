"""今日待办: what waits for a person in every room, by its last day. Each count leads to what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from gateway.app import App
from gateway.foundation.screens import Due, Group, Head, Look, Many, Note, Page, Row, Screen, Table, Tag, Value, Waits
from gateway.foundation.todo import waits
from gateway.words.saying import say

TODAY: Final = "today"


def today(gateway: App) -> Screen:
    """The screen over what the rooms say that waits."""

    async def page(look: Look) -> Page:
        found = await waits(gateway.rooms, look)
        second = _table("second", [one for one in found if one.whose == "second"])
        others = _table("others", [one for one in found if one.whose == "others"])
        mine = _table("mine", [one for one in found if one.whose == "mine"])
        blocks = [*second, *mine, *_table("all", [one for one in found if one.whose == "all"]), *others]
        return Page(
            title=say("console.today"),
            lead=say("console.today_lead", day=look.today),
            blocks=blocks or [Note(say("console.today_none"), "good")],
        )

    return Screen(name=TODAY, title=say("console.today"), scope="", place=0, group=Group.TODAY, page=page)


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
