"""今日待办: what waits for a person in every room, by its last day. Each count leads to what it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from gateway.app import App
from gateway.foundation.access.people import Visit
from gateway.foundation.screens import (
    Block,
    Code,
    Due,
    Group,
    Head,
    Look,
    Many,
    Moment,
    Note,
    Page,
    Row,
    Screen,
    Table,
    Tag,
    To,
    Value,
    Waits,
)
from gateway.foundation.since import MOST, READ, Report
from gateway.foundation.todo import waits
from gateway.words.clock import SHANGHAI, from_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

TODAY: Final = "today"


def today(gateway: App, visit: Visit | None = None) -> Screen:
    """The screen over what the rooms say that waits, and over what happened since who looks was last here."""
    report = None if visit is None else Report(gateway.base, gateway.rooms, visit)

    async def page(look: Look) -> Page:
        found = await waits(gateway.rooms, look)
        second = _table("second", [one for one in found if one.whose == "second"])
        others = _table("others", [one for one in found if one.whose == "others"])
        mine = _table("mine", [one for one in found if one.whose == "mine"])
        blocks: list[Block] = [*second, *mine, *_table("all", [one for one in found if one.whose == "all"]), *others]
        return Page(
            title=say("console.today"),
            lead=say("console.today_lead", day=look.today),
            blocks=[*(blocks or [Note(say("console.today_none"), "good")]), *await _since(report)],
        )

    async def one(_look: Look, type: str) -> Page:
        if report is None or type not in report.told:
            raise NotFoundProblem(say("console.no_screen"))
        screens = {one.ids: one.name for one in gateway.screens.values() if one.ids}
        found = await report.touched(type)
        rows = [Row(None, (_record(one.subject, screens), Moment(one.at))) for one in found]
        heads = (Head(say("console.since_record")), Head(say("console.since_last")))
        note = say("console.since_most", number=MOST) if len(found) == MOST else None
        return Page(
            title=report.told[type],
            blocks=[Table(say("console.since"), heads, rows, say("console.since_nothing"), note)],
        )

    return Screen(name=TODAY, title=say("console.today"), scope="", place=0, group=Group.TODAY, page=page, one=one)


def _record(subject: str, screens: Mapping[str, str]) -> Value:
    """A record by its id, which leads to its page where a screen shows it."""
    screen = screens.get(subject.partition("_")[0])
    return Code(subject) if screen is None else To(Code(subject), screen, subject)


async def _since(report: Report | None) -> list[Block]:
    """The shift report: nothing for who has not been here before."""
    found = None if report is None else await report.tallies()
    if report is None or found is None:
        return []
    at, tallies = found
    heads = (
        Head(say("console.today_what")),
        Head(say("console.today_number"), number=True),
        Head(say("console.since_last")),
    )
    rows = []
    for one in tallies:
        to = To(report.told[one.type], TODAY, one.type)
        rows.append(Row(None, (to, replace(to, words=one.number), Moment(one.last))))
    left = say("console.since_left", at=f"{from_micros(at).astimezone(SHANGHAI):%Y-%m-%d %H:%M}", read=READ)
    return [Table(say("console.since"), heads, rows, say("console.since_nothing"), left)]


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
