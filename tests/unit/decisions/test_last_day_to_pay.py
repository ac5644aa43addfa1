"""The last day to pay: service begins it, a deferral moves it, and one that may still change is called provisional."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.rooms.decisions import DecisionEvent, DecisionFacts
from gateway.rooms.decisions.clocks import DueDate, due_date
from gateway.words.terms import Terms

SERVED = DecisionEvent(kind="served", on=date(2026, 9, 16), method="direct")
DUE = date(2026, 10, 8)


def last_day(*events: DecisionEvent, **facts: object) -> DueDate | None:
    told = {
        "procedure": "ordinary",
        "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
        "violation": "经营超过保质期的食品",
        "facts": "检查发现货架上有过期糕点。",
        "basis": "《中华人民共和国食品安全法》第一百二十四条",
        "penalty_kinds": ["罚款"],
        "content": "罚款100元",
        "fine": "100.00",
        "decided_on": "2026-09-14",
        **facts,
    }
    return due_date(DecisionFacts.model_validate(told), events, Terms())


def deferred(on: date, until: date) -> DecisionEvent:
    return DecisionEvent(kind="deferred", on=on, until=until)


def test_before_service_there_is_none_even_where_a_deferral_is_known():
    assert last_day() is None
    assert last_day(deferred(date(2026, 9, 15), DUE)) is None


def test_service_begins_it_and_it_says_how_it_came_about():
    due = last_day(SERVED)
    assert (due.on, due.provisional) == (DUE, False)
    assert "received 2026-09-16, 15 days" in due.because
    assert last_day(SERVED, payment_days=30).on == date(2026, 10, 16)
    second = DecisionEvent(kind="served", on=date(2026, 9, 20), method="post")
    assert last_day(SERVED, second).on == DUE, "the first service counts"


def test_a_deferral_moves_it_and_the_latest_day_holds():
    near, far = deferred(date(2026, 10, 1), date(2026, 11, 9)), deferred(date(2026, 10, 9), date(2026, 12, 9))
    due = last_day(SERVED, near)
    assert due == DueDate(date(2026, 11, 9), False, "deferred on 2026-10-01 until 2026-11-09")
    assert last_day(SERVED, near, far).on == last_day(SERVED, far, near).on == date(2026, 12, 9)


@pytest.mark.parametrize("until", [date(2026, 10, 7), DUE])
def test_a_deferral_never_makes_it_earlier(until):
    assert last_day(SERVED, deferred(date(2026, 9, 20), until)) == last_day(SERVED)


def test_a_day_in_a_year_whose_holidays_are_not_published_is_told_as_provisional_until_a_deferral_fixes_it():
    late = DecisionEvent(kind="served", on=date(2060, 9, 16), method="direct")
    assert last_day(late).provisional
    assert not last_day(late, deferred(date(2060, 10, 1), date(2060, 12, 1))).provisional
