"""The ledger's conditions: who may move an operation, whose leases are renewed, what a wrong clock leaves behind."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from delivery_bench import START, Bench
from sqlalchemy import select, update

from gateway.foundation.delivery import Operation, operation_records
from gateway.foundation.delivery.operation_records import EVERYBODY, Wanted
from gateway.foundation.delivery.states import State
from gateway.foundation.delivery.tables import operation as table
from gateway.foundation.store import Store
from gateway.ports.base import FindGuarantee
from gateway.ports.nontax import FindRequest
from gateway.words.clock import to_micros

NOW = to_micros(START)
ENDED: dict[str, Any] = {
    "due": NOW,
    "new_tries": 0,
    "sent": NOW,
    "doubt_since": None,
    "pending_since": None,
    "answer": None,
    "new_reason": None,
    "new_code": None,
    "now": NOW,
}
ENDS = (State.DONE, State.REJECTED, State.QUEUED, State.UNCERTAIN, State.PENDING, State.PARKED)


@pytest.fixture
def bench(one_store: Store, tmp_path: Path) -> Bench:
    """A delivery whose pumps rest: nothing moves but by the test's own hand."""
    return Bench(one_store, tmp_path, FindGuarantee())


async def claimed(bench: Bench) -> Operation:
    """An operation that was claimed at its birth, by node-1."""
    request = FindRequest(reference=bench.delivery.new_reference("nontax"))
    words = {"action": "test.effect", "channel": "nontax", "authority": "a", "subject": "s", "request": request}
    return await bench.store.write(lambda conn: bench.delivery.enqueue(conn, **words, claim=True))


async def lease(bench: Bench, operation: Operation) -> int:
    query = select(table.c.lease_until_at).where(table.c.id == operation.id)
    return await bench.store.read(lambda conn: conn.execute(query).scalar_one())


@pytest.mark.parametrize("end", ENDS)
async def test_an_attempt_whose_operation_was_claimed_again_closes_nothing(bench, end):
    late = await claimed(bench)
    await bench.store.write(lambda conn: operation_records.release_expired(conn, now=NOW, node=EVERYBODY))
    wanted = Wanted("nontax", ["test.effect"], NOW, 1)
    ((again, _),) = await bench.store.write(
        lambda conn: operation_records.claim_due(conn, wanted, node="node-2", lease=60_000_000)
    )
    assert (again.id, again.state, again.attempt) == (late.id, State.SENDING, late.attempt + 1)
    ended = ENDED | ({"pending_since": NOW} if end is State.PENDING else {})
    assert not await bench.store.write(lambda conn: operation_records.close(conn, late, end, **ended))
    assert await bench.row(late.id) == again
    assert await bench.store.write(lambda conn: operation_records.close(conn, again.operation(), end, **ended))
    assert (await bench.row(late.id)).state is end


async def test_a_node_renews_its_own_leases_and_nobody_elses(bench):
    mine, other = await claimed(bench), await claimed(bench)
    await bench.store.write(
        lambda conn: conn.execute(update(table).values(lease_until_at=1)).rowcount
    )  # so that every renewal is seen
    await bench.store.write(
        lambda conn: conn.execute(update(table).where(table.c.id == other.id).values(node="node-2")).rowcount
    )
    both = [mine.id, other.id]
    renewed = await bench.store.write(lambda conn: operation_records.renew(conn, "node-1", both, 60_000_000))
    assert (renewed, await lease(bench, other)) == (1, 1), "its own node is gone: this lease has to end"
    assert await lease(bench, mine) > 1


@pytest.mark.parametrize("column", ["updated_at", "sent_at", "doubt_since_at"])
async def test_a_sweep_brings_back_what_a_clock_far_ahead_has_put_off(bench, column):
    operation = await claimed(bench)
    ahead = to_micros(START + timedelta(days=365))
    times = {"updated_at": NOW, column: ahead, "due_at": ahead}
    put_off = update(table).values(state="uncertain", node=None, lease_until_at=None, **times)
    await bench.store.write(lambda conn: conn.execute(put_off).rowcount)
    await bench.delivery.sweep()
    row = await bench.row(operation.id)
    assert (row.due_at, row.updated_at, getattr(row, column)) == (NOW, NOW, NOW)


async def test_a_sweep_leaves_what_waits_by_a_right_clock(bench):
    operation = await claimed(bench)
    later = to_micros(START + timedelta(hours=1))
    wait = update(table).values(state="queued", node=None, lease_until_at=None, due_at=later, updated_at=NOW)
    await bench.store.write(lambda conn: conn.execute(wait).rowcount)
    before = await bench.row(operation.id)
    await bench.delivery.sweep()
    assert await bench.row(operation.id) == before
