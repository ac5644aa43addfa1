"""What a decision explains of its money: what is left on a day, with the days on which a surcharge has counted."""

from __future__ import annotations

from datetime import date, timedelta

from decision_facts import facts

from gateway.rooms.decisions import Clocks, DecisionEvent
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.explanation import Claim, Owed, _counted, _plain
from gateway.words.terms import Terms

DUE = date(2026, 10, 8)
CLOCKS = Clocks(
    facts(fine="1000.00", surcharge_stated=True),
    (DecisionEvent(kind="served", on=date(2026, 9, 16), method="direct"),),
    Terms(),
)


def test_what_no_payment_demands_bears_the_surcharge_too_and_its_days_are_counted_once() -> None:
    on = DUE + timedelta(days=31)
    whole, part = (Claim(None, fine, _plain(CLOCKS, fine, on)) for fine in (100_000, 50_000))
    assert (whole.surcharge.days, whole.surcharge.amount) == (31, 93_000)
    counted = _counted([whole, part])
    assert (len(counted), counted[0], counted[-1]) == (31, DUE + timedelta(days=1), on)
    (force, *_) = CLOCKS.enforcement(counted)
    assert (force.name, force.last_day) == ("surcharge", DUE + timedelta(days=30))


def test_nothing_is_left_of_what_was_paid_and_too_much_paid_leaves_nothing() -> None:
    assert [Owed(LineKind.FINE, 5, paid).left for paid in (0, 5, 7)] == [5, 0, 0]
