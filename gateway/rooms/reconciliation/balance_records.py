"""What a balance statement 余额调节表 is made of: money in our books, money on statements, and breaks that name it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import Connection, select

from gateway.rooms.payments.tables import collection
from gateway.rooms.reconciliation.balance import Balance, Sum, balance_of
from gateway.rooms.reconciliation.matching import BreakKind, Key, Side
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.states import BreakState
from gateway.rooms.reconciliation.tables import breaks, statement, statement_line

#: Breaks that explain money which one side has and the other has not, or not as much of.
_EXPLAIN = (
    BreakKind.PLATFORM_ONLY,
    BreakKind.OURS_ONLY,
    BreakKind.CROSS_DAY,
    BreakKind.AMOUNT_DIFFERS,
    BreakKind.UNKNOWN_CODE,
)
_AROUND = timedelta(days=3)  # neighbouring days in which the other side may have the money


def balance_between(
    conn: Connection, channel: str, first: date, last: date, window_of: Callable[[str, date], Window]
) -> Balance:
    """Balance the days from ``first`` to ``last`` of a channel as they stand."""
    days = Window(window_of(channel, first).start, window_of(channel, last).end)
    return balance_of(
        channel,
        (first, last),
        _ours(conn, channel, days),
        _theirs(conn, channel, first, last),
        _named(conn, channel, first, last),
    )


def _ours(conn: Connection, channel: str, days: Window) -> dict[Key, Sum]:
    around = _AROUND // timedelta(microseconds=1)
    query = select(collection.c.code, collection.c.bank_serial, collection.c.amount, collection.c.paid_at).where(
        collection.c.channel == channel,
        collection.c.paid_at >= days.start - around,
        collection.c.paid_at < days.end + around,
    )
    return {(code, serial): Sum(amount, paid_at in days) for code, serial, amount, paid_at in conn.execute(query)}


def _theirs(conn: Connection, channel: str, first: date, last: date) -> dict[Key, Sum]:
    query = (
        select(statement_line.c.code, statement_line.c.bank_serial, statement_line.c.amount, statement.c.day_on)
        .join(statement, statement.c.id == statement_line.c.statement_id)
        .where(
            statement.c.channel == channel,
            statement.c.side == Side.PLATFORM.value,
            statement.c.superseded_at.is_(None),
            statement.c.day_on.between(first - _AROUND, last + _AROUND),
            statement_line.c.kind == "paid",
        )
    )
    return {(code, serial): Sum(amount, first <= day <= last) for code, serial, amount, day in conn.execute(query)}


def _named(conn: Connection, channel: str, first: date, last: date) -> dict[Key, tuple[str, str]]:
    query = select(breaks.c.code, breaks.c.bank_serial, breaks.c.kind, breaks.c.id).where(
        breaks.c.channel == channel,
        breaks.c.side == Side.PLATFORM.value,
        breaks.c.state.in_((BreakState.OPEN.value, BreakState.RESOLVED.value)),
        breaks.c.kind.in_([kind.value for kind in _EXPLAIN]),
        breaks.c.day_on.between(first - _AROUND, last + _AROUND),
    )
    return {(code, serial): (kind, id) for code, serial, kind, id in conn.execute(query)}
