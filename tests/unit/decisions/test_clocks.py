"""Every clock of a decision: service, the last day to pay, deferrals, appeals in both readings, and enforcement."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from decision_facts import facts
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.rooms.decisions import Clocks, DecisionEvent, DueDate
from gateway.rooms.decisions.clocks import Receipt, Term
from gateway.rooms.payments.accrual import rate_of
from gateway.rooms.payments.surcharge import Surcharge, surcharge
from gateway.words.calendar import WorkingCalendar
from gateway.words.law import Law, Matter, Rule
from gateway.words.saying import Language, say
from gateway.words.terms import Terms

CALENDAR = WorkingCalendar()
DUE = date(2026, 10, 8)
DAY = timedelta(days=1)
FINE = 100_000


def day(text: str, year: int = 2026) -> date:
    return date.fromisoformat(f"{year}-{text}")


def event(kind: str, on: date | str, **more: Any) -> DecisionEvent:
    told = {"kind": kind, "on": day(on) if isinstance(on, str) else on, **more}
    return DecisionEvent.model_validate(told, strict=False)


def terms(**readings: str) -> Terms:
    """The law as it stands, but for what an organ's own rows read otherwise."""
    own = [
        Rule.model_validate(
            {"matter": matter, "value": value, "unit": "reading", "from": day("01-01"), "source": "本机关", "own": True}
        )
        for matter, value in readings.items()
    ]
    return Terms(law=Law((*Law().rows, *own)))


SERVED = event("served", "09-16", method="direct")


def clocks(*events: DecisionEvent, served: DecisionEvent = SERVED, field: str = "other", **readings: str) -> Clocks:
    told = facts(fine="1000.00", surcharge_stated=True, decided_on="2026-07-01", field_of_law=field)
    return Clocks(told, (served, *events), terms(**readings))


def appeal(since: date | str, until: date | str | None = None, id: str = "1", **more: Any) -> list[DecisionEvent]:
    """An appeal, and its end if it has ended."""
    began = event("appealed", since, appeal=id, **{"appeal_kind": "suit", **more})
    return [began] if until is None else [began, event("appeal_ended", until, appeal=id)]


def accrued(known: Clocks, on: date, fine: int = FINE) -> Surcharge:
    return surcharge(fine, known.periods(), on, rate=rate_of(known), stated=True, suspensions=known.suspensions())


# --- service ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "end", "received", "due"),
    [
        ("other", "stays", "09-02", "09-17"),
        ("market", "rolls", "09-02", "09-17"),
        ("public_security", "stays", "10-02", "10-19"),  # in the holidays, and the term's own end on a Saturday
        ("public_security", "rolls", "10-08", "10-23"),
    ],
)
def test_a_publication_is_received_at_the_end_of_its_days(field: str, end: str, received: str, due: str) -> None:
    published = event("served", "08-03", method="publication")
    known = clocks(served=published, field=field, publication_end=end)
    assert known.receipt() is not None
    assert (known.receipt().on, known.due().on) == (day(received), day(due))
    assert str(known.due().because).startswith("published 2026-08-03 for")


def test_a_publication_says_by_which_rows_it_is_received_and_counts_working_days_where_a_row_says_so() -> None:
    published = event("served", "08-03", method="publication")
    known = clocks(served=published)
    rows = known.rule(Matter.PUBLICATION_TERM), known.rule(Matter.PUBLICATION_END)
    words = say("decisions.clock_published", on=day("08-03"), days=30, end=day("09-02"))
    assert known.receipt() == Receipt(day("09-02"), False, words, rows)
    told = {"matter": "publication_term", "value": 20, "unit": "working_days", "from": day("01-01"), "source": "本机关"}
    own = Rule.model_validate({**told, "own": True})
    worked = replace(known, terms=Terms(law=Law((*Law().rows, own)))).receipt()
    assert worked is not None
    assert (worked.on, worked.rules[0]) == (CALENDAR.add_working_days(day("08-03"), 20).value, own)


