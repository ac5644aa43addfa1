"""Every fen is read and written exactly; words on vouchers follow the central bank's rules."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from gateway.words.money import (
    MAX_FEN,
    Yuan,
    YuanOut,
    format_sum,
    format_wan,
    format_yuan,
    parse_wan,
    parse_yuan,
    told_sum,
    told_yuan,
    yuan_in_words,
)

amounts = st.one_of(
    st.integers(0, MAX_FEN), st.integers(0, 200_000_00), st.integers(0, 9_999_999_999).map(lambda n: n * 100)
)


@given(amounts)
def test_fen_survive_every_text_form(fen: int) -> None:
    assert parse_yuan(format_yuan(fen)) == fen
    assert parse_wan(format_wan(fen)) == fen
    assert Decimal(format_yuan(fen)) * 100 == Decimal(format_wan(fen)) * 1_000_000 == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "1.000",
        "01.00",
        ".50",
        "-1.00",
        "+1.00",
        "1,000.00",
        "1e3",
        "10000000000.00",
        " 1.00",
        "1.00\n",
        "١.00",
        "１.00",
        "NaN",
        "0x1.00",
        "1.0０",
    ],
)
def test_a_text_that_is_not_exactly_yuan_with_two_decimals_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="two decimals"):
        parse_yuan(text)


@pytest.mark.parametrize("text", ["", "1000000", "0.1234567", "00.1", "-0.1", "0.", "０.1", "0.1\n"])
def test_a_text_that_is_not_wan_yuan_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="万元"):
        parse_wan(text)


def test_wan_yuan_are_exact_to_the_fen() -> None:
    assert format_wan(1) == "0.000001"
    assert format_wan(503_650) == "0.503650"
    assert format_wan(MAX_FEN) == "999999.999999"
    assert parse_wan("0.5") == 500_000
    assert parse_wan("12") == 12_000_000


@pytest.mark.parametrize("write", [format_yuan, format_wan, yuan_in_words])
@pytest.mark.parametrize("fen", [-1, MAX_FEN + 1])
def test_an_amount_outside_the_bounds_is_never_written(write, fen) -> None:
    with pytest.raises(ValueError, match="outside"):
        write(fen)


@given(st.integers(-(10**18), 10**18))
def test_a_sum_or_difference_is_written_exactly_whatever_its_size(fen: int) -> None:
    assert Decimal(format_sum(fen)) * 100 == fen


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        # The examples of 《支付结算办法》 annex 1; where it gives two forms, its first.
        (140_950, "壹仟肆佰零玖元伍角"),
        (600_714, "陆仟零柒元壹角肆分"),
        (168_032, "壹仟陆佰捌拾元零叁角贰分"),
        (10_700_053, "壹拾万柒仟元零伍角叁分"),
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),
        (32_504, "叁佰贰拾伍元零肆分"),
        # Edges of our own.
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角"),
        (11, "壹角壹分"),
        (100, "壹元整"),
        (105, "壹元零伍分"),
        (1_000, "壹拾元整"),
        (10_010, "壹佰元零壹角"),
        (10_100, "壹佰零壹元整"),
        (503_650, "伍仟零叁拾陆元伍角"),
        (1_000_000, "壹万元整"),
        (1_000_100, "壹万零壹元整"),
        (10_050_000, "壹拾万零伍佰元整"),
        (10_100_000, "壹拾万壹仟元整"),
        (1_000_000_000, "壹仟万元整"),
        (10_000_000_000, "壹亿元整"),
        (10_000_500_000, "壹亿零伍仟元整"),
        (10_000_000_100, "壹亿零壹元整"),
        (10_005_000_000, "壹亿零伍万元整"),
        (150_500_005_000, "壹拾伍亿零伍佰万零伍拾元整"),
        (10_500_050_000, "壹亿零伍佰万零伍佰元整"),
        (MAX_FEN, "玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_amounts_in_words_follow_the_rules_for_vouchers(fen: int, words: str) -> None:
    assert yuan_in_words(fen) == words


def read_words(words: str) -> int:
    """An independent reader of capital numerals, which ignores 零 and 整."""
    digits = {character: value for value, character in enumerate("零壹贰叁肆伍陆柒捌玖")}
    places = {"拾": 10, "佰": 100, "仟": 1000}
    total = section = digit = 0
    for character in words:
        if character in digits:
            digit = digits[character]
        elif character in places:
            section, digit = section + digit * places[character], 0
        elif character == "亿":
            total, section, digit = (section + digit) * 10**10, 0, 0
        elif character == "万":
            total, section, digit = total + (section + digit) * 10**6, 0, 0
        elif character == "元":
            total, section, digit = total + (section + digit) * 100, 0, 0
        elif character in "角分":
            total, digit = total + digit * (10 if character == "角" else 1), 0
    return total


@given(amounts)
def test_words_read_back_as_the_amount_they_were_written_from(fen: int) -> None:
    words = yuan_in_words(fen)
    assert read_words(words) == fen
    assert "零零" not in words
    assert re.search("零(?=[拾佰仟万亿整角分])", words) is None
    assert words.endswith("整") == (fen % 100 == 0)


class Bill(BaseModel):
    amount: Yuan


class Answer(BaseModel):
    amount: YuanOut


def test_on_the_wire_money_is_text_and_inside_it_is_fen() -> None:
    assert Bill.model_validate({"amount": "5036.50"}).amount == 503_650
    assert json.loads(Bill.model_validate_json('{"amount": "5036.50"}').model_dump_json()) == {"amount": "5036.50"}
    assert Answer(amount=503_650).model_dump(mode="json") == {"amount": "5036.50"}
    for model in (Bill, Answer):
        schema = model.model_json_schema(mode="serialization")["properties"]["amount"]
        assert schema["type"] == "string"
        assert re.fullmatch(schema["pattern"], "5036.50")


@pytest.mark.parametrize("value", [200, 200.0, True, None, ["1.00"], "1e12", "1000000000000.00"])
def test_a_json_number_is_never_taken_for_money(value) -> None:
    with pytest.raises(ValidationError):
        Bill.model_validate({"amount": value})


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("200", 20000),
        ("200.0", 20000),
        ("200.000", 20000),
        ("+200.00", 20000),
        ("2E+2", 20000),
        ("2e2", 20000),
        ("2.5E1", 2500),
        ("2.505e1", 2505),
        ("1.2345E2", 12345),
        ("0.01", 1),
        (".5", 50),
        ("7.", 700),
        ("0", 0),
        ("9999999999.99", MAX_FEN),
    ],
)
def test_every_way_in_which_others_write_an_amount_is_one_amount(text: str, fen: int) -> None:
    assert told_yuan(text) == told_sum(text) == fen


@pytest.mark.parametrize(
    "text", ["", ".", "+", "-1", "1,000", "0x10", "1 ", "E2", "1e-2", "200.005", "0.001", "1.2345E1"]
)
def test_what_is_no_amount_or_no_whole_fen_is_refused(text: str) -> None:
    for read in (told_yuan, told_sum):
        with pytest.raises(ValueError):
            read(text)


def test_only_a_sum_may_be_larger_than_an_amount() -> None:
    assert told_sum("10000000000") == MAX_FEN + 1
    with pytest.raises(ValueError, match="9999999999"):
        told_yuan("10000000000")
