"""The gateway's own page: planned like any target, each effect once, gone at its end, and nobody unmasked on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from foundation import foundation, wire
from published_records import NUMBER, record

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.rooms import Opened
from gateway.foundation.store import Store
from gateway.ports.credit import (
    CorrectRequest,
    DisclosedParty,
    DisclosureKey,
    MarkRequest,
    RepairRequest,
    SubmitRequest,
    WithdrawRequest,
    named,
)
from gateway.rooms.bulletin import Bulletin
from gateway.rooms.bulletin.target import OwnPage
from gateway.rooms.decisions import DecisionFacts, Decisions
from gateway.rooms.disclosures import Disclosures, Organ, Organs, Status
from gateway.rooms.disclosures.comparison import differences
from gateway.words.clock import ManualClock
from gateway.words.errors import NotSentError, RejectedError

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 9, 15, 2, 0, tzinfo=UTC)
KEY = DisclosureKey(decision_number=NUMBER, authority_code="11990102002100216D", party_name="恒筑建设有限公司")


class Wire:
    """A wire over which nothing may go."""

    base_url = "https://gongshi.example/public"

    async def close(self) -> None:
        """Nothing was opened."""


class Page:
    """The page over a store, and its target under the channel ``own``."""

    def __init__(self, store: Store) -> None:
        self.clock = ManualClock(NOW)
        self.bulletin = Bulletin(store, self.clock)
        self.target = OwnPage(OwnPage.Settings(), Wire(), self.clock)  # type: ignore[arg-type]
        self.target.show_on(self.bulletin, "own")

    async def shown(self) -> list[str]:
        return [one.shown.content for one in (await self.bulletin.find()).entries if one.shown is not None]


@pytest.fixture
def page(one_store: Store) -> Page:
    return Page(one_store)


async def test_an_effect_happens_once_whatever_is_repeated_or_comes_late(page: Page) -> None:
    submit = SubmitRequest(reference="R1", record=record())
    assert await page.target.find("R1") is None
    for _ in range(2):
        assert (await page.target.submit(submit)).state == "accepted"
    assert await page.target.find("R1") is not None
    corrected = record(content="罚款4000元")
    await page.target.correct(CorrectRequest(reference="R2", record=corrected, reason="笔误"))
    assert await page.shown() == ["罚款4000元"]
    await page.target.withdraw(WithdrawRequest(reference="R3", key=KEY, reason="决定被撤销"))
    await page.target.submit(submit)  # a late copy of the first message
    await page.target.correct(CorrectRequest(reference="R2", record=corrected, reason="笔误"))
    assert await page.shown() == []
    assert await page.target.read_back(KEY) is None
    await page.target.submit(SubmitRequest(reference="R4", record=record()))
    assert await page.shown() == ["罚款5000元"], "published anew under a reference of its own"


async def test_what_is_taken_off_keeps_nothing_that_the_public_read(page: Page) -> None:
    await page.target.submit(SubmitRequest(reference="R1", record=record()))
    seen = await page.target.read_back(KEY)
    assert seen is not None
    assert (seen.state, seen.content, seen.published_on) == ("published", "罚款5000元", date(2026, 9, 15))
    entry_id = (seen.url or "").rpartition("/")[2]
    await page.target.repair(RepairRequest(reference="R2", key=KEY, repair_number="修1"))
    left = await page.bulletin.entry(entry_id)
    assert left is not None
    assert (left.gone, left.shown, left.party_name, left.name_key, left.party_code) == ("repaired",) + (None,) * 4


async def test_an_objection_is_shown_and_what_is_shielded_is_not(page: Page) -> None:
    await page.target.submit(SubmitRequest(reference="R1", record=record()))
    for number, (mark, lifted) in enumerate([("objection", False), ("shielded", False), ("shielded", True)]):
        ask = MarkRequest(reference=f"M{number}", key=KEY, mark=mark, lifted=lifted, reason="破产重整")  # type: ignore[arg-type]
        await page.target.mark(ask)
        seen = await page.target.read_back(KEY)
        assert seen is not None
        hidden = (mark, lifted) == ("shielded", False)
        assert (seen.state, seen.objection) == ("shielded" if hidden else "published", True)
        assert await page.shown() == ([] if hidden else ["罚款5000元"])


async def test_what_is_read_back_is_told_field_by_field_as_it_was_sent(page: Page) -> None:
    sent = record(full_text="决定书全文")
    await page.target.submit(SubmitRequest(reference="R1", record=sent))
    seen = await page.target.read_back(KEY)
    assert seen is not None
    assert differences(sent, seen) == ()
    assert differences(record(full_text="另一全文", violation="无照经营"), seen) == ("违法行为类型", "决定书全文")


async def test_an_entry_ends_with_its_last_day_and_is_emptied_that_night(page: Page) -> None:
    await page.target.submit(SubmitRequest(reference="R1", record=record(publish_until=date(2026, 9, 16))))
    page.clock.advance(timedelta(hours=37))  # 23:00 on the last day in Shanghai
    assert await page.shown() == ["罚款5000元"]
    page.clock.advance(timedelta(hours=2))
    assert await page.shown() == []
    assert await page.target.read_back(KEY) is None
    assert await page.bulletin.clear() == 1
    assert await page.bulletin.clear() == 0


PERSON = DisclosedParty(category="natural_person", name="岑立秋", id_type="身份证", id_number="990102198803121011")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"party": PERSON}, "当事人"),
        ({"party": PERSON.model_copy(update={"category": "individual_business"})}, "当事人"),
        ({"facts": "当事人电话13800138000"}, "违法事实"),
        ({"content": "对证人张立群称的事实予以认定"}, "处罚内容"),
        ({"violation": "身份证号990102198803121011"}, "违法行为类型"),
    ],
)
@pytest.mark.cases_by_day(4)
async def test_what_comes_unmasked_is_refused_not_mended(page: Page, wrong: dict[str, Any], told: str) -> None:
    (fault,) = page.target.examine(record(**wrong))
    assert (fault.fault, fault.title) == ("personal", told), "said before it is planned"
    with pytest.raises(RejectedError, match=told):
        await page.target.submit(SubmitRequest(reference="R1", record=record(**wrong)))
    assert await page.shown() == []


async def test_a_masked_person_is_shown_without_number_and_representative(page: Page) -> None:
    masked = PERSON.model_copy(update={"name": named("岑某某"), "legal_representative": named("齐远山")})
    await page.target.submit(SubmitRequest(reference="R1", record=record(party=masked)))
    (entry,) = (await page.bulletin.find()).entries
    assert entry.shown is not None
    assert entry.shown.person
    for hidden in ("齐远山", "990102198803121011"):
        assert hidden not in entry.shown.model_dump_json()


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ("57", 1),
        ("（2026）57", 1),
        ("恒筑", 1),
        ("91990102ma0hd1233r", 1),
        ("%", 0),
        ("_", 0),
        ("味安", 0),
        ("齐远山", 0),
    ],
)
@pytest.mark.cases_by_day(5)
async def test_number_name_and_code_are_searched_as_people_write_them(page: Page, words: str, finds: int) -> None:
    await page.target.submit(SubmitRequest(reference="R1", record=record()))
    assert (await page.bulletin.find(words)).total == finds


async def test_outside_a_running_gateway_nothing_is_done() -> None:
    target = OwnPage(OwnPage.Settings(), Wire(), ManualClock(NOW))  # type: ignore[arg-type]
    with pytest.raises(NotSentError):
        await target.submit(SubmitRequest(reference="R1", record=record()))
    assert "gongshi.example" in await target.check()


@pytest.fixture
async def rooms(one_store: Store, tmp_path: Path) -> AsyncIterator[tuple[Page, Decisions, Disclosures, Any]]:
    page = Page(one_store)
    channel = Channel("own", page.target, OwnPage.info, OwnPage.info.find, Wire.base_url, None)  # type: ignore[arg-type]
    base = foundation(one_store, tmp_path, page.clock, Channels({"own": channel}, {("A1", "disclosures"): ("own",)}))
    decisions = Decisions(base)
    disclosures = Disclosures(base, decisions)
    wire(base, Opened(actions=disclosures.actions()))
    organ = Organ("安澜市望川区市场监督管理局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
    await Organs(one_store).set("A1", organ, date(2020, 1, 1))
    await base.delivery.start()
    yield page, decisions, disclosures, base.delivery
    await base.delivery.stop()
    await base.evidence.close()


async def test_it_is_planned_read_back_and_withdrawn_like_any_target(rooms: Any) -> None:
    page, decisions, disclosures, delivery = rooms
    facts: dict[str, Any] = {
        "procedure": "ordinary",
        "party": {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"},
        "violation": "经营超过保质期的食品",
        "facts": "货架上有过期糕点，经理电话13800138000",
        "basis": "食品安全法第一百二十四条",
        "penalty_kinds": ["没收非法财物"],
        "content": "没收过期糕点",
        "seriousness": "general",
        "decided_on": "2026-09-14",
    }
    await decisions.put("A1", NUMBER, DecisionFacts.model_validate(facts, strict=False), by="test")
    (one,) = await disclosures.request("A1", NUMBER)

    async def until(status: Status) -> Any:
        async with asyncio.timeout(20):
            while (found := await disclosures.held(one)).status is not status:
                page.clock.advance(timedelta(seconds=0.1))
                delivery.wake()
                await asyncio.sleep(0.02)
        return found

    found = await until(Status.PUBLISHED)
    assert found.url.startswith("https://gongshi.example/public/pub_")
    (entry,) = (await page.bulletin.find()).entries
    assert entry.shown is not None
    assert entry.shown.facts == "货架上有过期糕点，经理电话（已隐去）"
    await disclosures.withdraw(one, "事实不清")
    await until(Status.WITHDRAWN)
    left = await page.bulletin.entry(entry.id)
    assert left is not None
    assert (left.gone, left.reason) == ("withdrawn", "事实不清")
