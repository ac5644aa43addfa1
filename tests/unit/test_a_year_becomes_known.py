"""Dates that rest on days off nobody has published yet are marked, moved when these become known, and told of."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from foundation import foundation, wire
from sqlalchemy import select, update

from gateway.cli.calendar import provisional_dates
from gateway.foundation.channels import Channel
from gateway.foundation.delivery.tables import event
from gateway.foundation.reckoning import Reckoning
from gateway.foundation.rooms import Services
from gateway.foundation.store import Store
from gateway.ports.base import AdapterInfo
from gateway.rooms.cash import assembly as cash_room
from gateway.rooms.cash.service import Cash, CashInput, RemittanceInput
from gateway.rooms.decisions import DecisionEvent, DecisionFacts, Decisions
from gateway.rooms.decisions import assembly as decisions_room
from gateway.rooms.disclosures import Disclosures, Organ, Organs
from gateway.rooms.disclosures import assembly as disclosures_room
from gateway.rooms.disclosures.tables import disclosure
from gateway.rooms.payments import IncomeItem, LineKind, Payments, Unit
from gateway.rooms.payments import assembly as payments_room
from gateway.rooms.payments.bill import PaymentRequest
from gateway.settings import CalendarSettings, RegionSettings
from gateway.words.calendar import statutory_days
from gateway.words.clock import ManualClock
from gateway.words.errors import SettingsError

TODAY = date(2027, 1, 29)
LIEU = [date(2027, 2, 9), date(2027, 2, 10)]
WORKED = [date(2027, 1, 31), date(2027, 2, 13)]
ORGAN = Organ("望川区市场监督管理局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")


def notice(*off: date, worked: list[date] = WORKED) -> str:
    days = {"holidays": sorted({str(day) for day in (*statutory_days(2027), *off)}), "workdays": list(map(str, worked))}
    return json.dumps({"2027": days})


class House:
    """Decisions, payments, cash and disclosures over one store; nothing that is enqueued is sent."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.file = store, folder / "days.json"
        self.file.write_text("{}", encoding="utf-8")
        nontax = AdapterInfo("nontax", "nontax.script", "v1", frozenset({"issue"}))
        credit = AdapterInfo("credit", "credit.creditchina", "v1", frozenset({"submit"}))
        channels: Any = {
            name: Channel(name, None, info, info.find, "http://x", None)  # type: ignore[arg-type]
            for name, info in (("payments", nontax), ("disclosures", credit))
        }
        found = SimpleNamespace(
            get=channels.get, all=lambda: [*channels.values()], route=lambda _, what: (channels[what],)
        )
        clock = ManualClock(datetime(2027, 1, 29, 2, tzinfo=UTC))
        plain = foundation(store, folder, clock, found)  # type: ignore[arg-type]
        self.reckoning = Reckoning(store, files=CalendarSettings(overrides=self.file))
        self.base = replace(plain, reckoning=self.reckoning)
        self.services = Services()
        for room in (decisions_room, payments_room, cash_room, disclosures_room):
            opened = room.open_room(self.base, self.services)
            for service in opened.services:
                self.services.add(service)
            wire(self.base, opened)

    async def decide(self, number: str, **facts: Any) -> None:
        told = {
            "procedure": "simple",
            "party": {
                "kind": "organisation",
                "name": "恒筑建设有限公司",
                "uscc": "91990102MA0HD1233R",
                "legal_representative": "齐远山",
            },
            "violation": "占道经营",
            "facts": "占道",
            "basis": "条例",
            "penalty_kinds": ["罚款"],
            "content": "罚款",
            "fine": "100.00",
            "decided_on": "2027-01-22",
            "seriousness": "general",
            "seriousness_standard": "安澜市失信行为分类标准",
            "seriousness_standard_on": "2026-03-01",
            **facts,
        }
        await self.services.get(Decisions).put("A1", number, DecisionFacts.model_validate(told, strict=False), by="t")

    async def happens(self, number: str, kind: str, on: str, **more: str) -> None:
        what = DecisionEvent.model_validate({"kind": kind, "on": on, **more}, strict=False)
        await self.services.get(Decisions).record_event("A1", number, what, by="t")

    async def fill(self) -> dict[str, str]:
        """A payment, cash with the officer, cash on a bill, a publication, a withdrawal; their ids."""
        item = IncomeItem("103050199", "其他一般罚没收入")
        payments, cash, disclosures = (self.services.get(one) for one in (Payments, Cash, Disclosures))
        await payments.set_unit("A1", Unit("990102001", "望川区", "990102", {LineKind.FINE: item}), date(2026, 1, 1))
        await self.services.get(Organs).set("A1", ORGAN, date(2020, 1, 1))
        for number in ("1号", "2号", "3号", "4号", "5号"):
            await self.decide(number, procedure="ordinary" if number in ("4号", "5号") else "simple")
        await self.happens("1号", "served", "2027-01-22", method="direct")
        asked = PaymentRequest(authority="A1", decision_number="1号")
        made = {"payment": await payments.request(asked, wait=0)}
        known = {"authority": "A1", "amount": "100.00", "ground": "small", "officer": "甲", "taken_on": TODAY}
        for name, number in (("hand_in", "2号"), ("bank", "3号")):
            taken = {**known, "decision_number": number, "receipt_number": f"R{name}".replace("_", "")}
            made[name] = await cash.take(CashInput.model_validate(taken, strict=False))
        await cash.hand_in(made["bank"], TODAY)
        made["bill"] = await cash.remit(RemittanceInput(authority="A1", cash=(made["bank"],)), wait=0)
        (made["publication"],) = await disclosures.request("A1", "4号")
        (made["withdrawal"],) = await disclosures.request("A1", "5号")
        shown = update(disclosure).where(disclosure.c.id == made["withdrawal"])
        await self.store.write(lambda conn: conn.execute(shown.values(status="PUBLISHED", effect=None, awaiting=None)))
        await self.happens("5号", "changed", "2027-01-29", reason="金额更正")
        return made

    async def days(self, made: dict[str, str]) -> dict[str, tuple[str, bool]]:
        """Every last day, month and day, and whether it is provisional."""
        payments, cash, disclosures = (self.services.get(one) for one in (Payments, Cash, Disclosures))
        found: dict[str, tuple[date | None, bool]] = {}
        for name in ("payment", "bill"):
            payment = await payments.held(made[name])
            found[name] = payment.due_on, payment.due_provisional
        for name in ("hand_in", "bank"):
            taken = await cash.held(made[name])
            found[name] = taken.due_on, taken.due_provisional
        one = await disclosures.held(made["publication"])
        found["publication"] = one.submit_by_on, one.submit_by_provisional
        one = await disclosures.held(made["withdrawal"])
        found["withdrawal"] = one.withdraw_by_on, one.withdraw_by_provisional
        return {name: (f"{day:%m-%d}", open_) for name, (day, open_) in found.items()}

    async def told(self, since: int = 0) -> list[tuple[str, str, str, bool]]:
        """Events about last days: subject, what it was, what it is, whether that is provisional."""
        kinds = ("payment.due_date", "cash.deadline", "disclosure.deadline")
        query = select(event.c.subject, event.c.data).where(event.c.type.in_(kinds)).order_by(event.c.seq)
        rows = (await self.store.read(lambda conn: conn.execute(query).all()))[since:]
        found = []
        for subject, data in rows:
            was = next(name for name in data if name.endswith("_before"))
            found.append((subject, data[was], data[was.removesuffix("_before")], data["provisional"]))
        return found

    def resting(self) -> dict[str, int]:
        def read(query: Any) -> Any:
            return self.store.read_sync(query)

        return dict(provisional_dates(read))


