"""From a decision's events to the surcharge: deferrals and appeals count as the decision tells them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from payment_records import a_payment

from gateway.rooms.decisions import Clocks, DecisionEvent, DecisionFacts, DuePeriod, Suspension
from gateway.rooms.payments.accrual import Overdue, accrued, fine_in, overdue, paid_day, rate_of
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.records import PaymentLine
from gateway.rooms.payments.surcharge import PrincipalPaid
from gateway.words.clock import to_micros
from gateway.words.law import Law, Rule
from gateway.words.saying import say
from gateway.words.terms import Terms

TERMS = Terms()
SERVED_ON, DUE, DAY = date(2026, 9, 16), date(2026, 10, 8), timedelta(days=1)
FINE = 100_000


def event(kind: str, on: date, **more: object) -> DecisionEvent:
    return DecisionEvent.model_validate({"kind": kind, "on": on, **more})


def decision(*events: DecisionEvent, stated: bool = True) -> Clocks:
    facts = {
        "procedure": "ordinary",
        "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
        "violation": "经营超过保质期的食品",
        "facts": "检查发现货架上有过期糕点。",
        "basis": "《中华人民共和国食品安全法》第一百二十四条",
        "penalty_kinds": ["罚款"],
        "content": "罚款1000元",
        "fine": "1000.00",
        "surcharge_stated": stated,
        "decided_on": "2026-09-14",
    }
    read = DecisionFacts.model_validate(facts)
    return Clocks(read, (SERVED, *events), TERMS)


SERVED = event("served", SERVED_ON, method="direct")


def of(days: int, *events: DecisionEvent, stated: bool = True, **more: object) -> int:
    """The surcharge in fen so many days after the first last day to pay."""
    told = {"base": "original", **more}
    known = decision(*events, stated=stated)
    return accrued(known, a_payment(), FINE, DUE + days * DAY, **told).amount  # type: ignore[arg-type]


def test_three_per_cent_a_day_begin_on_the_day_after_the_last_one():
    assert [of(days) for days in (0, 1, 2)] == [0, 3000, 6000]
    assert of(2, stated=False) == 0


def test_no_day_counts_while_an_appeal_is_open():
    appealed = event("appealed", DUE + 3 * DAY, appeal="1", appeal_kind="suit")
    since = DUE + 3 * DAY
    assert decision(appealed).suspensions() == (Suspension(since, None, say("decisions.day_appeal_open", since=since)),)
    assert [of(days, appealed) for days in (2, 3, 300)] == [6000, 6000, 6000]


def test_days_count_again_after_an_appeal_and_a_second_one_suspends_again():
    first = (
        event("appealed", DUE + 2 * DAY, appeal="1", appeal_kind="reconsideration"),
        event("appeal_ended", DUE + 5 * DAY, appeal="1"),
    )
    second = event("appealed", DUE + 8 * DAY, appeal="2", appeal_kind="suit")
    one, other = DUE + 2 * DAY, DUE + 5 * DAY
    assert decision(*first, second).suspensions() == (
        Suspension(one, other, say("decisions.day_appeal", since=one, until=other)),
        Suspension(DUE + 8 * DAY, None, say("decisions.day_appeal_open", since=DUE + 8 * DAY)),
    )
    (first_days, _) = decision(*first, second).suspensions()
    assert str(first_days.why) == "appeal from 2026-10-10 to 2026-10-13 (行政处罚法 art. 73)"
    assert [of(days, *first, second) for days in (1, 5, 7, 8, 20)] == [3000, 3000, 9000, 9000, 9000]
    assert decision(event("appeal_ended", DUE, appeal="1")).suspensions() == ()


def test_a_deferral_is_a_last_day_of_its_own_and_no_day_counts_before_it():
    known_on, until = DUE + 2 * DAY, DUE + 10 * DAY
    deferred = event("deferred", known_on, until=until)
    assert decision(deferred).periods() == (DuePeriod(DUE, SERVED_ON), DuePeriod(until, known_on))
    assert [of(days, deferred) for days in (1, 2, 10, 11)] == [3000, 3000, 3000, 6000]


@pytest.mark.parametrize("until", [DUE, DUE - DAY])
def test_a_deferral_that_gives_no_later_day_changes_nothing(until):
    assert decision(event("deferred", SERVED_ON, until=until)).periods() == (DuePeriod(DUE, SERVED_ON),)


def test_the_decision_says_how_many_days_there_are_to_pay():
    known = decision()
    longer = replace(known, facts=known.facts.model_copy(update={"payment_days": 30}))
    assert longer.periods() == (DuePeriod(date(2026, 10, 16), SERVED_ON),)


def test_before_service_nothing_is_due():
    unserved = replace(decision(), events=())
    assert unserved.periods() == ()
    assert accrued(unserved, a_payment(), FINE, DUE + 9 * DAY, "original").amount == 0


def test_an_instalments_own_last_day_stands_in_the_place_of_the_fifteen_days():
    planned = DUE + 30 * DAY
    assert decision().periods(planned) == (DuePeriod(planned, SERVED_ON),)
    instalment = a_payment(planned_due_on=planned)
    assert accrued(decision(), instalment, FINE, planned + DAY, "original").amount == 3000


def test_an_agreement_and_what_was_paid_of_the_fine_are_taken_off():
    agreed = a_payment(surcharge_reduced=1000)
    assert accrued(decision(), agreed, FINE, DUE + DAY, "original").amount == 2000
    half = [PrincipalPaid(DUE, FINE // 2)]
    assert of(2, base="outstanding", paid=half) == 3000
    assert of(2, base="original", paid=half) == 6000


def test_only_the_fine_bears_it_and_the_day_of_payment_is_one_in_shanghai():
    taken, fine = (
        PaymentLine("pay_1", 1, kind, "103", "罚没收入", 5) for kind in (LineKind.CONFISCATED, LineKind.FINE)
    )
    assert fine_in([taken, fine, fine]) == 10
    assert fine_in([taken]) == 0
    assert paid_day(a_payment()) is None
    last = datetime(2026, 10, 8, 15, 59, 59, 999_999, tzinfo=UTC)
    assert paid_day(a_payment(paid_at=to_micros(last))) == DUE, "23:59 is in time"
    assert paid_day(a_payment(paid_at=to_micros(last + timedelta(microseconds=1)))) == DUE + DAY


# --- how long it is overdue -------------------------------------------------------------------------------------------


def late(on: int, *events: DecisionEvent, planned: date | None = None) -> Overdue:
    return overdue(decision(*events), planned, DUE + on * DAY)


def test_days_of_an_appeal_are_not_overdue_and_nobody_is_urged_while_it_is_open():
    began, ended = (
        event("appealed", DUE + 3 * DAY, appeal="1", appeal_kind="suit"),
        event("appeal_ended", DUE + 40 * DAY, appeal="1"),
    )
    assert late(2, began) == Overdue(2)
    assert late(39, began) == Overdue(2, appealed=True)
    assert late(40, began, ended) == Overdue(2, appealed=True)
    assert late(68, began, ended) == Overdue(30)
    assert late(69, began, ended) == Overdue(31, to_urge=True)
    again = event("appealed", DUE + 70 * DAY, appeal="2", appeal_kind="suit")
    assert late(70, began, ended, again) == Overdue(31, appealed=True)


def test_after_thirty_days_a_party_is_to_be_urged_until_it_has_been():
    urged = event("urged", DUE + 32 * DAY)
    assert [late(days).to_urge for days in (30, 31)] == [False, True]
    assert late(31, urged).to_urge, "it is served tomorrow"
    assert [late(days, urged) for days in (32, 33)] == [Overdue(days, urged_on=DUE + 32 * DAY) for days in (32, 33)]


def test_days_of_a_deferral_are_not_overdue_and_an_instalment_has_a_last_day_of_its_own():
    deferred = event("deferred", DUE + 2 * DAY, until=DUE + 10 * DAY)
    assert [late(days, deferred).days for days in (1, 10, 11)] == [1, 1, 2]
    assert [late(days, planned=DUE + 5 * DAY).days for days in (5, 6)] == [0, 1]


def test_it_is_overdue_whether_or_not_the_decision_states_a_surcharge():
    assert overdue(decision(stated=False), None, DUE + 4 * DAY).days == 4
    assert overdue(replace(decision(), events=()), None, DUE + 4 * DAY).days == 0


# --- by which rows ----------------------------------------------------------------------------------------------------


def matters(rules: tuple[Rule, ...]) -> list[str]:
    return [one.matter.value for one in rules]


def test_rate_cap_and_base_are_rows_and_a_channels_own_base_takes_the_place_of_its_row():
    found = rate_of(decision())
    assert (found.per_cent, found.cap, found.base) == (3, 100, "original")
    assert matters(found.rules) == ["surcharge_rate", "surcharge_cap", "surcharge_base"]
    assert str(found.why) == "3 % a day (行政处罚法 第七十二条第一款第一项)"
    assert accrued(decision(), a_payment(), FINE, DUE + DAY).rules == found.rules
    own = rate_of(decision(), "outstanding")
    assert (own.base, matters(own.rules)) == ("outstanding", ["surcharge_rate", "surcharge_cap"])
    told = {"matter": "surcharge_base", "value": "outstanding", "unit": "reading", "from": date(2021, 7, 15)}
    row = Rule.model_validate({**told, "source": "本机关", "own": True})
    assert rate_of(replace(decision(), terms=Terms(law=Law((*Law().rows, row))))).base == "outstanding"
