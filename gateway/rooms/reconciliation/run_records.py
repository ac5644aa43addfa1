"""Runs 对账 as they ended: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from gateway.foundation.store.rows import columns, reader
from gateway.rooms.payments.tables import payment_code
from gateway.rooms.reconciliation.matching import Side
from gateway.rooms.reconciliation.remarks import Remark
from gateway.rooms.reconciliation.states import RunState
from gateway.rooms.reconciliation.tables import reconciliation_run
from gateway.words.clock import day_of, from_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class Run:
    """One reconciliation of one channel and day, as it ended. Instants in microseconds, amounts in fen.

    ``matched`` counts money that agrees on both sides; ``healed``, part of it or of the breaks, was learnt from the
    statement; ``waiting`` is ours only while the platform's day lasts; ``breaks`` are open. Of a file: ``passed_over``
    counts lines without money or of kinds that do not count, ``not_ours`` lines of other business.
    """

    id: str
    channel: str
    side: Side
    day_on: date
    state: RunState
    reason: str | None
    statement_id: str | None
    provisional: bool
    ran_by: str
    ran_at: int
    matched: int = 0
    matched_amount: int = 0
    healed: int = 0
    waiting: int = 0
    breaks: int = 0
    passed_over: int = 0
    not_ours: int = 0
    not_ours_amount: int = 0
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are looked for; None narrows nothing. ``channels`` narrows them to those."""

    channels: Collection[str] | None = None
    channel: str | None = None
    day_on: date | None = None


EVERY_RUN = RunFilter()
_read = reader(Run)


def add(conn: Connection, run: Run) -> None:
    """Record how a run ended."""
    conn.execute(insert(reconciliation_run), columns(run))


def complete(conn: Connection, run: Run) -> None:
    """Keep a run's figures in the transaction that made it."""
    figures = {name: value for name, value in columns(run).items() if name not in ("id", "state")}
    conn.execute(update(reconciliation_run).where(reconciliation_run.c.id == run.id).values(**figures))


def held(conn: Connection, id: str) -> Run:
    """One run that must be there. Raises NotFoundProblem."""
    row = conn.execute(select(reconciliation_run).where(reconciliation_run.c.id == id)).mappings().first()
    if row is None:
        raise NotFoundProblem(say("reconciliation.none"))
    return _read(row)


def find(conn: Connection, wanted: RunFilter = EVERY_RUN, *, before: str | None = None, limit: int = 50) -> list[Run]:
    """Runs, newest first; ``before`` is the id at which the previous page ended."""
    query = select(reconciliation_run).order_by(reconciliation_run.c.id.desc()).limit(limit)
    if wanted.channels is not None:
        query = query.where(reconciliation_run.c.channel.in_(wanted.channels))
    if wanted.channel is not None:
        query = query.where(reconciliation_run.c.channel == wanted.channel)
    if wanted.day_on is not None:
        query = query.where(reconciliation_run.c.day_on == wanted.day_on)
    if before is not None:
        query = query.where(reconciliation_run.c.id < before)
    return [_read(row) for row in conn.execute(query).mappings()]


def ids_of_day(conn: Connection, channel: str, day: date, side: Side) -> list[str]:
    """The runs of a side of a channel's day."""
    mine = and_(
        reconciliation_run.c.channel == channel,
        reconciliation_run.c.day_on == day,
        reconciliation_run.c.side == side.value,
    )
    return list(conn.execute(select(reconciliation_run.c.id).where(mine)).scalars())


def last_of_days(conn: Connection, channel: str, first: date, last: date) -> list[Run]:
    """The last run that was done of each side and day from ``first`` to ``last``, by day and side."""
    latest = (
        select(func.max(reconciliation_run.c.id))
        .where(
            reconciliation_run.c.channel == channel,
            reconciliation_run.c.state == RunState.DONE.value,
            reconciliation_run.c.day_on.between(first, last),
        )
        .group_by(reconciliation_run.c.day_on, reconciliation_run.c.side)
    )
    query = select(reconciliation_run).where(reconciliation_run.c.id.in_(latest))
    ordered = query.order_by(reconciliation_run.c.day_on, reconciliation_run.c.side)
    return [_read(row) for row in conn.execute(ordered).mappings()]


def latest_of_days(conn: Connection, channel: str, first: date, last: date) -> list[Run]:
    """The last run of each side and day, whatever became of it: of days that none was done for."""
    latest = (
        select(func.max(reconciliation_run.c.id))
        .where(reconciliation_run.c.channel == channel, reconciliation_run.c.day_on.between(first, last))
        .group_by(reconciliation_run.c.day_on, reconciliation_run.c.side)
    )
    query = select(reconciliation_run).where(reconciliation_run.c.id.in_(latest))
    return [_read(row) for row in conn.execute(query).mappings()]


def days_without_run(conn: Connection, channel: str, first: date, last: date) -> list[date]:
    """Days from ``first`` to ``last`` that the platform's statement was not matched for after they had ended."""
    query = select(reconciliation_run.c.day_on).where(
        reconciliation_run.c.channel == channel,
        reconciliation_run.c.side == Side.PLATFORM.value,
        reconciliation_run.c.state == RunState.DONE.value,
        reconciliation_run.c.provisional.is_(False),
        reconciliation_run.c.day_on.between(first, last),
    )
    done = set(conn.execute(query).scalars())
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [day for day in every if day not in done]


_FIRST_RUN = select(func.min(reconciliation_run.c.day_on)).where(
    reconciliation_run.c.channel == bindparam("of"), reconciliation_run.c.side == Side.PLATFORM.value
)
_FIRST_CODE = select(func.min(payment_code.c.asked_at)).where(payment_code.c.channel == bindparam("of"))


def began(conn: Connection, channel: str) -> date | None:
    """The first day of a channel here: that of its first code or of its first run, whichever came first."""
    ran = conn.execute(_FIRST_RUN, {"of": channel}).scalar_one_or_none()
    issued = conn.execute(_FIRST_CODE, {"of": channel}).scalar_one_or_none()
    days = [one for one in (ran, None if issued is None else day_of(from_micros(issued))) if one is not None]
    return min(days, default=None)


def days_missed(conn: Connection, channel: str, first: date, last: date) -> list[date]:
    """``days_without_run``, from the channel's first run on, whatever became of that."""
    begin = conn.execute(_FIRST_RUN, {"of": channel}).scalar_one_or_none()
    return [] if begin is None else [day for day in days_without_run(conn, channel, first, last) if day >= begin]