@pytest.fixture
async def house(one_store: Store, tmp_path: Path) -> House:
    return House(one_store, tmp_path)


BEFORE = {
    "payment": ("02-09", True),  # 15 days end on 02-06, a day of the Spring Festival
    "hand_in": ("02-02", True),
    "bank": ("02-02", True),
    "bill": ("02-02", True),
    "publication": ("02-02", True),
    "withdrawal": ("02-03", True),
}
AFTER = {
    "payment": ("02-11", False),  # the festival goes on to 02-10
    "hand_in": ("02-01", False),  # Sunday 01-31 is worked
    "bank": ("02-01", False),
    "bill": ("02-01", False),
    "publication": ("02-01", False),
    "withdrawal": ("02-02", False),
}


async def test_the_notice_of_a_year_moves_every_kind_of_date_once_and_tells_of_each(house: House) -> None:
    made = await house.fill()
    assert await house.days(made) == BEFORE
    assert house.resting() == {"payments": 2, "cash": 2, "disclosures": 2}
    begun = len(await house.told())
    assert await house.reckoning.reload() is None, "the file says what it said"

    house.file.write_text(notice(*LIEU), encoding="utf-8")
    assert await house.reckoning.reload() == {"payments": 1, "cash": 2, "disclosures": 2, "credit_repairs": 0}
    assert await house.days(made) == AFTER
    assert house.resting() == {"payments": 0, "cash": 0, "disclosures": 0}
    moved = {name: (made[name], f"2027-{BEFORE[name][0]}", f"2027-{AFTER[name][0]}", False) for name in made}
    assert sorted(await house.told(begun)) == sorted(moved.values())
    assert set((await house.reckoning.recompute()).values()) == {0}
    assert len(await house.told(begun)) == len(moved), "nothing is told twice"


