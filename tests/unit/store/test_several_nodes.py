"""Several nodes on one PostgreSQL: what one of them does, or fails to do, makes no other one wrong, and stops none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event, insert, make_url, select

from gateway.foundation.delivery import event_records
from gateway.foundation.once import Once, RepeatedProblem
from gateway.foundation.store import Store, engine, silence, writer
from gateway.foundation.store.engine import open_engine
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import SystemClock
from gateway.words.errors import UnavailableProblem

TIMES = int(os.environ.get("GATEWAY_TEST_TIMES", "2"))
"""How often two nodes meet; twenty times in `make nightly`."""


@pytest.fixture
def stores(postgresql_url: str) -> Iterator[tuple[Store, Store]]:
    """Two nodes' stores on one database."""
    made = Store.open(postgresql_url), Store.open(postgresql_url)
    yield made
    for one in made:
        one.close()


@pytest.fixture
def session(postgresql_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of somebody else's."""
    address = make_url(postgresql_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with suppress(psycopg.OperationalError), psycopg.connect(address) as conn:
        yield conn


def look_then_add(key: str, seen: threading.Barrier) -> Callable[[Connection], bool]:
    """A unit as rooms have them: it looks whether there is one, and inserts if there is none."""

    def unit(conn: Connection) -> bool:
        query = select(idempotency.c.key).where(idempotency.c.subject == key)
        if conn.execute(query).first() is not None:
            return False
        with suppress(threading.BrokenBarrierError):  # both have looked; or the other one waits for its turn
            seen.wait()
        row = {"client_id": os.urandom(8).hex(), "path": "", "key": key, "body_sealed": b"", "subject": key}
        conn.execute(insert(idempotency), row | {"created_at": 0})
        return True

    return unit


async def test_what_a_unit_has_looked_at_is_still_so_when_it_inserts(stores) -> None:
    for number in range(TIMES):
        seen = threading.Barrier(2, timeout=0.1)
        added = await asyncio.gather(*(one.write(look_then_add(f"fact {number}", seen)) for one in stores))
        assert sorted(added) == [False, True]


async def test_two_nodes_would_both_insert_if_they_went_beside_each_other(stores) -> None:
    seen = threading.Barrier(2, timeout=20)
    added = await asyncio.gather(*(one.write_beside(look_then_add("fact", seen)) for one in stores))
    assert added == [True, True], "the test above would see it"


async def test_while_another_node_has_the_turn_the_rest_goes_on(stores, session, monkeypatch) -> None:
    session.execute(f"select pg_advisory_xact_lock({writer._TURN_KEY})")
    waits = asyncio.create_task(stores[0].write(lambda _: "in turn"))
    assert [await stores[0].write_beside(lambda _, n=n: n) for n in range(20)] == list(range(20))
    assert not waits.done()
    session.rollback()
    assert await waits == "in turn"

    session.execute(f"select pg_advisory_xact_lock({writer._TURN_KEY})")
    monkeypatch.setattr(writer, "_TURN_SECONDS", 0.2)
    with pytest.raises(UnavailableProblem, match="too long"):
        await stores[0].write(lambda _: None)


async def test_what_a_node_that_hangs_has_held_is_free_again(postgresql_url: str, stores, monkeypatch) -> None:
    monkeypatch.setattr(engine, "IDLE_SECONDS", 1)
    hangs = open_engine(postgresql_url)
    with suppress(Exception), hangs.connect() as conn:
        conn.execute(writer._TURN)
        assert await stores[0].write(lambda _: "done") == "done"
    hangs.dispose()


async def test_every_session_asks_that_a_node_which_vanished_lets_go_within_fifteen_seconds(stores) -> None:
    """What PostgreSQL says on a line of TCP, where its keepalives count; of the socket of the tests it says 0."""
    asked = "select name, setting::int, source from pg_settings where name ~ '^(tcp_|idle_in_transaction|lock_timeout)'"
    over_tcp = "select inet_server_addr() is not null"

    def told(conn: Connection) -> tuple[dict[str, int], bool]:
        rows = conn.exec_driver_sql(asked).all()
        assert "default" not in {row.source for row in rows}, "asked for on whichever line"
        return {row.name: row.setting for row in rows}, bool(conn.exec_driver_sql(over_tcp).scalar())

    for way, idle in ((stores[0].write, 4_000), (stores[0].write_beside, 4_000), (stores[0].read, 60_000)):
        said, tcp = await way(told)
        assert (said["idle_in_transaction_session_timeout"], said["lock_timeout"]) == (idle, 2_000)
        if tcp:
            assert said["tcp_keepalives_idle"] + said["tcp_keepalives_interval"] * said["tcp_keepalives_count"] <= 15
            assert 0 < said["tcp_user_timeout"] <= 15_000


async def test_no_session_compiles_a_statement_or_takes_several_cores_for_one(stores) -> None:
    asked = "select name, setting from pg_settings where name in ('jit', 'max_parallel_workers_per_gather')"
    for way in (stores[0].write, stores[0].read):
        said = await way(lambda conn: [tuple(one) for one in conn.exec_driver_sql(asked)])
        assert sorted(said) == [("jit", "off"), ("max_parallel_workers_per_gather", "0")]


async def test_a_repeated_key_is_told_at_once_and_holds_nobody_up(stores, session) -> None:
    here, _ = stores
    first = Once("cli_1", "/v1/payments", "k", b"body", SystemClock()).about("pay_1")
    waits, go_on = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        first.begin(conn)
        waits.set()
        assert go_on.wait(30)

    storing = asyncio.create_task(stores[1].write_beside(slow))
    await asyncio.to_thread(waits.wait, 30)
    again = Once("cli_1", "/v1/payments", "k", b"body", SystemClock()).about("pay_2")
    with pytest.raises(RepeatedProblem):
        await here.write_beside(again.begin)
    assert not storing.done()
    other = Once("cli_1", "/v1/payments", "another", b"body", SystemClock()).about("pay_3")
    await here.write_beside(other.begin)
    go_on.set()
    await storing


async def test_the_feed_waits_for_our_transactions_and_for_nobody_elses(stores, session, postgresql_server) -> None:
    here, _ = stores

    def emit(name: str) -> Callable[[Connection], int]:
        values = {"id": name, "type": "t", "authority": "a", "subject": "s", "data": {}, "at": 1}
        return lambda conn: event_records.add(conn, **values)

    async def shown() -> list[str]:
        found = await here.read(lambda conn: event_records.find(conn, ["a"], subject=None, after=None, limit=9))
        return [one.id for one in found]

    session.execute("select pg_current_xact_id()")  # a report, a script, somebody at psql
    with psycopg.connect(f"host={postgresql_server.folder} user=postgres dbname=postgres") as elsewhere:
        elsewhere.execute("select pg_current_xact_id()")
        await here.write(emit("evt_1"))
        assert await shown() == ["evt_1"]
        assert await here.read(event_records.lag) == 0

    begun, go_on = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        emit("evt_2")(conn)
        begun.set()
        assert go_on.wait(30)

    storing = asyncio.create_task(stores[1].write_beside(slow))
    await asyncio.to_thread(begun.wait, 30)
    await here.write_beside(emit("evt_3"))
    assert await shown() == ["evt_1"], "what comes before it is not stored yet"
    assert await here.read(event_records.lag) > 0
    go_on.set()
    await storing
    assert await shown() == ["evt_1", "evt_2", "evt_3"]


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(silence, "SUSPECT_SECONDS", 0.2)
    monkeypatch.setattr(silence, "ANSWER_SECONDS", 0.5)


async def test_a_database_that_says_nothing_is_unavailable_until_it_speaks_again(line, postgresql_url, quick) -> None:
    store = Store.open(line.url(make_url(postgresql_url).database))
    await store.write(lambda _: None)
    await store.write_apart(lambda _: None)
    await store.read(lambda _: None)
    tried: list[object] = []
    for one in (store._writing, store._reading, store._apart):
        event.listen(one, "do_connect", lambda *_: tried.append(_))
    line.hold()
    ways = (store.write, store.write_beside, store.write_apart, store.read)
    for _ in range(2):
        told = await asyncio.gather(
            *(way(lambda conn: conn.exec_driver_sql("select 1") and None) for way in ways), return_exceptions=True
        )
        assert [type(one) for one in told] == [UnavailableProblem] * len(ways)
    assert not tried, "nobody waits for a connection of his own as well"
    line.free()
    async with asyncio.timeout(60):
        while True:
            with suppress(UnavailableProblem):
                assert await store.write(lambda conn: conn.exec_driver_sql("select 1").scalar()) == 1
                break
            await asyncio.sleep(0.05)
    await asyncio.to_thread(store.close)


async def test_what_was_cut_off_is_no_sign_that_the_database_speaks(line, postgresql_url, quick) -> None:
    line.hold()
    dial = open_engine(line.url(make_url(postgresql_url).database), read_only=True, lasting=False)
    silent = silence.Silence([], dial)
    with ExitStack() as cut:
        ends = [cut.enter_context(ExitStack()) for _ in range(10)]
        for one in ends:
            one.enter_context(silent.watching())
        async with asyncio.timeout(60):
            with pytest.raises(UnavailableProblem):
                while True:
                    with suppress(EOFError), silent.watching():
                        await asyncio.sleep(0.05)
                        raise EOFError
        for one in ends:
            one.close()
            await asyncio.sleep(0.1)
            with pytest.raises(UnavailableProblem), silent.watching():
                pass
    silent.close()


async def test_a_change_for_which_no_connection_was_had_tells_nobody_that_the_database_speaks() -> None:
    seen: list[BaseException | None] = []

    @contextmanager
    def watching() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            seen.append(error)
            raise
        seen.append(None)

    away = writer.Writer(open_engine("postgresql://u@127.0.0.1:9/x"), watching=watching)
    for asked in (away.write(lambda _: None), away.write(lambda _: None, beside=True)):
        with pytest.raises(UnavailableProblem):
            await asked
    assert [type(one) for one in seen] == [UnavailableProblem] * 2
    await asyncio.to_thread(away.close)


async def test_a_statement_that_takes_its_time_is_no_silence(stores, quick) -> None:
    assert await stores[0].read(lambda conn: conn.exec_driver_sql("select 7 from pg_sleep(1.2)").scalar()) == 7
