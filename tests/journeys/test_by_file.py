"""A decision on its way to a city's credit platform that takes files: dropped, judged, corrected, withdrawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from disclosure_room import FACTS, NUMBER, ORGAN
from foundation import foundation, wire

from gateway.adapters.credit.folder import CreditFolder
from gateway.foundation.channels import Channel, Channels
from gateway.foundation.delivery import DeliverySettings
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.rooms import Opened
from gateway.foundation.store import Store
from gateway.foundation.wire import FolderWire, WireTerms
from gateway.rooms.decisions import DecisionEvent, DecisionFacts, Decisions, EventKind
from gateway.rooms.disclosures import Disclosure, Disclosures, Organs
from gateway.words.clock import SystemClock, day_of
from simulators.testing import Simulation

START = datetime(2026, 9, 15, 2, 0, tzinfo=UTC)


class Office:
    """An authority that reports by file, and the folder that it shares with the platform."""

    def __init__(self, store: Store, simulators: Simulation, folder: Path) -> None:
        self.simulators, self.share = simulators, folder / "share"
        self.clock = SystemClock(START - datetime.now(UTC))
        simulators.clock(now=START.isoformat())
        simulators.ask("POST", "/credit-folder/settings", {"folder": str(self.share)})
        simulators.ask("POST", "/credit-folder/cycle")
        self.wire = FolderWire(
            "city", self.share.as_uri(), WireTerms(lambda one: self.base.evidence.record(one), clock=self.clock)
        )
        adapter = CreditFolder(CreditFolder.Settings(), self.wire, self.clock)
        # A platform that does not say beforehand what it would refuse: its refusals come in receipts.
        info = replace(adapter.info, capabilities=adapter.info.capabilities - {"examine"})
        channel = Channel("city", adapter, info, info.find, self.wire.base_url, self.wire)  # type: ignore[arg-type]
        self.channels = Channels({"city": channel}, {("A1", "disclosures"): ("city",)})
        patience = Patience(ask_after=0.05, first=0.05, longest=0.2, give_up=30 * 86400)
        delivery = DeliverySettings(grace=0.5, patience=patience)
        self.base = foundation(store, folder, self.clock, self.channels, delivery=delivery)
        self.decisions = Decisions(self.base)
        self.disclosures = Disclosures(self.base, self.decisions)
        hears = dict.fromkeys(("decision.amended", "decision.revoked"), (self.disclosures.following.decision_moved,))
        wire(self.base, Opened(actions=self.disclosures.actions(), hears=hears))
        self.organs = Organs(store)

    async def publish(self, number: str, **changes: Any) -> str:
        facts = DecisionFacts.model_validate(FACTS | changes, strict=False)
        await self.decisions.put("A1", number, facts, by="test")
        return (await self.disclosures.request("A1", number))[0]

    async def when(self, one: str, holds: Callable[[Disclosure], object]) -> Disclosure:
        async with asyncio.timeout(60):
            while not holds(found := await self.disclosures.held(one)):
                self.base.delivery.wake()
                await asyncio.sleep(0.02)
        return found

    def files(self, place: str) -> list[str]:
        """What lies there whole: a file still being written has a hidden name."""
        return sorted(one.stem for one in (self.share / place).iterdir() if not one.name.startswith("."))

    async def dropped(self, number: int = 1) -> None:
        """So many files lie there for the platform."""
        async with asyncio.timeout(60):
            while len(self.files("inbox")) < number:
                await asyncio.sleep(0.02)

    def night(self) -> None:
        """Both clocks a day on: the platform has worked meanwhile."""
        moment = self.clock.now() + timedelta(days=1)
        self.clock.offset = moment - datetime.now(UTC)
        self.simulators.clock(now=moment.isoformat())


@pytest.fixture
async def office(one_store: Store, simulators: Simulation, tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(one_store, simulators, tmp_path)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.base.delivery.start()
    yield made
    await made.base.delivery.stop()
    await made.channels.close()
    await made.base.evidence.close()


async def test_a_decision_goes_by_file_is_shown_corrected_and_withdrawn_and_refused_rows_are_told_by_column(
    office: Office,
) -> None:
    shown, refused = await office.publish(NUMBER), await office.publish("安望市监罚决〔2026〕58号", valid_until=None)
    await office.dropped(2)
    held = await office.disclosures.held(shown)
    assert held.effect_reference in office.files("inbox")
    office.night()
    assert (len(office.files("taken")), office.files("receipts")) == (2, [])
    office.night()  # a receipt comes the night after its file
    one = await office.when(shown, lambda one: one.status == "PUBLISHED")
    other = await office.when(refused, lambda one: one.status == "REJECTED")
    assert (one.effect, other.effect) == (None, None)
    assert [(error.field, error.code) for error in other.field_errors] == [("CF_YXQ", "F01")]

    facts = DecisionFacts.model_validate(FACTS | {"content": "罚款4000元", "fine": "4000.00"}, strict=False)
    await office.decisions.put("A1", NUMBER, facts, by="test")
    await office.disclosures.correct(shown, "处罚内容笔误")
    await office.dropped()
    office.night()
    office.night()
    await office.when(shown, lambda one: one.status == "CORRECTED" and one.effect is None)
    assert "罚款4000元" in (office.share / "published.csv").read_text("utf-8-sig")

    event = DecisionEvent(kind=EventKind.REVOKED, on=day_of(office.clock.now()), reason="事实不清")
    await office.decisions.record_event("A1", NUMBER, event, by="test")
    await office.dropped()
    office.night()
    office.night()
    await office.when(shown, lambda one: one.status == "WITHDRAWN" and one.effect is None)
    assert "公示中" not in (office.share / "published.csv").read_text("utf-8-sig")
    assert office.simulators.effects("credit-folder").keys() == {"submit", "correct", "withdraw"}


async def test_the_platform_keeps_its_hour_by_itself(office: Office) -> None:
    await office.publish(NUMBER)
    await office.dropped()
    office.simulators.clock(now="2026-09-16T01:59:59.500000+08:00")
    async with asyncio.timeout(60):
        while not office.files("taken"):
            await asyncio.sleep(0.05)
    assert office.files("receipts") == []
