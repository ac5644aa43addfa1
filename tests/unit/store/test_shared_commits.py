"""Shared commits: what the writer promises to units, to their neighbours and to their callers."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.foundation.store import CommitUnknownProblem, Store
from gateway.foundation.store.engine import open_engine
from gateway.words.errors import ConflictProblem, UnavailableProblem

probe_tables = MetaData()
parent = Table("probe_parent", probe_tables, Column("id", Integer, primary_key=True))
probe = Table(
    "probe",
    probe_tables,
    Column("id", Integer, primary_key=True),
    Column("word", String(200), unique=True),
    Column(
        "parent", Integer, ForeignKey("probe_parent.id", deferrable=True, initially="DEFERRED"), comment="at COMMIT"
    ),
    Column("at", BigInteger),
)


on_sqlite = pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)


@pytest.fixture
def store(empty_database_url: str) -> Iterator[Store]:
    """A store with the probe tables only."""
    engine = open_engine(empty_database_url)
    probe_tables.create_all(engine)
    engine.dispose()
    opened = Store.open(empty_database_url)
    yield opened
    opened.close()


def add(number: int, **values: Any) -> Callable[[Connection], int]:
    def unit(conn: Connection) -> int:
        conn.execute(insert(probe), {"id": number, "word": f"w{number}", **values})
        return number

    return unit


async def stored(store: Store) -> list[int]:
    return await store.read(lambda conn: list(conn.execute(select(probe.c.id).order_by(probe.c.id)).scalars()))


class Gate:
    """A unit that holds the writer until it is opened, so that what follows shares one commit."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, conn: Connection) -> None:
        self._entered.set()
        assert self._open.wait(20)

    async def batch(self, store: Store, *units: Callable[[Connection], Any]) -> list[Any]:
        """The outcomes of units that were all queued while the writer was busy."""
        blocked = asyncio.create_task(store.write(self))
        await asyncio.to_thread(self._entered.wait, 20)
        tasks = [asyncio.create_task(store.write(unit)) for unit in units]
        await asyncio.sleep(0)  # each task takes its first step, which queues its unit
        assert store.waiting == len(units)
        self._open.set()
        await blocked
        return await asyncio.gather(*tasks, return_exceptions=True)


def counted_commits(store: Store) -> list[int]:
    commits: list[int] = []
    event.listen(store._writing, "commit", lambda _conn: commits.append(1))
    return commits


# --- the happy path ------------------------------------------------------------------------------------------------


async def test_units_queued_during_one_commit_share_the_next(store: Store) -> None:
    commits = counted_commits(store)
    assert await Gate().batch(store, *(add(n) for n in range(50))) == list(range(50))
    assert len(commits) == 2  # the gate's own, and one for all fifty
    assert await stored(store) == list(range(50))


async def test_a_commit_is_shared_by_at_most_64_units(store: Store) -> None:
    commits = counted_commits(store)
    await Gate().batch(store, *(add(n) for n in range(130)))
    assert len(commits) == 1 + 3


async def test_no_savepoint_is_set_while_all_goes_well(store: Store) -> None:
    statements: list[str] = []
    event.listen(store._writing, "savepoint", lambda *_: statements.append("savepoint"))
    runs: list[int] = []

    def once(number: int) -> Callable[[Connection], None]:
        def unit(conn: Connection) -> None:
            runs.append(number)
            add(number)(conn)

        return unit

    await Gate().batch(store, *(once(n) for n in range(10)))
    assert (runs, statements) == (list(range(10)), [])


async def test_the_answer_comes_only_after_the_commit(store: Store, empty_database_url: str) -> None:
    other = open_engine(empty_database_url, read_only=True)
    seen_inside: list[int] = []

    def count(conn: Connection) -> int:
        return conn.execute(select(func.count()).select_from(probe)).scalar_one()

    def unit(conn: Connection) -> None:
        add(1)(conn)
        with other.connect() as observer:
            seen_inside.append(count(observer))

    await store.write(unit)
    with other.connect() as observer:
        assert (seen_inside, count(observer)) == ([0], 1)
    other.dispose()


async def test_a_cancelled_caller_does_not_stop_its_unit(store: Store) -> None:
    gate = Gate()
    blocked = asyncio.create_task(store.write(gate))
    await asyncio.to_thread(gate._entered.wait, 20)
    hurried = asyncio.create_task(store.write(add(1)))
    await asyncio.sleep(0)
    assert store.waiting == 1
    hurried.cancel()
    gate._open.set()
    await blocked
    await store.write(add(2))
    assert await stored(store) == [1, 2]


# --- failing units -------------------------------------------------------------------------------------------------


