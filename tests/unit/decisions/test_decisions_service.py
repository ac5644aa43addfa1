"""Decisions on a real store: facts as versions, what may happen to one, and one effect under one key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from decision_facts import facts
from foundation import foundation
from sqlalchemy import func, select

from gateway.foundation.delivery import Event
from gateway.foundation.delivery.events import EVERY
from gateway.foundation.once import Once
from gateway.foundation.store import Store
from gateway.foundation.store.tables import idempotency
from gateway.rooms.decisions import DecisionEvent, Decisions
from gateway.rooms.decisions.tables import decision_version
from gateway.words.clock import ManualClock
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem

pytestmark = pytest.mark.both_databases

NUMBER = "望综执罚决字〔2026〕第7号"


class Room:
    """Decisions over a store, and every event that they tell."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.clock = store, ManualClock(datetime(2026, 9, 16, 2, 0, tzinfo=UTC))
        base = foundation(store, folder, self.clock)
        self.decisions = Decisions(base)
        self.told: list[Event] = []
        base.events.subscribe(EVERY, lambda _, event: self.told.append(event))

    async def put(self, **changes: Any) -> Any:
        return await self.decisions.put("A1", NUMBER, facts(**changes), by="test")

    async def happens(self, kind: str, on: str = "2026-09-15", once: Once | None = None, **more: Any) -> Any:
        event = DecisionEvent.model_validate({"kind": kind, "on": on, **more}, strict=False)
        given = {} if once is None else {"once": once}
        return await self.decisions.record_event("A1", NUMBER, event, by="test", **given)

    async def count(self, table: Any) -> int:
        return await self.store.read(lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one())

    def key(self) -> Once:
        return Once("c1", "/v1/decisions/A1/7/events", "k1", b"digest", self.clock)


@pytest.fixture
def room(one_store: Store, tmp_path: Path) -> Room:
    return Room(one_store, tmp_path)


async def refused(problem: type[Problem], kind: str, doing: Any) -> None:
    with pytest.raises(problem) as told:
        await doing
    assert told.value.type == kind


async def test_the_same_facts_change_nothing_and_others_are_a_new_version(room: Room) -> None:
    first, new = await room.put()
    again, new_again = await room.put()
    assert (new, new_again, again) == (True, False, first)
    second, _ = await room.put(content="罚款600元", fine="600.00")
    assert (second.id, second.version, second.facts.fine) == (first.id, 2, 60_000)
    assert await room.count(decision_version) == 2
    assert [event.type for event in room.told] == ["decision.recorded", "decision.amended"]


async def test_an_event_is_recorded_once_and_says_what_it_is(room: Room) -> None:
    await room.put()
    served = await room.happens("served", method="direct")
    again = await room.happens("served", method="direct")
    assert served.events == again.events
    assert [(event.type, event.data) for event in room.told[1:]] == [
        ("decision.served", {"decision_number": NUMBER, "on": "2026-09-15"})
    ]
    due = room.decisions.due(again)
    assert due is not None
    assert due.on == date(2026, 9, 30)


async def test_an_event_joins_its_key_with_the_status_of_its_answer(room: Room) -> None:
    decision, _ = await room.put()
    once = room.key()
    await room.happens("served", method="direct", once=once)
    kept = await room.store.read(lambda conn: conn.execute(select(idempotency)).mappings().one())
    assert (once.subject, kept["subject"], kept["status"]) == (decision.id, decision.id, 200)
    await refused(ConflictProblem, "request-in-progress", room.happens("appealed", appeal_kind="suit", once=room.key()))
    assert len((await room.decisions.get("A1", NUMBER)).events) == 1


async def test_what_is_refused_leaves_no_key_behind(room: Room) -> None:
    await room.put()
    await refused(ConflictProblem, "no-open-appeal", room.happens("appeal_ended", appeal="1", once=room.key()))
    assert await room.count(idempotency) == 0