def test_post_that_came_back_counts_on_the_day_that_is_told_and_needs_evidence() -> None:
    returned = event("served", "09-16", method="post", undelivered="returned", evidence="退信 单号1234")
    told = say("decisions.clock_received", on=day("09-16"))
    assert clocks(served=returned).receipt() == Receipt(day("09-16"), False, told)
    with pytest.raises(ValidationError):
        event("served", "09-16", method="post", undelivered="refused")
    with pytest.raises(ValidationError):
        event("served", "09-16", method="direct", undelivered="refused", evidence="x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "served", "until": "2026-09-20", "method": "direct"},
        {"kind": "appealed"},
        {"kind": "appeal_ended"},
        {"kind": "deferred", "until": "2026-12-01", "applied_on": "2026-09-17"},
        {"kind": "deferral_applied", "appeal": "1"},
        {"kind": "served", "method": "direct", "shown_by": "arrival"},
    ],
)
def test_an_event_says_what_belongs_to_it_and_nothing_else(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event(wrong.pop("kind"), "09-16", **wrong)


# --- the last day to pay ----------------------------------------------------------------------------------------------


def test_before_service_there_is_none_even_where_a_deferral_is_known() -> None:
    known = replace(clocks(), events=[event("deferred", "09-15", until="2026-10-08")])
    assert (known.receipt(), known.due(), known.periods()) == (None, None, ())
    assert known.enforcement() == ()


def test_service_begins_it_and_it_says_how_it_came_about() -> None:
    due = clocks().due()
    assert (due.on, due.provisional) == (DUE, False)
    assert "received 2026-09-16, 15 days" in str(due.because)
    assert due.because.in_(Language.CHINESE) == "2026-09-16收到，15日，收到当日不计，末日遇休息日顺延"
    longer = clocks()
    assert replace(longer, facts=longer.facts.model_copy(update={"payment_days": 30})).due().on == day("10-16")
    assert clocks(event("served", "09-20", method="post")).due().on == DUE, "the first service counts"


def test_a_deferral_moves_it_and_the_latest_day_holds() -> None:
    near, far = event("deferred", "10-01", until="2026-11-09"), event("deferred", "10-09", until="2026-12-09")
    words = say("decisions.clock_deferred", on=day("10-01"), until=day("11-09"))
    assert clocks(near).due() == DueDate(day("11-09"), False, words)
    assert str(words) == "deferred on 2026-10-01 until 2026-11-09"
    assert clocks(near, far).due().on == clocks(far, near).due().on == day("12-09")


@pytest.mark.parametrize("until", ["2026-10-07", "2026-10-08"])
def test_a_deferral_never_makes_it_earlier(until: str) -> None:
    assert clocks(event("deferred", "09-20", until=until)).due() == clocks().due()


def test_an_application_for_a_deferral_moves_nothing_and_its_approval_counts_from_its_own_day() -> None:
    asked = event("deferral_applied", "10-09", until="2026-12-01")
    assert (clocks(asked).due(), clocks(asked).periods()) == (clocks().due(), clocks().periods())
    approved = event("deferred", "10-14", until="2026-12-01", applied_on="2026-10-09")
    known = clocks(asked, approved)
    assert known.due().on == day("12-01")
    assert [accrued(known, day(on)).days for on in ("10-13", "10-14", "12-01", "12-02")] == [5, 5, 5, 6]


def test_an_instalment_has_the_day_of_its_plan_until_a_deferral_moves_it() -> None:
    planned = day("11-30")
    due = clocks().due(planned)
    assert (due.on, due.provisional, str(due.because)) == (planned, False, "the approved plan of instalments")
    assert clocks(event("deferred", "10-01", until="2026-12-31")).due(planned).on == day("12-31")
    assert clocks(event("deferred", "10-01", until="2026-11-09")).due(planned).on == planned, "never earlier"
    assert due.rule is None


def test_traffic_rules_count_working_days_and_say_so() -> None:
    due = clocks(field="traffic").due()
    assert (due.on, due.rule.unit) == (day("10-13"), "working_days")
    assert str(due.because) == "received 2026-09-16, 15 working days, day of receipt not counted"
    assert clocks().due().rule.cited == "行政处罚法 第六十七条第三款、第八十五条"


def test_a_day_in_a_year_whose_holidays_are_not_published_is_provisional_until_a_deferral_fixes_it() -> None:
    late = event("served", date(2060, 9, 16), method="direct")
    assert clocks(served=late).due().provisional
    fixed = event("deferred", date(2060, 10, 1), until="2060-12-01")
    assert not clocks(fixed, served=late).due().provisional


# --- the surcharge: vectors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fine", "days", "amount", "capped"),
    [
        (50, 1, 2, False),  # 1.5 fen: half a fen is one
        (49, 1, 1, False),  # 1.47 fen
        (FINE, 33, 99_000, False),
        (FINE, 34, FINE, True),
        (100, 33, 99, False),
        (300, 33, 297, False),
        (1, 34, 1, True),  # accrued is the fine
    ],
)
def test_three_per_cent_a_day_rounded_half_up_once_up_to_the_fine(
    fine: int, days: int, amount: int, capped: bool
) -> None:
    found = accrued(clocks(), DUE + days * DAY, fine)
    assert (found.days, found.amount, found.capped) == (days, amount, capped)


