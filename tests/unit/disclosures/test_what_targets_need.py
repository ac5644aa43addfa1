"""What a target would refuse is said before anything leaves, by the names of our API."""

from __future__ import annotations

import itertools
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import contracts
from gateway.adapters.credit.creditchina.mapping import TABLES, penalty
from gateway.rooms.decisions import Decision, DecisionFacts
from gateway.rooms.disclosures import Organ
from gateway.rooms.disclosures.publication import record
from gateway.rooms.disclosures.rules import Need, load
from gateway.words.saying import Language
from simulators.credit.judgement import field_errors

CASE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases/api/decision.json").read_text(encoding="utf-8"))
CREDIT = Path(contracts.__file__).with_name("credit") / "v1"
CONTRACT = json.loads((CREDIT / "openapi.json").read_text(encoding="utf-8"))
CITY = load().targets["credit.creditchina"]
PORTAL = load().targets["credit.portal"]
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
]


def facts(party: dict[str, Any], **changes: Any) -> DecisionFacts:
    return DecisionFacts.model_validate_json(json.dumps(CASE | changes | {"party": party}))


@pytest.mark.parametrize(("party", "act"), list(itertools.product(range(len(PARTIES)), range(len(ACTS)))))
def test_we_say_no_exactly_where_the_target_would(party: int, act: int) -> None:
    told = facts(PARTIES[party], **ACTS[act])
    decision = Decision("dec_1", "A1", "望市监罚〔2026〕1号", 1, told, (), 0, 0)
    unmet = CITY.unmet(told)
    if "penalty_kinds" in unmet:
        return  # the mapping itself refuses to write it
    row = penalty(record(decision, ORGAN, CITY, date(2027, 11, 20)), TABLES["2018"])
    errors = field_errors(CONTRACT, row)
    assert bool(unmet) == bool(errors), (unmet, errors)
    for field, words in unmet.items():
        assert all(field in words.in_(language) for language in Language)
    assert PORTAL.unmet(told) == {}


@pytest.mark.parametrize(
    ("party", "changes", "field"),
    [
        (PARTIES[0], {"fine": None}, "fine"),
        (PARTIES[0], {"penalty_kinds": ["吊销许可证件"], "fine": None}, "licence"),
        (PARTIES[1], {}, "party.legal_representative"),
        (PARTIES[4], {}, "party.uscc"),
        (PARTIES[10], {}, "party.registration_number"),
    ],
)
def test_what_is_wanting_is_named_as_the_api_names_it(
    party: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    assert list(CITY.unmet(facts(party, **changes))) == [field]


def test_a_rule_about_a_fact_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no party\.shoe_size"):
        Need(field="party.shoe_size", says="鞋码")
