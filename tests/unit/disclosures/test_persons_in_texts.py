"""Persons in texts are found with their places: by rules, and by what the case knows. The original stays untouched."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.decisions import Officer, Party, PartyKind
from gateway.rooms.disclosures import public_text
from gateway.rooms.disclosures.public_text import Kind, Known, cut, known_of, look

FIRM = Party(kind=PartyKind.ORGANISATION, name="恒筑建设有限公司", uscc="91990102MA0HD1233R")


@pytest.mark.parametrize(
    ("text", "reads", "kind"),
    [
        ("证人张立群证实当日到场。", "证人张某某证实当日到场。", Kind.THIRD_PERSON),
        ("举报人：李娜，于9月3日举报", "举报人：李某，于9月3日举报", Kind.THIRD_PERSON),
        ("顾客欧阳明称购买后腹痛", "顾客欧某某称购买后腹痛", Kind.THIRD_PERSON),
        ("其子王小满（12岁）在店内", "其子王某某（12岁）在店内", Kind.MINOR),
        ("向陈可可，女，时年十六周岁，售烟", "向陈某某，女，时年十六周岁，售烟", Kind.MINOR),
        ("未成年人赵甜在场。", "未成年人赵某在场。", Kind.MINOR),
        ("邮箱zhang.li@mail.example联系", "邮箱（已隐去）联系", Kind.CONTACT),
        ("微信号：zhangli_99。", "微信号：（已隐去）。", Kind.CONTACT),
    ],
)
def test_third_persons_and_minors_are_found_by_what_the_text_says_of_them(text, reads, kind):
    (found,) = look(text)
    assert found.kind is kind
    assert cut(text, [found]) == reads


def test_a_name_that_a_text_gives_once_is_masked_wherever_it_stands():
    text = "证人张立群称，店主让张立群签字。"
    assert cut(text, look(text)) == "证人张某某称，店主让张某某签字。"


@pytest.mark.parametrize(
    "text",
    [
        "消费者向本局投诉，员工在场。",
        "依据《未成年人保护法》第五十九条",
        "顾客钱款已退还，司机于当日到案",
        "公司成立12年，3岁以上儿童用品",
        "询问证人何时到场、何时离开；证人陈述称，员工曾多次提醒，顾客周末、顾客许多在场",
        "张三有限公司经营的餐馆",
        "罚款人民币12345678.90元，缴款码99010226300000000012",
    ],
)
def test_what_names_nobody_stays(text):
    assert look(text) == []


@pytest.mark.parametrize("word", sorted(public_text._NO_NAMES))
def test_a_word_of_the_list_is_compared_whole_so_no_name_is_lost_that_begins_so(word):
    assert look(f"证人{word}。{word}") == []
    name = f"{word[:2]}欣"
    assert cut(f"证人{name}。", look(f"证人{name}。")) == f"证人{name[:1]}某某。"


def test_who_is_eighteen_is_no_minor():
    assert [one.kind for one in look("店员王小满，19岁，在场")] == [Kind.THIRD_PERSON]


def test_what_the_case_knows_is_found_where_no_rule_would():
    known = known_of(FIRM, (Officer(name="高远", number="99010200123"),))
    text = "高远、齐越到场，证号99010200123"
    names = Known(known.words, (*known.names, ("齐越", Kind.THIRD_PERSON)))
    found = look(text, names)
    assert [(text[one.start : one.end], one.kind) for one in found] == [
        ("高远", Kind.OFFICER),
        ("齐越", Kind.THIRD_PERSON),
        ("99010200123", Kind.OFFICER),
    ]
    assert cut(text, found) == "高某、齐某到场，证号（已隐去）"


@given(st.text(st.sampled_from("证人张王李立小明（12岁），称电话13800138000住址：京A12345 住"), max_size=60))
def test_places_are_apart_in_order_and_looked_at_again_nothing_is_left(text):
    found = look(text)
    assert all(one.start < one.end <= len(text) for one in found)
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))
    once = cut(text, found)
    assert cut(once, look(once)) == once