def test_the_last_day_is_in_time_and_the_day_after_the_holiday_is_the_first_that_counts() -> None:
    assert [accrued(clocks(), day(on)).days for on in ("10-01", "10-07", "10-08", "10-09")] == [0, 0, 0, 1]


# --- appeals ----------------------------------------------------------------------------------------------------------

VECTOR = appeal("10-20", "12-01")


@pytest.mark.parametrize(("after", "days", "amount"), [("resume", 30, 90_000), ("restart", 4, 12_000)])
def test_what_follows_an_appeal_is_read_in_two_ways(after: str, days: int, amount: int) -> None:
    found = accrued(clocks(*VECTOR, after_appeal=after), day("12-20"))
    assert (found.days, found.amount) == (days, amount)


def test_a_restart_gives_a_new_term_to_pay_and_leaves_what_was_paid_before_the_appeal_alone() -> None:
    known = clocks(*VECTOR, after_appeal="restart")
    due = known.due()
    assert due.on == day("12-16")
    assert str(due.because) == "appeal from 2026-10-20 to 2026-12-01, its term to pay anew"
    (still,) = known.suspensions()
    assert (
        str(still.why) == "appeal from 2026-10-20 to 2026-12-01, term to pay anew until 2026-12-16 (行政处罚法 art. 73)"
    )
    assert (due.rule.reading, due.provisional) == ("restart", False)
    begins = clocks(*appeal("09-16", "09-16"), after_appeal="restart").due()
    assert (begins.on, begins.rule.matter) == (DUE, "payment_term"), "the first term ends on that day already"
    far = replace(
        known,
        events=[event("served", date(2060, 9, 16), method="direct"), *appeal(date(2060, 10, 20), date(2060, 12, 1))],
    )
    assert far.due().provisional
    assert clocks(*VECTOR).due().on == DUE
    on = ("10-19", "10-20", "12-16", "12-17")
    assert [accrued(known, day(one)).days for one in on] == [11, 0, 0, 1]
    stretches = [(f"{one.first:%m-%d}", one.days, one.counted) for one in accrued(known, day("12-20")).stretches]
    assert stretches == [("10-09", 11, False), ("10-20", 58, False), ("12-17", 4, True)]
    (before, *_) = accrued(known, day("12-20")).stretches
    assert str(before.why) == "counted anew after the appeal of 2026-10-20"
    still = clocks(*appeal("10-20"), after_appeal="restart")
    assert (still.due().on, accrued(still, day("12-31")).days) == (DUE, 0)
    soon = clocks(*appeal("09-18", "09-20"), after_appeal="restart")
    assert (soon.due().on, accrued(soon, day("10-09")).days) == (DUE, 1)


def test_two_at_once_stand_still_for_the_union_of_their_days() -> None:
    first, second = appeal("10-09", "10-12"), appeal("10-10", id="2", party="丙公司")
    assert accrued(clocks(*first, *second), day("12-31")).days == 0, "the second is still open"
    ended = clocks(*first, *second, event("appeal_ended", "10-20", appeal="2"))
    assert [(one.since, one.until) for one in ended.suspensions()] == [(day("10-09"), day("10-20"))]
    assert accrued(ended, day("10-22")).days == 2
    inside = clocks(*appeal("10-09", "10-20"), *appeal("10-10", "10-12", id="2"))
    assert accrued(inside, day("10-22")).days == 2


def test_appeals_that_touch_are_one_standstill_and_those_apart_are_two() -> None:
    def ranges(*spans: tuple[str, str | None]) -> list[tuple[str, str | None]]:
        told = [one for id, (since, until) in enumerate(spans) for one in appeal(since, until, id=str(id))]
        known = clocks(*told).suspensions()
        return [(f"{one.since:%m-%d}", None if one.until is None else f"{one.until:%m-%d}") for one in known]

    assert ranges(("10-09", "10-12"), ("10-13", "10-15")) == [("10-09", "10-15")], "on the day after"
    assert ranges(("10-09", "10-12"), ("10-12", "10-15")) == [("10-09", "10-15")], "on the same day"
    assert ranges(("10-09", "10-12"), ("10-14", "10-15")) == [("10-09", "10-12"), ("10-14", "10-15")]
    assert (
        ranges(("10-09", "10-12"), ("10-09", None)) == ranges(("10-09", None), ("10-09", "10-12")) == [("10-09", None)]
    )
    assert ranges(("10-09", None), ("10-12", "10-15")) == [("10-09", None)]


