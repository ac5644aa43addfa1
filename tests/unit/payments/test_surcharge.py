"""The surcharge against the vectors and an independent day-by-day computation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.decisions import DuePeriod, Suspension
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.surcharge import PrincipalPaid, Rate, Stretch, Surcharge, in_short
from gateway.rooms.payments.surcharge import surcharge as counted_by
from gateway.words.calendar import WorkingCalendar
from gateway.words.law import Law, Matter, basis
from gateway.words.saying import Language, say

DUE = date(2026, 10, 8)
DAY = timedelta(days=1)
COUNTED = say("payments.day_counted", rate=3, cited="行政处罚法 art. 72")
APPEAL = say("decisions.day_appeal_open", since=DUE)


def surcharge(fine: int, due: list[DuePeriod], on: date, *, base: str = "original", **more: object) -> Surcharge:
    rate = Rate(3, 100, base, COUNTED)  # type: ignore[arg-type]
    return counted_by(fine, due, on, rate=rate, **more)  # type: ignore[arg-type]


def of(fine: int, days: int, **more: object):
    return surcharge(fine, [DuePeriod(DUE, date(2026, 9, 16))], DUE + days * DAY, stated=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("days", "amount"), [(0, 0), (1, 3000), (33, 99000), (34, 100000), (400, 100000)])
def test_three_per_cent_a_day_up_to_the_fine(days, amount):
    assert of(100000, days).amount == amount
    assert of(100000, days).capped == (days >= 34)


def test_rounded_half_up_once_on_the_total():
    assert of(333333, 7).amount == 70000  # 699.9993 yuan


def test_served_16_september_and_paid_9_october_is_one_day():
    due = WorkingCalendar().due_after(date(2026, 9, 16), 15).value
    assert due == date(2026, 10, 8)
    found = surcharge(500000, [DuePeriod(due, date(2026, 9, 16))], date(2026, 10, 9), stated=True)
    assert (found.days, found.amount) == (1, 15000)


def test_none_unless_the_decision_states_it():
    assert surcharge(100000, [DuePeriod(DUE, DUE)], DUE + 10 * DAY, stated=False).amount == 0


def test_none_before_service():
    assert surcharge(100000, [], DUE, stated=True).amount == 0


def test_days_of_an_appeal_do_not_count():
    appeal = Suspension(DUE + 3 * DAY, DUE + 12 * DAY, APPEAL)
    assert of(100000, 12, suspensions=[appeal]).days == 2
    assert of(100000, 13, suspensions=[appeal]).days == 3
    open_one = Suspension(DUE + 3 * DAY, None, APPEAL)
    assert of(100000, 500, suspensions=[open_one]).days == 2


def test_a_deferral_moves_the_due_date_and_keeps_what_had_accrued():
    periods = [DuePeriod(DUE, date(2026, 9, 16)), DuePeriod(DUE + 30 * DAY, DUE + 5 * DAY)]
    assert surcharge(100000, periods, DUE + 30 * DAY, stated=True).days == 4
    assert surcharge(100000, periods, DUE + 32 * DAY, stated=True).days == 6


def test_an_agreement_reduces_the_surcharge_and_never_the_fine():
    found = of(100000, 10, reduced_by=20000)
    assert (found.amount, found.reduced_by) == (10000, 20000)
    assert of(100000, 1, reduced_by=999999).amount == 0


def test_of_the_outstanding_part_where_the_setting_says_so():
    paid = [PrincipalPaid(DUE + 2 * DAY, 60000)]
    assert of(100000, 5, paid=paid).amount == 15000
    assert of(100000, 5, paid=paid, base="outstanding").amount == 2 * 3000 + 3 * 1200


days = st.integers(0, 120)


@given(
    fine=st.integers(1, 100_000_000),
    horizon=days,
    appeals=st.lists(st.tuples(days, st.integers(0, 40) | st.none()), max_size=3),
    deferral=st.none() | st.tuples(days, st.integers(1, 60)),
    instalments=st.lists(st.tuples(days, st.integers(1, 1_000_000)), max_size=3),
    base=st.sampled_from(["original", "outstanding"]),
)
def test_equals_an_independent_day_by_day_count(fine, horizon, appeals, deferral, instalments, base):
    suspensions = [
        Suspension(DUE + start * DAY, None if length is None else DUE + (start + length) * DAY, APPEAL)
        for start, length in appeals
    ]
    periods = [DuePeriod(DUE, date(2026, 9, 16))]
    if deferral is not None:
        asked, longer = deferral
        periods.append(DuePeriod(DUE + (asked + longer) * DAY, DUE + asked * DAY))
    paid = [PrincipalPaid(DUE + day * DAY, amount) for day, amount in instalments]
    found = surcharge(fine, periods, DUE + horizon * DAY, stated=True, suspensions=suspensions, paid=paid, base=base)
    total, counted = Fraction(0), 0
    for number in range(1, horizon + 1):
        day = DUE + number * DAY
        if any(one.since <= day and (one.until is None or day <= one.until) for one in suspensions):
            continue
        if len(periods) > 1 and periods[1].known_on <= day <= periods[1].due_on:
            continue
        left = fine - (sum(one.amount for one in paid if one.on < day) if base == "outstanding" else 0)
        total += Fraction(max(0, left) * 3, 100)
        counted += 1
    rounded = int(total + Fraction(1, 2))
    assert found.days == counted
    assert found.amount == min(rounded, fine)
    assert sum(one.days for one in found.stretches) == horizon


def test_which_base_holds_is_a_dated_setting_of_the_channel():
    dated = PaymentKeys.model_validate({"surcharge_base": {"2021-07-15": "original", "2027-01-01": "outstanding"}})
    days = (date(2020, 1, 1), date(2026, 12, 31), date(2027, 1, 1))
    assert [dated.surcharge_base_on(day) for day in days] == ["original", "original", "outstanding"]
    assert PaymentKeys(surcharge_base="outstanding").surcharge_base_on(days[0]) == "outstanding"
    for wrong in ({}, {"2027-01-01": "half"}, {"soon": "original"}):
        with pytest.raises(ValueError, match="surcharge_base"):
            PaymentKeys.model_validate({"surcharge_base": wrong})


@pytest.mark.parametrize(
    ("fine", "due", "stated"), [(100, [DuePeriod(DUE, DUE)], False), (100, [], True), (0, [DuePeriod(DUE, DUE)], True)]
)
def test_where_nothing_accrues_nothing_is_said_to(fine, due, stated):
    assert surcharge(fine, due, DUE + 9 * DAY, stated=stated) == Surcharge(DUE + 9 * DAY, 0, 0, False, 0, ())


def test_every_stretch_of_days_is_told_with_its_base_and_its_reason():
    appeal = Suspension(DUE + 3 * DAY, DUE + 4 * DAY, APPEAL)
    periods = [DuePeriod(DUE, date(2026, 9, 16)), DuePeriod(DUE + 7 * DAY, DUE + 6 * DAY)]
    found = surcharge(1000, periods, DUE + 8 * DAY, stated=True, suspensions=[appeal], reduced_by=20)
    rate, later = COUNTED, say("payments.day_deferred", until=DUE + 7 * DAY)
    told = [(1, 2, True, rate), (3, 4, False, APPEAL), (5, 5, True, rate), (6, 7, False, later), (8, 8, True, rate)]
    stretches = tuple(
        Stretch(
            DUE + first * DAY, DUE + last * DAY, days := last - first + 1, counted, 1000, days * 3000 * counted, why
        )
        for first, last, counted, why in told
    )
    assert found == Surcharge(DUE + 8 * DAY, 4, 100, False, 20, stretches)


def test_a_part_that_is_paid_lightens_the_days_after_it_and_only_where_the_outstanding_part_bears():
    half = [PrincipalPaid(DUE + DAY, 50000)]
    assert [of(100000, days, base="outstanding", paid=half).amount for days in (1, 2, 3)] == [3000, 4500, 6000]
    whole = of(100000, 3, paid=half)
    assert (whole.amount, len(whole.stretches)) == (9000, 1)


@pytest.mark.parametrize(
    ("fine", "days", "amount", "capped"), [(83, 1, 2, False), (50, 1, 2, False), (1, 16, 0, False), (1, 17, 1, True)]
)
def test_half_a_fen_and_more_is_one_and_a_surcharge_as_high_as_the_fine_is_at_its_cap(fine, days, amount, capped):
    assert (of(fine, days).amount, of(fine, days).capped) == (amount, capped)


def test_the_cap_is_so_many_per_cent_of_the_fine_and_the_rate_so_many_a_day():
    rate = Rate(2, 50, "original", COUNTED)
    found = [
        counted_by(100000, [DuePeriod(DUE, DUE)], DUE + days * DAY, rate=rate, stated=True) for days in (24, 25, 60)
    ]
    assert [(one.amount, one.capped, one.days) for one in found] == [
        (48000, False, 24),
        (50000, True, 25),
        (50000, True, 60),
    ]


def test_a_cap_that_does_not_come_out_even_is_rounded_down_to_a_fen():
    found = counted_by(1001, [DuePeriod(DUE, DUE)], DUE + 60 * DAY, rate=Rate(3, 50, "original", COUNTED), stated=True)
    assert (found.amount, type(found.amount), found.capped) == (500, int, True)


RULES = tuple(one for one in Law().rows if one.matter in (Matter.SURCHARGE_RATE, Matter.SURCHARGE_CAP))
BASE = next(one for one in Law().rows if one.matter is Matter.SURCHARGE_BASE)


@pytest.mark.parametrize(
    ("days", "more", "words"),
    [
        (2, {}, "截至 2026-10-10：2 天 × 每天 3.00 元（罚款的 3%）= 6.00 元"),
        (
            40,
            {},
            "截至 2026-11-17：40 天 × 每天 3.00 元（罚款的 3%）= 120.00 元；以 100.00 元为限；加处罚款 100.00 元",
        ),
        (
            2,
            {"reduced_by": 100},
            "截至 2026-10-10：2 天 × 每天 3.00 元（罚款的 3%）= 6.00 元；按执行协议减免 1.00 元；加处罚款 5.00 元",
        ),
        (
            2,
            {"base": "outstanding", "paid": [PrincipalPaid(DUE + DAY, 5000)]},
            "截至 2026-10-10：计 2 天，每天按 3% 计，合计 4.50 元",
        ),
    ],
)
def test_in_short_it_is_one_sum_that_cites_no_law(days, more, words):
    found = replace(of(10000, days, **more), rules=RULES)
    assert in_short(found, 10000).in_(Language.CHINESE) == words
    assert str(in_short(found, 10000)).startswith("Up to")


def test_on_what_it_rests_names_each_article_once():
    (one,) = basis((*RULES, BASE))
    words = one.in_(Language.CHINESE)
    assert words.count("第七十二条") == 1
    assert all(part in words for part in ("每日3%", "100%", "按罚款全额", "待确认"))
