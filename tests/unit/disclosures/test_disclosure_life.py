"""After publication: looks, ends, objections, shielding, and what is amiss as work for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from disclosure_room import ACCEPTED, NUMBER, ORGAN, PENDING, REJECTED, Room
from payment_records import a_payment
from sqlalchemy import Connection, insert

from gateway.foundation.store import Store
from gateway.foundation.store.rows import columns
from gateway.foundation.two_persons import Person
from gateway.ports.credit import DisclosureKey, Shown
from gateway.rooms.decisions import DecisionEvent, EventKind
from gateway.rooms.decisions.facts import AppealKind
from gateway.rooms.disclosures import Disclosure, Status
from gateway.rooms.disclosures.comparison import Kind
from gateway.rooms.disclosures.findings import Finding, FindingFilter
from gateway.rooms.disclosures.planning import Told
from gateway.rooms.disclosures.states import FindingStatus
from gateway.rooms.payments.states import Status as PaymentStatus
from gateway.rooms.payments.tables import payment, payment_line
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, Problem

LIN = Person("opr_lin", "林溪", operator=True)
KEY = Person("cli_case", "办案系统", operator=False, officer="高远 99010200123")


async def opened(store: Store, folder: Path, *capabilities: str) -> Room:
    made = Room(store, folder, *capabilities)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    return made


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = await opened(one_store, tmp_path, "mark")
    yield made
    await made.delivery.stop()
    await made.evidence.close()


@pytest.fixture
async def silent_room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    """Its targets cannot be told of marks."""
    made = await opened(one_store, tmp_path)
    yield made
    await made.delivery.stop()
    await made.evidence.close()


async def shown(room: Room) -> str:
    """A decision that the public sees at the city's target."""
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    return one


async def look(room: Room, one: str, days: int = 0) -> Disclosure:
    """Days later the inspection goes round, and has seen the page of the target."""
    room.clock.advance(timedelta(days=days, seconds=1))
    before = (await room.disclosures.held(one)).looked_at or 0
    await room.disclosures.inspection.look_now(one)
    return await room.when(one, lambda now: (now.looked_at or 0) > before)


async def over(room: Room, one: str, days: int = 1) -> None:
    """The clock goes to so many days after the last day of its period."""
    until = (await room.disclosures.held(one)).publish_until_on
    assert until is not None
    room.clock.advance(timedelta(days=(until - day_of(room.clock.now())).days + days))


async def amiss(room: Room, one: str, status: FindingStatus | None = FindingStatus.OPEN) -> list[Finding]:
    return await room.findings(FindingFilter(authorities=None, status=status, disclosure=one))


async def kinds(room: Room, one: str) -> list[tuple[str, str]]:
    return [(each.place, each.kind.value) for each in await amiss(room, one)]


async def until_amiss(room: Room, one: str, *wanted: tuple[str, str]) -> None:
    """Wait until exactly this is amiss."""
    for _ in range(400):
        if sorted(await kinds(room, one)) == sorted(wanted):
            return
        room.clock.advance(timedelta(seconds=0.1))
        room.delivery.wake()
        await asyncio.sleep(0.02)
    raise AssertionError(f"amiss is {await kinds(room, one)}, not {wanted}")


async def paid(room: Room, fine: int = 500_000) -> None:
    """The fine is paid, as the room of payments knows it."""
    decision = (await room.disclosures.of_decision("A1", NUMBER))[0].decision_id

    def unit(conn: Connection) -> None:
        one = a_payment(decision_id=decision, amount=fine, status=PaymentStatus.PAID, code="9", paid_at=1)
        conn.execute(insert(payment), columns(one))
        line = {"payment_id": one.id, "line": 1, "kind": "fine", "amount": fine, "item_code": "1", "item_name": "罚没"}
        conn.execute(insert(payment_line), line)

    await room.store.write(unit)


# --- the end --------------------------------------------------------------------------------------------------------


async def test_an_end_is_claimed_only_after_nobody_sees_it(room: Room) -> None:
    one = await shown(room)
    await paid(room)
    await over(room, one)
    room.city.page = None  # the target has ended it by itself
    await room.disclosures.inspection.sweep()
    assert (await room.until(one, Status.ENDED)).effect is None
    assert [effect for effect, _ in room.city.asked] == ["submit"]