def test_two_open_appeals_of_one_party_are_named_and_those_of_two_are_not() -> None:
    first, second = appeal("10-09", appeal_kind="reconsideration"), appeal("10-10", id="2")
    assert clocks(*first, *second).twice_open() == ("1", "2")
    assert clocks(*first, *appeal("10-10", id="2", party="丙公司")).twice_open() == ()
    theirs = [*appeal("10-09", party="丙公司"), *appeal("10-10", id="2", party="丙公司")]
    assert clocks(*theirs).twice_open() == ("1", "2")
    nameless = event("appealed", "10-09", appeal_kind="suit")
    assert clocks(nameless, nameless).twice_open() == ("", "")
    assert clocks(*first, *second, event("appeal_ended", "10-11", appeal="1")).twice_open() == ()


@pytest.mark.parametrize(("gap", "days"), [("counts", 3), ("does_not", 0)])
def test_whether_the_days_between_a_reconsideration_and_the_suit_count_is_a_row(gap: str, days: int) -> None:
    known = clocks(*appeal("10-09", "10-12", appeal_kind="reconsideration"), *appeal("10-16", id="2"), appeal_gap=gap)
    assert accrued(known, day("12-31")).days == days
    other = clocks(
        *appeal("10-09", "10-12", appeal_kind="reconsideration"),
        *appeal("10-16", id="2", party="丙公司"),
        appeal_gap=gap,
    )
    assert accrued(other, day("12-31")).days == 3, "another party's suit follows nothing"


offsets = st.integers(-20, 90)


@given(
    appeals=st.lists(
        st.tuples(offsets, st.none() | st.integers(0, 50), st.booleans(), st.sampled_from([None, "丙公司"])), max_size=4
    ),
    deferral=st.none() | st.tuples(st.integers(-10, 60), st.integers(1, 60)),
    horizon=st.integers(0, 150),
    gap=st.sampled_from(["counts", "does_not"]),
    after=st.sampled_from(["resume", "restart"]),
    order=st.randoms(use_true_random=False),
)
def test_the_surcharge_equals_an_independent_count_day_by_day(
    appeals: list[Any], deferral: Any, horizon: int, gap: str, after: str, order: Any
) -> None:
    told: list[DecisionEvent] = []
    for number, (start, length, suit, party) in enumerate(appeals):
        until = None if length is None else DUE + (start + length) * DAY
        kind = "suit" if suit else "reconsideration"
        told += appeal(DUE + start * DAY, until, id=str(number), appeal_kind=kind, party=party)
    if deferral is not None:
        approved, longer = deferral
        told.append(event("deferred", DUE + approved * DAY, until=str(DUE + (max(approved, 0) + longer) * DAY)))
    order.shuffle(told)
    known = clocks(*told, appeal_gap=gap, after_appeal=after)

    def in_appeal(one: date) -> bool:
        for start, length, _, _ in appeals:
            if DUE + start * DAY <= one and (length is None or one <= DUE + (start + length) * DAY):
                return True
        if gap == "does_not":
            for start, _, suit, party in appeals:
                ends = [s + n for s, n, other, who in appeals if n is not None and not other and who == party]
                before = [end for end in ends if end < start]
                if suit and before and DUE + max(before) * DAY < one < DUE + start * DAY:
                    return True
        return False

    last, counted = DUE + horizon * DAY, 0
    until = None
    if deferral is not None:
        until = DUE + (max(deferral[0], 0) + deferral[1]) * DAY
    one, term_until = DUE - 40 * DAY, date.min
    while one <= last:
        if in_appeal(one):
            if after == "restart":
                counted, term_until = 0, CALENDAR.due_after(one, 15).value
        elif one > max(DUE, term_until) and not (until and DUE + deferral[0] * DAY <= one <= until):
            counted += 1
        one += DAY
    found = accrued(known, last)
    assert found.days == counted
    assert found.amount == min(int(Fraction(FINE * 3 * counted, 100) + Fraction(1, 2)), FINE)


