"""Shared commits: one thread writes, and units that were queued during one commit share the next.

A unit is a plain function of a connection. It **may run twice**: its neighbour failed, or the database asked for it
again. So it has no effect but its SQL, changes state by compare-and-set, and lets every database error out. A caller
hears of its unit only after the COMMIT that holds it.

On PostgreSQL several nodes write. What one unit has looked at, another node's might change before it has inserted: so
units **take turns** among all nodes, by one advisory lock that is held until the commit, as on SQLite, where there is
one writer. A unit that is right beside any other (its rows are locked or compared as it changes them, its keys are
unique) may go ``beside`` and waits for nobody's turn. While another node has the turn, those go on.

Why no savepoint on the happy path: it costs more than it saves (a third of the throughput on SQLite). Only when a unit
fails is the batch run again, each unit under its savepoint, so that a bad unit never harms its neighbours.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, RootTransaction, event, text
from sqlalchemy.exc import DBAPIError

from gateway.foundation.store.engine import LOCK_SECONDS, is_unreachable
from gateway.foundation.store.prepared import Held, PreparedConnection
from gateway.words.errors import UnavailableProblem
from gateway.words.saying import say

T = TypeVar("T")
Unit = Callable[[Connection], T]

BATCH = 64
CAPACITY = 1024
_RERUNS = 5
_AT_COMMIT = "what is left for the end of this batch"
_ASKED_TO_RERUN = frozenset({"40001", "40P01"})  # PostgreSQL: serialization_failure, deadlock_detected
# SQLite's primary result codes and PostgreSQL's classes of SQLSTATE that say: not your fault, not now.
_SQLITE_BUSY, _SQLITE_READONLY, _SQLITE_IOERR, _SQLITE_FULL, _SQLITE_CANTOPEN = 5, 8, 10, 13, 14
_SQLITE_NOT_NOW = frozenset({_SQLITE_BUSY, _SQLITE_READONLY, _SQLITE_IOERR, _SQLITE_FULL, _SQLITE_CANTOPEN})
_POSTGRESQL_NOT_NOW = frozenset({"08", "53", "55", "57", "58"})
_LOCK_NOT_AVAILABLE = "55P03"
_TURN_KEY = 0x67617465776179  # "gateway"
_TURN_SECONDS = 4.0
"""How long a unit waits for its turn, in all; a node that hangs in its own is cut off before that."""
# One statement, whose parts are evaluated in this order; it waits a moment only, so that other units may go on.
_TURN = text(
    f"select set_config('lock_timeout', '30ms', true), pg_advisory_xact_lock({_TURN_KEY}), "
    f"set_config('lock_timeout', '{LOCK_SECONDS}s', true)"
)


class CommitUnknownProblem(UnavailableProblem):
    """The database vanished while it committed: the unit is stored or it is not, and nobody here can tell.

    Never repeated by the writer. Whoever asked finds out by the key that it made itself.
    """

    type = "commit-unknown"

    def __init__(self) -> None:
        super().__init__(
            "the connection to the database broke during a commit; the change was stored or it was not",
            cure="Repeat the request with the same Idempotency-Key: it is answered from what is stored.",
        )


class RunAgainError(Exception):
    """Let out by a unit, or by what is left for the commit: what it has read is old, and it is to be run again."""


class _NotOurTurnError(Exception):
    """Another node has the turn."""


@dataclass(slots=True, eq=False)
class _Job:
    unit: Unit[Any]
    future: asyncio.Future[Any] | Future[Any]
    loop: asyncio.AbstractEventLoop | None
    beside: bool
    asked: float = field(default_factory=time.monotonic)
    result: Any = None
    error: BaseException | None = None

    def run(self, conn: Connection) -> None:
        self.result = self.error = None
        try:
            self.result = self.unit(conn)
        except StopIteration as error:
            self.error = RuntimeError("the unit let a StopIteration out")
            self.error.__cause__ = error
        except BaseException as error:
            self.error = error

    def settle(self) -> None:
        if self.future.done():  # the caller has gone; what it asked for stays done
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """The one thread that changes the database, through ``engine``; under ``watching`` while it does."""

    def __init__(
        self,
        engine: Engine,
        *,
        batch: int = BATCH,
        capacity: int = CAPACITY,
        watching: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._engine = engine
        self._watching = watching
        self._batch = batch
        self._capacity = capacity
        self._queue: deque[_Job] = deque()
        self._ready = threading.Condition()
        self._closing = False
        self._committing = False
        self._turns = engine.dialect.name != "sqlite"
        self.commits = 0
        """How often it has committed, counted once what was stored can be read."""
        self._conn: Connection | None = None
        self.trouble: str | None = None
        """Why the database last took a change not; None once it has been proved that it takes them again."""
        event.listen(engine, "commit", self._refuse_foreign_commit)
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, unit: Unit[T], *, beside: bool = False) -> T:
        """Run the unit; returns its result once it is committed, raises what it raised.

        ``beside``: it need not wait for its turn among the nodes. A caller that is cancelled meanwhile does not stop
        it. UnavailableProblem when too many units wait or the database cannot take it now (nothing is stored);
        CommitUnknownProblem when nobody can say.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._submit(_Job(unit, future, loop, beside))
        return await future

    def write_sync(self, unit: Unit[T]) -> T:
        """The same for a caller without an event loop."""
        future: Future[T] = Future()
        self._submit(_Job(unit, future, None, beside=False))
        return future.result()

    def close(self) -> None:
        """Take no more, finish what was taken, let the connection go."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join()

    @property
    def waiting(self) -> int:
        """How many units wait for their turn."""
        return len(self._queue)

    def _submit(self, job: _Job) -> None:
        with self._ready:
            if self._closing:
                raise UnavailableProblem(say("store.stopping"))
            if len(self._queue) >= self._capacity:
                raise UnavailableProblem(say("store.queue"), retry_after=1)
            self._queue.append(job)
            self._ready.notify()

    # --- the thread ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while jobs := self._next():
            put_off: list[_Job] = []
            try:
                with self._watching():
                    put_off = self._store(jobs)
                    if isinstance(jobs[0].error, UnavailableProblem) and len({type(job.error) for job in jobs}) == 1:
                        raise jobs[0].error  # nothing was heard of the database
            except UnavailableProblem as problem:  # the database is known to be gone
                for job in jobs:
                    job.error = problem
                self.trouble = problem.detail
            except BaseException as fault:  # a fault of ours must not leave callers waiting for ever
                for job in jobs:
                    job.error = job.error or fault
                self._drop()
            _settle(job for job in jobs if job not in put_off)
            with self._ready:
                self._queue.extendleft(reversed(put_off))
        self._drop()

    def _next(self) -> list[_Job]:
        """What was queued meanwhile, waiting for the first; empty when closed and nothing is left."""
        with self._ready:
            while not self._queue and not self._closing:
                self._ready.wait()
            return [self._queue.popleft() for _ in range(min(len(self._queue), self._batch))]

    def _store(self, jobs: Sequence[_Job]) -> list[_Job]:
        """Give every job its final outcome: all together, else each under a savepoint, else each alone.

        Those for whom it is not our turn are returned, and have none.
        """
        left, put_off = deque(jobs), []
        try:
            try:
                if len(jobs) > 1 and (self._together(jobs) or self._apart(jobs)):
                    left.clear()
            except _NotOurTurnError:
                put_off = [job for job in jobs if not job.beside]
                left = deque(job for job in jobs if job.beside)
                if len(left) > 1 and (self._together(left) or self._apart(left)):
                    left.clear()
            while left:
                try:
                    self._alone(left[0])
                except _NotOurTurnError:
                    put_off.append(left[0])
                left.popleft()
        except UnavailableProblem as problem:  # no transaction could be begun
            for job in (*left, *put_off):
                job.error = problem
            put_off = []
        late = time.monotonic() - _TURN_SECONDS
        for job in put_off:
            job.error = UnavailableProblem(say("store.no_turn")) if job.asked < late else None
        put_off = [job for job in put_off if job.error is None]
        for job in jobs:
            job.error = _explained(job.error)
            if isinstance(job.error, UnavailableProblem):
                self.trouble = job.error.detail
        return put_off

    def _together(self, jobs: Sequence[_Job]) -> bool:
        """The happy path. False when nothing is stored, because a unit or the COMMIT failed."""
        conn, transaction, driver = self._begin(jobs)
        info = conn.info  # of a connection that dies meanwhile it can no longer be asked for
        left = info[_AT_COMMIT] = {}
        try:
            with _holding(conn, jobs) as held:
                for job in jobs:
                    job.run(conn)
                    if job.error is None and held is not None:
                        job.error = held.error
                    if job.error is None and not _is_open(transaction, driver):
                        job.error = RuntimeError("the unit went on after a database error, or ended its transaction")
                    if job.error is not None:
                        self._roll_back(driver)
                        return False
                if isinstance(conn, PreparedConnection):
                    conn.send_held()
            for finish, items in left.items():
                finish(conn, items)
        except BaseException as error:  # of one unit alone it is its error; several are run again, each by itself
            jobs[-1].error = error
            self._roll_back(driver)
            return False
        finally:
            info.pop(_AT_COMMIT, None)
        return self._commit(jobs, transaction, driver)

    def _apart(self, jobs: Sequence[_Job]) -> bool:
        """Each unit under a savepoint: those that fail are undone alone. False when nothing is stored."""
        conn, transaction, driver = self._begin(jobs)
        try:
            for job in jobs:
                driver.execute("SAVEPOINT unit")
                job.run(conn)
                if _asks_for_rerun(job.error) or not transaction.is_active:
                    break
                if job.error is not None:
                    driver.execute("ROLLBACK TO SAVEPOINT unit")
                driver.execute("RELEASE SAVEPOINT unit")
            else:
                return self._commit([job for job in jobs if job.error is None], transaction, driver)
        except self._engine.dialect.loaded_dbapi.Error:
            pass  # the database has rolled everything back by itself, or is gone
        self._roll_back(driver)
        return False

    def _alone(self, job: _Job) -> None:
        """One unit in a transaction of its own, again while the database asks for that."""
        for _ in range(_RERUNS):
            if self._together([job]) or not _asks_for_rerun(job.error):
                break

    def _begin(self, jobs: Iterable[_Job]) -> tuple[Connection, RootTransaction, Any]:
        """A transaction for these jobs; _NotOurTurnError when one needs the turn, and another node has it."""
        turn = self._turns and not all(job.beside for job in jobs)
        for again in (True, False):
            try:
                if self._conn is None:
                    self._conn = self._engine.connect()
                transaction = self._conn.begin()
                if turn:
                    self._conn.execute(_TURN)
                return self._conn, transaction, self._conn.connection.driver_connection
            except DBAPIError as error:
                if _sqlstate(error) == _LOCK_NOT_AVAILABLE:
                    self._roll_back(self._conn.connection.driver_connection if self._conn is not None else None)
                    raise _NotOurTurnError from None
                self._drop()
                if not (again and _is_lost(error)):  # else it died while it was idle
                    raise _unavailable(error) from error
        raise AssertionError("unreachable")

    def _commit(self, jobs: Sequence[_Job], transaction: RootTransaction, driver: Any) -> bool:
        """True when the outcome is final: stored, or unknown. False: the database says that nothing is stored."""
        self._committing = True
        try:
            transaction.commit()
            return True
        except DBAPIError as error:
            unknown = _is_lost(error) or _sqlite_code(error) == _SQLITE_IOERR
            self._roll_back(driver)
            for job in jobs:
                job.error = CommitUnknownProblem() if unknown else error
                job.error.__cause__ = error if unknown else None
            return unknown
        finally:
            self._committing = False
            self.commits += 1

    def _roll_back(self, driver: Any) -> None:
        if self._conn is None:
            return
        try:
            self._conn.rollback()
            driver.rollback()  # after a failed COMMIT SQLAlchemy believes that there is nothing left to roll back
        except Exception:
            self._drop()
        else:
            if self._conn.invalidated:
                self._drop()

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(Exception):
                conn.invalidate()
            with suppress(Exception):
                conn.close()

    def _refuse_foreign_commit(self, _conn: Connection) -> None:
        if not self._committing:
            raise RuntimeError("a unit must not commit: the writer does, for all units that share the commit")


def at_commit(conn: Connection, finish: Callable[[Connection, Sequence[T]], None], item: T) -> None:
    """Have something done once for all units that share a commit, right before it, with the items that they gave.

    It belongs to each of these units: what it raises undoes them. A unit that runs by itself has it done at once.
    """
    left = conn.info.get(_AT_COMMIT)
    if left is None:
        finish(conn, [item])
    else:
        left.setdefault(finish, []).append(item)


def run_apart(engine: Engine, unit: Unit[T]) -> T:
    """Run one unit in a transaction of its own, again while the database asks for that. Blocks; for threads."""
    for left in range(_RERUNS, 0, -1):
        try:
            with engine.begin() as conn:
                return unit(conn)
        except DBAPIError as error:
            if left == 1 or not _asks_for_rerun(error):
                explained = _explained(error)
                assert explained is not None
                raise explained from error
    raise AssertionError("unreachable")


def _holding(conn: Connection, jobs: Sequence[_Job]) -> AbstractContextManager[Held | None]:
    """Several units let inserts wait for each other; one alone is to hear at once what the database says."""
    if len(jobs) > 1 and isinstance(conn, PreparedConnection):
        return conn.holding()
    return nullcontext()


def _settle(jobs: Iterable[_Job]) -> None:
    """Tell the callers: one wake-up an event loop, not one a job."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Job]] = defaultdict(list)
    for job in jobs:
        if job.loop is None:
            job.settle()
        else:
            by_loop[job.loop].append(job)
    for loop, theirs in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_here, theirs)