@pytest.mark.both_databases
async def test_a_target_that_does_not_end_is_told_to(room: Room) -> None:
    one = await shown(room)
    await paid(room)
    await over(room, one)
    await room.disclosures.inspection.sweep()
    found = await room.when(one, lambda now: now.looked_at is not None)
    assert (found.status, found.effect) == (Status.PUBLISHED, None), "it has a day to do so by itself"
    room.clock.advance(timedelta(days=1))
    await room.disclosures.inspection.sweep()
    assert (await room.until(one, Status.ENDED)).effect is None
    assert [effect for effect, _ in room.city.asked] == ["submit", "withdraw"]
    assert (await room.told(one))[-1] == "ended"


async def test_what_is_not_performed_never_ends_in_silence(room: Room) -> None:
    one = await shown(room)
    await over(room, one, 5)
    await room.disclosures.inspection.sweep()
    await until_amiss(room, one, ("city", "unperformed"))
    found = await room.disclosures.held(one)
    assert (found.status, found.end_held_at is not None) == (Status.PUBLISHED, True)
    assert "end_held" in await room.told(one)
    with pytest.raises(Problem, match="operator"):
        await room.disclosures.end(one, "法院裁定终结执行", by=KEY)
    await room.disclosures.end(one, "法院裁定终结执行", by=LIN)
    await room.until(one, Status.ENDED)
    with pytest.raises(ConflictProblem):
        await room.disclosures.end(one, "再来一次", by=LIN)


async def test_money_that_comes_late_lets_it_end(room: Room) -> None:
    one = await shown(room)
    await over(room, one, 5)
    await room.disclosures.inspection.sweep()
    await until_amiss(room, one, ("city", "unperformed"))
    await paid(room)
    room.clock.advance(timedelta(days=1))
    await room.disclosures.inspection.sweep()
    await room.until(one, Status.ENDED)
    assert await kinds(room, one) == []


async def test_an_end_that_does_not_come_is_an_alarm(room: Room) -> None:
    one = await shown(room)
    await paid(room)
    room.city.says = PENDING
    await over(room, one, 4)
    await room.disclosures.inspection.sweep()
    assert (await room.disclosures.held(one)).late
    assert "end_late" in await room.told(one)


# --- what the public sees ---------------------------------------------------------------------------------------------


async def test_every_field_that_is_told_is_compared(room: Room) -> None:
    room.city.telling = {"decided_on": date(2026, 9, 13), "violation": "经营超过保质期的 食品"}
    one = await room.publish()
    await room.when(one, lambda now: now.status is Status.ACCEPTED and now.effect is None)
    (found,) = await amiss(room, one)
    assert (found.kind, found.fields) == (Kind.ALTERED, ("处罚决定日期",))
    assert room.city.page is not None
    room.city.page = room.city.page.model_copy(update={"decided_on": date(2026, 9, 14)})
    room.clock.advance(timedelta(days=1))
    await room.disclosures.inspection.sweep()
    await room.until(one, Status.PUBLISHED)
    assert await kinds(room, one) == []


@pytest.mark.parametrize("kind", ["missing", "altered", "stale"])
async def test_what_is_amiss_is_found_and_mended_when_it_is_sent_again(room: Room, kind: str) -> None:
    one = await shown(room)
    old = room.city.page
    assert old is not None
    if kind == "stale":
        await room.decide(content="罚款4000元", fine="4000.00")
        await room.disclosures.correct(one, "更正")
        await room.until(one, Status.CORRECTED)
    room.city.page = {"missing": None, "altered": old.model_copy(update={"content": "罚款1元"}), "stale": old}[kind]
    await look(room, one, 1)
    await until_amiss(room, one, ("city", kind))
    (found,) = await amiss(room, one)
    await room.disclosures.inspection.settle(found.id, "send_again", "重新报送", by=LIN)
    await until_amiss(room, one)
    (found,) = await amiss(room, one, FindingStatus.MENDED)
    assert found.kind == kind


async def test_a_person_explains_a_difference_once(room: Room) -> None:
    one = await shown(room)
    assert room.city.page is not None
    room.city.page = room.city.page.model_copy(update={"authority_name": "望川区市场监管局"})
    await look(room, one, 1)
    await until_amiss(room, one, ("city", "altered"))
    (found,) = await amiss(room, one)
    settle = room.disclosures.inspection.settle
    with pytest.raises(Problem, match="operator"):
        await settle(found.id, "explained", "机关简称", by=KEY)
    await settle(found.id, "explained", "机关简称", by=LIN)
    with pytest.raises(ConflictProblem):
        await settle(found.id, "explained", "机关简称", by=LIN)
    await look(room, one, 7)
    assert await kinds(room, one) == []


