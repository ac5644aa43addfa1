"""What is late is alarmed, counted and named: the gauges, the doctor, the events; and the end where duties are open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from disclosure_room import ACCEPTED, NUMBER, ORGAN, PENDING, Room

from gateway.foundation.store import Store
from gateway.rooms.disclosures import Status, doctor, records
from gateway.rooms.disclosures.comparison import Kind
from gateway.rooms.disclosures.findings import FindingFilter
from gateway.rooms.disclosures.states import FindingStatus
from gateway.words.clock import day_of

PASSED_ON = """
[[term]]
targets = ["city"]
from = 2020-01-01
working_days = 3
further_working_days = 4
citation = "某办法 第二条"
"""
UNPERFORMED = """
[[unperformed]]
when = {{ fields = ["traffic"] }}
from = 2026-04-01
at_maximum = "{}"
citation = "某部门办法 第三条"
"""


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


async def gauges(room: Room) -> dict[tuple[str, str], int]:
    """What ``/metrics`` says of publication, by the gauge's last word and the target."""
    found = await room.store.read(records.figures)
    return {(one.measure.name.removeprefix("gateway_disclosures_"), one.labels[0]): int(one.value) for one in found}


async def failed(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the doctor fails on the day of the room's clock, by target and number."""
    monkeypatch.setattr(doctor, "day_of", lambda _: day_of(room.clock.now()))
    settings: Any = SimpleNamespace(
        channels={name: SimpleNamespace(adapter="credit.creditchina") for name in ("city", "portal")},
        of_room=lambda _, model: model(),
    )
    found = await room.store.read(lambda conn: list(doctor.look(settings, lambda ask: ask(conn))))
    return [one.detail for one in found if one.state == "fail"]


async def on_the_way(room: Room) -> tuple[str, str]:
    """One decision at both targets, neither of which has judged it."""
    room.city.says = room.portal.says = PENDING
    await room.decide()
    city, portal = await room.disclosures.request("A1", NUMBER)
    for one in (city, portal):
        await room.when(one, lambda now: now.status is Status.SUBMITTED)
    return city, portal


async def taken(room: Room, one: str, end: Status) -> None:
    """The city's target takes what it was asked last; minutes pass until that is known here."""
    room.city.decide(*room.city.asked[-1], ACCEPTED)
    await room.when(one, lambda now: now.status is end and now.effect is None, step=60)


# --- the gauges and the doctor ----------------------------------------------------------------------------------------


@pytest.mark.both_databases
async def test_gauges_and_doctor_count_what_is_open_and_what_of_it_is_late(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await gauges(room), await failed(room, monkeypatch)) == ({}, [])
    city, _ = await on_the_way(room)
    in_time = {("open", "city"): 1, ("open", "portal"): 1, ("late", "city"): 0, ("late", "portal"): 0}
    room.clock.set(datetime(2026, 9, 22, 2, 0, tzinfo=UTC))
    await room.disclosures.following.sweep()
    assert (await gauges(room), await failed(room, monkeypatch)) == (in_time, []), "the last day is still in time"
    room.clock.advance(timedelta(days=1))
    (said,) = await failed(room, monkeypatch)
    assert said.startswith("2 disclosures")
    assert "city: 1" in said
    assert "portal: 1" in said
    await room.disclosures.following.sweep()
    assert await gauges(room) == in_time | {("late", "city"): 1, ("late", "portal"): 1}
    await taken(room, city, Status.PUBLISHED)
    assert await gauges(room) == {("open", "portal"): 1, ("late", "portal"): 1}, "what is public is open no more"
    (said,) = await failed(room, monkeypatch)
    assert "city" not in said


async def test_a_withdrawal_that_is_owed_too_long_is_counted_until_it_is_done(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    room.city.says = PENDING
    await room.disclosures.withdraw(one, "撤回")
    await room.when(one, lambda now: now.awaiting == "verdict", step=0)
    assert (await gauges(room), await failed(room, monkeypatch)) == ({("open", "city"): 1, ("late", "city"): 0}, [])
    room.clock.set(datetime(2026, 9, 19, 2, 0, tzinfo=UTC))
    await room.disclosures.following.sweep()
    assert await gauges(room) == {("open", "city"): 1, ("late", "city"): 1}
    assert await failed(room, monkeypatch) != []
    assert (await room.told(one)).count("withdrawal_late") == 1
    await taken(room, one, Status.WITHDRAWN)
    assert (await gauges(room), await failed(room, monkeypatch)) == ({}, [])
    assert (await room.told(one)).count("withdrawal_late") == 1, "it was told of before it came about"


# --- alarms that no sweep of the day before raised --------------------------------------------------------------------


async def test_what_was_not_passed_on_in_time_is_told_of_once_while_it_is_here(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.under(tmp_path, PASSED_ON)
    await room.delivery.stop()
    one = await room.publish()
    held = await room.disclosures.held(one)
    assert (held.pass_on_by_on, held.submit_by_on) == (date(2026, 9, 17), date(2026, 9, 22))
    room.clock.set(datetime(2026, 9, 17, 2, 0, tzinfo=UTC))
    await room.disclosures.following.sweep()
    assert "pass_on_late" not in await room.told(one), "the last day is still in time"
    assert await failed(room, monkeypatch) == []
    room.clock.advance(timedelta(days=1))
    for _ in range(2):
        await room.disclosures.following.sweep()
    assert (await room.told(one)).count("pass_on_late") == 1
    assert "late" not in await room.told(one), "the province that shows it is still in time"
    assert await gauges(room) == {("open", "city"): 1, ("late", "city"): 1}
    assert "city: 1" in (await failed(room, monkeypatch))[0]


@pytest.mark.parametrize(("day", "alarms"), [(18, 0), (19, 1)])
async def test_a_withdrawal_that_comes_about_too_late_is_alarmed_where_no_sweep_ran(
    room: Room, day: int, alarms: int
) -> None:
    one = await room.publish()
    await room.until(one, Status.PUBLISHED)
    room.city.says = PENDING
    await room.disclosures.withdraw(one, "撤回")
    found = await room.when(one, lambda now: now.awaiting == "verdict", step=0)
    assert found.withdraw_by_on == date(2026, 9, 18)
    room.clock.set(datetime(2026, 9, day, 2, 0, tzinfo=UTC))
    await taken(room, one, Status.WITHDRAWN)
    assert (await room.told(one)).count("withdrawal_late") == alarms
    assert (await room.disclosures.held(one)).late == bool(alarms)
    await room.disclosures.following.sweep()
    assert (await room.told(one)).count("withdrawal_late") == alarms, "once"


# --- duties that are not performed at the maximum ---------------------------------------------------------------------


async def at_its_maximum(room: Room, folder: Path, rule: str | None) -> str:
    """A fine that nobody has paid, shown longer than its period and the grace; with this row of the sector, or none."""
    if rule is not None:
        room.under(folder, UNPERFORMED.format(rule))
    await room.decide(field_of_law="traffic")
    (one,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    until = (await room.until(one, Status.PUBLISHED)).publish_until_on
    assert until is not None
    room.clock.advance(timedelta(days=(until - day_of(room.clock.now())).days + 5))
    await room.disclosures.inspection.sweep()
    return one


async def amiss(room: Room, one: str) -> set[Kind]:
    """What is amiss, and open."""
    wanted = FindingFilter(authorities=None, status=FindingStatus.OPEN, disclosure=one)
    return {each.kind for each in await room.findings(wanted)}


@pytest.mark.parametrize("rule", [None, "stays"])
async def test_open_duties_keep_it_where_no_row_lets_it_end(room: Room, tmp_path: Path, rule: str | None) -> None:
    one = await at_its_maximum(room, tmp_path, rule)
    found = await room.when(one, lambda now: now.end_held_at is not None)
    assert (found.status, found.effect) == (Status.PUBLISHED, None)
    assert [effect for effect, _ in room.city.asked] == ["submit"], "nobody is told to take it off"
    assert (await room.told(one)).count("end_held") == 1
    assert await amiss(room, one) == {Kind.UNPERFORMED}
    room.city.page = None  # its target ends it by itself
    room.clock.advance(timedelta(days=1))
    await room.disclosures.inspection.sweep()
    if rule is None:
        await room.until(one, Status.ENDED)
        return
    async with asyncio.timeout(60):
        while await amiss(room, one) != {Kind.UNPERFORMED, Kind.MISSING}:  # the sector wants it shown
            room.clock.advance(timedelta(seconds=1))
            room.delivery.wake()
            await asyncio.sleep(0.02)
    assert (await room.disclosures.held(one)).status is Status.PUBLISHED


async def test_open_duties_let_it_end_where_the_row_of_the_sector_says_so(room: Room, tmp_path: Path) -> None:
    one = await at_its_maximum(room, tmp_path, "ends")
    await room.until(one, Status.ENDED)
    assert [effect for effect, _ in room.city.asked] == ["submit", "withdraw"]
    assert "end_held" not in await room.told(one)
    assert await amiss(room, one) == set()


async def test_a_row_about_another_sector_says_nothing(room: Room, tmp_path: Path) -> None:
    room.under(tmp_path, UNPERFORMED.format("ends"))
    await room.decide(field_of_law="fire")
    decision, organ = await room.decisions.get("A1", NUMBER), ORGAN
    (one,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    held = await room.disclosures.held(one)
    assert room.disclosures._planning.at_maximum(decision, organ, held, date(2027, 9, 20)) is None
