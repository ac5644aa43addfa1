"""What people write in their own words leaves for no target with a person in it, whichever field they wrote it in."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any, get_args

import pytest
import structlog
from decision_facts import facts

from gateway import logs
from gateway.ports.credit import CorrectRequest, DisclosureRecord, MarkRequest, SubmitRequest, WithdrawRequest
from gateway.rooms.decisions import Decision, Officer
from gateway.rooms.disclosures.publication import Organ, key_of, reason, record
from gateway.rooms.disclosures.questions import LookQuery
from gateway.rooms.disclosures.rules import load
from gateway.settings import LogSettings
from gateway.words.masking import Public
from gateway.words.personal import in_full

ORGAN = Organ("安澜市望川区市场监督管理局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
TEXT = "证人谭雪樵电话13712344321，执法人员顾承影，当事人崔砚舟持440106200012314536"
OTHERS = ("谭雪樵", "13712344321", "顾承影", "440106200012314536")
PERSON = {"kind": "natural_person", "name": "崔砚舟", "id_type": "身份证", "id_number": "440106200012314536"}
SHOP = {"kind": "individual_business", "name": "崔砚舟", "uscc": "92990102MA0WA4562J"}
WRITTEN = ("violation", "facts", "basis", "content", "licence", "remark", "case_name")
FORMED = {"decision_number", "authority_name", "authority_code", "source_name", "source_code"}
"""No free texts: a number of a checked form, and whom the settings name as publishing."""
TARGETS = load().targets


def decided(**changes: Any) -> Decision:
    told = {**dict.fromkeys(WRITTEN, TEXT), "penalty_kinds": ["罚款", "责令证人谭雪樵"], **changes}
    told["officers"] = (Officer(name="顾承影", number="99010277321"),)
    return Decision("dec_1", "wangchuan", "安望市监罚决〔2026〕57号", 1, facts(**told), (), 0, 0)


def texts_of(sent: DisclosureRecord) -> dict[str, str]:
    """Every field that holds text, in order; the party's own stand apart."""
    values = {name: getattr(sent, name) for name in type(sent).model_fields}
    return {name: str(value) for name, value in values.items() if isinstance(value, str | tuple)}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_text_of_a_record_leaves_without_persons(target: str) -> None:
    sent = record(decided(), ORGAN, TARGETS[target], date(2027, 9, 14))
    found = texts_of(sent)
    assert found.keys() - FORMED >= {*WRITTEN, "penalty_kinds"}
    assert {(name, one) for name, text in found.items() for one in OTHERS if one in text} == set()
    assert "崔砚舟" in sent.facts, "nobody has said that this firm's text names a person there"


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_natural_person_is_masked_in_every_text_at_every_target(target: str) -> None:
    """Over a private link too: the target masks the name in its field, and shows the texts as they came."""
    found = texts_of(record(decided(party=PERSON), ORGAN, TARGETS[target], date(2027, 9, 14)))
    assert {(name, one) for name, text in found.items() for one in (*OTHERS, "崔砚舟") if one in text} == set()


def test_whatever_prints_what_a_target_is_told_shows_no_name_and_no_number() -> None:
    """On every way on which somebody may write it without thinking; read back from there it is refused."""
    sent = record(decided(party=PERSON), ORGAN, TARGETS["credit.creditchina"], date(2027, 9, 14))
    ask = SubmitRequest(reference="R1", record=sent)
    look = LookQuery(about="city", key=key_of(sent))
    said = io.StringIO()
    logs.configure(LogSettings(level="debug"), said)
    structlog.get_logger().info("asked", what=ask, key=look.key, name=sent.party.name)
    written = [f"{one} {one!r} {one.model_dump_json()} {one.model_dump(mode='json')}" for one in (sent, ask, look)]
    for text in (*written, said.getvalue(), f"{sent.party.name:>20}", json.dumps(ask.model_dump(), default=str)):
        assert [one for one in ("崔砚舟", PERSON["id_number"]) if one in text] == []
    with pytest.raises(ValueError, match="mask"):
        SubmitRequest.model_validate_json(ask.model_dump_json())
    assert SubmitRequest.model_validate_json(in_full(ask)) == ask


@pytest.mark.parametrize("message", [DisclosureRecord, CorrectRequest, WithdrawRequest, MarkRequest])
def test_a_text_that_anybody_writes_is_public_by_type(message: type[Any]) -> None:
    """A field of plain text that comes later fails here: it is redacted, or named above with its reason."""
    plain = {
        name
        for name, field in message.model_fields.items()
        if field.annotation is str or str in get_args(field.annotation) or "tuple[str" in str(field.annotation)
    }
    assert plain - FORMED - {"reference"} == set()
    assert Public is not str


@pytest.mark.parametrize("party", [PERSON, SHOP])
def test_a_reason_that_the_public_reads_names_nobody(party: dict[str, str]) -> None:
    told = reason(TEXT, decided(party=party))
    assert [one for one in (*OTHERS, "崔砚舟") if one in told] == []
    assert [one for one in ("谭雪樵", "13712344321", "440106200012314536") if one in reason(TEXT, None)] == []


@pytest.mark.parametrize(
    "text",
    [
        "《中华人民共和国食品安全法》第一百二十四条第一款第（五）项",
        "《中华人民共和国未成年人保护法》第五十九条、第一百二十三条",
        "《消费者权益保护法》第五十六条",
        "《道路旅客运输及客运站管理规定》（交通运输部令2023年第18号）第九十三条",
        "《驾驶员培训管理规定》第四十条",
        "《女职工劳动保护特别规定》第十三条",
        "食品经营许可证JY13205810012345",
        "排污许可证91990102MA0HD1233R001V",
    ],
)
def test_law_and_licences_stay_as_they_are(text: str) -> None:
    sent = record(decided(basis=text, licence=text), ORGAN, TARGETS["credit.portal"], date(2027, 9, 14))
    assert (sent.basis, sent.licence) == (text, text)