async def test_what_was_withdrawn_and_shows_again_is_taken_off_again(room: Room) -> None:
    one = await shown(room)
    page = room.city.page
    await room.disclosures.withdraw(one, "撤回")
    await room.until(one, Status.WITHDRAWN)
    room.city.page = page  # a late copy of our request arrived, or another hand put it there
    room.clock.advance(timedelta(days=1))
    await room.disclosures.inspection.sweep()
    await room.when(one, lambda _: [effect for effect, _ in room.city.asked].count("withdraw") == 2)
    await room.when(one, lambda now: now.effect is None)
    assert room.city.page is None
    assert await kinds(room, one) == []
    assert [each.kind for each in await amiss(room, one, FindingStatus.MENDED)] == [Kind.STILL_THERE]


@pytest.mark.both_databases
async def test_a_copy_that_still_shows_it_is_named(room: Room) -> None:
    one = await shown(room)
    room.copy.page = room.city.page
    await room.disclosures.withdraw(one, "撤回")
    await room.until(one, Status.WITHDRAWN)
    await room.disclosures.inspection.sweep()
    await until_amiss(room, one, ("copy", "still_there"))
    assert "amiss" in await room.told(one)
    room.copy.page = None
    room.clock.advance(timedelta(days=1))
    await room.disclosures.inspection.sweep()
    await until_amiss(room, one)
    assert room.copy.asked == [], "a copy is read, and never written to"


