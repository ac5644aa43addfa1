"""What must be done next follows the order of acts of an ordinary procedure."""

from __future__ import annotations

from datetime import date

import pytest
from decision_facts import facts

from gateway.rooms.decisions import Clocks
from gateway.rooms.decisions.duties import Mark, next_duty
from gateway.words.terms import Terms

BILLED, IN_DOUBT, PAYABLE, SEALED, PUBLIC = Mark.BILLED, Mark.IN_DOUBT, Mark.PAYABLE, Mark.SEALED, Mark.PUBLIC
DUE = date(2026, 10, 8)
SERVE = Clocks(facts(decided_on="2026-09-14"), (), Terms()).service_term()


@pytest.mark.parametrize(
    ("due_on", "marks", "begins"),
    [
        (None, set(), "request a payment code"),
        (DUE, {SEALED}, "request a payment code"),
        (None, {BILLED, PAYABLE}, "have the decision document sealed"),
        (DUE, {BILLED, PAYABLE, IN_DOUBT}, "have the decision document sealed"),
        (None, {BILLED, PAYABLE, SEALED}, "serve the decision by 2026-09-22: 7 working days (行政处罚法 第六十一条"),
        (DUE, {BILLED, PAYABLE, SEALED, IN_DOUBT}, "none: the outcome at the platform"),
        (DUE, {BILLED, PAYABLE, SEALED}, "the party pays by 2026-10-08"),
        (DUE, {BILLED, SEALED, PUBLIC}, None),
    ],
)
def test_each_act_is_named_when_it_is_next(due_on: date | None, marks: set[Mark], begins: str | None) -> None:
    duty = next_duty(facts(), revoked=False, serve=SERVE, due_on=due_on, marks=marks)
    assert duty is None if begins is None else duty is not None and str(duty).startswith(begins)


def test_where_no_money_is_owed_no_code_is_asked_for() -> None:
    warned = facts(penalty_kinds=["警告"], content="警告", fine=None)
    assert (
        str(next_duty(warned, revoked=False, serve=SERVE, due_on=None, marks=())) == "have the decision document sealed"
    )
    taken = facts(penalty_kinds=["没收违法所得"], fine=None, confiscated="36.50")
    assert str(next_duty(taken, revoked=False, serve=SERVE, due_on=None, marks=())) == "request a payment code"


def test_a_revoked_decision_leaves_nothing_to_do_but_taking_it_back() -> None:
    duty = next_duty(facts(), revoked=True, serve=SERVE, due_on=DUE, marks={BILLED, PAYABLE, SEALED, PUBLIC})
    assert duty is not None
    assert str(duty).startswith("withdraw the publications, each by its last day")
    assert next_duty(facts(), revoked=True, serve=SERVE, due_on=DUE, marks={BILLED, PAYABLE, SEALED}) is None
