"""The registry's words are mapped by its own tables, and nothing that breaks the contract or is unknown is guessed."""

from __future__ import annotations

import json
from datetime import date

import httpx
import pytest
from pydantic import ValidationError

import contracts
from gateway.adapters.registry.sharing import mapping
from gateway.foundation.wire.envelope import Answer
from gateway.words.errors import BusyError, ContractError, DeniedError, OutcomeUnknownError, RejectedError


def example(name: str) -> dict:
    return json.loads(contracts.read_text(f"registry/v1/examples/valid/{name}.json"))["value"]


def entity(name: str = "entity_company", **changed) -> mapping.Entity:
    values = {**example(name), **changed}
    return mapping.Entity.model_validate({key: value for key, value in values.items() if value is not None})


def test_a_company_is_mapped_in_full():
    record = mapping.record(entity())
    assert record.uscc == "91990102MA0HD1233R"
    assert record.name == "恒筑建设有限公司"
    assert (record.status, record.raw_status) == ("operating", "存续（在营、开业、在册）")
    assert record.category == "organisation"
    assert record.legal_representative == "齐远山"
    assert record.established_on == date(2012, 6, 22)
    assert record.registered_capital == "2000万元人民币"
    assert record.address == "安澜市望川区长堤大道66号"
    assert record.as_of.isoformat() == "2026-09-14T01:30:00+00:00"


def test_an_individual_business_without_a_unified_code_keeps_its_number():
    record = mapping.record(entity("entity_without_unified_code"))
    assert (record.uscc, record.registration_number) == (None, "990102600001188")
    assert record.category == "individual_business"
    assert record.address == "安澜市望川区老埠头7号"


def test_a_business_at_rest_keeps_its_address_for_legal_documents():
    record = mapping.record(entity("entity_suspended"))
    assert (record.status, record.service_address) == ("suspended", "安澜市望川区梧桐巷3号")


@pytest.mark.parametrize("row", contracts.code_table("registry", "v1", "reg_states"), ids=lambda row: row["text"])
def test_every_state_of_the_table_is_mapped_however_its_brackets_are_written(row):
    for text in (row["text"], row["text"].replace("（", "(").replace("）", ")").replace("，", ","), f" {row['text']} "):
        assert mapping.status(text) == row["meaning"]


def test_an_unknown_state_is_other_and_shown_as_sent():
    record = mapping.record(entity("entity_unusual_state_text"))
    assert (record.status, record.raw_status) == ("other", "拟注销公告中")


@pytest.mark.parametrize(
    ("code", "text", "uscc", "category"),
    [
        ("9500", "个体工商户", "92990102MA0WA4562J", "individual_business"),
        ("9999", "个体", None, "individual_business"),
        ("9999", "个体工商户（港澳居民）", None, "individual_business"),
        ("9500", "有限责任公司(自然人独资)", None, "organisation"),
        ("9500", "其他", None, "individual_business"),
        (None, "其他", "92990102MA0WA4562J", "individual_business"),
        (None, "其他", "91990102MA0HD1233R", "organisation"),
        (None, "其他", None, "organisation"),
    ],
)
def test_the_kind_of_a_business_follows_text_then_code_then_unified_code(code, text, uscc, category):
    assert mapping.category(code, text, uscc) == category


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("2000.000000", "人民币", "2000万元人民币"),
        ("0.5", None, "0.5万元"),
        ("100", "美元", "100万美元"),
        ("10.250000", "人民币", "10.25万元人民币"),
        (None, "人民币", None),
    ],
)
def test_capital_is_written_exactly(amount, currency, words):
    assert mapping.capital(amount, currency) == words


@pytest.mark.parametrize(
    "changed",
    [
        {"uniscId": "91990102MA0HD1233S"},
        {"dataTime": 1789437600},
        {"dataTime": None},
        {"regState_CN": None},
        {"regState_CN": ""},
        {"entName": "恒筑\x00建设"},
        {"entName": "恒筑\u202e建设"},
    ],
)
def test_an_entity_that_breaks_the_contract_does_not_validate(changed):
    with pytest.raises(ValidationError):
        entity(**changed)


@pytest.mark.parametrize("changed", [{"entName": None}, {"traName": "恒筑"}, {"uniscId": None, "regNo": None}])
def test_an_entity_that_contradicts_itself_is_a_broken_contract(changed):
    with pytest.raises(ContractError):
        mapping.record(entity(**changed))


def test_line_breaks_in_long_texts_are_blanks():
    assert (
        mapping.record(entity(opScope="房屋建筑工程施工；\r\n市政公用\t工程施工。")).scope
        == "房屋建筑工程施工； 市政公用 工程施工。"
    )


def test_members_unknown_to_us_are_passed_over():
    assert mapping.record(entity("entity_with_unknown_member")).name == "味安副食店"


def answer(code: str, data: object) -> Answer[mapping.Entity]:
    return Answer[mapping.Entity].model_validate({"code": code, "message": "某句话", "data": data})


def test_absence_is_said_and_never_inferred():
    assert mapping.RESULTS.content(answer("R0404", None)) is None
    for code, data in (
        ("R0000", None),
        ("R0404", example("entity_company")),
        ("R9999", None),
        ("R9999", example("entity_company")),
    ):
        with pytest.raises(ContractError):
            mapping.RESULTS.content(answer(code, data))


def test_a_refusal_keeps_the_registrys_words():
    with pytest.raises(RejectedError) as refused:
        mapping.RESULTS.content(answer("R0410", None))
    assert (refused.value.reason, refused.value.code) == ("某句话", "R0410")


@pytest.mark.parametrize("row", contracts.code_table("registry", "v1", "results"), ids=lambda row: row["code"])
def test_every_result_code_leads_to_what_the_table_says(row):
    body = {"code": row["code"], "message": row["meaning"], "data": None}
    if row["status"] == "200":
        value = answer(row["code"], example("entity_company") if row["effect"] == "ok" else None)
        if row["effect"] == "rejected":
            with pytest.raises(RejectedError):
                mapping.RESULTS.content(value)
        else:
            assert (mapping.RESULTS.content(value) is None) == (row["effect"] == "absent")
    else:
        expected = {"rejected": RejectedError, "denied": DeniedError, "busy": BusyError}[row["effect"]]
        assert type(mapping.RESULTS.refusal(httpx.Response(int(row["status"]), json=body))) is expected


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"code": "R9999"}, {"code": 7}, {"code": "R0000", "message": "成功"}]
)
def test_a_refusal_outside_the_contract_is_doubt_unless_it_denies(body):
    assert type(mapping.RESULTS.refusal(httpx.Response(503, json=body))) is OutcomeUnknownError
    assert type(mapping.RESULTS.refusal(httpx.Response(403, json=body))) is DeniedError


def test_a_page_that_does_not_move_on_is_a_broken_contract():
    page = mapping.Changes.model_validate(example("answer_changes")["data"])
    assert mapping.page(page, "c0").changes[0].after == "齐远山"
    with pytest.raises(ContractError):
        mapping.page(page.model_copy(update={"more": True}), page.nextCursor)