# --- enforcement ------------------------------------------------------------------------------------------------------


def ends(known: Clocks, began: list[date] | None = None) -> dict[str, date]:
    return {one.name: one.last_day for one in known.enforcement(began or [])}


def test_after_the_surcharge_each_term_is_a_clock_of_its_own() -> None:
    began = [DUE + number * DAY for number in range(1, 40)]
    until_then = {"review": day("11-16"), "suing": day("03-16", 2027), "court": day("06-16", 2027)}
    assert ends(clocks(), began[:29]) == until_then
    assert ends(clocks(), began)["surcharge"] == day("11-07")
    (force, *_) = clocks().enforcement(began[:30][::-1])
    assert force == Term("surcharge", day("11-07"), False, clocks().rule(Matter.SURCHARGE_BEFORE_FORCE))
    assert ends(clocks(event("urged", "09-21")))["urging"] == day("10-12"), "ten working days, not ten days"


def test_a_term_that_rests_on_days_not_published_is_marked_and_so_is_one_that_follows_it() -> None:
    def marks(known: Clocks) -> dict[str, tuple[bool, str]]:
        return {one.name: (one.provisional, one.rule.matter.value) for one in known.enforcement()}

    published = event("served", "03-02", method="publication")
    certain = replace(clocks(served=published), facts=facts(decided_on="2026-03-01"))
    assert marks(replace(certain, events=[event("served", "03-02", method="direct")])) == {
        "review": (False, "review_term"),
        "suing": (False, "suit_term"),
        "court": (False, "court_term"),
    }
    assert {name: mark for name, (mark, _) in marks(clocks(event("urged", "12-29"))).items()} == {
        "urging": True,
        "review": False,
        "suing": True,
        "court": True,
    }
    rolling = clocks(served=event("served", date(2059, 12, 2), method="publication"), publication_end="rolls")
    assert all(mark for mark, _ in marks(rolling).values())
    late = replace(clocks(), terms=Terms(calendar=WorkingCalendar({}, {2060}), law=rolling.terms.law))
    known = replace(late, events=rolling.events)
    assert known.receipt() is not None
    assert known.receipt().provisional is False
    assert [mark for mark, _ in marks(known).values()] == [False, False, False]


def test_a_term_is_provisional_by_its_own_end_or_by_the_day_that_it_runs_from() -> None:
    def marks(known: Clocks) -> dict[str, bool]:
        return {one.name: one.provisional for one in known.enforcement()}

    december = clocks(served=event("served", "12-01", method="direct"))
    assert marks(december)["review"], "received on a day that is certain, it ends in a year without a notice"
    may = clocks(served=event("served", "05-20", method="direct"))
    assert marks(may) == {"review": False, "suing": False, "court": True}
    published = event("served", date(2060, 11, 15), method="publication")
    rolling = clocks(served=published, publication_end="rolls")
    known = replace(rolling, terms=Terms(calendar=WorkingCalendar({}, {2061}), law=rolling.terms.law))
    assert known.receipt() is not None
    assert known.receipt().provisional
    assert all(one.last_day.year == 2061 for one in known.enforcement()), "whose days off are known"
    assert marks(known) == {"review": True, "suing": True, "court": True}


def test_a_decision_is_served_within_seven_working_days_of_its_own_day() -> None:
    term = replace(clocks(), facts=facts(decided_on="2026-09-28"), events=()).service_term()
    assert (term.name, term.last_day, term.provisional) == ("service", day("10-13"), False)
    assert (term.rule.number, term.rule.unit) == (7, "working_days")


def test_a_reconsideration_gives_fifteen_days_to_sue_and_after_a_suit_the_judgment_says_the_rest() -> None:
    decided = clocks(*appeal("10-20", "12-01", appeal_kind="reconsideration"))
    assert ends(decided) == {"suing": day("12-16"), "court": day("03-16", 2027)}
    assert ends(clocks(*appeal("10-20", "12-01"))) == {}
    assert ends(clocks(*appeal("10-20", appeal_kind="reconsideration"))) == {}
    others = clocks(*appeal("10-20", party="丙公司"))
    assert ends(others)["suing"] == day("03-16", 2027), "another's suit leaves the party's term alone"


def test_after_a_deferral_the_court_is_asked_within_three_months_of_its_end() -> None:
    deferred = clocks(event("deferred", "10-01", until="2027-05-10"))
    assert ends(deferred)["court"] == day("08-10", 2027)
