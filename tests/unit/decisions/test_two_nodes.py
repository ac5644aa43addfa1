"""Two nodes at one instant: a decision has one service date, an appeal ends once, facts have one next version."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from decision_facts import facts
from foundation import foundation

from gateway.foundation.store import Store
from gateway.rooms.decisions import DecisionEvent, Decisions
from gateway.words.clock import ManualClock
from gateway.words.errors import ConflictProblem

TIMES = int(os.environ.get("GATEWAY_TEST_TIMES", "2"))
"""How often two nodes meet; twenty times in `make nightly`."""


@pytest.fixture
def nodes(postgresql_url: str, tmp_path: Path) -> Iterator[list[Decisions]]:
    stores = [Store.open(postgresql_url) for _ in range(2)]
    clock = ManualClock(datetime(2026, 11, 20, 4, 0, tzinfo=UTC))
    yield [Decisions(foundation(one, tmp_path, clock)) for one in stores]
    for one in stores:
        one.close()


MORE = {
    "served": {"method": "direct"},
    "appealed": {"appeal": "appeal-1", "appeal_kind": "reconsideration"},
    "appeal_ended": {"appeal": "appeal-1"},
}


def event(kind: str, day: int) -> DecisionEvent:
    """What happened, on a day of October."""
    return DecisionEvent.model_validate({"kind": kind, "on": date(2026, 10, day), **MORE[kind]})


async def both(nodes: list[Decisions], number: str, *events: DecisionEvent) -> list[str]:
    """What came of two events, one at each node."""
    told = await asyncio.gather(
        *(node.record_event("a", number, one, by="c") for node, one in zip(nodes, events, strict=True)),
        return_exceptions=True,
    )
    return sorted("refused" if isinstance(one, ConflictProblem) else type(one).__name__ for one in told)


async def test_two_service_dates_for_one_decision_are_one(nodes) -> None:
    for n in range(TIMES):
        number = f"望综执罚决字〔2026〕第{n}号"
        await nodes[0].put("a", number, facts(), by="c")
        assert await both(nodes, number, event("served", 12), event("served", 13)) == ["Decision", "refused"]


async def test_an_appeal_ends_once(nodes) -> None:
    for n in range(TIMES):
        number = f"望综执罚决字〔2026〕第{n}号"
        await nodes[0].put("a", number, facts(), by="c")
        await nodes[0].record_event("a", number, event("served", 12), by="c")
        await nodes[0].record_event("a", number, event("appealed", 13), by="c")
        assert await both(nodes, number, event("appeal_ended", 14), event("appeal_ended", 15)) == [
            "Decision",
            "refused",
        ]


async def test_a_number_that_two_nodes_hear_first_is_one_decision(nodes) -> None:
    for n in range(TIMES):
        number = f"望综执罚决字〔2026〕第{n}号"
        told = await asyncio.gather(*(node.put("a", number, facts(), by="c") for node in nodes))
        assert sorted(new for _, new in told) == [False, True]
