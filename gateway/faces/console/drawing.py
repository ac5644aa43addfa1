"""How each kind of value looks: one way for each, escaped, in the reader's language."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from gateway.foundation.base import Foundation
from gateway.foundation.screens import (
    Block,
    Chart,
    Code,
    Day,
    Deed,
    Due,
    Folded,
    Many,
    Moment,
    Named,
    Period,
    Said,
    Screen,
    Tag,
    To,
    Value,
    Verbatim,
    Yuan,
)
from gateway.foundation.todo import left_until
from gateway.words.clock import SHANGHAI, day_of, from_micros, rfc3339
from gateway.words.money import format_yuan
from gateway.words.saying import Language, Word, head_in, named, say

HOME = "/console"
_DEED = re.compile(rf"(GET|POST) {HOME}/(?P<screen>[^/]+)/\{{id\}}(/(?P<act>[^/]+))?")
_SHORT = 8
"""A tag of so few characters is never broken into lines."""


def address(screen: str, *more: str, asked: Mapping[str, str] | None = None) -> str:
    """The address of a screen, of a record, of an act; ``asked`` stands behind it. An empty ``from`` says something:
    one comes from the whole list."""
    path = "/".join((HOME, *(quote(one, safe="") for one in (screen, *more))))
    told = {name: value for name, value in (asked or {}).items() if value or name == "from"}
    return f"{path}?{urlencode(told)}" if told else path


class Pen:
    """Draws values for one reader: ``screens`` are those that the reader may open, the only ones that are linked."""

    def __init__(self, base: Foundation, language: Language, screens: Mapping[str, Screen]) -> None:
        self._base = base
        self._screens = screens
        self.language = language
        self.today = day_of(base.clock.now())

    def words(self, said: Said | None) -> str:
        """What is said, as text."""
        if isinstance(said, Named):
            head = head_in(said, self.language)
            return head[:1].upper() + head[1:]
        return "" if said is None else named(said, self.language)

    def own(self, id: str, /, **given: Any) -> str:
        """A sentence of the console's own."""
        return say(f"console.{id}", **given).in_(self.language)

    def draw(self, value: Any) -> Markup:
        """A value as HTML."""
        match value:
            case None | Yuan(None) | Moment(None) | Code(None) | Due(None):
                return Markup('<span class="none">—</span>')
            case Yuan(fen):
                return Markup('<span class="number">{}</span>').format(_grouped(fen or 0))
            case Moment(micros):
                return self.moment(micros or 0)
            case Code(text):
                return Markup('<span class="code">{}</span>').format(text)
            case Verbatim(text):
                return Markup('<pre class="wire" tabindex="0">{}</pre>').format(text)
            case Period(first, last):
                days = [Markup('<span class="number">{}</span>').format(one) for one in (first, last)]
                return days[0] if first == last else Markup(" {} ").format(self.own("until")).join(days)
            case Folded(words, behind):
                return escape(self.words(words)) + self.behind(behind)
            case Tag(word, tone):
                words = self.words(word)
                long = " long" if len(words) > _SHORT else ""
                return Markup('<span class="tag {}{}">{}</span>').format(tone, long, words)
            case Due():
                return self._due(value)
            case To():
                return self._to(value)
            case Deed(action):
                return escape(self._deed(action))
            case Many(values):
                return Markup("").join(Markup('<div class="one">{}</div>').format(self.draw(one)) for one in values)
            case date():
                return Markup('<span class="number">{}</span>').format(value.isoformat())
            case bool():
                return escape(self.own("yes" if value else "no"))
            case int():
                return Markup('<span class="number">{:,}</span>').format(value)
            case _:
                return escape(self.words(value))

    def behind(self, text: str) -> Markup:
        """Technical words, folded."""
        told = say("failures.screen_technical").in_(self.language)
        return Markup('<details class="behind"><summary>{}</summary><code>{}</code></details>').format(told, text)

    def day(self, on: date, authority: str | None = None) -> str:
        """What is left until a day, in working days, or for how many days it is over."""
        return left_until(self._base, on, authority).in_(self.language)

    def moment(self, micros: int) -> Markup:
        """An instant: day and minute in +08:00, the whole of it for machines and for who points at it."""
        instant = from_micros(micros)
        here = instant.astimezone(SHANGHAI)
        shown = f"{here:%m-%d %H:%M}" if here.year == self.today.year else f"{here:%Y-%m-%d %H:%M}"
        return Markup('<time datetime="{0}" title="{0}" class="number">{1}</time>').format(rfc3339(instant), shown)

    def now(self) -> str:
        """The gateway's present, to the minute."""
        return f"{self._base.clock.now().astimezone(SHANGHAI):%Y-%m-%d %H:%M}"

    @property
    def known(self) -> Collection[str]:
        """The names of the screens that the reader may open."""
        return self._screens.keys()

    def kind(self, block: Block | Value) -> str:
        """Which kind of block, or of value, this is."""
        return type(block).__name__

    def image(self, svg: str) -> str:
        """An image of our own as an address."""
        return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()

    def bars(self, chart: Chart) -> Markup:
        """The bars of a chart, as wide as there is room; what they say is read from the table beside them."""
        most, wide = max(one.value for one in chart.bars), 10 * len(chart.bars)
        drawn = Markup("").join(
            Markup('<rect x="{}" y="{}" width="8" height="{}"{}/>').format(10 * place + 1, 100 - high, high, kind)
            for place, one in enumerate(chart.bars)
            for value, kind in ((one.value, Markup("")), (one.part, Markup(' class="part"')))
            if (high := _high(value, most))
        )
        return Markup(
            '<svg class="bars" viewBox="0 0 {} 100" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
        ).format(wide, self.words(chart.title), drawn)

    def day_cell(self, day: Day) -> Markup:
        """A day of a calendar: its number, its sign, its word for who does not see either."""
        shown = Markup('<span class="on">{}</span><b aria-hidden="true">{}</b><span class="word">{}</span>').format(
            day.on.day, day.mark, self.words(day.word)
        )
        if day.to is None or day.to.screen not in self._screens:
            return shown
        more = () if day.to.id is None else (day.to.id,)
        return Markup('<a href="{}" title="{} {}">{}</a>').format(
            address(day.to.screen, *more, asked=day.to.asked), day.on.isoformat(), self.words(day.word), shown
        )

    def _due(self, due: Due) -> Markup:
        assert due.on is not None
        told = [self.day(due.on, due.authority)] if due.open else []
        told += [self.own("provisional")] if due.provisional else []
        late = "late" if due.open and due.on < self.today else ""
        between = "，" if self.language is Language.CHINESE else ", "
        words = Markup(' <span class="left {}">{}</span>').format(late, between.join(told))
        return Markup('<span class="number">{}</span>').format(due.on.isoformat()) + (words if told else Markup(""))

    def _to(self, to: To) -> Markup:
        shown = self.draw(to.words)
        if to.screen not in self._screens:
            return shown
        more = () if to.id is None else (to.id,)
        return Markup('<a href="{}">{}</a>').format(address(to.screen, *more, asked=to.asked), shown)

    def _deed(self, action: str) -> str:
        """What was done: by the titles of the screen and of its act, else by the catalogue's word."""
        sent = _DEED.fullmatch(action)
        for screen in self._screens.values():
            if sent is not None and sent["screen"] == screen.name and sent["act"] is None:
                return self.own("looked_plainly", what=self.words(screen.title))
            for act in screen.acts:
                if action == act.of.route or (
                    sent is not None and (sent["screen"], sent["act"]) == (screen.name, act.name)
                ):
                    return self.words(act.title)
        return self.words(Word(action))


def _high(value: float, most: float) -> float:
    """How high a bar is of a hundred; what is not nothing can be seen."""
    return round(max(2.0, 100 * value / most), 1) if value else 0


def _grouped(fen: int) -> str:
    """Yuan with thousands set off: 5,036.50."""
    yuan, _, rest = format_yuan(abs(fen)).partition(".")
    return f"{'-' if fen < 0 else ''}{int(yuan):,}.{rest}"
