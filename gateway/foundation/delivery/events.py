"""Events: how one room learns what happened in another, in the same transaction, and what webhooks tell outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, RowMapping, insert, select, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from gateway.foundation.delivery.tables import (
    event as event_table,
)
from gateway.foundation.store.rows import reader
from gateway.words.clock import Clock, to_micros
from gateway.words.identifiers import new_id

EVERY = "*"


class transaction_number(GenericFunction[int]):
    """The number of the writing transaction on PostgreSQL; SQLite has one writer, and there it is 0."""

    type = BigInteger()
    inherit_cache = True


class transaction_horizon(GenericFunction[int]):
    """Every transaction with a smaller number has ended. On SQLite nothing else writes: 1."""

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
    return "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


_INSERT = insert(event_table).values(txid=transaction_number())
_HORIZON = select(transaction_horizon())


@dataclass(frozen=True)
class Event:
    """Something that happened to ``subject``. ``data``: JSON values, no personal data. ``at`` in microseconds.

    ``seq`` is its place among all events.
    """

    id: str
    type: str
    authority: str
    subject: str
    data: dict[str, Any]
    at: int
    seq: int = 0


_read = reader(Event)

Handler = Callable[[Connection, Event], None]


class Events:
    """Writes events and tells subscribers. Handlers run inside the transaction and may run twice: no side effects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[str, list[Handler]] = defaultdict(list)

    def subscribe(self, type: str, handler: Handler) -> None:
        """Call ``handler(conn, event)`` for each event of this type (``EVERY`` for all), in order of subscription."""
        self._handlers[type].append(handler)

    def emit(self, conn: Connection, *, type: str, subject: str, authority: str, data: dict[str, Any]) -> Event:
        """Write one event and tell its subscribers."""
        event_id, at = new_id("evt"), to_micros(self._clock.now())
        written = conn.execute(
            _INSERT,
            {"id": event_id, "type": type, "authority": authority, "subject": subject, "data": data, "at": at},
        )
        key = written.inserted_primary_key
        assert key is not None
        event = Event(event_id, type, authority, subject, data, at, key[0])
        for handler in (*self._handlers.get(type, ()), *self._handlers.get(EVERY, ())):
            handler(conn, event)
        return event


def timeline(conn: Connection, subject: str) -> list[Event]:
    """What happened to one record, oldest first."""
    query = select(event_table).where(event_table.c.subject == subject).order_by(event_table.c.seq)
    return [_read(row) for row in conn.execute(query).mappings()]


def page(
    conn: Connection, authorities: Sequence[str], *, subject: str | None, after: str | None, limit: int
) -> Sequence[RowMapping]:
    """Events, oldest first, after a place that ``place`` gave. Raises ValueError for a place that is none.

    Nothing is ever inserted before a place that was shown. Numbers are given when a row is written and seen when it is
    committed, and on PostgreSQL transactions commit in another order; so events are shown only up to the oldest
    transaction that is still open, in the order of transactions.
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
    return conn.execute(query).mappings().all()


def place(row: RowMapping) -> str:
    """Where an event stands, for ``page``."""
    return f"{row['txid']}.{row['seq']}"
