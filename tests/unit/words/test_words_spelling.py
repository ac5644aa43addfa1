"""One thing under several spellings has one key, and two things have two."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words.spelling import name_key, number_key, same_name, wire_name

BRACKETS = ["〔〕", "[]", "［］", "()", "（）", "【】", "﹝﹞", "〖〗", "{}", "「」"]


@pytest.mark.parametrize("brackets", BRACKETS)
@pytest.mark.parametrize("ordinal", ["第", "", " 第 "])
@pytest.mark.parametrize("serial", ["12", "012", "１２", "1 2"])
@pytest.mark.parametrize("end", ["号", "號", "", " 号"])
def test_spellings_of_one_decision_number_have_one_key(brackets: str, ordinal: str, serial: str, end: str) -> None:
    spelt = f"望市监罚决字{brackets[0]}２０２６{brackets[1]}{ordinal}{serial}{end}"
    assert number_key(spelt) == number_key("望市监罚决字〔2026〕12号")


@pytest.mark.parametrize("dash", [*list("-－–—‐‑−―─"), "——", " - "])
def test_dashes_are_one_dash(dash: str) -> None:
    assert number_key(f"WCG{dash}2026{dash}7") == number_key("wcg-2026-007")


def test_other_numbers_have_other_keys() -> None:
    numbers = [
        "望市监罚〔2026〕1号",
        "望市监罚〔2026〕10号",
        "望市监罚〔2026〕11号",
        "望市监罚〔2025〕1号",
        "望市监处〔2026〕1号",
        "望市监罚〔2026〕1-1号",
        "望市监罚〔2026〕一号",
        "望市监罚〔2026〕1之一号",
        "安市监罚〔2026〕1号",
    ]
    for one, other in itertools.combinations(numbers, 2):
        assert number_key(one) != number_key(other), (one, other)


@given(st.text(alphabet="第号號〔〕[]（）-—０1２3 　望罚aA.·・/", max_size=40))
def test_a_key_is_its_own_key_and_blanks_and_width_change_nothing(text: str) -> None:
    key = number_key(text)
    assert number_key(key) == key
    assert number_key(f" {text}　") == key


@pytest.mark.parametrize("nothing", ["", "  ", "号", "\u200b"])
def test_what_tells_no_number_has_no_key(nothing: str) -> None:
    assert number_key(nothing) == ""


@pytest.mark.parametrize("dot", [*list("·•‧∙⋅・･․●．"), " · ", "・・"])
def test_dots_in_names_are_one_dot(dot: str) -> None:
    assert wire_name(f"阿依古丽{dot}买买提") == "阿依古丽·买买提"
    assert same_name(f"阿依古丽{dot}买买提", "阿依古丽·买买提")


def test_a_full_stop_is_a_dot_between_chinese_characters_only() -> None:
    assert wire_name("阿依古丽.买买提") == "阿依古丽·买买提"
    assert wire_name("JOHN A. SMITH") == "JOHN A. SMITH"
    assert wire_name("安澜3.0商贸") == "安澜3.0商贸"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("安澜（集团）有限公司", "安澜(集团)有限公司", True),
        ("ＡＢＣ 商贸", "abc商贸", True),
        ("JOHN  SMITH", "John Smith", True),
        ("安澜集团有限公司", "安澜（集团）有限公司", False),
        ("李䶮", "李龑", False),
        ("张\ue000", "张\ue001", False),
    ],
)
def test_names_are_compared_by_what_people_read(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same
    assert (name_key(one) == name_key(other)) is same
