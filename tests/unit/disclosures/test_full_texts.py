"""A full text is public only as a person has seen and confirmed it; the original is never touched."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from foundation import foundation

from gateway.foundation.base import Foundation
from gateway.foundation.delivery.events import timeline
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.rooms.decisions import Decision, DecisionEvent, DecisionFacts, Decisions, EventKind
from gateway.rooms.decisions.facts import AppealKind
from gateway.rooms.disclosures.full_text import Choices, FullTexts, Release
from gateway.words.clock import ManualClock
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem

pytestmark = pytest.mark.both_databases

NUMBER = "安望市监罚决〔2026〕57号"
LIN = Person("opr_lin", "林溪", operator=True)
TEXT = "当事人恒筑建设有限公司。证人张立群证实，电话13800138000。姜小满起诉。齐越知情。执法人员高远。"
FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"},
    "violation": "经营超过保质期的食品",
    "facts": "货架上有过期糕点",
    "basis": "食品安全法第一百二十四条",
    "penalty_kinds": ["警告"],
    "content": "警告",
    "decided_on": "2026-09-14",
    "full_text": TEXT,
    "officers": [{"name": "高远", "number": "99010200123"}],
}


class Room:
    """One decision with a full text."""

    def __init__(self, base: Foundation) -> None:
        self.base = base
        self.decisions = Decisions(base)
        self.texts = FullTexts(base, self.decisions)

    async def decide(self, **changes: Any) -> Decision:
        facts = DecisionFacts.model_validate(FACTS | changes, strict=False)
        return (await self.decisions.put("A1", NUMBER, facts, by="test"))[0]

    async def seen(self, choices: Choices = Choices()) -> str:
        return (await self.texts.preview("A1", NUMBER, choices)).seen

    async def confirm(self, seen: str, choices: Choices = Choices(), by: Person = LIN) -> None:
        await self.texts.confirm("A1", NUMBER, choices, seen, by=by)

    async def public(self, release: Release = "confirmed") -> str | None:
        decision = await self.decisions.get("A1", NUMBER)
        texts = FullTexts(self.base, self.decisions, release)
        return await self.base.store.read(lambda conn: texts.public(conn, decision))


@pytest.fixture
def room(one_store: Store, tmp_path: Path) -> Room:
    return Room(foundation(one_store, tmp_path, ManualClock(datetime(2026, 9, 20, 2, 0, tzinfo=UTC))))


async def test_the_places_are_those_of_the_original_and_the_case_knows_more_than_the_rules(room: Room) -> None:
    await room.decide()
    appeal = DecisionEvent(kind=EventKind.APPEALED, on=date(2026, 9, 16), appeal_kind=AppealKind.SUIT, party="姜小满")
    await room.decisions.record_event("A1", NUMBER, appeal, by="test")
    shown = await room.texts.preview("A1", NUMBER, Choices(names=("齐越",)))
    assert [TEXT[one.start : one.end] for one in shown.found] == ["张立群", "13800138000", "姜小满", "齐越", "高远"]
    assert shown.text == (
        "当事人恒筑建设有限公司。证人张某某证实，电话（已隐去）。姜某某起诉。齐某知情。执法人员高某。"
    )
    assert not shown.stands
    assert (await room.decisions.get("A1", NUMBER)).facts.full_text == TEXT


async def test_what_is_confirmed_is_what_was_seen_and_that_is_what_goes_out(room: Room) -> None:
    decision = await room.decide()
    (kept,) = [one for one in (await room.texts.preview("A1", NUMBER, Choices())).found if one.becomes == "高某"]
    choices = Choices(names=("齐越",), keep=((kept.start, kept.end),))
    assert await room.public() is None
    with pytest.raises(ConflictProblem) as told:
        await room.confirm(await room.seen(), choices)
    assert told.value.type == "changed-since-seen"
    assert await room.public() is None
    await room.confirm(await room.seen(choices), choices)
    assert await room.public() == (
        "当事人恒筑建设有限公司。证人张某某证实，电话（已隐去）。姜小满起诉。齐某知情。执法人员高远。"
    )
    assert (await room.texts.preview("A1", NUMBER, choices)).stands
    assert not (await room.texts.preview("A1", NUMBER, Choices())).stands
    told_of = await room.base.store.read(lambda conn: timeline(conn, decision.id))
    assert (told_of[-1].type, told_of[-1].data) == (
        "disclosure.text_confirmed",
        {"decision_number": NUMBER, "kinds": {"contact": 1, "third_person": 2}, "kept": 1, "by": "林溪"},
    )


async def test_another_original_is_not_confirmed_and_other_facts_keep_it(room: Room) -> None:
    await room.decide()
    await room.confirm(await room.seen())
    await room.decide(violation="经营腐败变质的食品")
    assert await room.public() is not None
    await room.decide(full_text=TEXT + "附注。")
    assert await room.public() is None


async def test_only_a_person_confirms_and_only_what_is_there(room: Room) -> None:
    await room.decide()
    with pytest.raises(Problem) as told:
        await room.confirm(await room.seen(), by=Person("cli_1", "办案系统", operator=False))
    assert told.value.type == "operator-needed"
    with pytest.raises(InvalidProblem) as place:
        await room.seen(Choices(keep=((0, 3),)))
    assert place.value.field == "keep"
    await room.decide(full_text=None)
    with pytest.raises(NotFoundProblem):
        await room.seen()


async def test_where_an_installation_says_so_the_rules_alone_suffice(room: Room) -> None:
    await room.decide()
    assert await room.public("redacted") == (
        "当事人恒筑建设有限公司。证人张某某证实，电话（已隐去）。姜小满起诉。齐越知情。执法人员高某。"
    )
