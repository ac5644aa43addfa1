"""The log of events: the SQL. Events are only ever added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Float, bindparam, func, insert, select, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from gateway.foundation.delivery.tables import (
    event as event_table,
)
from gateway.foundation.store.engine import WRITES
from gateway.foundation.store.rows import reader


@dataclass(frozen=True)
class Event:
    """Something that happened to ``subject``. ``data``: JSON values, no personal data. ``at`` in microseconds.

    ``seq`` is its number; ``txid`` is PostgreSQL's number of the transaction that wrote it.
    """

    id: str
    type: str
    authority: str
    subject: str
    data: dict[str, Any]
    at: int
    seq: int = 0
    txid: int = 0

    @property
    def place(self) -> str:
        """Where it stands among all events, for whoever reads on from there."""
        return f"{self.txid}.{self.seq}"


_OURS = f"(other.datname = current_database() and other.application_name = '{WRITES}')"


class transaction_number(GenericFunction[int]):
    """The number of the writing transaction on PostgreSQL; SQLite has one writer, and there it is 0."""

    type = BigInteger()
    inherit_cache = True


class transaction_horizon(GenericFunction[int]):
    """Every transaction of ours with a smaller number has ended. On SQLite nothing else writes: 1.

    On PostgreSQL transactions are numbered for the whole server. Those that are known to be another database's, or of
    a session that is no writer of ours, cannot write events, and nobody waits for them.
    """

    type = BigInteger()
    inherit_cache = True


@compiles(transaction_number, "sqlite")
def _sqlite_number(*_: Any, **__: Any) -> str:
    return "0"


@compiles(transaction_number, "postgresql")
def _postgresql_number(*_: Any, **__: Any) -> str:
    return "pg_current_xact_id()::text::bigint"


@compiles(transaction_horizon, "sqlite")
def _sqlite_horizon(*_: Any, **__: Any) -> str:
    return "1"


@compiles(transaction_horizon, "postgresql")
def _postgresql_horizon(*_: Any, **__: Any) -> str:
    return f"""coalesce((
        select min(open::text::bigint) from pg_snapshot_xip(pg_current_snapshot()) as open where not exists (
            select from pg_stat_activity as other
            where other.backend_xid::text::bigint = open::text::bigint & 4294967295
            and not ({_OURS}))
        and not exists (
            select from pg_prepared_xacts as other
            where other.transaction::text::bigint = open::text::bigint & 4294967295)
    ), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)"""  # noqa: S608 - our own words


class feed_lag(GenericFunction[float]):
    """For how many seconds the oldest transaction that the feed waits for has been open. On SQLite none is: 0."""

    type = Float()
    inherit_cache = True


@compiles(feed_lag, "sqlite")
def _sqlite_lag(*_: Any, **__: Any) -> str:
    return "0.0"


@compiles(feed_lag, "postgresql")
def _postgresql_lag(*_: Any, **__: Any) -> str:
    return f"""coalesce((
        select extract(epoch from max(clock_timestamp() - other.xact_start)) from pg_stat_activity as other
        where other.backend_xid is not null and {_OURS}), 0)::float8"""  # noqa: S608 - our own words


_INSERT = insert(event_table).values(txid=transaction_number()).returning(event_table.c.seq)
_HORIZON = select(transaction_horizon())
_LAG = select(feed_lag())
_BY_ID = select(event_table).where(event_table.c.id == bindparam("one"))
_event = reader(Event)
READ = 20_000
"""So many events, the newest, are looked through for what happened since an instant."""


@dataclass(frozen=True)
class Since:
    """After which id, and from which instant (microseconds); of which authorities and types."""

    after: str
    at: int
    authorities: Sequence[str]
    types: Sequence[str]


@dataclass(frozen=True)
class Tally:
    """Events of one type: of how many records, and when the last of them was."""

    type: str
    number: int
    last: int


@dataclass(frozen=True)
class Touched:
    """A record to which something happened, and when last."""

    subject: str
    at: int


# Ids grow with time, so that their index finds the newest; an instant alone has none.
_NEWEST = (
    select(event_table.c.type, event_table.c.authority, event_table.c.subject, event_table.c.at)
    .where(event_table.c.id > bindparam("after"))
    .order_by(event_table.c.id.desc())
    .limit(READ)
    .subquery()
)
_SINCE = (
    _NEWEST.c.at >= bindparam("at"),
    _NEWEST.c.authority.in_(bindparam("authorities", expanding=True)),
    _NEWEST.c.type.in_(bindparam("types", expanding=True)),
)
_LAST = func.max(_NEWEST.c.at)
_TALLIES = (
    select(_NEWEST.c.type, func.count(_NEWEST.c.subject.distinct()).label("number"), _LAST.label("last"))
    .where(*_SINCE)
    .group_by(_NEWEST.c.type)
)
_TOUCHED = (
    select(_NEWEST.c.subject, _LAST.label("at"))
    .where(*_SINCE)
    .group_by(_NEWEST.c.subject)
    .order_by(_LAST.desc(), _NEWEST.c.subject)
    .limit(bindparam("most"))
)
_tally, _touched = reader(Tally), reader(Touched)


def tallies(conn: Connection, since: Since) -> list[Tally]:
    """How many records something of each type happened to."""
    return [_tally(row) for row in conn.execute(_TALLIES, vars(since)).mappings()]


def touched(conn: Connection, since: Since, most: int) -> list[Touched]:
    """These records, the latest first."""
    return [_touched(row) for row in conn.execute(_TOUCHED, {**vars(since), "most": most}).mappings()]


def add(conn: Connection, **values: Any) -> int:
    """Write one event; its number."""
    return int(conn.execute(_INSERT, values).scalar_one())


def lag(conn: Connection) -> float:
    """By how many seconds what is shown of the log may be behind: the age of the transaction that it waits for."""
    return float(conn.execute(_LAG).scalar_one())


def by_id(conn: Connection, event_id: str) -> Event:
    """One event, which must be there."""
    return _event(conn.execute(_BY_ID, {"one": event_id}).mappings().one())


def timeline(conn: Connection, subject: str) -> list[Event]:
    """What happened to one record, oldest first."""
    query = select(event_table).where(event_table.c.subject == subject).order_by(event_table.c.seq)
    return [_event(row) for row in conn.execute(query).mappings()]


def about(conn: Connection, subjects: Collection[str]) -> list[Event]:
    """What happened to these records, oldest first."""
    query = select(event_table).where(event_table.c.subject.in_(list(subjects))).order_by(event_table.c.seq)
    return [_event(row) for row in conn.execute(query).mappings()]


def find(
    conn: Connection, authorities: Sequence[str], *, subject: str | None, after: str | None, limit: int
) -> list[Event]:
    """Events, oldest first, after the ``place`` of one. Raises ValueError for a place that is none.

    Nothing is ever inserted before a place that was shown. Numbers are given when a row is written and seen when it is
    committed, and on PostgreSQL transactions commit in another order; so events are shown only up to the oldest
    transaction of ours that is still open, in the order of transactions.
    """
    horizon = conn.execute(_HORIZON).scalar_one()
    query = select(event_table).where(event_table.c.authority.in_(authorities), event_table.c.txid < horizon)
    if subject is not None:
        query = query.where(event_table.c.subject == subject)
    if after is not None:
        txid, seq = (int(part) for part in after.split("."))
        if seq >= 1 << 63:
            raise ValueError("no event has such a number")
        # A number from the future is another server's: the database was moved, and its events were numbered anew.
        query = query.where(tuple_(event_table.c.txid, event_table.c.seq) > (txid if txid < horizon else 0, seq))
    query = query.order_by(event_table.c.txid, event_table.c.seq).limit(limit)
    return [_event(row) for row in conn.execute(query).mappings()]
