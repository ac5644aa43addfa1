"""Closes of months 月结 as they are kept: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from gateway.foundation.store.rows import columns, reader
from gateway.rooms.reconciliation.balance import Balance
from gateway.rooms.reconciliation.states import MonthState
from gateway.rooms.reconciliation.tables import month_close
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class MonthClose:
    """A month 2026-09 of a channel that was closed. ``digest`` (SM3) and ``signature`` (SM2) are over ``figures``.

    ``asked_…`` is who wants it open again and why (``reason``), ``reopened_…`` who agreed. Instants in microseconds.
    """

    id: str
    channel: str
    month: str
    state: MonthState
    figures: dict[str, Any]
    digest: bytes
    signature: bytes
    closed_by: str
    closed_name: str
    closed_at: int
    asked_by: str | None = None
    asked_name: str | None = None
    reason: str | None = None
    reopened_by: str | None = None
    reopened_name: str | None = None
    reopened_at: int | None = None

    @property
    def authority(self) -> str:
        """Nobody's: the sums of a channel are not one authority's."""
        return ""

    @property
    def balance(self) -> Balance:
        """The balance statement 余额调节表 as it was signed."""
        return Balance.from_figures(self.figures)


_read = reader(MonthClose)


def month_of(day: date) -> str:
    """The month of a day as it is closed: 2026-09."""
    return f"{day:%Y-%m}"


def add(conn: Connection, close: MonthClose) -> None:
    """Close a month."""
    conn.execute(insert(month_close), columns(close))


def held(conn: Connection, id: str) -> MonthClose:
    """One close that must be there. Raises NotFoundProblem."""
    row = conn.execute(select(month_close).where(month_close.c.id == id)).mappings().first()
    if row is None:
        raise NotFoundProblem(say("reconciliation.no_close"))
    return _read(row)


def fetch_of_month(conn: Connection, channel: str, month: str) -> MonthClose | None:
    """The close of a month that still holds."""
    query = select(month_close).where(
        month_close.c.channel == channel,
        month_close.c.month == month,
        month_close.c.state != MonthState.REOPENED.value,
    )
    row = conn.execute(query).mappings().first()
    return None if row is None else _read(row)


def fetch_of_days(conn: Connection, channel: str, first: date, last: date) -> MonthClose | None:
    """The close that still holds, where these days are exactly its month."""
    ends = first.day == 1 and month_of(first) == month_of(last) != month_of(last + timedelta(days=1))
    return fetch_of_month(conn, channel, month_of(first)) if ends else None


def find(
    conn: Connection, channels: Collection[str], *, before: str | None = None, limit: int = 50
) -> list[MonthClose]:
    """Closes of these channels, newest first; ``before`` is the id at which the previous page ended."""
    query = select(month_close).where(month_close.c.channel.in_(channels)).order_by(month_close.c.id.desc())
    if before is not None:
        query = query.where(month_close.c.id < before)
    return [_read(row) for row in conn.execute(query.limit(limit)).mappings()]
