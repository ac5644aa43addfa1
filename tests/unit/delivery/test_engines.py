"""One suite for every engine: two nodes on one ledger; what one forgets, loses or dies with, the other ends once."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import update

from gateway.foundation.delivery import Doubt, operation_records
from gateway.foundation.delivery.engines import Cluster, Embedded, choose
from gateway.foundation.delivery.tables import (
    operation as operation_table,
)
from gateway.foundation.store import Store
from gateway.foundation.store.engine import LINE
from gateway.foundation.store.lock import NodeName
from gateway.ports.base import FindGuarantee
from gateway.ports.nontax import FindRequest
from gateway.words.errors import SettingsError


def _bench_module():
    """The engine's bench, which lives in the test beside this one."""
    name = "test_engine_bench"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("test_engine.py"))
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


class Nodes:
    """Two deliveries, each under its own name, over one store; the first one is the bench's own."""

    def __init__(self, bench, kind: str, url: str) -> None:
        self.bench, self.kind, self.url = bench, kind, url
        self.alive = []

    def engine(self, node: str):
        return Cluster(self.url, node) if self.kind == "cluster" else Embedded()

    async def start(self, node: str, **more):
        made = self.bench.new_delivery(node, engine=self.engine(node), **more)
        await made.start()
        self.alive.append(made)
        return made


@pytest.fixture(params=["embedded on sqlite", "embedded on postgresql", "cluster"])
async def nodes(request, tmp_path):
    database = "sqlite" if request.param.endswith("sqlite") else "postgresql"
    url = request.getfixturevalue(f"{database}_url")
    store = Store.open(url)
    bench = _bench_module().Bench(store, tmp_path, FindGuarantee(settle_seconds=5))
    made = Nodes(bench, request.param.split()[0], url)
    yield made
    for delivery in made.alive:
        await delivery.stop()
    store.close()


async def until(nodes, operation: str, *states: str):
    async with asyncio.timeout(60):
        while (row := await nodes.bench.row(operation)).state not in states:
            nodes.bench.clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0.02)
    return row


async def written(nodes, number: int = 1) -> list[str]:
    """Operations in the ledger that nobody was told about."""
    bench, made = nodes.bench, []
    for _ in range(number):
        request = FindRequest(reference=bench.delivery.new_reference("nontax"))
        made.append(
            await bench.store.write(
                lambda conn, request=request: (
                    bench.delivery.enqueue(
                        conn, action="test.effect", channel="nontax", authority="a", subject="s", request=request
                    ).id
                )
            )
        )
    return made


async def test_what_one_node_accepts_is_sent_once_whoever_sends_it(nodes):
    first = nodes.bench.delivery = await nodes.start("node-1")
    await nodes.start("node-2")
    operations = [await nodes.bench.send(claim=number % 3 == 0) for number in range(30)]
    for operation in operations:
        assert await first.settled(operation, 15) == "done"
    assert len(nodes.bench.side.effects) == 30
    assert len(set(nodes.bench.side.effects)) == 30


async def test_losing_every_notification_loses_nothing(nodes):
    operations = await written(nodes, 5)
    await nodes.start("node-2", sweep=0.2)
    for operation in operations:
        await until(nodes, operation, "done")
    assert len(nodes.bench.side.effects) == 5


async def test_a_notification_is_no_permission_to_send(nodes):
    first = await nodes.start("node-1")
    second = await nodes.start("node-2")
    (operation,) = await written(nodes)
    await asyncio.gather(*(one.pumps.take(operation) for one in (first, second) * 5))
    await until(nodes, operation, "done")
    await asyncio.gather(*(one.pumps.take(operation) for one in (first, second) * 5))
    assert len(nodes.bench.side.effects) == 1
    attempts = await nodes.bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))
    assert len(attempts) == 1


async def test_a_node_that_dies_in_a_call_leaves_doubt_that_the_other_ends(nodes):
    await nodes.start("node-2", lease=1.0, sweep=0.2)
    request = FindRequest(reference="DEAD1")
    bench = nodes.bench
    dead = bench.new_delivery("node-1", lease=1.0)  # claims, and is gone before anybody hears of the answer
    operation = await bench.store.write(
        lambda conn: dead.enqueue(
            conn, action="test.effect", channel="nontax", authority="a", subject="s", request=request, claim=True
        )
    )
    assert operation.state == "sending"
    bench.side.effects.append("DEAD1")
    await until(nodes, operation.id, "done")
    assert bench.side.effects == ["DEAD1"]
    assert isinstance(bench.told[0], Doubt)
    attempts = await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation.id))
    assert [(one.node, one.outcome) for one in attempts] == [("node-1", "cut"), ("node-2", "found")]


