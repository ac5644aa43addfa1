"""What a target would refuse is said before anything leaves, by the names of our API."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import contracts
from gateway.adapters.credit.layout import Field, Layout
from gateway.adapters.credit.penalty_table import TABLES
from gateway.adapters.credit.portal.mapping import LAYOUT
from gateway.ports.credit import DisclosureRecord
from gateway.rooms.decisions import Decision, DecisionFacts
from gateway.rooms.disclosures import Organ
from gateway.rooms.disclosures.publication import record
from gateway.rooms.disclosures.rules import load
from gateway.rooms.disclosures.validation import Objection
from gateway.words.personal import in_full
from gateway.words.saying import Language
from simulators.credit.judgement import field_errors

CASE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases/api/decision.json").read_text(encoding="utf-8"))
CREDIT = Path(contracts.__file__).with_name("credit") / "v1"
CONTRACT = json.loads((CREDIT / "openapi.json").read_text(encoding="utf-8"))
CITY = load().targets["credit.creditchina"]
ORGAN = Organ("安澜市望川区市场监督管理局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
SHOP = {"kind": "individual_business", "name": "望川区老张面馆"}
BODY = {"kind": "organisation", "name": "安澜恒筑建设有限公司"}
PERSON = {"kind": "natural_person", "name": "罗小满"}
PARTIES: list[dict[str, Any]] = [
    {**BODY, "uscc": "91990102MA0K7T2PXA", "legal_representative": "罗小满"},
    {**BODY, "uscc": "91990102MA0K7T2PXA"},
    {**BODY, "uscc": "91990102MA0K7T2PXA", "legal_representative": "罗" * 51},
    {**BODY, "no_uscc_reason": "业主委员会", "legal_representative": "罗小满"},
    {**BODY, "organisation_code": "12345678-8", "legal_representative": "罗小满"},
    {**BODY, "uscc": "91990102MA0K7T2PXA", "legal_representative": "罗小满", "institution_number": "事证第1号"},
    {**SHOP, "uscc": "92990102MA0WA4562J", "legal_representative": "罗小满"},
    {**SHOP, "uscc": "92990102MA0WA4562J"},
    {**SHOP, "registration_number": "9901022000001", "legal_representative": "罗小满"},
    {**SHOP, "registration_number": "望工商个字第00123号", "legal_representative": "罗小满"},
    {**SHOP, "id_type": "身份证", "id_number": "990102194912310024", "legal_representative": "罗小满"},
    {**PERSON, "id_type": "身份证", "id_number": "990102194912310024"},
    {**PERSON, "id_type": "身份证", "id_number": "990102491231002"},
    {**PERSON, "id_type": "港澳台居民居住证", "id_number": "830000198512310020"},
    {**PERSON, "id_type": "军官证", "id_number": "军字第1234567号"},
    {**PERSON, "id_type": "护照", "id_number": "E1234567"},
    {**PERSON, "id_type": "其他-驾驶证", "id_number": "990102194912310024"},
]
ACTS: list[dict[str, Any]] = [
    {"penalty_kinds": ["罚款"], "fine": "200.00"},
    {"penalty_kinds": ["罚款"], "fine": None},
    {"penalty_kinds": ["吊销许可证件"], "fine": None},
    {"penalty_kinds": ["吊销许可证件"], "fine": None, "licence": "食品经营许可证JY1"},
    {"penalty_kinds": ["没收违法所得"], "fine": None},
    {"penalty_kinds": ["没收违法所得", "罚款"], "fine": "1.00", "confiscated": "1.00"},
    {"penalty_kinds": ["警告"], "fine": None},
    {"penalty_kinds": ["警告", "改" * 65], "fine": None},
    {"penalty_kinds": ["警告"], "fine": None, "facts": "长" * 10001},
    {"valid_until": None},
    {"remark": "与刑事案件衔接", "case_name": "占道堆放案"},
]
KNOWN = {"today": "2026-11-23", "local_code": "990102"}


def facts(party: dict[str, Any], **changes: Any) -> DecisionFacts:
    return DecisionFacts.model_validate_json(
        json.dumps(CASE | {"valid_until": "2027-11-20"} | changes | {"party": party})
    )


def canonical(told: DecisionFacts) -> DisclosureRecord:
    decision = Decision("dec_1", "A1", "望市监罚〔2026〕1号", 1, told, (), 0, 0)
    return record(decision, ORGAN, CITY, date(2027, 11, 20))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("party", range(len(PARTIES)))
def test_we_say_no_exactly_where_the_target_would(party: int, table: str) -> None:
    for act in ACTS:
        made = canonical(facts(PARTIES[party], **act))
        filled = TABLES[table].fill(made, KNOWN)
        refused = {field for field, _ in field_errors(CONTRACT, filled.row, table)}
        if table == "2018":
            assert {one.wire for one in filled.faults} == refused, act
        assert bool(filled.faults) == bool(refused), (filled.faults, refused)
        for one in filled.faults:
            objection = Objection("city", one)
            for language in Language:
                words = objection.reason.in_(language)
                assert all(told in words for told in (objection.field, one.wire, one.title, one.source)), words
        whole_name = {"party.name"} if made.party.category == "natural_person" else set()  # anybody reads a portal
        assert {one.field for one in LAYOUT.fill(made).faults} - {"penalty_kinds"} == whole_name


@pytest.mark.parametrize(
    ("party", "changes", "field"),
    [
        (PARTIES[0], {"fine": None}, "fine"),
        (PARTIES[0], {"penalty_kinds": ["吊销许可证件"], "fine": None}, "licence"),
        (PARTIES[0], {"valid_until": None}, "valid_until"),
        (PARTIES[1], {}, "party.legal_representative"),
        (PARTIES[4], {}, "party.uscc"),
        (PARTIES[10], {}, "party.registration_number"),
    ],
)
def test_what_is_wanting_is_named_as_the_api_names_it(
    party: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    assert [one.field for one in TABLES["2018"].fill(canonical(facts(party, **changes))).faults] == [field]


def test_every_column_of_the_table_has_an_input() -> None:
    representative = {"representative_id_type": "身份证", "representative_id_number": "990102194912310024"}
    codes = {
        "registration_number": "990102000000016",
        "organisation_code": "12345678-8",
        "tax_number": "990102123456788",
        "institution_number": "事证第1号",
        "social_organisation_number": "社证第1号",
    }
    firm = {**PARTIES[0], **representative, **codes}
    kinds = ["罚款", "没收违法所得", "吊销许可证件"]
    full = facts(firm, penalty_kinds=kinds, fine="1.00", confiscated="1.00", licence="许可证JY1", remark="已移送")
    filled = TABLES["2018"].fill(canonical(full))
    person = TABLES["2018"].fill(canonical(facts(PARTIES[11])))
    assert filled.faults == person.faults == ()
    assert filled.row.keys() | person.row.keys() == CONTRACT["components"]["schemas"]["Penalty"]["properties"].keys()
    assert len(filled.row.keys() | person.row.keys()) == 30


def test_no_day_stands_in_for_the_end_of_validity() -> None:
    assert "CF_YXQ" not in TABLES["2018"].fill(canonical(facts(PARTIES[0], valid_until=None))).row


def test_an_id_number_of_a_representative_goes_over_the_private_link_alone() -> None:
    party = {**PARTIES[0], "representative_id_type": "身份证", "representative_id_number": "990102194912310024"}
    decision = Decision("dec_1", "A1", "望市监罚〔2026〕1号", 1, facts(party), (), 0, 0)
    public = record(decision, ORGAN, load().targets["credit.portal"], date(2027, 11, 20))
    assert "990102194912310024" not in in_full(public).decode()


def test_a_layout_that_names_what_is_not_there_is_refused() -> None:
    line = {"wire": "X", "title": "甲", "fact": "fine", "form": "text", "longest": "", "wanted": "", "for": ""}
    for wrong in ({"form": "poem"}, {"wanted": "perhaps"}, {"for": "ghost"}):
        with pytest.raises(ValueError, match="X: no"):
            Field.of(line | wrong)
    with pytest.raises(ValueError, match="there is no field colour"):
        Layout([Field.of(line)], "").renamed({}, ("colour",))
