"""Who works a case is known to those who tell them something, and to nobody outside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from decision_facts import facts
from foundation import foundation
from pydantic import ValidationError
from sqlalchemy import select

from gateway.foundation.delivery import Event
from gateway.foundation.delivery.events import EVERY
from gateway.foundation.store import Store
from gateway.rooms.decisions import DecisionEvent, Decisions, EventKind, Officer
from gateway.rooms.decisions.tables import decision_version
from gateway.words.clock import ManualClock

TWO = [{"name": "高远", "number": "99010200123"}, {"name": "岑立秋", "number": "99010200124"}]


async def test_officers_are_read_by_decision_and_told_to_nobody(one_store: Store, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 9, 16, 2, 0, tzinfo=UTC))
    base = foundation(one_store, tmp_path, clock)
    told: list[Event] = []
    base.events.subscribe(EVERY, lambda _, event: told.append(event))
    decisions = Decisions(base)
    first, _ = await decisions.put("A1", "1号", facts(), by="test")
    assert first.officers == ()
    second, new = await decisions.put("A1", "1号", facts(officers=TWO), by="test")
    assert (second.version, new) == (2, False)
    served = DecisionEvent.model_validate(
        {"kind": EventKind.SERVED, "on": "2026-09-15", "method": "direct"}, strict=False
    )
    await decisions.record_event("A1", "1号", served, by="test")
    found = await one_store.read(lambda conn: decisions.officers(conn, first.id))
    assert found == second.officers == tuple(Officer(**one) for one in TWO)
    assert await one_store.read(lambda conn: decisions.officers(conn, "dec_unknown")) == ()
    assert [event.type for event in told] == ["decision.recorded", "decision.amended", "decision.served"]
    kept = await one_store.read(lambda conn: conn.execute(select(decision_version.c.facts_sealed)).scalars().all())
    for one in (*(repr(event.data).encode() for event in told), *kept):
        assert "高远".encode() not in one
        assert b"99010200123" not in one


@pytest.mark.parametrize(
    "officers",
    [
        TWO[:1] * 2,
        [{"name": "高远", "number": str(1000 + one)} for one in range(21)],
        [{"name": "高远"}],
        [{"name": "高远", "number": "12"}],
        [{"name": "高\u202e远", "number": "99010200123"}],
    ],
)
def test_what_is_no_list_of_officers_is_refused(officers: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError):
        facts(officers=officers)