async def test_what_stays_on_its_day_becomes_certain_and_a_corrected_notice_moves_what_was_certain(
    house: House,
) -> None:
    made = await house.fill()
    begun = len(await house.told())
    house.file.write_text(notice(worked=[]), encoding="utf-8")
    await house.reckoning.reload()
    assert await house.days(made) == {name: (day, False) for name, (day, _) in BEFORE.items()}
    assert len(await house.told(begun)) == len(made), "that it is certain is told"

    house.file.write_text(notice(date(2027, 2, 9), worked=[]), encoding="utf-8")
    assert await house.reckoning.reload() == {"payments": 1, "cash": 0, "disclosures": 0, "credit_repairs": 0}
    assert (await house.days(made))["payment"] == ("02-10", False)
    house.file.unlink()
    with pytest.raises(SettingsError):
        await house.reckoning.reload()
    assert (await house.days(made))["payment"] == ("02-10", False), "what was known before holds on"


async def test_what_is_paid_or_remitted_keeps_its_day(house: House) -> None:
    made = await house.fill()
    from gateway.rooms.cash.tables import cash_taken
    from gateway.rooms.payments.tables import payment

    await house.store.write(
        lambda conn: (
            conn.execute(update(payment).values(status="CANCELLED")),
            conn.execute(update(cash_taken).values(status="REMITTED", handed_in_on=TODAY, payment_id=made["bill"])),
            conn.execute(update(disclosure).values(status="WITHDRAWN")),
        )
    )
    house.file.write_text(notice(*LIEU), encoding="utf-8")
    assert set((await house.reckoning.reload() or {}).values()) == {0}
    assert house.resting() == {"payments": 0, "cash": 0, "disclosures": 0}


async def test_more_records_than_one_transaction_takes_are_all_counted_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.foundation.reckoning._TOGETHER", 2)
    await house.fill()
    for number in ("6号", "7号", "8号"):
        await house.decide(number)
        await house.happens(number, "served", "2027-01-22", method="direct")
        await house.services.get(Payments).request(PaymentRequest(authority="A1", decision_number=number), wait=0)
    house.file.write_text(notice(*LIEU), encoding="utf-8")
    assert (await house.reckoning.reload() or {})["payments"] == 4
    assert house.resting()["payments"] == 0


async def test_the_files_are_looked_at_while_it_runs(house: House) -> None:
    made = await house.fill()
    files = CalendarSettings(overrides=house.file, watch=0.02)
    watching = Reckoning(house.store, files=files)
    seen: list[date | None] = []
    watching.follow("here", lambda conn, since, after, most: seen.append(since) or {})  # type: ignore[func-returns-value]
    await watching.start()
    async with asyncio.timeout(60):
        while seen != [None]:
            await asyncio.sleep(0.01)
        house.file.write_text(notice(*LIEU), encoding="utf-8")
        while seen != [None, date(2027, 1, 1)]:
            await asyncio.sleep(0.01)
    await watching.stop()
    assert made
    assert not watching.of("A1").calendar.is_working(date(2027, 2, 10)).provisional


def test_an_authority_in_a_region_counts_by_its_own_days(one_store: Store, tmp_path: Path) -> None:
    (tmp_path / "9901.json").write_text('{"2026": {"holidays": ["2026-08-12"], "workdays": []}}', encoding="utf-8")
    region = RegionSettings(authorities=("990188",), file=tmp_path / "9901.json")
    reckoning = Reckoning(one_store, files=CalendarSettings(regions=(region,)))
    received = date(2026, 7, 28)
    assert reckoning.of("A1").calendar.due_after(received, 15).value == date(2026, 8, 12)
    assert reckoning.of("990188").calendar.due_after(received, 15).value == date(2026, 8, 13)
    assert not reckoning.of("990188").calendar.is_working(date(2026, 10, 1)).value
    (tmp_path / "9901.json").write_text("{}", encoding="utf-8")
    assert asyncio.run(reckoning.reload()) == {}
    assert reckoning.of("990188").calendar.due_after(received, 15).value == date(2026, 8, 12)
