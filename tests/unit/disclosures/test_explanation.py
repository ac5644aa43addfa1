"""The explanation of a publication: why, until when, by which day, who must act next, and by which rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from disclosure_room import FACTS, NUMBER, ORGAN, Room

from gateway.foundation.store import Store
from gateway.rooms.disclosures import Disclosures, Status
from gateway.rooms.disclosures.planning import Relied, Told, relied_on
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Language, worded

PASSED_ON = """
[[term]]
targets = ["city"]
from = 2020-01-01
working_days = 3
further_working_days = 4
citation = "某办法 第二条"
"""


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


async def explained(made: Disclosures) -> dict[str, Any]:
    found = await made.explanations.of("A1", NUMBER)
    return {one.target: one for one in found.targets}


async def test_the_explanation_says_why_until_when_and_who_acts_next(room: Room) -> None:
    await room.decide()
    before = (await explained(room.disclosures))["city"]
    assert before.disclosure is None
    assert (before.next.who, before.next.by) == ("authority", date(2026, 9, 22))
    assert before.until == date(2027, 9, 14)
    assert "第36号" in before.regime
    (one,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    await room.until(one, Status.PUBLISHED)
    shown = (await explained(room.disclosures))["city"]
    assert shown.public
    assert [(clock.name, clock.state) for clock in shown.clocks] == [
        ("publish", "kept"),
        ("repair", "running"),
        ("end", "running"),
    ]
    assert "2027-09-14" in worded(shown.why, Language.CHINESE)
    await room.revoked(date(2026, 9, 15))
    await room.until(one, Status.WITHDRAWN)
    after = (await explained(room.disclosures))["city"]
    assert not after.public
    assert "撤销" in worded(after.why, Language.CHINESE)


UNCLASSED = {"seriousness": None, "seriousness_standard": None, "seriousness_standard_on": None}


@pytest.mark.parametrize(
    "changes",
    [UNCLASSED, {"seriousness_standard": None}, {"party": {**FACTS["party"], "legal_representative": None}}],
)
async def test_the_explanation_says_by_which_day_what_is_incomplete_must_be_completed(
    room: Room, changes: dict[str, Any]
) -> None:
    await room.decide(**changes)
    found = (await explained(room.disclosures))["city"]
    assert found.disclosure is None
    assert (found.next.who, found.next.by) == ("authority", date(2026, 9, 22))
    assert worded(found.next.what, Language.CHINESE).startswith("补充：")
    assert "2026-09-22" in worded(found.why, Language.CHINESE)
    assert [(one.name, one.day, one.state) for one in found.clocks] == [("publish", date(2026, 9, 22), "running")]
    room.clock.advance(timedelta(days=14))
    assert [one.state for one in (await explained(room.disclosures))["city"].clocks] == ["late"]


async def test_across_provinces_it_must_be_completed_before_it_is_passed_on(room: Room, tmp_path: Path) -> None:
    room.under(tmp_path, PASSED_ON)
    await room.decide(**UNCLASSED)
    assert (await explained(room.disclosures))["city"].next.by == date(2026, 9, 17)


@pytest.mark.parametrize(
    ("changes", "who", "says"),
    [
        ({"basis": "《治安管理处罚法》第二十六条"}, "nobody", "封存"),
        ({"withheld": "privacy"}, "nobody", "个人隐私"),
        (UNCLASSED, "authority", "失信程度"),
        ({"seriousness": "minor"}, "nobody", "原则上不予公示"),
    ],
)
async def test_the_explanation_of_what_is_not_public_names_the_rule(
    room: Room, changes: dict[str, Any], who: str, says: str
) -> None:
    await room.decide(**changes)
    found = (await explained(room.disclosures))["city"]
    assert (found.public, found.next.who) == (False, who)
    assert says in worded(found.why, Language.CHINESE)
    assert found.citation
    for language in Language:
        assert worded(found.next.what, language)


async def test_a_basis_that_the_request_would_name_is_examined_before_it(room: Room) -> None:
    told = relied_on(["social_impact@portal:行政处罚法 第四十八条", "local_rule：安澜市公示办法 第三条"])
    assert told == {
        "portal": Relied("social_impact", "行政处罚法 第四十八条"),
        "": Relied("local_rule", "安澜市公示办法 第三条"),
    }
    await room.decide()
    found = await room.disclosures.examine("A1", NUMBER, told=Told(bases=told))
    assert {one.target: one.basis and one.basis.ground for one in found} == {
        "city": "local_rule",
        "portal": "social_impact",
    }


@pytest.mark.parametrize("wrong", ["第四十八条", "because:第四十八条", "local_rule:", "local_rule@:第三条"])
def test_a_basis_that_is_none_is_refused_with_how_it_is_written(wrong: str) -> None:
    with pytest.raises(InvalidProblem) as refused:
        relied_on([wrong])
    assert refused.value.field == "basis"
