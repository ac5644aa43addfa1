"""The penalty table and the portal's summary are filled as their contracts say."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

import contracts
from gateway.adapters.credit.creditchina import mapping as creditchina_mapping
from gateway.adapters.credit.penalty_table import TABLES, same_name
from gateway.adapters.credit.portal import mapping as portal_mapping
from gateway.ports.credit import DisclosedParty, DisclosureKey, DisclosureRecord, SubmissionState, named
from gateway.words.errors import ContractError
from gateway.words.identifiers import USCC_PLACEHOLDER, clean_text

TABLE = TABLES["2018"]
FIRM = DisclosedParty(
    category="organisation", name="恒筑建设有限公司", uscc="91990102MA0HD1233R", legal_representative="齐远山"
)
PERSON = DisclosedParty(category="natural_person", name="岑立秋", id_type="身份证", id_number="990102198803121011")
OLD_SHOP = DisclosedParty(
    category="individual_business",
    name="青禾镇老周茶摊",
    registration_number="990102600012344",
    legal_representative="周满仓",
)


def disclosed(party: DisclosedParty = FIRM, **changes) -> DisclosureRecord:
    known = {
        "decision_number": "安望综执罚决〔2026〕118号",
        "authority_name": "安澜市望川区综合行政执法局",
        "authority_code": "11990102002100216D",
        "source_name": "安澜市信用信息中心",
        "source_code": "119901000031003146",
        "party": party,
        "violation": "擅自占道经营",
        "facts": "占用人行道摆放货架经营。",
        "basis": "《安澜市市容管理条例》第二十一条",
        "penalty_kinds": ("罚款",),
        "content": "罚款人民币12345.67元",
        "fine": 1_234_567,
        "decided_on": date(2026, 9, 14),
        "valid_until": date(2026, 9, 29),
        "publish_until": date(2027, 9, 14),
    }
    return DisclosureRecord.model_validate(known | changes)


def errors(system: str, schema: str, value: object) -> list[str]:
    document = json.loads(contracts.read_text(f"{system}/v1/openapi.json"))
    root = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    return [error.message for error in Draft202012Validator(root, format_checker=FormatChecker()).iter_errors(value)]


@pytest.mark.parametrize("party", [FIRM, PERSON, OLD_SHOP], ids=lambda party: party.category)
def test_every_category_of_party_fills_a_valid_row(party):
    row = TABLE.fill(disclosed(party)).row
    assert errors("credit", "Penalty", row) == []
    assert row["CF_NR_FK"] == "1.234567"


def test_an_old_individual_business_carries_the_placeholder_and_its_registration_number():
    row = TABLE.fill(disclosed(OLD_SHOP)).row
    assert row["CF_XDR_SHXYM"] == USCC_PLACEHOLDER
    assert row["CF_XDR_GSZC"] == "990102600012344"


def test_an_organisation_never_gets_the_placeholder():
    nameless = FIRM.model_copy(update={"uscc": None, "registration_number": "990102000012344"})
    assert "CF_XDR_SHXYM" not in TABLE.fill(disclosed(nameless)).row


@pytest.mark.parametrize(
    ("kinds", "wire"),
    [
        (("罚款",), "罚款"),
        (("警告", "罚款"), "警告；罚款"),
        (("没收违法所得", "没收非法财物", "罚款"), "没收违法所得、没收非法财物；罚款"),
        (("通报批评",), "其他-通报批评"),
        (("降低资质等级", "限制从业"), "其他-降低资质等级；其他-限制从业"),
        (("吊销许可证件",), "暂扣或者吊销许可证/执照"),
        (("责令关闭；限期拆除",), "其他-责令关闭；其他-限期拆除"),
        (("罚款；没收违法所得",), "罚款；没收违法所得、没收非法财物"),
        (("警告并处罚款",), "警告；罚款"),
        (("其他-责令改正；补种树木",), "其他-责令改正、补种树木"),
    ],
)
def test_kinds_of_the_2021_law_are_written_in_the_words_of_the_2018_list(kinds, wire):
    assert "；".join(TABLE.kinds(tuple(kinds))) == wire


@given(st.lists(st.text(st.characters(categories=("Lo", "Nd")), min_size=1, max_size=60), min_size=1, max_size=5))
def test_any_kind_of_penalty_fits_the_contract(kinds):
    kinds = [clean_text(kind) for kind in kinds]
    row = TABLE.fill(disclosed(penalty_kinds=tuple(kinds))).row
    assert not [message for message in errors("credit", "Penalty", row) if "CF_CFLB" in message or "其他" in message]


def test_a_kind_too_long_for_the_wire_is_named_before_sending():
    faults = TABLE.fill(disclosed(penalty_kinds=("责" * 65,))).faults
    assert [(one.field, one.wire, one.fault) for one in faults] == [("penalty_kinds", "CF_CFLB", "too_long")]


@given(st.integers(0, 999_999_999_999))
def test_amounts_in_wan_are_exact_to_the_fen(fen):
    row = TABLE.fill(disclosed(fine=fen)).row
    whole, fraction = row["CF_NR_FK"].split(".")
    assert int(whole) * 1_000_000 + int(fraction) == fen


@pytest.mark.parametrize(
    ("displayed", "sent", "same"),
    [("岑**", "岑立秋", True), ("岑*秋", "岑立秋", True), ("岑*", "岑立秋", False), ("林**", "岑立秋", False)],
)
def test_a_name_masked_by_the_platform_is_recognised(displayed, sent, same):
    assert same_name(displayed, sent) is same


def test_a_state_that_the_contract_lacks_is_never_final():
    answer = creditchina_mapping.WireSubmission(sourceId="R1", state="99999", receiptNo="1")
    with pytest.raises(ContractError, match="unknown state"):
        creditchina_mapping.submission(answer, {"PENDING": "pending", "ACCEPTED": "ok", "REJECTED": "rejected"})


def test_every_verdict_of_the_contract_has_a_meaning():
    effects = {row["state"]: row["effect"] for row in contracts.code_table("credit", "v1", "verdicts")}
    for state in effects:
        answer = creditchina_mapping.WireSubmission(sourceId="R1", state=state, receiptNo="1")
        assert creditchina_mapping.submission(answer, effects).state in SubmissionState


@pytest.mark.parametrize(
    "party", [FIRM, PERSON.model_copy(update={"name": named("岑某某")}), OLD_SHOP], ids=lambda party: party.category
)
def test_the_portal_s_summary_is_valid_and_holds_no_id_number(party):
    message = portal_mapping.publication("R1", disclosed(party, full_text="全文"))
    assert errors("portal", "Publication", message) == []
    assert "990102198803121011" not in json.dumps(message)


def test_only_the_entry_of_the_same_party_counts_as_shown():
    entry = {
        "state": "PUBLISHED",
        "key": {"decisionNumber": "1号", "authorityCode": "11990102002100216D", "partyName": "甲"},
        "summary": {"content": "罚款"},
        "publishedOn": "2026-09-15",
        "url": "/portal/public/1",
    }
    records = [portal_mapping.WireShown.model_validate(entry)]
    mine = DisclosureKey(decision_number="1号", authority_code="11990102002100216D", party_name="甲")
    assert portal_mapping.shown(records, mine) is not None
    assert portal_mapping.shown(records, mine.model_copy(update={"party_name": named("乙")})) is None