async def test_the_page_of_a_later_disclosure_is_not_taken_for_the_earlier_one(room: Room) -> None:
    one = await shown(room)
    await room.disclosures.withdraw(one, "撤回")
    await room.until(one, Status.WITHDRAWN)
    (again,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    await room.until(again, Status.PUBLISHED)
    room.clock.advance(timedelta(days=1))
    await room.disclosures.inspection.sweep()
    await room.when(again, lambda now: now.looked_at is not None)
    assert [effect for effect, _ in room.city.asked] == ["submit", "withdraw", "submit"]
    assert await kinds(room, one) == []


async def test_looks_come_round_and_end(room: Room) -> None:
    one = await shown(room)
    sweep = room.disclosures.inspection.sweep
    assert await sweep() == 0, "it was just read back"
    room.clock.advance(timedelta(days=1))
    assert (await sweep(), await sweep()) == (1, 0)
    room.clock.advance(timedelta(days=7))
    assert await sweep() == 1
    await room.disclosures.withdraw(one, "撤回")
    await room.until(one, Status.WITHDRAWN)
    seen = 0
    for _ in range(60):
        room.clock.advance(timedelta(days=1))
        seen += await sweep()
    assert seen == 5, "on the day after, and each week for thirty days"
    assert (await room.disclosures.held(one)).look_on is None


# --- objections, shielding, drafts ------------------------------------------------------------------------------------


async def test_an_objection_is_marked_at_the_target_and_lifted_with_its_answer(room: Room) -> None:
    one = await shown(room)
    await room.disclosures.marks.object(one, "当事人认为违法事实认定有误")
    found = await room.when(one, lambda now: now.objection_marked_at is not None and now.effect is None)
    assert (found.status, room.city.page and room.city.page.objection) == (Status.PUBLISHED, True)
    await room.disclosures.marks.settle(one, "dismissed", "经核查无误")
    await room.when(one, lambda now: now.objection_marked_at is None)
    assert room.city.page is not None
    assert room.city.page.objection is False
    with pytest.raises(ConflictProblem):
        await room.disclosures.marks.settle(one, "dismissed", "经核查无误")


async def test_an_appeal_is_marked_where_the_settings_say_so_until_the_last_one_has_ended(room: Room) -> None:
    one = await shown(room)
    other = (await room.disclosures.request("A1", NUMBER, targets=("portal",)))[0]
    await room.until(other, Status.PUBLISHED)

    async def happened(kind: EventKind, appeal: str) -> None:
        of = AppealKind.SUIT if kind is EventKind.APPEALED else None
        event = DecisionEvent(kind=kind, on=date(2026, 9, 15), appeal=appeal, appeal_kind=of)
        await room.decisions.record_event("A1", NUMBER, event, by="test")

    await happened(EventKind.APPEALED, "suit-1")
    await room.when(one, lambda now: now.appeal_marked_at is not None and now.effect is None)
    assert room.city.page is not None
    assert (room.city.page.state, room.city.page.under_appeal) == ("published", True)
    assert room.portal.page is not None
    assert room.portal.page.under_appeal is None, "no setting says that the portal shows it"
    await happened(EventKind.APPEAL_ENDED, "suit-1")
    await room.when(one, lambda now: now.appeal_marked_at is None and now.effect is None)
    assert room.city.page.under_appeal is False
    assert [effect for effect, _ in room.city.asked] == ["submit", "mark", "mark"]


async def test_an_objection_during_another_effect_is_marked_after_it(room: Room) -> None:
    one = await shown(room)
    await room.decide(content="罚款4000元", fine="4000.00")
    room.city.says = PENDING
    await room.disclosures.correct(one, "更正")
    await room.when(one, lambda now: now.awaiting == "verdict", step=0)
    await room.disclosures.marks.object(one, "异议")
    assert (await room.disclosures.held(one)).effect == "correct"
    room.city.says = ACCEPTED
    room.city.decide(*room.city.asked[-1], ACCEPTED)
    await room.until(one, Status.CORRECTED)
    assert await room.disclosures.inspection.sweep() == 1
    await room.when(one, lambda now: now.objection_marked_at is not None)


async def test_shielding_hides_it_until_it_is_shown_again(room: Room) -> None:
    one = await shown(room)
    await room.disclosures.marks.shield(one, "安澜市中级人民法院裁定批准重整计划")
    await room.until(one, Status.SHIELDED)
    assert room.city.page is not None
    assert room.city.page.state == "shielded"
    await look(room, one, 1)
    assert await kinds(room, one) == [], "what is shielded is not missing"
    await room.disclosures.marks.unshield(one, "重整计划未执行")
    await room.until(one, Status.PUBLISHED)
    assert (await room.told(one))[-3:] == ["shielded", "unshield_requested", "unshielded"]


async def test_what_is_shielded_can_be_withdrawn(room: Room) -> None:
    one = await shown(room)
    await room.disclosures.marks.shield(one, "裁定")
    await room.until(one, Status.SHIELDED)
    await room.revoked(date(2026, 9, 14))
    await room.until(one, Status.WITHDRAWN)


async def test_a_refused_shielding_leaves_it_shown(room: Room) -> None:
    one = await shown(room)
    room.city.says = REJECTED
    await room.disclosures.marks.shield(one, "裁定")
    found = await room.when(one, lambda now: now.effect is None)
    assert found.status is Status.PUBLISHED
    assert (await room.told(one))[-1] == "shielding_refused"


async def test_where_a_target_knows_no_marks_a_person_sets_them_and_the_page_proves_it(silent_room: Room) -> None:
    room = silent_room
    one = await shown(room)
    await room.disclosures.marks.shield(one, "裁定")
    assert await kinds(room, one) == [("city", "by_hand")]
    assert (await room.disclosures.held(one)).status is Status.PUBLISHED
    room.city.page = None  # hidden by hand
    await room.until(one, Status.SHIELDED)
    assert await kinds(room, one) == []
    assert [effect for effect, _ in room.city.asked] == ["submit"]


@pytest.mark.both_databases
async def test_a_draft_leaves_only_after_it_was_released(room: Room) -> None:
    await room.decide()
    first, second = [
        (await room.disclosures.request("A1", NUMBER, targets=[target], told=Told(draft=True)))[0]
        for target in ("city", "portal")
    ]
    assert (await room.disclosures.held(first)).status is Status.DRAFT
    await room.disclosures.withdraw(second, "不再公示")
    assert (await room.disclosures.held(second)).status is Status.WITHDRAWN
    await room.disclosures.release(first)
    await room.until(first, Status.PUBLISHED)
    assert (len(room.city.asked), room.portal.asked) == (1, [])
    with pytest.raises(ConflictProblem):
        await room.disclosures.release(first)


@pytest.mark.parametrize("effect", ["withdraw", "repair"])
async def test_nothing_is_called_gone_while_the_public_sees_it_or_inspections_beside_it(
    room: Room, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    one = await shown(room)
    entry = room.city.page
    assert entry is not None
    repaired = entry.model_copy(update={"state": "repaired", "inspections": True})
    still: list[Shown | None] = [entry, repaired] if effect == "repair" else [entry]
    end = Status.REPAIRED if effect == "repair" else Status.WITHDRAWN
    pages, reads = [*still, None], 0

    async def read_back(_: DisclosureKey) -> Shown | None:
        nonlocal reads
        reads += 1
        return pages[0]

    monkeypatch.setattr(room.city, "read_back", read_back)
    if effect == "repair":
        room.clock.advance(timedelta(days=100))
        await room.disclosures.repair(one, "安信修〔2026〕3号", performed="缴款凭证")
    else:
        await room.disclosures.withdraw(one, "事实不清")
    for _ in still:
        twice = reads + 2
        found = await room.when(one, lambda now, twice=twice: reads >= twice or now.status is end)  # type: ignore[misc]
        assert (found.status, found.awaiting) == (Status.PUBLISHED, "page")
        pages.pop(0)
    await room.until(one, end)
