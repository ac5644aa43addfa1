"""What platforms send beyond their contracts is noted once by element, counted, and told where somebody looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.foundation.access import records as access_records
from gateway.foundation.delivery import event_records
from gateway.foundation.delivery.events import Events
from gateway.foundation.drift import MOST, OTHERS, ContractDrift, records
from gateway.words.clock import ManualClock, to_micros
from gateway.words.errors import UnavailableProblem

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


class Notes:
    """Notes over a store, with two authorities of which the channel serves one."""

    def __init__(self, store: Any) -> None:
        self.store, self.clock = store, ManualClock(NOW)
        self.drift, self.events = ContractDrift(store, self.clock), Events(self.clock)
        self.channels: Any = SimpleNamespace(served=lambda _name, codes: sorted(codes)[:1])

    async def write(self) -> None:
        await self.drift.write(self.events, self.channels)

    async def noted(self) -> list[records.Drifted]:
        return await self.store.read(records.all_of)  # type: ignore[no-any-return]

    async def told(self) -> list[tuple[str, str, dict[str, Any]]]:
        found = await self.store.read(lambda conn: event_records.timeline(conn, "nontax"))
        return [(one.type, one.authority, one.data) for one in found]


@pytest.fixture
async def notes(store, monkeypatch):
    monkeypatch.setattr(access_records, "codes", lambda _conn: frozenset({"anlan", "wangchuan"}))
    return Notes(store)


async def test_an_element_is_told_once_as_an_event_and_counted_from_then_on(notes):
    for _ in range(3):
        notes.drift.note("nontax", "QueryBill", "Bill/TraceId")
    await notes.write()
    notes.clock.advance(timedelta(hours=1))
    notes.drift.note("nontax", "QueryBill", "Bill/TraceId")
    await notes.write()
    again = ContractDrift(notes.store, notes.clock)  # another life of the process
    again.note("nontax", "QueryBill", "Bill/TraceId")
    await again.write(notes.events, notes.channels)
    (one,) = await notes.noted()
    later = to_micros(NOW + timedelta(hours=1))
    assert (one.seen, one.first_seen_at, one.last_seen_at) == (5, to_micros(NOW), later)
    told = {"action": "QueryBill", "element": "Bill/TraceId", "first_seen": "2026-11-20T09:00:00+08:00"}
    assert await notes.told() == [("channel.drifted", "anlan", told)]


async def test_elements_are_told_apart_by_channel_action_and_path(notes):
    for channel, action, path in (("a", "x", "p"), ("a", "x", "q"), ("a", "y", "p"), ("b", "x", "p")):
        notes.drift.note(channel, action, path)
    await notes.write()
    assert len(await notes.noted()) == 4


async def test_a_platform_that_makes_names_up_does_not_fill_the_table(notes):
    for number in range(MOST + 50):
        notes.drift.note("nontax", "QueryBill", f"Bill/{number}{'N' * 300}" if number % 2 else f"Bill/N{number}")
    await notes.write()
    noted = await notes.noted()
    assert len(noted) <= MOST + 1
    assert all(len(one.element) <= 200 for one in noted)
    notes.drift.note("nontax", "QueryBill", "one more")
    await notes.write()
    assert [one.element for one in await notes.noted() if not one.action] in ([], [OTHERS])


async def test_what_cannot_be_written_now_is_written_later(notes, monkeypatch):
    whole = notes.store.write_beside

    async def away(_unit: Any) -> None:
        notes.drift.note("nontax", "QueryBill", "Bill/TraceId")
        raise UnavailableProblem("no database")

    monkeypatch.setattr(notes.store, "write_beside", away)
    notes.drift.note("nontax", "QueryBill", "Bill/TraceId")
    await notes.write()
    monkeypatch.setattr(notes.store, "write_beside", whole)
    await notes.write()
    assert [one.seen for one in await notes.noted()] == [2]


async def test_new_elements_are_written_by_a_task_of_their_own_and_the_rest_at_the_end(notes):
    await notes.drift.start(notes.events, notes.channels)
    notes.drift.note("nontax", "QueryBill", "Bill/TraceId")
    while not await notes.noted():
        pass
    notes.drift.note("nontax", "QueryBill", "Bill/TraceId")
    await notes.drift.stop(notes.events, notes.channels)
    assert [one.seen for one in await notes.noted()] == [2]
