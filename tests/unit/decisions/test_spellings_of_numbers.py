"""A decision number is kept as printed and compared by what it says: another spelling is the same decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from foundation import foundation
from sqlalchemy import func, select, text

from gateway.foundation.access import Access
from gateway.foundation.store import Store, schema
from gateway.foundation.store.engine import open_engine
from gateway.rooms.decisions import DecisionEvent, DecisionFacts, Decisions
from gateway.rooms.decisions.records import numbered
from gateway.rooms.decisions.tables import decision
from gateway.words.clock import SystemClock
from gateway.words.errors import ConflictProblem, InvalidProblem

CASES = Path(__file__).parents[2] / "cases"
FACTS: dict[str, Any] = json.loads((CASES / "api" / "decision.json").read_text(encoding="utf-8"))
PRINTED = "望市监罚决字〔2026〕第12号"
SPELLINGS = [
    PRINTED,
    "望市监罚决字[2026]第12号",
    "望市监罚决字（2026）第12号",
    "望市监罚决字(2026)12号",
    "望市监罚决字【2026】 12 号",
    "望市监罚决字﹝２０２６﹞第０12号",
]


@pytest.fixture
def decisions(one_store: Store, tmp_path: Path) -> Decisions:
    return Decisions(foundation(one_store, tmp_path, SystemClock()))


def facts(**changes: Any) -> DecisionFacts:
    return DecisionFacts.model_validate({**FACTS, "decided_on": "2026-06-30", **changes}, strict=False)


async def test_every_spelling_is_one_decision_and_the_first_stays_printed(
    decisions: Decisions, one_store: Store
) -> None:
    recorded = [await decisions.put("A1", one, facts(), by="test") for one in SPELLINGS]
    assert [new for _, new in recorded] == [True, *[False] * (len(SPELLINGS) - 1)]
    assert {(one.id, one.number) for one, _ in recorded} == {(recorded[0][0].id, PRINTED)}
    count = await one_store.read(lambda conn: conn.execute(select(func.count()).select_from(decision)).scalar_one())
    assert count == 1


async def test_it_is_found_changed_and_served_under_any_spelling(decisions: Decisions) -> None:
    first, _ = await decisions.put("A1", PRINTED, facts(), by="test")
    changed, new = await decisions.put("A1", SPELLINGS[1], facts(fine="300.00"), by="test")
    assert (changed.id, changed.number, changed.version, new) == (first.id, PRINTED, 2, False)
    event = DecisionEvent.model_validate({"kind": "served", "on": "2026-07-01", "method": "direct"}, strict=False)
    served = await decisions.record_event("A1", SPELLINGS[2], event, by="test")
    assert (served.id, len(served.events)) == (first.id, 1)
    for spelling in SPELLINGS:
        assert (await decisions.get("A1", spelling)).id == first.id


async def test_lists_are_narrowed_by_any_spelling(decisions: Decisions, one_store: Store) -> None:
    await decisions.put("A1", PRINTED, facts(), by="test")
    await decisions.put("A1", "望市监罚决字〔2026〕第13号", facts(), by="test")
    for spelling in SPELLINGS:
        query = select(decision.c.number).where(numbered(decision.c.number, spelling))
        assert await one_store.read(lambda conn, q=query: list(conn.execute(q).scalars())) == [PRINTED]  # type: ignore[misc]


async def test_two_authorities_may_have_one_number(decisions: Decisions) -> None:
    one, _ = await decisions.put("A1", PRINTED, facts(), by="test")
    other, new = await decisions.put("A2", SPELLINGS[1], facts(), by="test")
    assert new
    assert one.id != other.id


@pytest.mark.parametrize("number", ["X/events", "X/Events", "X/events/", "/X", "X/", "X//Y", "X/events/Y", "号"])
async def test_a_number_that_reads_like_a_path_of_ours_is_refused(decisions: Decisions, number: str) -> None:
    with pytest.raises(InvalidProblem) as told:
        await decisions.put("A1", number, facts(), by="test")
    assert told.value.field == "number"


async def test_a_number_may_hold_slashes(decisions: Decisions) -> None:
    made, _ = await decisions.put("A1", "望罚/2026/7", facts(), by="test")
    assert (await decisions.get("A1", "望罚/2026/7号")).id == made.id


async def test_another_spelling_of_an_authority_is_refused(one_store: Store) -> None:
    access = Access(one_store, SystemClock())
    await access.create_authority("wangchuan-scjg", "望川区市场监督管理局", "91990102MA0HD1233R")
    with pytest.raises(ConflictProblem) as told:
        await access.create_authority("Wangchuan-SCJG", "望川区市场监督管理局", "91990102MA0K7T2PXA")
    assert told.value.type == "authority-exists"


def before(path: Path, *numbers: str) -> str:
    """A database of the version before, with these decisions."""
    url = f"sqlite:///{path / 'old.db'}"
    engine = open_engine(url)
    schema.upgrade(engine)
    config = schema.alembic_config()
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.downgrade(config, "decisions@decisions_0001")
        conn.execute(text("drop table schema_step"))  # it did not write down its steps either
        for index, number in enumerate(numbers):
            conn.execute(
                text("insert into decision values (:id, 'A1', :number, 1, x'00', 1, 1)"),
                {"id": f"dec_{index}", "number": number},
            )
    engine.dispose()
    return url


def test_old_numbers_get_their_keys(tmp_path: Path) -> None:
    engine = open_engine(before(tmp_path, PRINTED, "望市监罚决字[2026]第13号"))
    schema.upgrade(engine)
    with engine.connect() as conn:
        keys = list(conn.execute(select(decision.c.number_key).order_by(decision.c.id)).scalars())
    engine.dispose()
    assert keys == ["望市监罚决字[2026]12", "望市监罚决字[2026]13"]


def test_old_decisions_that_are_one_are_listed_and_nothing_is_changed(tmp_path: Path) -> None:
    engine = open_engine(before(tmp_path, PRINTED, SPELLINGS[1], "望市监罚决字[2026]第13号"))
    with pytest.raises(ConflictProblem) as told:
        schema.upgrade(engine)
    assert f"A1: {PRINTED} = {SPELLINGS[1]}" in told.value.detail
    assert "第13号" not in told.value.detail
    with engine.connect() as conn:
        assert conn.execute(text("select count(*) from decision")).scalar_one() == 3
        assert "number_key" not in {row[1] for row in conn.execute(text("pragma table_info(decision)"))}
    engine.dispose()
