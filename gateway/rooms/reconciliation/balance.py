"""The balance statement 余额调节表: from our books to the statements and back, each fen between them named."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from gateway.rooms.reconciliation.matching import CHINESE, BreakKind, Key
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

REPORT_KEY: Final = "report"


@dataclass(frozen=True)
class Sum:
    """Money of one side in fen; ``inside``: of the days that are balanced, and not of their neighbours."""

    amount: int
    inside: bool


@dataclass(frozen=True)
class Item:
    """One amount between the two balances. ``books`` and ``statements``: fen to add to each. ``break_id`` names it."""

    kind: str
    code: str
    bank_serial: str
    books: int
    statements: int
    break_id: str | None


@dataclass(frozen=True)
class Balance:
    """Both balances of a channel's month in fen, and all that stands between them."""

    channel: str
    first: date
    last: date
    books: int
    statements: int
    items: tuple[Item, ...]

    @property
    def adjusted_books(self) -> int:
        """Our balance with what the statements have and we have not."""
        return self.books + sum(one.books for one in self.items)

    @property
    def adjusted_statements(self) -> int:
        """The statements' balance with what we have and they have not."""
        return self.statements + sum(one.statements for one in self.items)

    @property
    def unexplained(self) -> tuple[Item, ...]:
        """Differences that no break names."""
        return tuple(one for one in self.items if one.break_id is None and one.kind != "timing")

    @property
    def balanced(self) -> bool:
        """Equal to the fen, with every difference named."""
        return self.adjusted_books == self.adjusted_statements and not self.unexplained

    @classmethod
    def from_figures(cls, figures: dict[str, Any]) -> Balance:
        """What ``figures`` gave, as it was signed."""
        return cls(
            figures["channel"],
            date.fromisoformat(figures["first"]),
            date.fromisoformat(figures["last"]),
            figures["books"],
            figures["statements"],
            tuple(Item(**one) for one in figures["items"]),
        )

    def figures(self) -> dict[str, Any]:
        """As JSON, amounts in fen."""
        return {
            "channel": self.channel,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "books": self.books,
            "statements": self.statements,
            "adjusted_books": self.adjusted_books,
            "adjusted_statements": self.adjusted_statements,
            "items": [asdict(one) for one in self.items],
        }


def canonical(figures: Any) -> bytes:
    """The bytes that are signed: UTF-8 JSON with sorted keys and no blanks."""
    return json.dumps(figures, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def month_days(month: str) -> tuple[date, date]:
    """First and last day of a month such as 2026-09. Raises InvalidProblem."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise InvalidProblem(say("reconciliation.no_month", month=month), field="month")
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, 1), date(year, number, calendar.monthrange(year, number)[1])


def chinese(kind: str) -> str:
    """What an item is called on the sheet."""
    return "跨期入账" if kind == "timing" else CHINESE[BreakKind(kind)] if kind != "unexplained" else "未查明"


def balance_of(
    channel: str,
    days: tuple[date, date],
    ours: Mapping[Key, Sum],
    theirs: Mapping[Key, Sum],
    named: Mapping[Key, tuple[str, str]],
) -> Balance:
    """Balance the days from the first of ``days`` to the last.

    Our balance is money paid within these days; theirs is what their statements of these days have. Money of one side's
    days that is on the other side's neighbouring days is ``timing``, and no difference. ``named``: kind and id of the
    break that explains a sum.
    """
    items = [
        item
        for key in sorted(ours.keys() | theirs.keys())
        if (item := _item(key, ours.get(key), theirs.get(key), named.get(key))) is not None
    ]
    return Balance(
        channel,
        *days,
        sum(one.amount for one in ours.values() if one.inside),
        sum(one.amount for one in theirs.values() if one.inside),
        tuple(items),
    )


def _item(key: Key, ours: Sum | None, theirs: Sum | None, named: tuple[str, str] | None) -> Item | None:
    """What this money puts between the balances; None for nothing."""
    mine = ours.amount if ours is not None and ours.inside else 0
    told = theirs.amount if theirs is not None and theirs.inside else 0
    if mine == told:
        return None
    if ours is not None and theirs is not None and ours.amount == theirs.amount:
        return Item("timing", *key, books=told, statements=mine, break_id=None)
    kind, id = named if named is not None else ("unexplained", None)
    if mine and told:
        return Item(kind, *key, books=max(told - mine, 0), statements=max(mine - told, 0), break_id=id)
    return Item(kind, *key, books=told, statements=mine, break_id=id)
