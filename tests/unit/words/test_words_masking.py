"""A masked name keeps its length, and shows no more than its rule allows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words.masking import mask_account, mask_firm, mask_person, mask_published

chinese = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=20)


def test_names_are_masked_and_keep_their_length() -> None:
    assert mask_person("罗巧云") == "罗**"
    assert mask_person("欧阳娜娜") == "欧***"
    assert mask_person("阿卜杜拉·买买提") == "阿*******"
    assert mask_person("张") == "张"
    assert mask_firm("望川区青禾食品有限公司") == "望川*******公司"
    assert mask_firm("味安副食店") == "味****"


def test_no_name_is_no_name() -> None:
    assert (mask_person(""), mask_firm("")) == ("", "")


@given(chinese)
def test_a_published_name_keeps_its_length_and_shows_one_character_at_most(name: str) -> None:
    masked = mask_published(name)
    assert len(masked) == len(name)
    assert re.fullmatch(r".?某*", masked)


def test_a_name_of_one_character_is_not_published() -> None:
    assert mask_published("张") == "某"


@given(chinese)
def test_a_firm_shows_four_characters_at_most(name: str) -> None:
    masked = mask_firm(name)
    assert len(masked) == len(name)
    assert len(masked.replace("*", "")) <= 4


@pytest.mark.parametrize(("account", "shown"), [("6222021001116245702", "*" * 15 + "5702"), ("1234", "1234")])
def test_an_account_shows_its_last_four_digits(account: str, shown: str) -> None:
    assert mask_account(account) == shown