def _settle_here(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()


def _is_open(transaction: RootTransaction, driver: Any) -> bool:
    """Whether a COMMIT would store what the units did.

    SQLite may have rolled back by itself (full disk); PostgreSQL answers the COMMIT of a failed transaction with a
    silent ROLLBACK.
    """
    if not transaction.is_active:
        return False
    if isinstance(driver, sqlite3.Connection):
        return driver.in_transaction
    from psycopg.pq import TransactionStatus  # loaded where the database is PostgreSQL

    # Idle is fine too: psycopg begins with the first statement, and these units had none.
    return driver.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.IDLE)


def _sqlite_code(error: BaseException | None) -> int | None:
    """The primary result code (sqlite.org/rescode.html)."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def _sqlstate(error: BaseException | None) -> str:
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _is_lost(error: BaseException | None) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _asks_for_rerun(error: BaseException | None) -> bool:
    """Deadlock or serialization failure, or it says so itself; or the connection went before any COMMIT, so that
    nothing is stored.
    """
    return _is_lost(error) or isinstance(error, RunAgainError) or _sqlstate(error) in _ASKED_TO_RERUN


def _explained(error: BaseException | None) -> BaseException | None:
    """What the caller is told: errors that are not the unit's own fault become UnavailableProblem."""
    if isinstance(error, RunAgainError):
        return UnavailableProblem(say("store.cannot_take"))
    if not isinstance(error, DBAPIError):
        return error
    if (
        is_unreachable(error)
        or _asks_for_rerun(error)
        or _sqlite_code(error) in _SQLITE_NOT_NOW
        or _sqlstate(error)[:2] in _POSTGRESQL_NOT_NOW
    ):
        problem = _unavailable(error)
        problem.__cause__ = error
        return problem
    return error


def _unavailable(error: DBAPIError) -> UnavailableProblem:
    if _sqlite_code(error) == _SQLITE_FULL or _sqlstate(error) == "53100":
        return UnavailableProblem(
            say("store.disk_full"),
            type="storage-full",
        )
    return UnavailableProblem(
        say("store.cannot_take"),
    )