async def test_a_unit_that_fails_in_the_middle_harms_none_of_its_neighbours(store: Store) -> None:
    def refused(conn: Connection) -> None:
        add(100)(conn)
        raise ConflictProblem("no")

    commits = counted_commits(store)
    outcomes = await Gate().batch(store, add(1), refused, add(2), add(1), add(3))
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], ConflictProblem)
    assert isinstance(outcomes[3], IntegrityError)
    assert (outcomes[2], outcomes[4]) == (2, 3)
    assert await stored(store) == [1, 2, 3]
    assert len(commits) == 2


async def test_a_unit_whose_neighbour_fails_runs_twice_and_counts_once(store: Store) -> None:
    runs: list[str] = []

    def counting(conn: Connection) -> None:
        runs.append("counting")
        add(1)(conn)

    def failing(conn: Connection) -> None:
        raise ConflictProblem("no")

    await Gate().batch(store, counting, failing)
    assert runs == ["counting", "counting"]
    assert await stored(store) == [1]


async def test_a_unit_alone_that_fails_is_not_run_again(store: Store) -> None:
    runs: list[int] = []

    def failing(conn: Connection) -> None:
        runs.append(1)
        raise ConflictProblem("no")

    with pytest.raises(ConflictProblem):
        await store.write(failing)
    assert runs == [1]


async def test_a_released_savepoint_is_not_seen_before_the_commit_and_does_not_survive_its_rollback(
    store: Store, empty_database_url: str
) -> None:
    """pysqlite without an explicit BEGIN fails here: what the savepoint held was visible at once, and stayed."""
    other = open_engine(empty_database_url, read_only=True)
    seen: list[int] = []

    def unit(conn: Connection) -> None:
        with conn.begin_nested():
            add(1)(conn)
        with other.connect() as observer:
            seen.append(observer.execute(select(func.count()).select_from(probe)).scalar_one())
        raise ConflictProblem("undo everything")

    with pytest.raises(ConflictProblem):
        await store.write(unit)
    other.dispose()
    assert seen == [0]
    assert await stored(store) == []


async def test_a_unit_that_goes_on_after_a_database_error_is_never_called_stored(store: Store) -> None:
    """PostgreSQL answers the COMMIT of a failed transaction with a silent ROLLBACK."""
    await store.write(add(1))

    def swallows(conn: Connection) -> str:
        add(5)(conn)
        try:
            add(1)(conn)
        except IntegrityError:
            return "all is well"
        return "unreachable"

    neighbour, swallowed, other = await Gate().batch(store, add(2), swallows, add(3))
    assert (neighbour, other) == (2, 3)
    if store.dialect == "postgresql":
        assert isinstance(swallowed, RuntimeError)
        assert await stored(store) == [1, 2, 3]
    else:  # a failed statement leaves SQLite's transaction whole: what was acknowledged is stored
        assert swallowed == "all is well"
        assert await stored(store) == [1, 2, 3, 5]


@pytest.mark.parametrize("how", ["commit", "rollback"])
async def test_a_unit_cannot_end_the_transaction_it_shares(store: Store, how: str) -> None:
    def meddling(conn: Connection) -> None:
        add(9)(conn)
        getattr(conn, how)()

    first, meddled, last = await Gate().batch(store, add(1), meddling, add(2))
    assert isinstance(meddled, RuntimeError)
    assert (first, last) == (1, 2)
    assert await stored(store) == [1, 2]


async def test_whatever_a_unit_raises_reaches_its_caller_and_the_writer_lives(store: Store) -> None:
    for strange in (StopIteration(), SystemError("odd"), GeneratorExit()):

        def unit(_conn: Connection, strange: BaseException = strange) -> None:
            raise strange

        with pytest.raises((RuntimeError, SystemError, GeneratorExit)):
            await store.write(unit)
    await store.write(add(1))
    assert await stored(store) == [1]


# --- failing commits -----------------------------------------------------------------------------------------------


async def test_a_failed_commit_is_rolled_back_and_repeated_one_by_one(store: Store) -> None:
    """A constraint checked at COMMIT: only its unit fails. SQLite leaves the transaction open after that."""
    first, orphan, last = await Gate().batch(store, add(1), add(2, parent=77), add(3))
    assert (first, last) == (1, 3)
    assert isinstance(orphan, IntegrityError)
    assert await stored(store) == [1, 3]
    await store.write(add(4))
    assert await stored(store) == [1, 3, 4]


async def test_a_failed_commit_of_a_single_unit_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(IntegrityError):
        await store.write(add(1, parent=77))
    await store.write(add(2))
    assert await stored(store) == [2]


def _lose_connection_at_commit(engine: Engine, before: bool) -> None:
    """Cut the server connection once, just before the COMMIT reaches it, or just after it took effect."""

    def cut(conn: Connection) -> None:
        driver = conn.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        if not before:
            driver.execute("COMMIT")
        driver.pgconn.finish()

    event.listen(engine, "commit", cut, once=True)


