"""What the public must not read does not leave us, and what identifies the decision stays."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.decisions import Officer, Party, PartyKind
from gateway.rooms.disclosures.public_text import REMOVED, redact
from gateway.words.identifiers import resident_check_character

FIRM = Party(kind=PartyKind.ORGANISATION, name="恒筑建设有限公司", uscc="91990102MA0HD1233R")
PERSON = Party(
    kind=PartyKind.NATURAL_PERSON,
    name="岑立秋",
    id_type="护照号",
    id_number="E12345678",
    phone="0990-1234567",
    address="安澜市望川区临河路5号2单元301",
)

chinese = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=0, max_size=20)
regions = st.from_regex(r"[1-9][0-9]{5}", fullmatch=True)
bodies = st.builds(
    lambda region, day, serial: f"{region}{day:%Y%m%d}{serial:03d}",
    regions,
    st.dates(date(1850, 1, 1), date(2060, 1, 1)),
    st.integers(0, 999),
).filter(lambda body: body[6:8] in ("18", "19", "20"))
mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
accounts = st.one_of(st.from_regex(r"62[0-9]{14}", fullmatch=True), st.from_regex(r"62[0-9]{17}", fullmatch=True))


def full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


@given(chinese, st.one_of(bodies.map(lambda body: body + resident_check_character(body)), mobiles, accounts), chinese)
def test_numbers_of_persons_are_removed_wherever_they_stand(before, number, after):
    for written in (number, full_width(number), number.lower()):
        cleaned = redact(before + written + after, FIRM)
        assert written not in cleaned
        assert cleaned == before + REMOVED + after


@given(chinese, bodies.map(lambda body: body + "0"), chinese)
def test_a_mistyped_id_number_is_removed_too(before, number, after):
    assert number not in redact(before + number + after, FIRM)


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text):
    once = redact(text, PERSON, mask_party=True)
    assert redact(once, PERSON, mask_party=True) == once


@pytest.mark.parametrize(
    "text",
    [
        "安望综执罚决〔2026〕118号",
        "统一社会信用代码91990102MA0HD1233R",
        "统一社会信用代码513301005012345694",
        "罚款人民币12345678.90元",
        "缴款码99010226300000000012",
        "2026年9月3日14时20分",
        "依据第二十一条第（一）项、第1条",
        "工商注册号990102600012344",
    ],
)
def test_what_identifies_the_decision_stays(text):
    assert redact(text, FIRM) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("持身份证号：11010119900101123X", "11010119900101123X"),
        ("身份证110101900101123号", "110101900101123"),
        ("护照号码：E87654321。", "E87654321"),
        ("电话:0990-7654321", "7654321"),
        ("联系电话 7654321", "7654321"),
        ("手机 138 0013 8000", "138 0013 8000"),
        ("驾驶京A·12345货车", "京A·12345"),
        ("驾驶粤BD12345新能源车", "粤BD12345"),
        ("开户行账号：6222 0212 3456 7890 123", "6222 0212 3456 7890 123"),
        ("账号110060149018170123456", "110060149018170123456"),
        ("家庭住址：安澜市青禾镇东街8号，无业", "东街8号"),
    ],
)
def test_known_shapes_of_personal_data_are_removed(text, hidden):
    cleaned = redact(text, FIRM)
    assert hidden not in cleaned
    assert REMOVED in cleaned


def test_what_is_known_of_the_party_is_removed_word_for_word():
    cleaned = redact("岑立秋，护照E12345678，0990-1234567，住安澜市望川区临河路5号2单元301。", PERSON, mask_party=True)
    assert cleaned == f"岑某某，护照{REMOVED}，{REMOVED}，住{REMOVED}。"


def test_a_firm_keeps_its_address_and_name():
    firm = Party.model_validate(FIRM.model_dump() | {"address": "安澜市望川区工业路1号"})
    text = "恒筑建设有限公司位于安澜市望川区工业路1号"
    assert redact(text, firm) == text


def test_officers_lose_their_numbers_and_their_names_are_masked():
    officers = (Officer(name="高远", number="99010200123"), Officer(name="恒筑", number="99010200124"))
    text = "执法人员高远(执法证号９９０１０２００１２３)检查恒筑建设有限公司"
    assert redact(text, FIRM, officers) == f"执法人员高某(执法证号{REMOVED})检查恒筑建设有限公司"
