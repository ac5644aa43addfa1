"""The law as data: every figure that stood in code is a row with its source, and an organ's own row wins."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words.law import FieldOfLaw, Law, Matter, Rule
from gateway.words.saying import Language
from gateway.words.terms import Terms

TODAY = date(2026, 11, 29)
LAW = Law()


@pytest.mark.parametrize(
    ("matter", "of", "value", "unit", "article"),
    [
        (Matter.PAYMENT_TERM, "other", 15, "calendar_days", "行政处罚法 第六十七条第三款、第八十五条"),
        (Matter.PAYMENT_TERM, "public_security", 15, "calendar_days", "治安管理处罚法 第一百二十三条"),
        (Matter.PAYMENT_TERM, "traffic", 15, "working_days", "道路交通安全违法行为处理程序规定 第八十一条"),
        (Matter.SURCHARGE_RATE, "food", 3, "per_cent_a_day", "行政处罚法 第七十二条第一款第一项"),
        (Matter.SURCHARGE_CAP, "other", 100, "per_cent", "行政处罚法 第七十二条第一款第一项"),
        (Matter.SURCHARGE_BASE, "other", "original", "reading", "行政处罚法 第七十二条第一款第一项"),
        (Matter.AFTER_APPEAL, "other", "resume", "reading", "行政处罚法 第七十三条第三款"),
        (Matter.APPEAL_GAP, "other", "counts", "reading", "行政处罚法 第七十三条第三款"),
        (Matter.SURCHARGE_BEFORE_FORCE, "other", 30, "calendar_days", "行政强制法 第四十六条第一款"),
        (Matter.REMINDER_TERM, "other", 10, "working_days", "行政强制法 第五十四条、第六十九条"),
        (Matter.COURT_TERM, "other", 3, "months", "行政强制法 第五十三条"),
        (Matter.SERVICE_TERM, "other", 7, "working_days", "行政处罚法 第六十一条、第八十五条"),
        (Matter.PUBLICATION_TERM, "other", 30, "calendar_days", "民事诉讼法 第九十五条"),
        (Matter.PUBLICATION_TERM, "market", 30, "calendar_days", "市场监督管理行政处罚程序规定 第八十二条第五项"),
        (Matter.PUBLICATION_TERM, "public_security", 60, "calendar_days", "公安机关办理行政案件程序规定 第三十六条"),
        (Matter.PUBLICATION_TERM, "traffic", 60, "calendar_days", "道路交通安全违法行为处理程序规定 第五十五条"),
        (Matter.PUBLICATION_END, "other", "stays", "reading", "民事诉讼法 第八十五条、第九十五条"),
        (Matter.ELECTRONIC_SERVICE, "other", "arrival", "reading", "民事诉讼法 第九十条"),
        (Matter.ELECTRONIC_SERVICE, "traffic", "sent", "reading", "道路交通安全违法行为处理程序规定 第五十六条"),
        (Matter.REVIEW_TERM, "other", 60, "calendar_days", "行政复议法 第二十条"),
        (Matter.SUIT_TERM, "other", 6, "months", "行政诉讼法 第四十六条"),
        (Matter.SUIT_AFTER_REVIEW, "other", 15, "calendar_days", "行政诉讼法 第四十五条"),
        (Matter.SPOT_FINE_PERSON, "other", "200.00", "yuan", "行政处罚法 第五十一条"),
        (Matter.SPOT_FINE_PERSON, "public_security", "500.00", "yuan", "治安管理处罚法 第一百一十九条"),
        (Matter.SPOT_FINE_ORGANISATION, "other", "3000.00", "yuan", "行政处罚法 第五十一条"),
        (Matter.SMALL_CASH, "other", "100.00", "yuan", "行政处罚法 第六十八条第一项"),
        (Matter.SMALL_CASH, "public_security", "200.00", "yuan", "治安管理处罚法 第一百二十三条"),
        (Matter.CASH_HAND_IN, "other", 2, "working_days", "行政处罚法 第七十一条、第八十五条"),
        (Matter.CASH_TO_BANK, "traffic", 2, "working_days", "行政处罚法 第七十一条、第八十五条"),
    ],
)
def test_what_the_law_says_today(matter: Matter, of: FieldOfLaw, value: int | str, unit: str, article: str) -> None:
    row = LAW.rule(matter, TODAY, of=of)
    assert (row.value, row.unit, row.cited) == (value, unit, article)


@given(st.sampled_from(Matter), st.dates(date(1990, 1, 1), date(2080, 1, 1)))
def test_every_matter_has_a_row_on_every_day_that_people_can_read(matter: Matter, day: date) -> None:
    row = LAW.rule(matter, day)
    assert not row.fields, "the general row, where no field of law is named"
    for language in Language:
        assert row.title.in_(language)
        assert row.figure.in_(language)


def test_a_row_holds_from_its_day_and_before_all_the_first_one_does() -> None:
    assert LAW.rule(Matter.SMALL_CASH, date(2025, 12, 31), of="public_security").fen == 100_00
    assert LAW.rule(Matter.SMALL_CASH, date(2026, 1, 1), of="public_security").fen == 200_00
    assert LAW.rule(Matter.PAYMENT_TERM, date(2009, 1, 1), of="public_security").source == "行政处罚法"


def own(folder: Path, rules: str) -> Law:
    file = folder / "organ.toml"
    file.write_text(rules, encoding="utf-8")
    return LAW.with_files([file])


RULE = '[[rule]]\nmatter = "payment_term"\nvalue = 20\nunit = "calendar_days"\nfrom = 2026-06-01\nsource = "本市规定"\n'


def test_an_organs_own_row_wins_from_its_day_and_its_authority_before_all(tmp_path: Path) -> None:
    law = own(tmp_path, RULE + RULE.replace("20\n", "10\n") + 'authorities = ["990102"]\n')
    before, after = date(2026, 5, 31), date(2026, 6, 1)
    assert [law.rule(Matter.PAYMENT_TERM, day).number for day in (before, after)] == [15, 20]
    assert law.rule(Matter.PAYMENT_TERM, after, of="traffic").number == 20, "an organ says it of every field"
    assert law.rule(Matter.PAYMENT_TERM, after, authority="990102").number == 10
    assert law.rule(Matter.PAYMENT_TERM, after, authority="other").number == 20


def test_a_row_of_its_own_without_the_mark_is_how_an_organ_confirms(tmp_path: Path) -> None:
    marked = {(row.matter, row.fields) for row in LAW.unconfirmed(TODAY)}
    assert (Matter.PAYMENT_TERM, ("traffic",)) in marked
    assert (Matter.SURCHARGE_RATE, ()) not in marked
    confirmed = own(tmp_path, RULE + 'fields = ["traffic"]\n').unconfirmed(TODAY)
    assert marked - {(row.matter, row.fields) for row in confirmed} == {(Matter.PAYMENT_TERM, ("traffic",))}


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("[[rule]\n", "organ.toml"),
        ("", "[[rule]]"),
        (RULE + RULE, "payment_term"),
        (RULE.replace("payment_term", "payment_tern"), "rule 1, matter"),
        (RULE.replace("value = 20", 'value = "20"'), "whole number"),
        (RULE.replace("value = 20", "value = -1"), "rule 1, value"),
        (RULE.replace("calendar_days", "per_cent"), "calendar_days, working_days"),
        (RULE.replace("source", "sauce"), "rule 1, source"),
        (RULE.replace("payment_term", "small_cash").replace("calendar_days", "yuan"), "rule 1"),
        (RULE.replace("payment_term", "after_appeal").replace("calendar_days", "reading"), "resume, restart"),
        (RULE + 'fields = ["cooking"]\n', "rule 1, fields.0"),
        ("[other]\na = 1\n", "[[rule]]"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place(tmp_path: Path, rules: str, says: str) -> None:
    with pytest.raises(ValueError) as refused:
        own(tmp_path, rules)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("matter", "of", "start", "last"),
    [
        (Matter.PAYMENT_TERM, "other", "2026-09-16", "2026-10-08"),
        (Matter.PAYMENT_TERM, "traffic", "2026-09-16", "2026-10-13"),
        (Matter.CASH_HAND_IN, "other", "2026-09-24", "2026-09-29"),
        (Matter.REMINDER_TERM, "other", "2026-09-21", "2026-10-12"),
        (Matter.COURT_TERM, "other", "2026-07-03", "2026-10-08"),
        (Matter.SUIT_TERM, "other", "2025-08-31", "2026-02-28"),
    ],
)
def test_a_term_is_counted_in_the_unit_of_its_row(matter: Matter, of: FieldOfLaw, start: str, last: str) -> None:
    terms = Terms()
    begun = date.fromisoformat(start)
    assert terms.last_day(terms.rule(matter, begun, of), begun).value == date.fromisoformat(last)


def test_rows_are_equal_by_what_they_say() -> None:
    row = LAW.rule(Matter.SURCHARGE_RATE, TODAY)
    assert row == Rule.model_validate(row.model_dump(by_alias=True))
