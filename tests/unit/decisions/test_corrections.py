"""An event recorded wrongly is corrected or voided; it stays visible, and what leans on it needs two people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from decision_facts import facts
from foundation import foundation

from gateway.foundation.delivery import Event
from gateway.foundation.delivery.events import EVERY
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.rooms.decisions import Corrections, Decision, DecisionEvent, Decisions
from gateway.rooms.decisions.corrections import At
from gateway.rooms.decisions.states import CorrectionStatus
from gateway.words.clock import ManualClock
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem

pytestmark = pytest.mark.both_databases

NUMBER = "望综执罚决字〔2026〕第7号"
KEY = Person("c1", "办案系统", operator=False, officer="高远 99010200123")
CHEN, LIN = (Person(f"opr_{one}", one, operator=True) for one in ("陈立", "林晚"))


class Room:
    """One decision over a store, everything that is told, and whether something leans on it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.clock = ManualClock(datetime(2026, 10, 20, 2, 0, tzinfo=UTC))
        base = foundation(store, folder, self.clock)
        self.decisions, self.leans = Decisions(base), False
        self.corrections = Corrections(base, self.decisions)
        self.corrections.leaned_on(lambda conn, decision_id: self.leans)
        self.told: list[Event] = []
        base.events.subscribe(EVERY, lambda _, event: self.told.append(event))

    async def decision(self) -> Decision:
        return await self.decisions.get("A1", NUMBER)

    async def happens(self, kind: str, on: str, **more: Any) -> str:
        """The id of the event that this records."""
        told = DecisionEvent.model_validate({"kind": kind, "on": on, **more}, strict=False)
        return (await self.decisions.record_event("A1", NUMBER, told, by="test")).recorded[-1].id

    async def correct(self, event_id: str, by: Person = KEY, **new: Any) -> None:
        told = DecisionEvent.model_validate(new, strict=False) if new else None
        await self.corrections.correct(At("A1", NUMBER, event_id), told, "笔误", by=by)

    async def confirm(self, event_id: str, by: Person, seen: str) -> None:
        await self.corrections.confirm(At("A1", NUMBER, event_id), by=by, seen=seen)

    async def seen(self) -> str:
        found = (await self.corrections.of(await self.decision()))[-1].seen
        assert found is not None
        return found

    async def due(self) -> str | None:
        due = self.decisions.due(await self.decision())
        return None if due is None else str(due.on)


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> Room:
    made = Room(one_store, tmp_path)
    await made.decisions.put("A1", NUMBER, facts(), by="test")
    return made


async def refused(problem: type[Problem], kind: str, doing: Any) -> None:
    with pytest.raises(problem) as told:
        await doing
    assert told.value.type == kind


async def test_a_mistyped_service_is_corrected_and_the_old_one_stays_visible(room: Room) -> None:
    served = await room.happens("served", "2026-09-26", method="direct", evidence="送达回证 甄立签收")
    assert await room.due() == "2026-10-12"
    await room.correct(served, kind="served", on="2026-09-16", method="direct")
    decision = await room.decision()
    assert await room.due() == "2026-10-08"
    old, new = decision.recorded
    assert (str(old.event.on), str(new.event.on), new.replaces) == ("2026-09-26", "2026-09-16", old.id)
    assert (old.ended_by is None, new.ended_by, decision.events) == (False, None, (new.event,))
    told = room.told[-1]
    assert (told.type, told.subject) == ("decision.corrected", decision.id)
    assert told.data["old"] == {"on": "2026-09-26", "method": "direct"}, "evidence may name people"
    assert told.data["new"] == {"on": "2026-09-16", "method": "direct"}
    assert (told.data["due_on_before"], told.data["due_on"]) == ("2026-10-12", "2026-10-08")
    assert decision.before(str(told.data["correction"])).events == (old.event,)
    await refused(ConflictProblem, "event-not-in-force", room.correct(served))
    again = await room.happens("served", "2026-09-16", method="direct")
    assert again == new.id, "the same event again changes nothing"


async def test_what_never_happened_is_voided_and_may_happen_anew(room: Room) -> None:
    served = await room.happens("served", "2026-09-16", method="direct")
    await room.correct(served)
    assert (await room.due(), room.told[-1].data["new"], room.told[-1].data["due_on"]) == (None, None, None)
    await room.happens("served", "2026-09-20", method="post")
    assert await room.due() == "2026-10-08"


async def test_a_revocation_that_never_was_is_voided(room: Room) -> None:
    revoked = await room.happens("revoked", "2026-09-20", reason="另案")
    assert (await room.decision()).revoked
    await room.correct(revoked)
    assert not (await room.decision()).revoked
    await room.happens("served", "2026-09-20", method="post")


async def test_a_corrected_appeal_keeps_its_id_and_an_ended_one_cannot_be_voided(room: Room) -> None:
    appealed = await room.happens("appealed", "2026-10-10", appeal_kind="suit", party="罗小满")
    ended = await room.happens("appeal_ended", "2026-10-12", appeal=appealed)
    await room.correct(appealed, kind="appealed", on="2026-10-09", appeal_kind="reconsideration", party="罗小满")
    (known,) = room.decisions.clocks(await room.decision()).appeals()
    assert (known.id, str(known.since), str(known.until), known.party) == (
        appealed,
        "2026-10-09",
        "2026-10-12",
        "罗小满",
    )
    assert "罗小满" not in str([one.data for one in room.told])
    open_one = (await room.decision()).recorded[-1].id
    await refused(ConflictProblem, "no-open-appeal", room.correct(open_one))
    late = {"kind": "appealed", "on": "2026-10-13", "appeal_kind": "suit"}
    await refused(InvalidProblem, "invalid-value", room.correct(open_one, **late))
    await room.correct(ended)
    await room.correct(open_one)
    assert (await room.decision()).events == ()


