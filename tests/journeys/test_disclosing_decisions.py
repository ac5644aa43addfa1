"""A decision on its way to the public and back, over sockets to both targets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from foundation import foundation, wire
from sqlalchemy import select

from gateway.adapters.credit.creditchina import CreditChina
from gateway.adapters.credit.portal import DisclosurePortal
from gateway.foundation.access import Access
from gateway.foundation.channels import Channel, Channels
from gateway.foundation.delivery import DeliverySettings
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.delivery.tables import (
    operation,
)
from gateway.foundation.rooms import Opened
from gateway.foundation.store import Store
from gateway.foundation.wire import ChannelWire, Timeouts, WireTerms
from gateway.ports.credit import VerdictNotice
from gateway.rooms.decisions import DecisionEvent, DecisionFacts, Decisions
from gateway.rooms.disclosures import Disclosures, Organ, Organs
from gateway.rooms.disclosures.options import Publishing
from gateway.rooms.disclosures.planning import Told
from gateway.words.clock import SystemClock, day_of, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem
from simulators.testing import Simulation

AUTHORITY, NUMBER = "wangchuan", "安望市监罚决〔2026〕57号"
START = datetime(2026, 9, 15, 2, 0, tzinfo=UTC)
ORGAN = Organ("安澜市望川区市场监督管理局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
SHOP = {
    "kind": "individual_business",
    "name": "味安副食店",
    "uscc": "92990102MA0WA4562J",
    "legal_representative": "罗巧云",
    "phone": "13900001111",
}
FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": SHOP,
    "violation": "经营超过保质期的食品",
    "facts": "2026年9月3日检查发现货架上有过期糕点，经营者电话13900001111。",
    "basis": "《中华人民共和国食品安全法》第一百二十四条",
    "penalty_kinds": ["罚款", "没收违法所得"],
    "content": "没收违法所得36.50元，罚款5000元",
    "fine": "5000.00",
    "confiscated": "36.50",
    "decided_on": "2026-09-14",
    "seriousness": "general",
    "seriousness_standard": "安澜市失信行为分类标准",
    "seriousness_standard_on": "2026-03-01",
    "valid_until": "2026-09-29",
    "full_text": "安澜市望川区市场监督管理局行政处罚决定书……联系电话13900001111",
}


UNCLASSIFIED = dict.fromkeys(("seriousness", "seriousness_standard", "seriousness_standard_on"))


class House:
    """Decisions, delivery and disclosures on one store, with a channel to each target."""

    def __init__(self, store: Store, simulators: Simulation, folder: Path) -> None:
        self.store, self.simulators = store, simulators
        self.clock = SystemClock(START - datetime.now(UTC))
        simulators.clock(now=START.isoformat())
        simulators.ask("POST", "/credit/settings", {"verdict_seconds": 0.05})
        credit, portal = simulators.credentials("credit"), simulators.credentials("portal")
        channels = {
            "credit": self._channel(
                "credit", CreditChina, CreditChina.Settings(app_key=credit["app_key"], secret=credit["app_secret"])
            ),
            "portal": self._channel(
                "portal", DisclosurePortal, DisclosurePortal.Settings(node=portal["node"], secret=portal["secret"])
            ),
        }
        self.channels = Channels(channels, {(AUTHORITY, "disclosures"): ("credit", "portal")})
        patience = Patience(ask_after=0.05, first=0.05, longest=0.2, give_up=30 * 86400)
        settings = DeliverySettings(grace=0.5, patience=patience)
        base = foundation(store, folder, self.clock, self.channels, delivery=settings)
        self.delivery, self.evidence = base.delivery, base.evidence
        self.decisions = Decisions(base)
        self.disclosures = Disclosures(base, self.decisions, Publishing(due_soon_days=(3, 1)))
        self.organs = Organs(store)
        hears = ("decision.amended", "decision.changed", "decision.revoked")
        wire(
            base,
            Opened(
                actions=self.disclosures.actions(),
                hears=dict.fromkeys(hears, (self.disclosures.following.decision_moved,)),
            ),
        )

    def _channel(self, name: str, adapter_class: Any, settings: Any) -> Channel:
        channel_wire = ChannelWire(
            name,
            self.simulators.url(name),
            WireTerms(
                lambda exchange: self.evidence.record(exchange),
                timeouts=Timeouts(connect=1.0, read=0.5, total=1.5),
                sensitive=adapter_class.info.sensitive,
                clock=self.clock,
            ),
        )
        adapter = adapter_class(settings, channel_wire, self.clock)
        # A target that does not say beforehand what it would refuse: its refusals come from outside.
        info = replace(adapter_class.info, capabilities=adapter_class.info.capabilities - {"examine"})
        return Channel(name, adapter, info, info.find, channel_wire.base_url, channel_wire)

    async def open(self) -> None:
        await self.organs.set(AUTHORITY, ORGAN, date(2020, 1, 1))
        await self.delivery.start()

    async def close(self) -> None:
        await self.delivery.stop()
        await self.channels.close()
        await self.evidence.close()

    async def decide(self, **changes: Any) -> None:
        facts = DecisionFacts.model_validate_json(json.dumps(FACTS | changes))
        await self.decisions.put(AUTHORITY, NUMBER, facts, by="test")

    async def publish(self, *targets: str, **more: Any) -> tuple[str, ...]:
        return await self.disclosures.request(AUTHORITY, NUMBER, targets=targets or None, **more)

    async def published(self, *targets: str) -> tuple[str, ...]:
        await self.decide()
        ids = await self.publish(*targets)
        for one in ids:
            await self.until(one, "PUBLISHED")
        return ids

    async def revoke(self) -> None:
        event = DecisionEvent(kind="revoked", on=day_of(self.clock.now()), reason="事实不清")
        await self.decisions.record_event(AUTHORITY, NUMBER, event, by="test")

    async def until(self, disclosure_id: str, *statuses: str) -> Any:
        return await self.when(disclosure_id, lambda row: row.status in statuses)

    async def when(self, disclosure_id: str, holds: Any) -> Any:
        row = None
        try:
            async with asyncio.timeout(60):
                while not holds(row := await self.disclosures.held(disclosure_id)):
                    self.delivery.wake()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"not reached; the disclosure is {row}") from None
        return row

    async def told(self, disclosure_id: str) -> list[str]:
        _, timeline = await self.disclosures.view(disclosure_id)
        return [one.type.removeprefix("disclosure.") for one in timeline]

    def travel(self, day: date) -> None:
        """Both clocks to the same hour of another day."""
        moment = START + timedelta(days=(day - START.date()).days)
        self.clock.offset = moment - datetime.now(UTC)
        self.simulators.clock(now=moment.isoformat())

    def effects(self, system: str, operation_name: str) -> list[int]:
        return list(self.simulators.effects(system).get(operation_name, {}).values())


@pytest.fixture
async def house(one_store: Store, simulators: Simulation, tmp_path: Path) -> AsyncIterator[House]:
    made = House(one_store, simulators, tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def any_house(store: Store, simulators: Simulation, tmp_path: Path) -> AsyncIterator[House]:
    """On SQLite and on PostgreSQL."""
    made = House(store, simulators, tmp_path)
    await made.open()
    yield made
    await made.close()


# --- publishing -----------------------------------------------------------------------------------------------------


async def test_one_request_publishes_at_every_target_and_claims_it_only_after_reading_back(any_house):
    house = any_house
    credit, portal = await house.published()
    row = await house.disclosures.held(credit)
    assert (row.submit_by_on, row.submit_by_provisional) == (date(2026, 9, 22), False)  # 09-20 is worked
    assert (row.publish_until_on, row.published_on) == (date(2027, 9, 14), date(2026, 9, 15))
    assert row.effect is None
    assert await house.told(credit) == ["planned", "submitted", "accepted", "published"]
    assert await house.told(portal) == ["planned", "accepted", "published"]
    assert house.effects("credit", "submit") == house.effects("portal", "publish") == [1]
    assert house.simulators.journal(system="credit", operation="shown")


async def test_no_telephone_of_a_person_reaches_a_target(house):
    await house.published()
    sent = house.simulators.journal(operation="submit") + house.simulators.journal(operation="publish")
    assert len(sent) == 2
    assert not any("13900001111" in entry["request"] for entry in sent)


async def test_asking_twice_publishes_once(any_house):
    house = any_house
    await house.decide()
    first, second = await asyncio.gather(house.publish(), house.publish())
    assert first == second
    for one in first:
        await house.until(one, "PUBLISHED")
    assert await house.publish() == first
    assert house.effects("credit", "submit") == house.effects("portal", "publish") == [1]


async def test_a_public_security_case_is_published_nowhere(house):
    await house.decide(basis="《中华人民共和国治安管理处罚法》第二十六条")
    for one in await house.publish(told=Told("上级要求")):
        row = await house.disclosures.held(one)
        assert row.status == "NOT_PUBLISHABLE"
        assert "一百三十六条" in row.citation
    assert house.simulators.effects("credit") == house.simulators.effects("portal") == {}


async def test_a_street_stall_under_the_simple_procedure_is_not_on_credit_china(house):
    person = {"kind": "natural_person", "name": "岑立秋", "id_type": "身份证", "id_number": "990102198803121011"}
    await house.decide(
        procedure="simple",
        party=person,
        penalty_kinds=["罚款"],
        fine="200.00",
        confiscated=None,
        content="罚款200元",
        **UNCLASSIFIED,
    )
    ids = await house.publish()
    assert [(await house.disclosures.held(one)).status for one in ids] == ["NOT_PUBLISHABLE"] * 2
    assert await house.publish() == ids


async def test_refused_fields_are_named_and_better_facts_may_be_sent_again(house):
    await house.decide(confiscated=None)
    (refused,) = await house.publish("credit")
    row = await house.until(refused, "REJECTED")
    assert [(error.field, error.code) for error in row.field_errors] == [("CF_NR_WFFF", "F01")]
    await house.decide()
    (again,) = await house.publish("credit")
    assert again != refused
    await house.until(again, "PUBLISHED")


async def test_changed_facts_of_a_live_disclosure_need_a_correction(house):
    (credit,) = await house.published("credit")
    await house.decide(content="没收违法所得36.50元，罚款4000元", fine="4000.00")
    with pytest.raises(ConflictProblem, match="earlier facts"):
        await house.publish("credit")
    await house.disclosures.correct(credit, "处罚内容笔误")
    row = await house.until(credit, "CORRECTED")
    assert row.decision_version == 2
    assert house.disclosures.record_of(row).fine == 400_000
    assert await house.publish("credit") == (credit,)


async def test_what_the_page_shows_differently_is_never_called_published(house):
    house.simulators.faults({"system": "portal", "operation": "shown", "kind": "wrong_amount"})
    await house.decide()
    (portal,) = await house.publish("portal")
    row = await house.when(portal, lambda row: row.effect is None)
    assert row.status == "ACCEPTED"
    assert (await house.told(portal))[-2:] == ["differs", "amiss"]


# --- doubt ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "name"), [("credit", "submit"), ("portal", "publish")])
async def test_a_lost_answer_ends_in_one_publication(house, system, name):
    house.simulators.faults({"system": system, "operation": name, "kind": "apply_then_silence"})
    (one,) = await house.published(system)
    assert house.effects(system, name) == [1]
    assert "in_doubt" in await house.told(one)
    assert (await house.disclosures.held(one)).in_doubt_since_at is None


async def test_a_hint_of_the_target_makes_us_ask_at_once(house):
    house.simulators.ask("POST", "/credit/settings", {"verdict_seconds": None})
    await house.decide()
    (credit,) = await house.publish("credit")
    row = await house.until(credit, "SUBMITTED")
    house.travel(date(2026, 9, 16))
    query = select(operation).where(operation.c.action == "credit.verdict")

    def due(conn):
        return conn.execute(query).mappings().one()

    async with asyncio.timeout(60):
        while (await house.store.read(due))["due_at"] < to_micros(house.clock.now()) + 60_000_000:
            house.delivery.wake()
            await asyncio.sleep(0.02)
    house.simulators.ask("POST", "/credit/judge", {})
    notice = VerdictNotice(reference=row.effect_reference)
    await house.store.write(lambda conn: house.disclosures.following.take_notice(conn, "credit", notice, "exc"))
    await house.until(credit, "PUBLISHED")


# --- withdrawing ----------------------------------------------------------------------------------------------------


async def test_a_revoked_decision_disappears_everywhere_with_an_explanation(any_house):
    house = any_house
    ids = await house.published()
    await house.revoke()
    for one in ids:
        row = await house.until(one, "WITHDRAWN")
        assert row.withdraw_by_on == date(2026, 9, 18)
        assert "事实不清" in row.withdraw_reason
        await house.disclosures.withdraw(one, "再次撤回")
    assert house.effects("credit", "withdraw") == house.effects("portal", "withdraw") == [1]
    with pytest.raises(ConflictProblem, match="revoked"):
        await house.publish()


async def test_a_withdrawal_waits_for_a_submission_in_doubt_and_then_wins(house):
    house.simulators.faults(
        {"system": "credit", "operation": "submit", "kind": "apply_then_silence"},
        {"system": "credit", "operation": "find", "kind": "busy", "seconds": 1},
    )
    await house.decide()
    (credit,) = await house.publish("credit")
    await house.when(credit, lambda row: row.in_doubt_since_at is not None)
    await house.disclosures.withdraw(credit, "该行政处罚决定已被撤销")
    row = await house.disclosures.held(credit)
    assert (row.status, row.effect) == ("PLANNED", "submit")
    await house.until(credit, "WITHDRAWN")
    assert "published" not in await house.told(credit)
    assert house.effects("credit", "submit") == house.effects("credit", "withdraw") == [1]


async def test_a_submission_that_never_happened_is_not_sent_again_once_it_is_withdrawn(house):
    house.simulators.faults(
        {"system": "portal", "operation": "publish", "kind": "silence"},
        {"system": "portal", "operation": "find", "kind": "busy", "seconds": 1},
    )
    await house.decide()
    (portal,) = await house.publish("portal")
    await house.when(portal, lambda row: row.in_doubt_since_at is not None)
    await house.disclosures.withdraw(portal, "该行政处罚决定已被撤销")
    await house.until(portal, "WITHDRAWN")
    assert house.simulators.effects("portal") == {}


async def test_what_has_not_left_us_never_does_once_it_is_withdrawn(house):
    house.simulators.faults({"system": "portal", "kind": "refuse"})
    await house.decide()
    (portal,) = await house.publish("portal")
    query = select(operation.c.tries).where(operation.c.subject == portal)
    async with asyncio.timeout(60):
        while await house.store.read(lambda conn: conn.execute(query).scalar_one()) < 1:
            await asyncio.sleep(0.02)
    async with asyncio.timeout(60):  # between two tries it is provably not on its way
        while (await house.disclosures.held(portal)).status != "WITHDRAWN":
            await house.disclosures.withdraw(portal, "该行政处罚决定已被撤销")
            await asyncio.sleep(0.02)
    house.simulators.clear_faults()
    house.delivery.wake()
    (again,) = await house.publish("portal")
    await house.until(again, "PUBLISHED")
    assert house.effects("portal", "publish") == [1]


async def test_a_withdrawal_beats_a_verdict_that_is_still_out(house):
    house.simulators.ask("POST", "/credit/settings", {"verdict_seconds": None})
    await house.decide()
    (credit,) = await house.publish("credit")
    await house.until(credit, "SUBMITTED")
    await house.disclosures.withdraw(credit, "该行政处罚决定已被撤销")
    house.simulators.ask("POST", "/credit/settings", {"verdict_seconds": 0.05})
    house.simulators.ask("POST", "/credit/judge", {})
    await house.until(credit, "WITHDRAWN")
    assert "published" not in await house.told(credit)


async def test_a_portal_that_is_down_for_days_raises_the_alarm_and_is_withdrawn_when_it_is_back(house):
    credit, portal = await house.published()
    house.simulators.faults({"system": "portal", "kind": "refuse"})
    await house.revoke()
    await house.until(credit, "WITHDRAWN")
    house.travel(date(2026, 9, 19))
    assert await house.disclosures.following.sweep() == 1
    assert await house.disclosures.following.sweep() == 0
    assert "withdrawal_late" in await house.told(portal)
    house.simulators.clear_faults()
    await house.until(portal, "WITHDRAWN")


async def test_a_changed_decision_is_withdrawn_and_published_anew_with_its_new_facts(house):
    (portal,) = await house.published("portal")
    event = DecisionEvent(kind="changed", on=date(2026, 9, 15), reason="复议变更")
    await house.decisions.record_event(AUTHORITY, NUMBER, event, by="test")
    await house.until(portal, "WITHDRAWN")
    with pytest.raises(ConflictProblem, match="facts are those that were withdrawn"):
        await house.publish("portal")
    await house.decide(content="没收违法所得36.50元，罚款3000元", fine="3000.00")
    (anew,) = await house.publish("portal")
    await house.until(anew, "PUBLISHED")


async def test_facts_that_must_not_be_public_any_more_are_withdrawn_without_saying_why(house):
    ids = await house.published()
    await house.decide(withheld="state_secret")
    for one in ids:
        row = await house.until(one, "WITHDRAWN")
        assert row.withdraw_reason == "依法不予公开"
    assert [(await house.disclosures.held(one)).status for one in await house.publish()] == ["NOT_PUBLISHABLE"] * 2


async def test_an_authority_publishes_under_its_own_name_unless_told_otherwise(house):
    await Access(house.store, house.clock).create_authority("qinghe", "青禾镇人民政府", ORGAN.code)
    found = await house.organs.of("qinghe", START.date())
    assert found == Organ("青禾镇人民政府", ORGAN.code, "青禾镇人民政府", ORGAN.code)


# --- the clocks -----------------------------------------------------------------------------------------------------


async def test_nothing_is_late_without_one_alarm(house):
    house.simulators.ask("POST", "/credit/settings", {"verdict_seconds": None})
    await house.decide()
    (credit,) = await house.publish("credit")
    await house.until(credit, "SUBMITTED")
    house.travel(date(2026, 9, 22))
    assert (await house.disclosures.following.sweep(), await house.disclosures.following.sweep()) == (1, 0)
    assert (await house.told(credit))[-1] == "due_soon"
    house.travel(date(2026, 9, 23))
    assert await house.disclosures.following.sweep() == 1
    assert await house.disclosures.following.sweep() == 0
    assert (await house.told(credit))[-1] == "late"
    house.simulators.ask("POST", "/credit/judge", {})
    await house.store.write(lambda conn: house.delivery.hurry(conn, "credit", subject=credit))
    await house.until(credit, "PUBLISHED")


async def test_a_request_after_the_deadline_is_published_and_marked_late(house):
    await house.decide(decided_on="2026-08-03")
    (credit,) = await house.publish("credit")
    assert "late" in await house.told(credit)
    await house.until(credit, "PUBLISHED")


async def test_a_repair_waits_for_the_minimum_period_and_ends_the_publication(house):
    (credit,) = await house.published("credit")
    with pytest.raises(InvalidProblem, match="2026-12-14"):
        await house.disclosures.repair(credit, "安信修〔2026〕3号", performed="缴款凭证1份")
    house.travel(date(2026, 12, 14))
    await house.disclosures.repair(credit, "安信修〔2026〕3号", performed="缴款凭证1份")
    await house.until(credit, "REPAIRED")
    assert await house.publish("credit") == (credit,)
    assert house.effects("credit", "repair") == [1]


async def test_a_publication_ends_with_its_maximum_period(house):
    (credit,) = await house.published("credit")
    house.travel(date(2027, 9, 14))
    assert await house.disclosures.following.sweep() == 0
    await house.disclosures.inspection.sweep()
    seen = await house.when(credit, lambda row: row.looked_at is not None)
    assert seen.status == "PUBLISHED"
    house.travel(date(2027, 9, 15))
    await house.disclosures.inspection.sweep()
    await house.until(credit, "ENDED")
