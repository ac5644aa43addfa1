"""Credit repair: conditions, two people, the authority's clock, and an end everywhere that was seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from disclosure_room import ACCEPTED, NUMBER, ORGAN, PENDING, Room
from sqlalchemy import Connection, update

from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.rooms.disclosures import Status
from gateway.rooms.disclosures.repairs import Answer, RepairAsk, RepairFilter, Repairs, provisional
from gateway.rooms.disclosures.rules import load
from gateway.rooms.disclosures.states import RepairStatus
from gateway.rooms.disclosures.tables import credit_repair
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, InvalidProblem, Problem

CLERK = Person("cli_case", "办案系统", operator=False, officer="高远 99010200123")
LIN = Person("opr_lin", "林溪", operator=True)
PAPERS = {"corrected": "整改报告1份", "commitment": "信用承诺书1份", "performed": "缴款凭证1份"}
GRANT = Answer(grants=True, number="安信修〔2026〕3号")


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


async def asked(room: Room, **papers: str) -> tuple[Repairs, str]:
    """A decision shown at both targets, its minimum period over, and a request for its repair."""
    await room.decide()
    for one in await room.disclosures.request("A1", NUMBER):
        await room.until(one, Status.PUBLISHED)
    room.clock.advance(timedelta(days=100))
    repairs = room.disclosures.repairs
    ask = RepairAsk(received_on=day_of(room.clock.now()), forwarded_by="信用中国", **papers)
    return repairs, await repairs.receive("A1", NUMBER, ask)


@pytest.mark.both_databases
async def test_what_two_people_grant_ends_everywhere_and_is_done_when_that_was_seen(room: Room) -> None:
    repairs, one = await asked(room, **PAPERS)
    await repairs.answer(one, GRANT, by=CLERK)
    sight = await repairs.view(one)
    assert sight.seen is not None
    room.portal.says = PENDING
    await repairs.confirm(one, sight.seen, by=LIN)
    city, portal = await room.disclosures.of_decision("A1", NUMBER)
    await room.until(city.id, Status.REPAIRED)
    await repairs.sweep()
    assert (await repairs.view(one)).repair.status is RepairStatus.GRANTED, "one target shows it still"
    room.portal.decide(*room.portal.asked[-1], ACCEPTED)
    await room.until(portal.id, Status.REPAIRED)
    await repairs.sweep()
    done = (await repairs.view(one)).repair
    assert (done.status, done.number) == (RepairStatus.DONE, "安信修〔2026〕3号")
    assert all(request.inspections for effect, request in room.city.asked if effect == "repair")  # type: ignore[union-attr]


async def test_nothing_is_granted_while_a_condition_is_open_and_each_is_named(room: Room) -> None:
    repairs, one = await asked(room)
    with pytest.raises(InvalidProblem) as told:
        await repairs.answer(one, GRANT, by=CLERK)
    assert [each["field"] for each in told.value.extra["errors"]] == ["performed", "corrected", "commitment"]
    await repairs.answer(one, Answer(grants=True, number="安信修〔2026〕3号", **PAPERS), by=CLERK)
    assert (await repairs.view(one)).wanting == {}


async def test_the_minimum_period_is_a_condition(room: Room) -> None:
    await room.publish()
    (one,) = await room.disclosures.of_decision("A1", NUMBER)
    await room.until(one.id, Status.PUBLISHED)
    repairs = room.disclosures.repairs
    ask = RepairAsk(received_on=day_of(room.clock.now()), forwarded_by="信用中国", **PAPERS)
    made = await repairs.receive("A1", NUMBER, ask)
    assert list((await repairs.view(made)).wanting) == ["minimum_period"]
    with pytest.raises(ConflictProblem, match="open"):
        await repairs.receive("A1", NUMBER, ask)


async def test_the_clock_does_not_run_from_a_day_to_come(room: Room) -> None:
    await room.publish()
    ask = RepairAsk(received_on=day_of(room.clock.now()) + timedelta(days=1), forwarded_by="信用中国")
    with pytest.raises(InvalidProblem) as told:
        await room.disclosures.repairs.receive("A1", NUMBER, ask)
    assert told.value.field == "received_on"


async def test_whoever_proposes_does_not_confirm_and_what_changed_is_seen_again(room: Room) -> None:
    repairs, one = await asked(room, **PAPERS)
    await repairs.answer(one, GRANT, by=LIN)
    seen = (await repairs.view(one)).seen
    assert seen is not None
    with pytest.raises(Problem):
        await repairs.confirm(one, seen, by=LIN)
    await repairs.answer(one, Answer(grants=False, reason="仍有整改未完成"), by=CLERK)
    other = Person("opr_gao", "高岚", operator=True)
    with pytest.raises(ConflictProblem):
        await repairs.confirm(one, seen, by=other)
    now = (await repairs.view(one)).seen
    assert now is not None
    await repairs.confirm(one, now, by=other)
    refused = (await repairs.view(one)).repair
    assert (refused.status, refused.reason) == (RepairStatus.REFUSED, "仍有整改未完成")
    assert [effect for effect, _ in room.city.asked] == ["submit"]
    assert len(await repairs.find(RepairFilter(authorities=("A1",), status=RepairStatus.REFUSED))) == 1


async def test_the_answer_has_its_working_days_and_an_alarm(room: Room) -> None:
    repairs, one = await asked(room, **PAPERS)
    held = (await repairs.view(one)).repair
    assert held.received_on == date(2026, 12, 24)
    assert held.answer_by_on == date(2027, 1, 8), "ten working days, New Year's Day is free"
    assert await repairs.sweep() == 0
    room.clock.advance(timedelta(days=16))
    assert (await repairs.sweep(), await repairs.sweep()) == (1, 0)
    assert (await repairs.view(one)).repair.late_at is not None


async def test_the_last_day_of_an_answer_is_counted_anew_when_days_off_become_known(room: Room) -> None:
    repairs, one = await asked(room, **PAPERS)
    was = (await repairs.view(one)).repair.answer_by_on

    def recount(since: date | None) -> dict[str, bool]:
        return dict(room.store.write_sync(lambda conn: repairs.recount(conn, since, "", 10)))

    def otherwise(conn: Connection) -> None:
        conn.execute(update(credit_repair).values(answer_by_on=was + timedelta(days=3), answer_by_provisional=False))

    assert recount(was) == {one: False}
    resting = room.store.write_sync(provisional)
    room.store.write_sync(otherwise)
    assert room.store.write_sync(provisional) == resting - 1, "the doctor counts answers too"
    assert recount(was + timedelta(days=4)) == {}, "what ends earlier does not move"
    assert recount(was) == {one: True}
    assert (await repairs.view(one)).repair.answer_by_on == was


@pytest.mark.parametrize(("adapter", "days"), [("credit.gsxt", 7), ("credit.creditchina", 10)])
def test_a_row_that_names_the_target_gives_the_term(adapter: str, days: int) -> None:
    term = load().repair_term("here", adapter, date(2026, 1, 5))
    assert (term.working_days, term.relay_working_days) == (days, 3)
