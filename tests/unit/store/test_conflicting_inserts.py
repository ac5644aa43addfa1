"""Once only: an INSERT that finds the row there says so, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.dialects import postgresql, sqlite

from gateway.foundation.delivery.schedules import Schedules
from gateway.foundation.delivery.tables import (
    callback_nonce,
)
from gateway.words.clock import SystemClock


async def test_an_insert_that_does_nothing_tells_that_it_did_nothing(store):
    insert = sqlite.insert if store.dialect == "sqlite" else postgresql.insert
    row = {"channel": "nontax", "nonce": "n-1", "digest": b"1", "received_at": 1}
    statement = insert(callback_nonce).values(row).on_conflict_do_nothing()
    counts = [await store.write(lambda conn: conn.execute(statement).rowcount) for _ in range(12)]
    assert counts == [1] + [0] * 11


async def test_a_slot_of_a_schedule_is_done_once_whichever_node_comes_first(store):
    done: list[str] = []

    async def duty(_: datetime) -> None:
        done.append("done")

    nodes = [Schedules(store, SystemClock(), node) for node in ("node-1", "node-2")]
    for node in nodes:
        node.every("statements", "30 6 * * *", duty)
    slot = datetime(2026, 9, 15, 22, 30, tzinfo=UTC)
    assert [await node.run("statements", slot) for node in nodes] == [True, False]
    assert done == ["done"]