async def test_nothing_happens_to_a_decision_out_of_order(room: Room) -> None:
    with pytest.raises(NotFoundProblem):
        await room.happens("served", method="direct")
    await refused(InvalidProblem, "invalid-value", room.put(decided_on="2026-09-17"))
    await room.put()
    await refused(InvalidProblem, "invalid-value", room.happens("served", on="2026-09-17", method="direct"))
    await refused(InvalidProblem, "invalid-value", room.happens("served", on="2026-09-13", method="direct"))
    await room.happens("served", method="direct")
    await refused(ConflictProblem, "already-served", room.happens("served", on="2026-09-16", method="post"))
    await room.happens("appealed", appeal="1", appeal_kind="suit")
    await room.happens("appeal_ended", appeal="1")
    await refused(ConflictProblem, "no-open-appeal", room.happens("appeal_ended", on="2026-09-16", appeal="1"))


async def test_after_a_revocation_nothing_changes_any_more(room: Room) -> None:
    await room.put()
    revoked = await room.happens("revoked", reason="事实不清")
    assert revoked.revoked
    assert (await room.put())[0] == revoked  # the same facts again are no change
    await refused(ConflictProblem, "decision-revoked", room.put(fine="600.00"))
    await refused(ConflictProblem, "decision-revoked", room.happens("appealed", on="2026-09-16", appeal_kind="suit"))


@pytest.mark.parametrize("number", ["", " ", "第\u202e7号", "7" * 129])
@pytest.mark.cases_by_day(3)
async def test_what_is_no_decision_number_is_refused(room: Room, number: str) -> None:
    with pytest.raises(InvalidProblem):
        await room.decisions.get("A1", number)


PERSON = {
    "kind": "natural_person",
    "name": "岑立秋",
    "id_type": "护照号",
    "id_number": "E90102198",
    "phone": "13800138000",
    "address": "望川区解放路12号3单元401",
}


async def test_what_was_shown_masked_is_never_stored_in_the_place_of_what_it_hides(room: Room) -> None:
    text = "当事人身份证号11010519491231002X，电话13800138000。"
    known, _ = await room.put(party=PERSON, facts=text, content="罚款500元，收据***遗失。")
    shown = known.facts.masked()
    wrong = {
        "party.id_number": {"party": {**PERSON, "id_number": str(shown.party.id_number)}},
        "party.address": {"party": {**PERSON, "address": str(shown.party.address)}},
        "facts": {"party": PERSON, "facts": shown.facts + "补充。"},
        "violation": {"party": PERSON, "facts": text, "violation": "占道，见***"},
    }
    for field, told in wrong.items():
        with pytest.raises(InvalidProblem) as refused:
            await room.put(**{"facts": text, "content": "罚款500元，收据***遗失。", **told})
        assert refused.value.field == field
    with pytest.raises(ValueError, match="phone"):
        facts(party={**PERSON, "phone": str(shown.party.phone)})
    assert (await room.decisions.get("A1", NUMBER)).facts == known.facts
    changed, _ = await room.put(party=PERSON, facts=text, content="罚款500元，收据***已寻回。")
    assert changed.version == 2, "asterisks that were there before are the text's own"


def test_a_masked_copy_shows_no_plate_and_no_home_whatever_the_width_of_its_digits() -> None:
    text = "驾驶苏Ａ８８Ｃ３１至现场，家庭住址：望川区临河路5号2单元301（车库），当事人住址为青禾镇9号。罚款5000元。"
    shown = facts(facts=text).masked()
    assert shown.facts == "驾驶***至现场，家庭住址：***（车库），当事人住址为***。罚款5000元。"


async def test_nobody_appeals_under_a_masked_name(room: Room) -> None:
    await room.put()
    with pytest.raises(InvalidProblem) as refused:
        await room.happens("appealed", appeal_kind="suit", party="姜**")
    assert refused.value.field == "party"
    with pytest.raises(InvalidProblem):
        await room.put(party={**PERSON, "id_number": "E9****198"})