async def test_a_node_at_its_start_frees_its_own_leases_and_no_other(nodes):
    bench = nodes.bench
    if bench.store.dialect == "sqlite":
        pytest.skip("a sole process frees all")
    other = bench.new_delivery("node-3")
    mine = bench.new_delivery("node-1")
    held = []
    for delivery, reference in ((other, "OTHER"), (mine, "MINE")):
        request = FindRequest(reference=reference)
        held.append(
            await bench.store.write(
                lambda conn, delivery=delivery, request=request: (
                    delivery.enqueue(
                        conn,
                        action="test.effect",
                        channel="nontax",
                        authority="a",
                        subject="s",
                        request=request,
                        claim=True,
                    ).id
                )
            )
        )
    await nodes.start("node-1")
    await until(nodes, held[1], "done")
    assert (await bench.row(held[0])).state == "sending"


async def test_a_paused_node_that_wakes_finds_itself_fenced(nodes):
    bench = nodes.bench
    paused = await nodes.start("node-1")
    bench.side.hold = asyncio.Event()
    bench.delivery = paused
    operation = await bench.send()
    async with asyncio.timeout(60):
        while not bench.side.effects:
            await asyncio.sleep(0.01)
    expired = update(operation_table).values(lease_until_at=1)  # what time does while a process is stopped
    await bench.store.write(lambda conn: conn.execute(expired).rowcount)
    other = await nodes.start("node-2")
    assert await other.sweep() <= 1
    await until(nodes, operation, "done")
    bench.side.hold.set()
    async with asyncio.timeout(60):
        while "done (fenced)" not in (
            attempts := [
                one.outcome
                for one in await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))
            ]
        ):
            await asyncio.sleep(0.02)
    assert attempts == ["done (fenced)", "found"]
    assert [type(one).__name__ for one in bench.told] == ["Doubt", "Done"]
    assert len(set(bench.side.effects)) == 1


async def test_jobs_carry_ids_and_nothing_else_and_are_told_again_only_where_none_is_waiting(postgresql_url, tmp_path):
    engine = Cluster(postgresql_url, "node-1")
    heard: list[str] = []
    started = asyncio.Event()

    async def deliver(operation_id: str) -> None:
        heard.append(operation_id)
        started.set()

    await engine.start(deliver)
    try:
        engine.notify("opn_1")
        async with asyncio.timeout(60):
            await started.wait()
        assert heard == ["opn_1"]
        engine._tasks[1].cancel()
        await asyncio.gather(engine._tasks[1], return_exceptions=True)
        await engine.renotify(["opn_2", "opn_3"])
        await engine.renotify(["opn_2", "opn_3"])
        with psycopg.connect(engine._address) as conn:
            jobs = conn.execute("select args from gateway_jobs.procrastinate_jobs where status = 'todo'").fetchall()
        assert sorted(str(args) for (args,) in jobs) == ["{'operation_id': 'opn_2'}", "{'operation_id': 'opn_3'}"]
    finally:
        await engine.stop()


async def test_sessions_of_jobs_let_go_of_a_node_that_vanished_as_all_others_do(postgresql_url):
    engine = Cluster(postgresql_url, "node-1")

    async def deliver(operation_id: str) -> None: ...

    await engine.start(deliver)
    try:
        asked = (
            "select coalesce(string_agg(name, ' ' order by name), '') as names from pg_settings where source = 'client'"
        )
        told = await engine._app.connector.execute_query_one_async(asked)
        wanted = {"tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"}
        assert wanted | {"idle_in_transaction_session_timeout"} <= set(told["names"].split())
        assert engine._app.connector._pool_args["kwargs"].items() >= LINE.items(), "what we notice ourselves"
    finally:
        await engine.stop()


def test_the_engine_follows_the_database_unless_settings_say_otherwise(postgresql_url):
    assert isinstance(choose("auto", "sqlite:///x", "sqlite", "n"), Embedded)
    assert isinstance(choose("auto", postgresql_url, "postgresql", "n"), Cluster)
    assert isinstance(choose("embedded", postgresql_url, "postgresql", "n"), Embedded)
    with pytest.raises(SettingsError, match="needs PostgreSQL"):
        choose("cluster", "sqlite:///x", "sqlite", "n")


def test_no_two_living_processes_have_the_same_name(postgresql_url):
    first = NodeName.take(postgresql_url, "node-1")
    with pytest.raises(SettingsError, match="under the name node-1"):
        NodeName.take(postgresql_url, "node-1", patience=0.1)
    second = NodeName.take(postgresql_url, "node-1", others=True)
    assert second.name == "node-2"
    assert first.hold()
    first.release()
    again = NodeName.take(postgresql_url, "node-1")
    again.release()
    second.release()
