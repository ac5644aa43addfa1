"""The balance statement 余额调节表: from our books to the statements and back, each fen between them named."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from gateway.rooms.payments.tables import collection
from gateway.rooms.reconciliation.matching import CHINESE, BreakKind, Key, Side
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.tables import breaks, statement, statement_line
from gateway.words.errors import InvalidProblem

REPORT_KEY: Final = "report"

#: Breaks that explain money which one side has and the other has not, or not as much of.
_EXPLAIN = (
    BreakKind.PLATFORM_ONLY,
    BreakKind.OURS_ONLY,
    BreakKind.CROSS_DAY,
    BreakKind.AMOUNT_DIFFERS,
    BreakKind.UNKNOWN_CODE,
)


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
        raise InvalidProblem(f"{month} is not a month", field="month", cure="Write it as 2026-09.")
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, 1), date(year, number, calendar.monthrange(year, number)[1])


def chinese(kind: str) -> str:
    """What an item is called on the sheet."""
    return "跨期入账" if kind == "timing" else CHINESE[BreakKind(kind)] if kind != "unexplained" else "未查明"


def balance_of(
    conn: Connection, channel: str, first: date, last: date, window_of: Callable[[str, date], Window]
) -> Balance:
    """Balance the days from ``first`` to ``last``.

    Our balance is money paid within these days; theirs is what their statements of these days have. Money of one side's
    days that is on the other side's neighbouring days is ``timing``, and no difference.
    """
    start, end = window_of(channel, first).start, window_of(channel, last).end
    around = timedelta(days=3)
    ours: dict[Key, tuple[int, bool]] = {}
    paid = select(collection.c.code, collection.c.bank_serial, collection.c.amount, collection.c.paid_at).where(
        collection.c.channel == channel,
        collection.c.paid_at >= start - 3 * 86_400_000_000,
        collection.c.paid_at < end + 3 * 86_400_000_000,
    )
    for code, serial, amount, paid_at in conn.execute(paid):
        ours[code, serial] = (amount, start <= paid_at < end)
    theirs: dict[Key, tuple[int, bool]] = {}
    told = (
        select(statement_line.c.code, statement_line.c.bank_serial, statement_line.c.amount, statement.c.day_on)
        .join(statement, statement.c.id == statement_line.c.statement_id)
        .where(
            statement.c.channel == channel,
            statement.c.side == Side.PLATFORM.value,
            statement.c.superseded_at.is_(None),
            statement.c.day_on.between(first - around, last + around),
            statement_line.c.kind == "paid",
        )
    )
    for code, serial, amount, day in conn.execute(told):
        theirs[code, serial] = (amount, first <= day <= last)
    named: dict[Key, tuple[str, str]] = {}
    explained = select(breaks.c.code, breaks.c.bank_serial, breaks.c.kind, breaks.c.id).where(
        breaks.c.channel == channel,
        breaks.c.side == Side.PLATFORM.value,
        breaks.c.state.in_(("open", "resolved")),
        breaks.c.kind.in_([kind.value for kind in _EXPLAIN]),
        breaks.c.day_on.between(first - around, last + around),
    )
    for code, serial, kind, id in conn.execute(explained):
        named[code, serial] = (kind, id)
    items = [
        item
        for key in sorted(ours.keys() | theirs.keys())
        if (item := _item(key, ours.get(key), theirs.get(key), named.get(key))) is not None
    ]
    return Balance(
        channel,
        first,
        last,
        sum(amount for amount, inside in ours.values() if inside),
        sum(amount for amount, inside in theirs.values() if inside),
        tuple(items),
    )


def _item(
    key: Key, ours: tuple[int, bool] | None, theirs: tuple[int, bool] | None, named: tuple[str, str] | None
) -> Item | None:
    """What this money puts between the balances; None for nothing."""
    mine = ours[0] if ours is not None and ours[1] else 0
    told = theirs[0] if theirs is not None and theirs[1] else 0
    if mine == told:
        return None
    if ours is not None and theirs is not None and ours[0] == theirs[0]:
        return Item("timing", *key, books=told, statements=mine, break_id=None)
    kind, id = named if named is not None else ("unexplained", None)
    if mine and told:
        return Item(kind, *key, books=max(told - mine, 0), statements=max(mine - told, 0), break_id=id)
    return Item(kind, *key, books=told, statements=mine, break_id=id)