@on_postgresql
@pytest.mark.parametrize("before", [True, False], ids=["not stored", "stored"])
async def test_a_connection_lost_during_commit_is_doubt_and_nothing_is_repeated(store: Store, before: bool) -> None:
    runs: list[int] = []

    def counting(conn: Connection) -> None:
        runs.append(1)
        add(1)(conn)

    _lose_connection_at_commit(store._writing, before)
    with pytest.raises(CommitUnknownProblem) as caught:
        await store.write(counting)
    assert caught.value.status == 503
    assert runs == [1]
    assert await stored(store) == ([] if before else [1])
    await store.write(add(2))
    assert 2 in await stored(store)


@on_postgresql
async def test_every_unit_of_a_lost_commit_is_told_that_nobody_knows(store: Store) -> None:
    gate = Gate()
    commits: list[int] = []

    def second_commit(conn: Connection) -> None:
        commits.append(1)
        if len(commits) == 2:
            driver = conn.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            driver.pgconn.finish()

    event.listen(store._writing, "commit", second_commit)
    outcomes = await gate.batch(store, add(1), add(2))
    assert [type(each) for each in outcomes] == [CommitUnknownProblem, CommitUnknownProblem]


@on_sqlite
async def test_an_input_output_error_of_the_disk_during_commit_is_doubt_and_nothing_is_repeated(store: Store) -> None:
    """What was written may come back after a crash: nobody can tell, so nobody says."""
    runs: list[int] = []

    def counting(conn: Connection) -> None:
        runs.append(1)
        add(1)(conn)

    def broken_disk(_conn: Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise OperationalError("COMMIT", None, error)

    event.listen(store._writing, "commit", broken_disk, once=True)
    with pytest.raises(CommitUnknownProblem):
        await store.write(counting)
    assert runs == [1]
    await store.write(add(2))
    assert await stored(store) == [2]


# --- the database has troubles of its own ---------------------------------------------------------------------------


@on_sqlite
async def test_a_full_disk_fails_closed_keeps_what_fits_and_recovers(store: Store) -> None:
    pages = await store.write(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    await store.write(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}").all())

    def large(conn: Connection) -> None:
        for number in range(100, 200):
            add(number, word=f"{number}".ljust(200, "x"))(conn)

    small, too_large, also_small = await Gate().batch(store, add(1), large, add(2))
    assert isinstance(too_large, UnavailableProblem)
    assert too_large.type == "storage-full"
    assert (small, also_small) == (1, 2)
    assert await stored(store) == [1, 2]
    await store.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 1000000").all())
    await store.write(large)
    assert len(await stored(store)) == 102


@on_sqlite
async def test_a_transaction_that_the_database_rolled_back_by_itself_is_not_continued(store: Store) -> None:
    """As SQLite does on some full disks: what ran before in the batch is gone and must run again."""
    seen: list[str] = []

    def rolled_back(conn: Connection) -> None:
        seen.append("rolled back")
        driver = conn.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("ROLLBACK")

    first, broken, last = await Gate().batch(store, add(1), rolled_back, add(2))
    assert isinstance(broken, RuntimeError)
    assert (first, last) == (1, 2)
    assert await stored(store) == [1, 2]


@on_postgresql
async def test_a_deadlock_between_nodes_is_resolved_by_running_again(store: Store, empty_database_url: str) -> None:
    await store.write(lambda conn: conn.execute(insert(probe), [{"id": 1, "word": "a"}, {"id": 2, "word": "b"}]))
    other = Store.open(empty_database_url)
    both_hold_one = threading.Barrier(2, timeout=20)
    runs: list[str] = []

    def locks(name: str, *order: int) -> Callable[[Connection], None]:
        def unit(conn: Connection) -> None:
            runs.append(name)
            for position, number in enumerate(order):
                conn.execute(update(probe).where(probe.c.id == number).values(at=func.coalesce(probe.c.at, 0) + 1))
                if position == 0 and runs.count(name) == 1:
                    both_hold_one.wait()

        return unit

    await asyncio.gather(store.write_beside(locks("here", 1, 2)), other.write_beside(locks("there", 2, 1)))
    other.close()
    assert len(runs) >= 3  # one of them was the victim, and may have met the other once more
    assert await store.read(lambda conn: list(conn.execute(select(probe.c.at)).scalars())) == [2, 2]


@on_postgresql
async def test_a_batch_that_deadlocked_is_run_again_unit_by_unit(store: Store) -> None:
    failures = iter([True, True])

    def deadlocked(conn: Connection) -> int:
        if next(failures, False):
            conn.exec_driver_sql("do $$ begin raise sqlstate '40P01'; end $$")
        return add(2)(conn)

    commits = counted_commits(store)
    assert await Gate().batch(store, add(1), deadlocked, add(3)) == [1, 2, 3]
    assert len(commits) == 1 + 3
    assert await stored(store) == [1, 2, 3]


@on_postgresql
async def test_a_unit_that_always_deadlocks_ends_as_unavailable(store: Store) -> None:
    runs: list[int] = []

    def hopeless(conn: Connection) -> None:
        runs.append(1)
        conn.exec_driver_sql("do $$ begin raise sqlstate '40001'; end $$")

    with pytest.raises(UnavailableProblem):
        await store.write(hopeless)
    assert 2 <= len(runs) <= 10


@on_postgresql
async def test_a_connection_that_died_while_idle_is_replaced_without_anybody_noticing(
    store: Store, postgresql_server
) -> None:
    await store.write(add(1))
    await stored(store)
    name = store._writing.url.database
    postgresql_server.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
    await store.write(add(2))
    assert await stored(store) == [1, 2]


async def test_a_database_that_cannot_be_reached_is_unavailable_and_nothing_is_stored(tmp_path) -> None:
    gone = Store.open(f"postgresql://postgres@/nothing?host={tmp_path}")
    with pytest.raises(UnavailableProblem):
        await gone.write(lambda conn: None)
    with pytest.raises(UnavailableProblem):
        await gone.read(lambda conn: None)
    gone.close()


@on_sqlite
async def test_a_foreign_process_that_holds_sqlite_delays_but_does_not_break(store: Store) -> None:
    path = store._writing.url.database
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.write(add(1)))
        asyncio.get_running_loop().call_later(0.05, foreign.execute, "COMMIT")
        assert await waiting == 1


# --- bounds and the end ----------------------------------------------------------------------------------------------


async def test_a_full_queue_answers_unavailable_and_what_was_accepted_is_stored(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    probe_tables.create_all(engine)
    engine.dispose()
    store = Store.open(empty_database_url, capacity=3)
    gate = Gate()
    blocked = asyncio.create_task(store.write(gate))
    await asyncio.to_thread(gate._entered.wait, 20)
    tasks = [asyncio.create_task(store.write(add(n))) for n in range(5)]
    await asyncio.sleep(0)
    gate._open.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await blocked
    assert outcomes[:3] == [0, 1, 2]
    assert all(isinstance(each, UnavailableProblem) and each.status == 503 for each in outcomes[3:])
    assert await stored(store) == [0, 1, 2]
    store.close()


async def test_close_finishes_what_was_accepted_and_refuses_the_rest(store: Store) -> None:
    tasks = [asyncio.create_task(store.write(add(n))) for n in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(store._writer.close)
    assert await asyncio.gather(*tasks) == list(range(20))
    with pytest.raises(UnavailableProblem):
        await store.write(add(99))


def test_write_sync_serves_callers_without_an_event_loop(store: Store) -> None:
    assert store.write_sync(add(1)) == 1
    with pytest.raises(IntegrityError):
        store.write_sync(add(1))
    assert store.read_sync(lambda conn: conn.execute(select(func.count()).select_from(probe)).scalar_one()) == 1


# --- reading -------------------------------------------------------------------------------------------------------


async def test_a_query_sees_one_unchanging_state(store: Store) -> None:
    await store.write(add(1))
    first_seen, go_on = threading.Event(), threading.Event()

    def query(conn: Connection) -> tuple[int, int]:
        count = select(func.count()).select_from(probe)
        before = conn.execute(count).scalar_one()
        first_seen.set()
        assert go_on.wait(20)
        return before, conn.execute(count).scalar_one()

    reading = asyncio.create_task(store.read(query))
    await asyncio.to_thread(first_seen.wait, 20)
    await store.write(add(2))
    go_on.set()
    assert await reading == (1, 1)


async def test_a_query_cannot_change_anything(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await store.read(add(1))
    assert await stored(store) == []


async def test_what_is_written_can_be_read_at_once(store: Store) -> None:
    for number in range(20):
        await store.write(add(number))
        assert number in await stored(store)


async def test_instants_keep_every_microsecond_and_json_its_characters(store: Store) -> None:
    micros = 1_790_000_000_123_457
    await store.write(add(1, at=micros, word="安澜市财政局"))
    assert await store.read(lambda conn: conn.execute(select(probe.c.at, probe.c.word)).one()) == (
        micros,
        "安澜市财政局",
    )


async def test_the_database_clock_moves_in_microseconds(store: Store) -> None:
    first, second = await store.database_now(), await store.database_now()
    assert 1_600_000_000_000_000 < first <= second


@on_sqlite
async def test_sqlite_is_opened_for_durability(store: Store) -> None:

    def pragma(name: str) -> Callable[[Connection], Any]:
        return lambda conn: conn.execute(text(f"PRAGMA {name}")).scalar_one()

    settings = {name: await store.write(pragma(name)) for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