async def test_a_name_that_comes_back_masked_stays_what_it_was(room: Room) -> None:
    told = {"appeal_kind": "suit", "party": "罗巧云", "evidence": "身份证11010519491231002X已核"}
    appealed = await room.happens("appealed", "2026-10-09", **told)
    shown = (await room.decision()).events[-1].masked()
    assert (shown.party, "19491231" in (shown.evidence or "")) == ("罗**", False)
    back = shown.model_dump(mode="json", exclude_none=True) | {"on": "2026-10-08"}
    await room.correct(appealed, **back)
    corrected = (await room.decision()).events[-1]
    assert (str(corrected.on), corrected.party, corrected.evidence) == ("2026-10-08", "罗巧云", told["evidence"])
    await room.correct((await room.decision()).recorded[-1].id, **back | {"party": "罗小云"})
    assert (await room.decision()).events[-1].party == "罗小云"


async def test_what_money_or_a_publication_leans_on_needs_a_second_person(room: Room) -> None:
    served = await room.happens("served", "2026-09-26", method="direct")
    room.leans = True
    await room.correct(served, kind="served", on="2026-09-16", method="direct")
    assert (await room.due(), room.told[-1].type) == ("2026-10-12", "decision.correction_proposed")
    await refused(ConflictProblem, "correction-exists", room.correct(served))
    seen = await room.seen()
    await refused(Problem, "operator-needed", room.confirm(served, KEY, seen))
    await room.happens("deferred", "2026-10-10", until="2026-11-10")
    await refused(ConflictProblem, "changed-since-seen", room.confirm(served, CHEN, seen))
    await room.confirm(served, CHEN, await room.seen())
    (made,) = await room.corrections.of(await room.decision())
    assert (made.correction.status, made.correction.confirmed_name) == (CorrectionStatus.APPLIED, "陈立")
    assert (await room.due(), room.told[-1].type) == ("2026-11-10", "decision.corrected")
    assert made.seen is None


async def test_whoever_proposes_does_not_confirm_and_takes_back_what_nobody_has_confirmed(room: Room) -> None:
    served = await room.happens("served", "2026-09-26", method="direct")
    room.leans = True
    await room.correct(served, CHEN)
    await refused(ConflictProblem, "second-person-needed", room.confirm(served, CHEN, await room.seen()))
    await refused(Problem, "operator-needed", room.corrections.withdraw(At("A1", NUMBER, served), "误", by=KEY))
    await room.corrections.withdraw(At("A1", NUMBER, served), "误提", by=CHEN)
    assert room.told[-1].type == "decision.correction_withdrawn"
    await refused(NotFoundProblem, "not-found", room.confirm(served, LIN, "x"))
    assert await room.due() == "2026-10-12"


@pytest.mark.parametrize(
    ("new", "problem", "kind"),
    [
        ({"kind": "served", "on": "2026-09-26", "method": "direct"}, ConflictProblem, "event-unchanged"),
        ({"kind": "served", "on": "2026-10-21", "method": "direct"}, InvalidProblem, "invalid-value"),
        ({"kind": "served", "on": "2026-09-13", "method": "direct"}, InvalidProblem, "invalid-value"),
        ({"kind": "deferred", "on": "2026-09-26", "until": "2026-12-01"}, InvalidProblem, "invalid-value"),
        (
            {"kind": "served", "on": "2026-09-20", "method": "electronic", "shown_by": "sent"},
            InvalidProblem,
            "invalid-value",
        ),
    ],
)
@pytest.mark.cases_by_day(4)
async def test_a_correction_is_held_to_what_recording_is_held_to(
    room: Room, new: dict[str, Any], problem: type[Problem], kind: str
) -> None:
    served = await room.happens("served", "2026-09-26", method="direct")
    await refused(problem, kind, room.correct(served, **new))
    await refused(NotFoundProblem, "not-found", room.correct("dev_unknown"))
    await refused(InvalidProblem, "invalid-value", room.correct(served, Person("c1", "办案系统", operator=False)))
    assert await room.corrections.of(await room.decision()) == []


async def test_electronic_service_rests_on_the_senders_record_only_where_its_row_says_so(room: Room) -> None:
    await room.decisions.put("A1", NUMBER, facts(field_of_law="traffic"), by="test")
    told = {"method": "electronic", "shown_by": "arrival"}
    await refused(InvalidProblem, "invalid-value", room.happens("served", "2026-09-16", **told))
    await room.happens("served", "2026-09-16", **told, evidence="当事人手机截图")
    assert await room.due() == "2026-10-13", "fifteen working days, as traffic has them"


async def test_two_open_appeals_of_one_party_are_taken_with_a_warning(room: Room) -> None:
    await room.happens("appealed", "2026-10-09", appeal="复议12号", appeal_kind="reconsideration")
    assert room.decisions.warnings(await room.decision()) == ()
    await room.happens("appealed", "2026-10-10", appeal="行初3号", appeal_kind="suit")
    (warned,) = room.decisions.warnings(await room.decision())
    assert warned.field == "events"
    assert "复议12号, 行初3号" in str(warned.reason)
    twice = room.happens("appealed", "2026-10-11", appeal="行初3号", appeal_kind="suit")
    await refused(ConflictProblem, "appeal-exists", twice)
