"""A node that died, vanished or hangs is noticed in seconds; one that lost name, clock or schema ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from delivery_bench import Bench
from sqlalchemy import make_url

from gateway.foundation import standing
from gateway.foundation.delivery import engines, leases, limits
from gateway.foundation.delivery.engines import Cluster
from gateway.foundation.standing import Standing
from gateway.foundation.store import Store, lock
from gateway.foundation.store.lock import NodeName
from gateway.ports.base import FindGuarantee
from gateway.words.clock import SystemClock
from gateway.words.errors import DeniedError


@pytest.fixture(autouse=True)
def _at_once(monkeypatch) -> None:
    monkeypatch.setattr(standing, "PULSE_SECONDS", 0.02)
    monkeypatch.setattr(standing, "NAME_SECONDS", 0.1)
    monkeypatch.setattr(leases, "GONE_SECONDS", 0.0)


@pytest.fixture
def node_store(postgresql_url: str) -> Iterator[Store]:
    opened = Store.open(postgresql_url)
    yield opened
    opened.close()


def owner(url: str) -> psycopg.Connection[Any]:
    """A session that may do anything."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


async def test_the_calls_of_a_node_without_its_name_are_in_doubt_and_those_of_a_living_one_are_not(
    node_store, postgresql_url, tmp_path
) -> None:
    bench = Bench(node_store, tmp_path, FindGuarantee(settle_seconds=0))
    bench.side.hold = asyncio.Event()
    theirs, ours = bench.new_delivery("theirs"), bench.new_delivery("ours", named=True)
    name = await asyncio.to_thread(NodeName.take, postgresql_url, "theirs")
    bench.delivery = theirs
    await theirs.start()
    sent = await bench.send()
    await until(lambda: bench.side.effects)
    assert await ours.leases.look_for_the_gone() == 0
    name.release()
    await until(lambda: not _holders(postgresql_url))
    assert await ours.leases.look_for_the_gone() == 1
    row = await bench.row(sent)
    assert (row.state, row.doubt_since_at is not None) == ("uncertain", True)
    bench.side.hold.set()
    await theirs.stop()


ENDED = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gateway % node-1'"


def _holders(url: str) -> int:
    with owner(url) as conn:
        (number,) = conn.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone() or (0,)
    return int(number)


def test_the_name_of_a_node_that_hangs_is_free_again(postgresql_url, monkeypatch) -> None:
    monkeypatch.setattr(lock, "SILENT_SECONDS", 1)
    hangs = NodeName.take(postgresql_url, "node-1")
    again = NodeName.take(postgresql_url, "node-1", patience=20)
    assert not hangs.hold()
    again.release()
    assert hangs.hold(), "and it may be taken back"
    hangs.release()


@pytest.mark.parametrize("lost", ["name", "clock", "schema", None])
async def test_a_node_that_lost_what_it_stands_on_says_so(postgresql_url, lost) -> None:
    name = await asyncio.to_thread(NodeName.take, postgresql_url, "node-1")
    clock = SystemClock(timedelta(seconds=45 if lost == "clock" else 0))
    stands, fell = Standing(name, clock), []
    stands.on_fall(lambda: fell.append(stands.lost))
    with owner(postgresql_url) as conn:
        if lost == "schema":
            conn.execute("insert into schema_step values ('payments_9999', 1, '9.9.9', 0)")
        if lost == "name":
            key = lock.node_key("node-1")
            conn.execute(ENDED)
            conn.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (key,))
        if lost is None:
            conn.execute("insert into schema_step values ('payments_9999', 0, '9.9.9', 0)")
            await until(lambda: stands._ahead)
            assert stands.lost is None, "what a newer version only adds is borne"
        else:
            await asyncio.wait_for(stands.fell.wait(), 30)
            assert fell == [stands.lost]
            assert {"name": "name node-1", "clock": "45 s", "schema": "schema"}[lost] in str(stands.lost)
        conn.execute("delete from schema_step where revision = 'payments_9999'")
    await asyncio.to_thread(stands.close)


async def test_a_session_that_was_ended_takes_the_name_again(postgresql_url) -> None:
    name = await asyncio.to_thread(NodeName.take, postgresql_url, "node-1")
    with owner(postgresql_url) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gateway % node-1'"
        )
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(name.hold):
            await asyncio.sleep(0.01)
    name.release()


@pytest.mark.parametrize(("minutes", "stops"), [(0, True), (5, False), (-5, False)])
async def test_a_refusal_for_time_stops_no_channel_for_the_others(node_store, tmp_path, minutes, stops) -> None:
    bench = Bench(node_store, tmp_path, FindGuarantee(settle_seconds=0))
    bench.delivery.node.clock = SystemClock(timedelta(minutes=minutes))
    bench.side.calls = [DeniedError("timestamp out of range")]
    await bench.delivery.start()
    await bench.send()
    await until(lambda: bench.delivery.node.stopping or bench.delivery.conditions.of("nontax").stopped)
    stopped = await node_store.read(limits.stopped_channels)
    assert (bool(stopped), bench.delivery.node.stopping) == (stops, not stops)
    await bench.delivery.stop()


async def test_a_stop_ends_though_the_jobs_worker_answers_its_cancelling_with_an_error(postgresql_url) -> None:
    async def worker(**_: Any) -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            raise psycopg.OperationalError("the database is gone") from None

    async def never() -> None:
        await asyncio.sleep(600)

    engine = Cluster(postgresql_url, "node-1")
    engine._app = SimpleNamespace(run_worker_async=worker, close_async=never)  # type: ignore[assignment]
    engine._tasks = [asyncio.create_task(engine._listen())]
    await asyncio.sleep(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "_STOP_SECONDS", 0.2)
        await asyncio.wait_for(engine.stop(), 60)
    assert engine._tasks[0].done()
    with suppress(asyncio.CancelledError):
        await engine._tasks[0]
