"""The notice of credit repair 信用修复告知书: what it says is what the explanation says, of where it will be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from disclosure_room import FACTS, NUMBER, ORGAN, Room

from gateway.foundation.store import Store
from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.disclosures import Status
from gateway.rooms.disclosures.conditions import Case
from gateway.rooms.disclosures.repair_letter import printed, written
from gateway.rooms.disclosures.repairs import CONDITIONS, RepairAsk
from gateway.rooms.disclosures.rules import load
from gateway.typography import Letter, chinese_date
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, InvalidProblem

BOARD = """
[target.portal]
title = "望川区公示栏"
periods = "portal"
natural_persons = "withheld"
persons_citation = "某办法 第三条"
full_text = true
"""
BANNED = (
    BOARD
    + """
[[unrepairable]]
targets = ["city"]
when = { penalty = ["责令停产停业"] }
from = 2021-09-01
reason = "受到责令停产停业处罚的，不提前停止公示"
citation = "某办法 第十四条"
"""
)
CLOSED = {"penalty_kinds": ["罚款", "责令停产停业"], "content": "罚款5000元，责令停产停业"}


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path)
    made.under(tmp_path, BOARD)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


async def letter(room: Room) -> Letter:
    """The letter before it is printed."""
    found = await room.disclosures.explanations.of("A1", NUMBER)
    return written(found, room.disclosures.notices._shown(found))


def text(made: Letter) -> str:
    return "\n".join(one.text for one in made.blocks)


@pytest.mark.parametrize(("word", "in_chinese"), [("minor", "轻微"), ("general", "一般"), ("serious", "严重")])
async def test_the_letter_has_the_days_and_articles_of_the_explanation(room: Room, word: str, in_chinese: str) -> None:
    await room.decide(seriousness=word)
    made = await letter(room)
    said = text(made)
    targets = (await room.disclosures.explanations.of("A1", NUMBER)).targets
    shown = [one for one in targets if one.plan is not None]
    assert [one.target for one in shown] == (["portal"] if word == "minor" else ["city", "portal"])
    for one in shown:
        assert one.plan is not None
        line = next(each for each in said.split("\n") if chinese_date(one.plan.until) in each)
        assert f"失信程度为{in_chinese}" in line
        assert (f"至{chinese_date(one.plan.repair_from)}届满" in line) is (one.target == "city")
        assert one.regime is not None
        assert one.regime in line
    assert ("“信用中国”网站：" in said) is (word != "minor")
    assert made.addressee == "恒筑建设有限公司："
    assert NUMBER in said
    assert "2026年9月14日" in said
    assert all(one in said for one in CONDITIONS.values())
    assert "10个工作日内答复" in said
    assert made.signature is not None
    assert made.signature.on == date(2026, 9, 15)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"basis": "《治安管理处罚法》第二十六条"}, "封存"), ({"withheld": "privacy"}, "个人隐私")],
)
async def test_what_is_shown_nowhere_has_no_letter(room: Room, changes: dict[str, Any], says: str) -> None:
    await room.decide(**changes)
    with pytest.raises(ConflictProblem, match=says) as refused:
        await room.disclosures.notices.of("A1", NUMBER)
    assert refused.value.type == "nothing-to-repair"


async def test_what_is_incomplete_has_none_yet_and_what_was_revoked_no_more(room: Room) -> None:
    await room.decide(seriousness=None, seriousness_standard=None, seriousness_standard_on=None)
    with pytest.raises(InvalidProblem) as refused:
        await room.disclosures.notices.of("A1", NUMBER)
    assert [one["field"] for one in refused.value.extra["errors"]] == ["seriousness"]
    await room.decide()
    await room.revoked(date(2026, 9, 15))
    with pytest.raises(ConflictProblem) as gone:
        await room.disclosures.notices.of("A1", NUMBER)
    assert gone.value.type == "decision-revoked"


async def test_a_person_is_named_and_nothing_else_of_them_is_told(room: Room) -> None:
    number = "990102198803121011"
    person = {"kind": "natural_person", "name": "岑立秋", "id_type": "身份证", "id_number": number}
    await room.decide(party=person, violation_on="2026-09-01", facts="岑立秋，电话13900001111")
    made = await letter(room)
    assert made.addressee == "岑立秋："
    whole = repr(made)
    assert whole.count("岑立秋") == 1
    assert number not in whole
    assert "13900001111" not in whole
    assert "portal" not in [
        one.target for one in (await room.disclosures.explanations.of("A1", NUMBER)).targets if one.plan
    ]


async def test_long_names_are_printed_and_an_unknown_character_is_named(room: Room) -> None:
    name = "安澜市望川区" + "恒筑建设工程" * 30 + "有限公司"
    await room.decide(party={**FACTS["party"], "name": name})
    made = await letter(room)
    assert made.addressee == name + "："
    assert printed(made).startswith(b"%PDF-")
    assert printed(made, "ofd").startswith(b"PK")
    await room.decide(party={**FACTS["party"], "name": "恒筑\N{GRINNING FACE}公司"})
    with pytest.raises(InvalidProblem, match="1F600"):
        await room.disclosures.notices.of("A1", NUMBER)


async def test_what_is_not_repaired_is_said_and_not_repaired(room: Room, tmp_path: Path) -> None:
    room.under(tmp_path, BANNED)
    await room.decide(**CLOSED)
    said = text(await letter(room))
    assert "受到责令停产停业处罚的，不提前停止公示（某办法 第十四条）。本决定属于该情形" in said
    assert "“信用中国”网站上的公示：向" not in said
    assert "望川区公示栏上的公示：向" in said
    city, portal = await room.disclosures.request("A1", NUMBER)
    for one in (city, portal):
        await room.until(one, Status.PUBLISHED)
    room.clock.advance(timedelta(days=400))
    with pytest.raises(InvalidProblem, match="第十四条"):
        await room.disclosures.repair(city, "安信修〔2027〕3号", performed="凭证")
    await room.disclosures.repair(portal, "安信修〔2027〕3号", performed="凭证")
    await room.until(portal, Status.REPAIRED)
    ask = RepairAsk(received_on=day_of(room.clock.now()), forwarded_by="信用中国")
    with pytest.raises(ConflictProblem) as refused:
        await room.disclosures.repairs.receive("A1", NUMBER, ask)
    assert refused.value.type == "nothing-to-repair"


async def test_the_conditions_that_the_party_reads_are_those_that_are_asked_for(room: Room) -> None:
    await room.publish()
    (one,) = await room.disclosures.of_decision("A1", NUMBER)
    await room.until(one.id, Status.PUBLISHED)
    ask = RepairAsk(received_on=day_of(room.clock.now()), forwarded_by="信用中国")
    made = await room.disclosures.repairs.receive("A1", NUMBER, ask)
    assert (await room.disclosures.repairs.view(made)).wanting.keys() == CONDITIONS.keys()


REVOKED = ["罚款", "吊销营业执照"]


@pytest.mark.parametrize(
    ("kinds", "adapter", "never"),
    [(REVOKED, "credit.gsxt", True), (["罚款"], "credit.gsxt", False), (REVOKED, "credit.creditchina", False)],
)
def test_market_regulators_do_not_end_some_penalties_early(kinds: list[str], adapter: str, never: bool) -> None:
    facts = DecisionFacts.model_validate(FACTS | {"penalty_kinds": kinds}, strict=False)
    case = Case(facts, ORGAN.code, adapter, adapter)
    assert (load().unrepairable_at(case, date(2026, 9, 15)) is not None) is never
