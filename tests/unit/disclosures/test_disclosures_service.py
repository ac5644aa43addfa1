"""The disclosures room on a real store: what becomes of each answer. The targets are scripts held in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from disclosure_room import ACCEPTED, FACTS, NOW, NUMBER, ORGAN, PENDING, REJECTED, Room
from sqlalchemy import Connection, select, update

from gateway.foundation.delivery import operation_records
from gateway.foundation.delivery.operation_records import Wanted
from gateway.foundation.delivery.tables import event, operation
from gateway.foundation.store import Store
from gateway.ports.credit import FieldError, Submission, VerdictNotice
from gateway.rooms.decisions import DecisionEvent, EventKind
from gateway.rooms.disclosures import DisclosureFilter, Organ, Status, records
from gateway.rooms.disclosures.judging import Wanting
from gateway.rooms.disclosures.options import DisclosureOptions
from gateway.rooms.disclosures.planning import Relied, Told
from gateway.rooms.disclosures.questions import EffectRequest
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import (
    ConflictProblem,
    InvalidProblem,
    NotFoundProblem,
    NotSentError,
    OutcomeUnknownError,
    Problem,
    RejectedError,
)

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path, "mark")
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


async def refused(problem: type[Problem], kind: str, doing: Any) -> None:
    with pytest.raises(problem) as told:
        await doing
    assert told.value.type == kind


async def test_accepted_is_not_published_before_the_page_shows_it(room: Room) -> None:
    room.city.hides = True
    one = await room.publish()
    found = await room.when(one, lambda now: now.awaiting == "page")
    assert (found.status, found.effect, found.receipt) == (Status.ACCEPTED, "submit", "R1")
    room.city.hides = False
    found = await room.until(one, Status.PUBLISHED)
    assert (found.url, found.published_on, found.awaiting) == ("http://p", date(2026, 9, 15), None)
    assert await room.told(one) == ["planned", "accepted", "published"]
    sent = room.disclosures.record_of(found)
    assert sent is not None
    assert (sent.authority_name, sent.fine) == (ORGAN.name, 500_000)


async def test_another_content_on_the_page_is_told_and_never_called_published(room: Room) -> None:
    room.city.content = "罚款1元"
    one = await room.publish()
    found = await room.when(one, lambda now: now.status is Status.ACCEPTED and now.effect is None)
    assert found.reason
    assert await room.told(one) == ["planned", "accepted", "differs", "amiss"]


async def test_a_hint_makes_us_ask_for_the_verdict_now(room: Room) -> None:
    room.city.says = PENDING
    one = await room.publish()
    found = await room.when(one, lambda now: now.awaiting == "verdict", step=0)
    assert found.status is Status.SUBMITTED
    effect, request = room.city.asked[0]
    room.city.decide(effect, request, ACCEPTED)
    assert found.effect_reference is not None
    for reference in ("unknown", found.effect_reference):
        notice = VerdictNotice(reference=reference)
        await room.store.write(
            lambda conn, said=notice: room.disclosures.following.take_notice(conn, "city", said, "exc")
        )
    # the clock stands still, so that by itself the verdict would never be due
    found = await room.when(one, lambda now: now.status is not Status.SUBMITTED, step=0)
    assert found.status in (Status.ACCEPTED, Status.PUBLISHED)


async def test_refused_fields_are_kept_and_a_better_version_is_a_new_disclosure(room: Room) -> None:
    room.city.says, room.city.errors = REJECTED, (FieldError(field="CF_NR", code="F01", message="过短"),)
    one = await room.publish()
    found = await room.until(one, Status.REJECTED)
    assert (found.field_errors, found.reason) == (room.city.errors, "CF_NR 过短")
    room.city.says, room.city.errors = ACCEPTED, ()
    await room.decide(content="罚款人民币5000元")
    (again,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    assert again != one
    assert (await room.until(again, Status.PUBLISHED)).decision_version == 2


async def test_a_business_no_at_once_ends_it_with_the_targets_words(room: Room) -> None:
    room.city.says = RejectedError("重复报送", "E9")
    found = await room.until(await room.publish(), Status.REJECTED)
    assert found.field_errors == (FieldError(field="", code="E9", message="重复报送"),)


async def test_doubt_has_a_date_and_ends_with_what_the_target_knows(room: Room) -> None:
    room.city.says = OutcomeUnknownError("read timeout")
    one = await room.publish()
    found = await room.when(one, lambda now: now.in_doubt_since_at is not None, step=0)
    assert (found.status, found.doubt_reason) == (Status.PLANNED, "read timeout")
    room.city.decide(*room.city.asked[0], ACCEPTED)
    found = await room.until(one, Status.PUBLISHED)
    assert (found.in_doubt_since_at, found.doubt_reason) == (None, None)
    assert len(room.city.asked) == 1
    assert "in_doubt" in await room.told(one)


async def test_what_never_happened_is_not_sent_again_once_it_is_withdrawn(room: Room) -> None:
    room.city.says = OutcomeUnknownError("read timeout")
    one = await room.publish()
    await room.when(one, lambda now: now.in_doubt_since_at is not None, step=0)
    await room.disclosures.withdraw(one, "撤回")
    found = await room.until(one, Status.WITHDRAWN)
    assert (found.withdraw_reason, len(room.city.asked), found.doubt_reason) == ("撤回", 1, None)


async def test_a_report_that_did_not_leave_while_it_was_called_off_is_never_sent_again(room: Room) -> None:
    """The target is down, and the decision is revoked while a try is under way: the next try must not publish it."""
    under_way, fails = asyncio.Event(), asyncio.Event()

    async def down(request: EffectRequest) -> Submission:
        under_way.set()
        await fails.wait()
        raise NotSentError("connection refused")

    submit, room.city.submit = room.city.submit, down  # type: ignore[method-assign]
    one = await room.publish()
    async with asyncio.timeout(60):
        await under_way.wait()
    await room.disclosures.withdraw(one, "撤回")
    assert (await room.disclosures.held(one)).awaiting == "answer", "its outcome is waited for"
    room.city.submit = submit  # type: ignore[method-assign]
    fails.set()
    found = await room.until(one, Status.WITHDRAWN)
    room.clock.advance(timedelta(days=2))
    room.delivery.wake()
    assert (room.city.asked, room.city.page, found.effect) == ([], None, None)


async def test_what_people_have_sent_again_never_goes_once_a_withdrawal_is_owed(room: Room) -> None:
    """People found out that a report in doubt never arrived; its late retry must not publish what is withdrawn."""
    room.city.says = OutcomeUnknownError("read timeout")

    async def silent(reference: str) -> None:
        raise OutcomeUnknownError(reference)

    room.city.find = silent  # type: ignore[method-assign]
    one = await room.publish()
    await room.when(one, lambda now: now.in_doubt_since_at is not None, step=0)
    await room.disclosures.withdraw(one, "撤回")
    assert (await room.disclosures.held(one)).awaiting == "answer", "its outcome is waited for"
    ask = room.city.asked[0][1].model_copy(update={"reference": "R2"})

    def again(conn: Connection) -> None:
        about = {"action": "credit.submit", "channel": "city", "authority": "A1", "subject": one, "request": ask}
        new = room.delivery.enqueue(conn, **about, not_before=to_micros(NOW + timedelta(days=1)))
        room.disclosures.following.renewed(conn, new, ask, new)

    room.store.write_sync(again)
    assert (await room.disclosures.held(one)).status is Status.WITHDRAWN
    room.clock.advance(timedelta(days=2))
    room.delivery.wake()
    assert [request.reference for _, request in room.city.asked if request.reference == "R2"] == []


async def test_a_correction_replaces_the_record_only_when_the_page_shows_it(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    await refused(ConflictProblem, "nothing-to-correct", room.disclosures.correct(one, "更正"))
    await room.decide(content="罚款4000元", fine="4000.00")
    await refused(ConflictProblem, "disclosure-outdated", room.disclosures.request("A1", NUMBER, targets=["city"]))
    room.city.hides = True
    await room.disclosures.correct(one, "更正")
    found = await room.when(one, lambda now: now.awaiting == "page")
    assert (found.status, found.decision_version, found.pending_version) == (Status.PUBLISHED, 1, 2)
    await refused(ConflictProblem, "disclosure-busy", room.disclosures.repair(one, "修1号"))
    room.city.hides = False
    found = await room.until(one, Status.CORRECTED)
    assert (found.decision_version, found.pending_sealed, found.pending_version) == (2, None, None)
    sent = room.disclosures.record_of(found)
    assert sent is not None
    assert sent.fine == 400_000


async def test_facts_that_no_target_is_told_make_nothing_outdated(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    await room.decide(officers=[{"name": "高远", "number": "99010200123"}])
    assert await room.disclosures.request("A1", NUMBER, targets=["city"]) == (one,)
    sent = room.disclosures.record_of(await room.disclosures.held(one))
    assert sent is not None
    assert "高远" not in sent.model_dump_json()


async def test_a_refused_correction_leaves_what_is_shown_as_it_is(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    await room.decide(content="罚款4000元", fine="4000.00")
    room.city.says = REJECTED
    await room.disclosures.correct(one, "更正")
    found = await room.when(one, lambda now: now.effect is None)
    assert (found.status, found.decision_version, found.pending_sealed) == (Status.PUBLISHED, 1, None)
    assert (await room.told(one))[-2:] == ["correction_requested", "correction_refused"]


async def test_a_revoked_decision_is_withdrawn_everywhere_with_its_reason(room: Room) -> None:
    await room.decide()
    ids = await room.disclosures.request("A1", NUMBER)
    for one in ids:
        await room.until(one, Status.PUBLISHED)
    event = DecisionEvent(kind=EventKind.REVOKED, on=day_of(NOW), reason="事实不清")
    await room.decisions.record_event("A1", NUMBER, event, by="test")
    for one in ids:
        found = await room.until(one, Status.WITHDRAWN)
        assert (found.withdraw_by_on, found.reason) == (date(2026, 9, 18), "该行政处罚决定已被撤销：事实不清")
    await refused(ConflictProblem, "decision-revoked", room.disclosures.request("A1", NUMBER))
    await room.disclosures.withdraw(ids[0], "again")  # changes nothing
    assert [effect for effect, _ in room.city.asked] == ["submit", "withdraw"]


async def test_a_withdrawal_that_has_not_left_follows_the_corrected_day_and_words(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    await room.delivery.stop()
    event = await room.revoked(date(2026, 9, 14))
    first = await room.disclosures.held(one)
    assert (first.withdraw_by_on, first.effect) == (date(2026, 9, 17), "withdraw")
    await room.put_right(event, date(2026, 9, 15), "程序违法")
    found = await room.disclosures.held(one)
    assert (found.withdraw_by_on, found.withdraw_reason_on) == (date(2026, 9, 18), date(2026, 9, 15))
    assert found.withdraw_reason == "该行政处罚决定已被撤销：程序违法"
    assert (await room.told(one))[-1] == "deadline"
    assert found.effect == "withdraw", "the first is stopped, another waits in its place"
    assert found.effect_operation != first.effect_operation


async def test_a_withdrawal_for_what_never_was_is_dropped_before_it_leaves(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    await room.delivery.stop()
    event = await room.revoked(date(2026, 9, 14))
    await room.put_right(event, None)
    found = await room.disclosures.held(one)
    assert (found.withdraw_by_on, found.withdraw_reason, found.effect) == (None, None, None)
    assert (await room.told(one))[-1] == "withdrawal_dropped"
    assert (found.status, found.withdraw_wanted_at) == (Status.PUBLISHED, None)
    assert [effect for effect, _ in room.city.asked] == ["submit"]


async def test_a_withdrawal_that_has_left_is_not_called_back(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    room.city.says = PENDING
    event = await room.revoked(date(2026, 9, 14))
    left = await room.when(one, lambda now: now.effect == "withdraw" and now.awaiting == "verdict")
    await room.put_right(event, None)
    found = await room.disclosures.held(one)
    assert (found.effect, found.withdraw_reason) == ("withdraw", left.withdraw_reason)
    room.city.decide(*room.city.asked[-1], ACCEPTED)
    await room.until(one, Status.WITHDRAWN)
    (again,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    assert again != one, "a decision that was never revoked is published anew"


async def test_a_repair_waits_for_the_minimum_period(room: Room) -> None:
    one = await room.publish()
    found = await room.until(one, Status.PUBLISHED)
    await refused(InvalidProblem, "minimum-period", room.disclosures.repair(one, "修1号"))
    assert found.repair_from_on is not None
    room.clock.advance(timedelta(days=(found.repair_from_on - day_of(NOW)).days))
    await refused(InvalidProblem, "repair-conditions", room.disclosures.repair(one, "修1号"))
    await room.disclosures.repair(one, "修1号", performed="缴款凭证1份")
    assert (await room.until(one, Status.REPAIRED)).repair_number == "修1号"


async def test_the_sweep_raises_each_alarm_once(room: Room) -> None:
    room.city.says = PENDING
    late = await room.publish("city")
    await room.when(late, lambda now: now.status is Status.SUBMITTED)
    assert await room.disclosures.following.sweep() == 0
    room.clock.advance(timedelta(days=14))
    assert (await room.disclosures.following.sweep(), await room.disclosures.following.sweep()) == (1, 0)
    assert (await room.told(late))[-1] == "late"


async def test_a_last_day_is_told_of_once_for_each_number_of_working_days_before(room: Room) -> None:
    room.city.says = PENDING
    one = await room.publish("city")
    last = (await room.when(one, lambda now: now.status is Status.SUBMITTED)).submit_by_on
    assert last == date(2026, 9, 22)
    said = []
    while day_of(room.clock.now()) <= last:
        for _ in range(2):
            for _ in range(await room.disclosures.following.sweep()):
                _, timeline = await room.disclosures.view(one)
                said.append((day_of(room.clock.now()).day, timeline[-1].type, timeline[-1].data.get("working_days")))
        room.clock.advance(timedelta(days=1))
    assert said == [(18, "disclosure.due_soon", 3), (21, "disclosure.due_soon", 1)]
    assert await room.disclosures.following.sweep() == 1
    _, timeline = await room.disclosures.view(one)
    assert [event.type for event in timeline[-3:]] == ["disclosure.due_soon", "disclosure.due_soon", "disclosure.late"]
    assert timeline[-2].data == {
        "decision_number": NUMBER,
        "target": "city",
        "due": "publication",
        "last_day": "2026-09-22",
        "working_days": 1,
    }


async def test_a_withdrawal_that_is_owed_is_told_of_before_its_last_day(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    room.city.says = PENDING
    await room.disclosures.withdraw(one, "撤回")
    found = await room.when(one, lambda now: now.awaiting == "verdict", step=0)
    assert (found.withdraw_by_on, await room.disclosures.following.sweep()) == (date(2026, 9, 18), 1)
    room.clock.advance(timedelta(days=2))
    assert (await room.disclosures.following.sweep(), await room.disclosures.following.sweep()) == (1, 0)
    _, timeline = await room.disclosures.view(one)
    told = [event.data for event in timeline if event.type == "disclosure.due_soon"]
    assert [(data["due"], data["last_day"], data["working_days"]) for data in told] == [
        ("withdrawal", "2026-09-18", 3),
        ("withdrawal", "2026-09-18", 1),
    ]


async def test_what_is_public_in_time_is_never_told_of(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    room.clock.advance(timedelta(days=6))
    assert await room.disclosures.following.sweep() == 0


@pytest.mark.both_databases
async def test_more_than_one_pass_is_told_of_in_one_sweep(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.rooms.disclosures.sweeps.SWEPT_AT_ONCE", 1)
    room.city.says = room.portal.says = PENDING
    await room.decide()
    ids = await room.disclosures.request("A1", NUMBER)
    for one in ids:
        await room.when(one, lambda now: now.status is Status.SUBMITTED)
    room.clock.advance(timedelta(days=6))
    assert (await room.disclosures.following.sweep(), await room.disclosures.following.sweep()) == (2, 0)


@pytest.mark.both_databases
async def test_lists_show_what_was_asked_for_and_nothing_of_others(room: Room) -> None:
    room.portal.says = REJECTED
    one = await room.publish()
    other = await room.publish("portal")
    published = await room.until(one, Status.PUBLISHED)
    rejected = await room.until(other, Status.REJECTED)
    cases = {
        (other, one): DisclosureFilter(authorities=("A1",)),
        (one,): DisclosureFilter(authorities=("A1",), status=Status.PUBLISHED),
        (other,): DisclosureFilter(authorities=None, target="portal"),
        (): DisclosureFilter(authorities=("A2",)),
    }
    for expected, wanted in cases.items():
        assert tuple(found.id for found in await room.disclosures.find(wanted)) == expected
    assert await room.disclosures.find(DisclosureFilter(authorities=("A1",), before=other)) == [published]
    assert await room.disclosures.find(DisclosureFilter(authorities=("A1",), late=True)) == []
    assert await room.disclosures.of_decision("A1", NUMBER) == [published, rejected]


async def test_what_cannot_be_asked_for(room: Room) -> None:
    with pytest.raises(NotFoundProblem):
        await room.disclosures.request("A1", NUMBER)
    await room.decide()
    await refused(InvalidProblem, "invalid-value", room.disclosures.request("A1", NUMBER, targets=["elsewhere"]))
    for doing in (room.disclosures.view, room.disclosures.held):
        with pytest.raises(NotFoundProblem):
            await doing("dsc_unknown")
    bad = Organ("局", "1", "局", "1")
    await refused(InvalidProblem, "invalid-value", room.organs.set("A1", bad, date(2026, 1, 1)))


async def test_what_one_target_would_refuse_leaves_for_none(room: Room) -> None:
    party = {**FACTS["party"], "legal_representative": None}
    await room.decide(party=party, penalty_kinds=["罚款", "改" * 65])
    with pytest.raises(InvalidProblem) as told:
        await room.disclosures.request("A1", NUMBER)
    assert (told.value.type, told.value.field) == ("disclosure-incomplete", "party.legal_representative")
    wanting = [("city", "party.legal_representative"), ("city", "penalty_kinds"), ("portal", "penalty_kinds")]
    assert [(one["target"], one["field"]) for one in told.value.extra["errors"]] == wanting
    looked = await room.disclosures.examine("A1", NUMBER)
    assert [(one.target, [*one.found.fields]) for one in looked if isinstance(one.found, Wanting)] == [
        ("city", ["party.legal_representative", "penalty_kinds"]),
        ("portal", ["penalty_kinds"]),
    ]
    assert await room.disclosures.of_decision("A1", NUMBER) == []
    assert room.portal.known == room.city.known == {}


async def test_a_party_that_has_no_unified_code_is_not_publishable_where_one_is_needed(room: Room) -> None:
    party = {"kind": "organisation", "name": "业主委员会", "no_uscc_reason": "未登记", "legal_representative": "齐远山"}
    await room.decide(party=party)
    (one,) = await room.disclosures.request("A1", NUMBER, targets=("city",))
    found = await room.disclosures.held(one)
    assert found.status is Status.NOT_PUBLISHABLE
    assert found.reason is not None
    assert "party.uscc" in found.reason


async def test_a_minor_by_the_number_is_not_publishable(room: Room) -> None:
    party = {"kind": "natural_person", "name": "罗小满", "id_type": "身份证", "id_number": "99010220101231003X"}
    await room.decide(party=party)
    for one in await room.disclosures.request("A1", NUMBER):
        assert (await room.disclosures.held(one)).status is Status.NOT_PUBLISHABLE


async def test_a_correction_that_a_target_would_refuse_does_not_leave(room: Room) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    await room.decide(fine=None)
    await refused(InvalidProblem, "disclosure-incomplete", room.disclosures.correct(one, "更正"))


# --- judged again: a rule begins, facts are amended -------------------------------------------------------------------

BAN = """
[[exclusion]]
when = { fields = ["food"] }
from = 2026-09-20
reason = "自该日起不予公开"
citation = "某法 第一条"
"""
FOOD = {"field_of_law": "food"}


async def days_told(room: Room, one: str) -> list[dict[str, Any]]:
    query = select(event.c.data).where(event.c.subject == one, event.c.type == "disclosure.deadline")
    return [dict(data) for data in await room.store.read(lambda conn: conn.execute(query).scalars().all())]


async def test_a_ban_that_begins_later_reaches_what_is_shown(room: Room, tmp_path: Path) -> None:
    room.under(tmp_path, BAN)
    await room.decide(**FOOD)
    (one,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    await room.until(one, Status.PUBLISHED)
    await room.disclosures.following.sweep()
    assert (await room.disclosures.held(one)).withdraw_wanted_at is None, "the ban has not begun"
    room.clock.advance(timedelta(days=6))
    await room.disclosures.following.sweep()
    held = await room.disclosures.held(one)
    assert held.withdraw_reason_on == date(2026, 9, 20), "counted from the day on which it began, not of the sweep"
    assert held.withdraw_by_on == date(2026, 9, 23)
    assert held.withdraw_reason == "依法不予公开", "the public does not read why"
    assert (await room.until(one, Status.WITHDRAWN)).status is Status.WITHDRAWN
    assert await room.disclosures.following.sweep() == 0


async def test_other_rules_are_looked_at_once(room: Room, tmp_path: Path) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    assert await room.disclosures.following.sweep() == 0
    longer = '[[longest]]\nfrom = 2020-01-01\nmonths = 6\ncounts_from = "decision"\ncitation = "某条例"\n'
    room.under(tmp_path, longer)
    assert await room.disclosures.following.sweep() == 1
    held = await room.disclosures.held(one)
    assert held.publish_until_on == date(2027, 3, 14)
    assert "某条例" in held.citation
    (told,) = await days_told(room, one)
    assert told["publish_until_on_before"] == "2027-09-14"
    assert await room.disclosures.following.sweep() == 0


async def test_a_corrected_day_of_decision_moves_every_day_that_hangs_on_it(room: Room) -> None:
    room.city.hides = True
    one = await room.publish()
    await room.decide(decided_on="2026-09-10")
    held = await room.disclosures.held(one)
    assert (held.submit_by_on, held.publish_until_on) == (date(2026, 9, 20), date(2027, 9, 10))
    assert held.repair_from_on == date(2026, 12, 10)
    moved = await days_told(room, one)
    assert {name for data in moved for name in data if name.endswith("_before")} == {
        "submit_by_on_before",
        "publish_until_on_before",
    }
    query = select(operation.c.wanted_by_on).where(operation.c.subject == one, operation.c.state == "queued")
    waiting = await room.store.read(lambda conn: conn.execute(query).scalars().all())
    assert set(waiting) <= {date(2026, 9, 20)}, "what waits to be sent goes by the new day"


async def test_what_one_target_refuses_is_entered_at_none_and_all_is_named(room: Room) -> None:
    party = {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"}
    await room.decide(party=party, fine=None, seriousness=None, seriousness_standard=None, seriousness_standard_on=None)
    with pytest.raises(InvalidProblem) as told:
        await room.disclosures.request("A1", NUMBER)
    faults = told.value.extra["errors"]
    wanted = {("city", "party.legal_representative"), ("city", "fine"), ("city", "seriousness")}
    assert {(one["target"], one["field"]) for one in faults} >= {*wanted, ("portal", "seriousness")}
    assert all(one["rule"] for one in faults)
    assert await room.disclosures.of_decision("A1", NUMBER) == []


async def test_the_basis_is_told_with_the_request_or_stands_in_a_row(room: Room) -> None:
    await room.decide()
    told = Told(bases={"city": Relied("social_impact", "行政处罚法 第四十八条")})
    for one in await room.disclosures.request("A1", NUMBER, told=told):
        held = await room.disclosures.held(one)
        ground = "social_impact" if held.target == "city" else "local_rule"
        assert held.basis_ground == ground
        assert held.basis_citation


async def test_a_basis_that_is_still_to_be_confirmed_is_none_where_the_office_says_so(room: Room) -> None:
    await room.decide()
    room.disclosures._planning._reading = DisclosureOptions(confirmed_basis_only=True).reading
    with pytest.raises(InvalidProblem) as told:
        await room.disclosures.request("A1", NUMBER)
    assert {(one["target"], one["field"]) for one in told.value.extra["errors"]} == {
        ("city", "bases"),
        ("portal", "bases"),
    }
    relied = Told(bases={"": Relied("local_rule", "安澜市行政执法公示办法 第三条")})
    for one in await room.disclosures.request("A1", NUMBER, told=relied):
        assert (await room.disclosures.held(one)).basis_citation == "安澜市行政执法公示办法 第三条"


# --- what is owed -----------------------------------------------------------------------------------------------------


async def test_what_cannot_be_kept_is_told_before_it_is_missed(room: Room) -> None:
    room.city.hides = True
    await room.delivery.stop()
    one = await room.publish()
    room.disclosures.outlooks._a_day["city"] = 1
    other = await room.store.write(lambda conn: _copies(conn, one, 9))
    assert await room.disclosures.following.sweep() > 0
    query = select(event.c.subject, event.c.data).where(event.c.type == "disclosure.foreseen_late")
    told = await room.store.read(lambda conn: conn.execute(query).all())
    assert told, "ten records at one a day do not leave within seven working days"
    assert {subject for subject, _ in told} <= {one, *other}
    assert all(data["last_day"] == "2026-09-22" < data["leaves_on"] for _, data in told)
    count = len(told)
    await room.disclosures.following.sweep()
    assert len(await room.store.read(lambda conn: conn.execute(query).all())) == count, "each is told once"
    (found,) = await room.disclosures.outlooks.of(["A1"])
    assert (len(found.foreseen), len(found.lost)) == (10, count)
    assert await room.disclosures.outlooks.of(["B2"]) != [found]


def _copies(conn: Any, disclosure_id: str, number: int) -> list[str]:
    """More of the same, under decisions of their own."""
    from gateway.rooms.decisions.tables import decision
    from gateway.rooms.disclosures.tables import disclosure

    first = records.fetch(conn, disclosure_id)
    assert first is not None
    row = dict(conn.execute(select(disclosure).where(disclosure.c.id == disclosure_id)).mappings().one())
    parent = dict(conn.execute(select(decision).where(decision.c.id == first.decision_id)).mappings().one())
    made = []
    for each in range(number):
        new = {"id": f"dec_copy{each}", "number": f"{each}号", "number_key": f"copy{each}"}
        conn.execute(decision.insert(), parent | new)
        copy = {"id": f"dsc_copy{each}", "decision_id": f"dec_copy{each}", "effect_reference": f"R{each}"}
        conn.execute(disclosure.insert(), row | copy)
        made.append(f"dsc_copy{each}")
    return made


@pytest.mark.both_databases
async def test_under_a_quota_what_is_due_first_is_claimed_first(room: Room) -> None:
    await room.delivery.stop()
    first = await room.publish()
    made = update(operation).where(operation.c.subject == first).values(wanted_by_on=date(2026, 9, 25))
    await room.store.write(lambda conn: conn.execute(made).rowcount)
    room.clock.advance(timedelta(seconds=1))
    await room.decisions.put("A1", "急件", (await room.decisions.get("A1", NUMBER)).facts, by="test")
    (urgent,) = await room.disclosures.request("A1", "急件", targets=["city"])
    room.clock.advance(timedelta(seconds=1))
    wanted = Wanted("city", tuple(room.delivery.node.actions), to_micros(room.clock.now()), 1, None, True)
    claimed = await room.store.write(lambda conn: operation_records.claim_due(conn, wanted, node="n", lease=1))
    assert [record.subject for record, _ in claimed] == [urgent], "asked for later, due earlier"
    assert room.delivery.node.by_deadline("credit")
    assert not room.delivery.node.by_deadline("nontax")
