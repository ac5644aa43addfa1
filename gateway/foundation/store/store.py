"""What rooms see of the database: ``write`` a unit, ``read`` a query."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Connection, Engine, delete, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from gateway.foundation.store.engine import SQLITE, is_unreachable, open_engine, sqlite_path
from gateway.foundation.store.lock import DatabaseLock
from gateway.foundation.store.silence import Silence
from gateway.foundation.store.tables import idempotency
from gateway.foundation.store.writer import BATCH, CAPACITY, Unit, Writer, run_apart
from gateway.words.errors import UnavailableProblem
from gateway.words.saying import say

T = TypeVar("T")

_APART = 2
_PROVED_BYTES = 32 * 1024
_PROOF = insert(idempotency)
_FORGET_PROOF = delete(idempotency).where(idempotency.c.client_id == "readiness")
_POSTGRESQL_NOW = text("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")


class database_clock(GenericFunction[int]):
    """The database's clock inside a statement, in UTC microseconds: see ``database_now``."""

    type = BigInteger()
    inherit_cache = True

    def __init__(self) -> None:
        super().__init__()


@compiles(database_clock, "sqlite")
def _sqlite_clock(*_: Any, **__: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


@compiles(database_clock, "postgresql")
def _postgresql_clock(*_: Any, **__: Any) -> str:
    return "(extract(epoch from clock_timestamp()) * 1000000)::bigint"


def database_now(conn: Connection) -> int:
    """The database's clock in UTC microseconds: for leases and rates, which several nodes must agree about.

    A SQLite database is on this machine, and so is its clock.
    """
    if conn.dialect.name == SQLITE:
        return time.time_ns() // 1000
    return int(conn.execute(_POSTGRESQL_NOW).scalar_one())


class Store:
    """One database. Open it with ``Store.open``, close it with ``close``.

    Units and queries are plain functions of a connection and run in the store's threads, never on the event loop.
    """

    def __init__(self, url: str, *, readers: int, batch: int, capacity: int) -> None:
        writing, reading = open_engine(url), open_engine(url, read_only=True, connections=readers)
        self._writing = writing
        self._reading = reading
        self._lock: DatabaseLock | None = None
        self._apart: Engine | None = None
        self._apart_threads: ThreadPoolExecutor | None = None
        self._silence: Silence | None = None
        if writing.dialect.name != SQLITE:
            self._apart = open_engine(url, connections=_APART)
            self._apart_threads = ThreadPoolExecutor(_APART, thread_name_prefix="store-apart")
            self._silence = Silence([writing, reading, self._apart], open_engine(url, read_only=True, lasting=False))
        self._watching = nullcontext if self._silence is None else self._silence.watching
        self._writer = Writer(writing, batch=batch, capacity=capacity, watching=self._watching)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")

    @classmethod
    def open(
        cls, url: str, *, exclusive: bool = False, readers: int = 4, batch: int = BATCH, capacity: int = CAPACITY
    ) -> Store:
        """The store at ``url``; its schema must be current (``gateway.foundation.store.schema``).

        ``exclusive`` takes the lock beside a SQLite file until ``close``: only its holder may free leases or send.
        At most ``capacity`` units wait, at most ``batch`` share a commit. Raises SettingsError, LockedError.
        """
        path = sqlite_path(url)
        lock = DatabaseLock.take(path) if exclusive and path is not None else None
        try:
            store = cls(url, readers=readers, batch=batch, capacity=capacity)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        store._lock = lock
        return store

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._writing.dialect.name

    @property
    def waiting(self) -> int:
        """How many units wait to be stored."""
        return self._writer.waiting

    @property
    def commits(self) -> int:
        """How often this process has changed the database. Where nobody else does, the same number: nothing is new."""
        return self._writer.commits

    async def prove_writable(self) -> None:
        """After a change could not be stored: store some pages and remove them again. UnavailableProblem if that fails.

        Of a database that has taken every change so far, nothing is asked.
        """
        if self._writer.trouble is None:
            return
        row: dict[str, Any] = {"client_id": "readiness", "path": "readiness", "key": os.urandom(16).hex()}
        row |= {"body_sealed": os.urandom(_PROVED_BYTES), "subject": "", "created_at": 0}
        await self.write_beside(lambda conn: conn.execute(_FORGET_PROOF).rowcount + conn.execute(_PROOF, row).rowcount)
        await self.write_beside(lambda conn: conn.execute(_FORGET_PROOF).rowcount)
        self._writer.trouble = None

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit in a transaction that others may share; returns its result after the COMMIT.

        No other node runs one meanwhile: what it has looked at is still so when it inserts. The unit may run twice: no
        effects but SQL, state changes by compare-and-set, and every database error let out. Raises what the unit
        raised; UnavailableProblem when nothing was stored, CommitUnknownProblem when that cannot be told. Cancelling
        the caller does not stop the unit.
        """
        return await self._writer.write(unit)

    async def write_beside(self, unit: Unit[T]) -> T:
        """``write`` without a turn among the nodes, for the way of a payment and for delivery itself.

        For a unit that stays right beside any other: it compares as it changes (compare-and-set), holds the row that
        it decides about, or inserts under a unique key.
        """
        return await self._writer.write(unit, beside=True)

    async def write_apart(self, unit: Unit[T]) -> T:
        """Run a unit in a transaction of its own, for rows that every node changes all the time (rates, circuits).

        In a shared commit such a row would stay locked until the whole batch is stored, and batches would deadlock.
        On SQLite there is one writer and nothing to gain: the unit shares a commit there. Raises as ``write`` does.
        """
        if self._apart is None or self._apart_threads is None:
            return await self.write_beside(unit)
        engine = self._apart

        def run() -> T:
            with self._watching():
                return run_apart(engine, unit)

        return await asyncio.get_running_loop().run_in_executor(self._apart_threads, run)

    def write_sync(self, unit: Unit[T]) -> T:
        """``write`` for callers without an event loop."""
        return self._writer.write_sync(unit)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query that changes nothing, on one unchanging state of the database.

        UnavailableProblem when the database is gone.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_sync, query)

    def read_sync(self, query: Callable[[Connection], T]) -> T:
        """``read`` for callers without an event loop; runs in the caller's thread."""
        for again in (True, False):
            try:
                with self._watching(), self._reading.begin() as conn:
                    return query(conn)
            except DBAPIError as error:
                # A pooled connection may have died while it was idle; the next one is fresh.
                if error.connection_invalidated and again:
                    continue
                if is_unreachable(error):
                    raise UnavailableProblem(say("store.unreachable_now")) from error
                raise
        raise AssertionError("unreachable")

    async def database_now(self) -> int:
        """The database's clock in UTC microseconds."""
        return await self.read(database_now)

    def close(self) -> None:
        """Finish what was taken, refuse the rest, let go of every connection and the lock."""
        self._writer.close()
        if self._silence is not None:
            self._silence.close()
        if self._apart is not None and self._apart_threads is not None:
            self._apart_threads.shutdown(wait=True)
            self._apart.dispose()
        self._readers.shutdown(wait=True)
        self._reading.dispose()
        self._writing.dispose()
        if self._lock is not None:
            self._lock.release()
