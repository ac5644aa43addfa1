"""Parties as they are: without unified codes, with old numbers, with other documents; minors known by their number."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.decisions.facts import age_on
from gateway.words.identifiers import resident_check_character
from gateway.words.saying import Language
from gateway.words.wrong import wrongs

CASE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases/api/decision.json").read_text(encoding="utf-8"))
DECIDED = date(2026, 11, 20)


def resident(born: date, region: str = "990102") -> str:
    body = f"{region}{born:%Y%m%d}003"
    return body + resident_check_character(body)


def facts(party: dict[str, Any] | None = None, **changes: Any) -> DecisionFacts:
    told = CASE | changes | ({} if party is None else {"party": party})
    return DecisionFacts.model_validate_json(json.dumps(told))


def person(id_type: str = "身份证", id_number: str = "990102194912310024", **more: Any) -> dict[str, Any]:
    return {"kind": "natural_person", "name": "罗小满", "id_type": id_type, "id_number": id_number, **more}


def shop(**more: Any) -> dict[str, Any]:
    return {"kind": "individual_business", "name": "望川区老张面馆", **more}


def body(**more: Any) -> dict[str, Any]:
    return {"kind": "organisation", "name": "安澜花园业主委员会", **more}


def refused(party: dict[str, Any] | None = None, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as told:
        facts(party, **changes)
    return [(one.field, one.reason.in_(Language.CHINESE)) for one in wrongs(told.value.errors())]


@pytest.mark.parametrize(
    ("party", "warned"),
    [
        (person(), []),
        (person("护照号", "E1234567"), []),
        (person("护照号", "K1234"), []),
        (person("护照", "G23456789"), []),
        (person("港澳居民来往内地通行证", "H12345678"), []),
        (person("港澳居民来往内地通行证", "M0123456701"), []),
        (person("港澳居民来往内地通行证", "12345678"), ["party.id_number"]),
        (person("台湾居民来往大陆通行证", "01234567"), []),
        (person("台湾居民来往大陆通行证", "0123456789(B)"), []),
        (person("外国人永久居留身份证", "USA110085012345"), []),
        (person("外国人永久居留身份证", resident(date(1985, 12, 31), "910012")), []),
        (person("港澳台居民居住证", "830000198512310020"), []),
        (person("港澳台居民居住证", resident(date(1985, 12, 31))), ["party.id_number"]),
        (person("居民户口簿", "990102194912310024"), []),
        (person("身份证", "990102491231002"), ["party.id_number"]),
        (person("军官证", "军字第1234567号"), []),
        (person("士兵证", "士字第0012345号"), []),
        (person("其他-驾驶证", "990102194912310024"), []),
        (body(no_uscc_reason="业主委员会，未登记"), ["party.uscc"]),
        (body(no_uscc_reason="境外公司", registration_number="0012345字"), ["party.registration_number", "party.uscc"]),
        (body(organisation_code="123456788"), []),
        (body(organisation_code="12345678-8"), []),
        (body(organisation_code="123456789"), ["party.organisation_code"]),
        (body(institution_number="事证第199010200012号"), []),
        (body(social_organisation_number="望社证字第0123号"), []),
        (body(registration_number="990102000000013"), ["party.registration_number"]),
        (shop(registration_number="9901022000001"), ["party.registration_number"]),
        (shop(registration_number="望工商个字第00123号"), ["party.registration_number"]),
        (shop(registration_number="990102600000014"), ["party.registration_number"]),
        (shop(registration_number="990102600000013"), []),
        (shop(uscc="92990102MA0WA4562J"), []),
        (shop(id_type="身份证", id_number="990102194912310024"), []),
        (shop(id_type="护照号", id_number="E1234567"), []),
    ],
)
def test_parties_that_exist_are_taken_and_what_is_odd_is_named(party: dict[str, Any], warned: list[str]) -> None:
    found = facts(party)
    assert [one.field for one in found.warnings()] == warned
    assert DecisionFacts.model_validate_json(found.for_official_use().model_dump_json()) == found
    for one in found.warnings():
        assert any("\u4e00" <= character <= "\u9fff" for character in one.reason.in_(Language.CHINESE))


@pytest.mark.parametrize(
    ("party", "field"),
    [
        (body(), "party"),
        (body(uscc="91990102MA0K7T2PXA", no_uscc_reason="没有"), "party"),
        (shop(), "party"),
        (shop(registration_number="99010220000"), "party"),
        (shop(registration_number="9901026000000145"), "party"),
        (shop(registration_number="92990102MA0WA4562J"), "party"),
        (body(organisation_code="12345"), "party"),
        (person("驾驶证", "990102194912310024"), "party.id_type"),
        (person("其他-", "12345"), "party.id_type"),
        (person("其他-" + "证" * 59, "12345"), "party.id_type"),
        (person("身份证", "990102194912310025"), "party"),
        (person("身份证", "990102490231002"), "party"),
        (person("港澳台居民居住证", "830000198512310021"), "party"),
        (person("外国人永久居留身份证", "910012198512310021"), "party"),
        ({"kind": "natural_person", "name": "罗小满"}, "party"),
    ],
)
def test_what_nobody_can_have_is_refused(party: dict[str, Any], field: str) -> None:
    assert {where for where, _ in refused(party)} == {field}


# --- who is a minor ---------------------------------------------------------------------------------------------------


def test_a_minor_is_known_by_the_number() -> None:
    found = facts(person(id_number=resident(date(2010, 12, 31))))
    assert (found.party_is_minor, found.minor) == (None, True)
    assert [one.field for one in found.warnings()] == ["party_is_minor"]


@given(st.dates(date(1900, 1, 1), date(2030, 12, 31)), st.dates(date(2000, 1, 1), DECIDED))
def test_age_counts_on_the_day_of_the_act(born: date, acted: date) -> None:
    party = person(id_number=resident(born))
    if born > acted or age_on(born, acted) < 14:  # 行政处罚法 art. 30
        assert refused(party, violation_on=str(acted))
        return
    found = facts(party, violation_on=str(acted))
    eighteen = date(born.year + 18, born.month, min(born.day, 28) if (born.month, born.day) == (2, 29) else born.day)
    assert found.minor is (acted <= eighteen)
    assert found.minor is (age_on(born, acted) < 18)


def test_a_trader_without_licence_may_be_a_minor_and_a_representative_is_not_the_party() -> None:
    young = resident(date(2010, 12, 31))
    assert facts(shop(id_type="身份证", id_number=young)).minor
    assert not facts(body(no_uscc_reason="无", id_type="身份证", id_number=young)).minor


@pytest.mark.parametrize(
    ("born", "changes"),
    [
        (date(2030, 12, 31), {}),
        (DECIDED + timedelta(days=1), {}),
        (date(2024, 1, 2), {"violation_on": "2024-01-01"}),
        (date(2015, 12, 31), {"party_is_minor": False}),
        (date(1985, 12, 31), {"party_is_minor": True}),
        (date(2008, 1, 1), {"party_is_minor": True, "violation_on": "2026-11-19"}),
    ],
)
def test_what_contradicts_the_birthday_is_refused(born: date, changes: dict[str, Any]) -> None:
    (found,) = refused(person(id_number=resident(born)), **changes)
    assert "证件号码" in found[1]


def test_an_act_may_lie_before_the_decision() -> None:
    grown = person(id_number=resident(date(2006, 1, 1)))
    assert not facts(grown).minor
    assert [one.field for one in facts(grown).warnings()] == ["violation_on"]
    assert facts(grown, party_is_minor=True).minor
    assert facts(grown, violation_on="2023-05-01").minor
    assert refused(grown, violation_on="2026-11-21")


def test_who_has_no_number_that_tells_is_what_the_case_system_says() -> None:
    passport = person("护照号", "E1234567")
    assert [facts(passport, party_is_minor=said).minor for said in (None, True, False)] == [False, True, False]


# --- kinds of penalty -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (["罚款；没收违法所得"], ("罚款", "没收违法所得")),
        (["罚款;没收违法所得"], ("罚款", "没收违法所得")),
        (["警告、罚款"], ("警告", "罚款")),
        (["警告，罚款"], ("警告", "罚款")),
        (["警告和罚款"], ("警告", "罚款")),
        (["罚款", "罚款；警告"], ("罚款", "警告")),
        (["没收违法所得、没收非法财物", "罚款"], ("没收违法所得、没收非法财物", "罚款")),
        (["责令停产停业整顿", "罚款"], ("责令停产停业整顿", "罚款")),
        (["罚款", "吊销食品经营许可证"], ("罚款", "吊销食品经营许可证")),
        (["罚款", "其他-责令改正"], ("罚款", "其他-责令改正")),
    ],
)
def test_kinds_are_one_an_element(told: list[str], kinds: tuple[str, ...]) -> None:
    confiscated = "1.00" if any("没收" in one for one in kinds) else None
    assert facts(penalty_kinds=told, confiscated=confiscated).penalty_kinds == kinds


@pytest.mark.parametrize(
    "kind",
    [
        "处罚款200元",
        "罚款200.00元",
        "罚款贰佰元",
        "并处罚款",
        "罚款人民币",
        "行政拘留五日",
        "其他-罚款",
        "停业3天",
        "其他-",
    ],
)
def test_what_is_more_than_a_kind_is_refused_by_its_element(kind: str) -> None:
    (found,) = refused(penalty_kinds=["罚款", kind])
    assert found[0] == "penalty_kinds.1"
    assert "处罚种类" in found[1]
