"""From a decision and its payments to the surcharge that has accrued: what ``surcharge`` is given, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gateway.rooms.decisions import Clocks, EventKind
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.records import Payment, PaymentLine
from gateway.rooms.payments.surcharge import Base, PrincipalPaid, Rate, Surcharge, surcharge
from gateway.words.clock import day_of, from_micros
from gateway.words.law import Matter
from gateway.words.saying import say


def accrued(
    clocks: Clocks,
    payment: Payment,
    fine: int,
    on: date,
    base: Base | None = None,
    paid: Iterable[PrincipalPaid] = (),
) -> Surcharge:
    """What has accrued on one payment's fine line up to and including ``on``. ``base``: else as the law's row says."""
    return surcharge(
        fine,
        clocks.periods(payment.planned_due_on),
        on,
        rate=rate_of(clocks, base),
        stated=clocks.facts.surcharge_stated,
        suspensions=clocks.suspensions(),
        paid=tuple(paid),
        reduced_by=payment.surcharge_reduced,
    )


def rate_of(clocks: Clocks, base: Base | None = None) -> Rate:
    """How much is added a day, by the rows that hold on the decision's day."""
    rate, cap, of = map(clocks.rule, (Matter.SURCHARGE_RATE, Matter.SURCHARGE_CAP, Matter.SURCHARGE_BASE))
    read: Base = base or ("original" if of.reading == "original" else "outstanding")
    used = (rate, cap) if base else (rate, cap, of)
    words = say("payments.day_counted", rate=rate.number, cited=rate.cited)
    return Rate(rate.number, cap.number, read, words, used)


@dataclass(frozen=True)
class Overdue:
    """How long something is overdue on a day, and what is to be done about it.

    ``days``: those after the last day to pay that count, as for a surcharge: none of an appeal or a deferral.
    ``appealed``: 复议 or a suit is open. ``urged_on``: the day of the last reminder 催告. ``to_urge``: one is needed
    before anything can be enforced (行政强制法 arts 35, 46).
    """

    days: int
    appealed: bool = False
    urged_on: date | None = None
    to_urge: bool = False


def overdue(clocks: Clocks, planned: date | None, on: date) -> Overdue:
    """How long a payment of this decision is overdue; ``planned``: an instalment's own last day."""
    counted = surcharge(
        1, clocks.periods(planned), on, rate=rate_of(clocks), stated=True, suspensions=clocks.suspensions()
    ).days
    appealed = any(one.since <= on and (one.until is None or on <= one.until) for one in clocks.appeals())
    urged = [event.on for event in clocks.events if event.kind is EventKind.URGED and event.on <= on]
    enough = counted > clocks.rule(Matter.SURCHARGE_BEFORE_FORCE).number
    return Overdue(counted, appealed, max(urged, default=None), enough and not urged and not appealed)


def fine_in(lines: Iterable[PaymentLine]) -> int:
    """The fine among a payment's lines, in fen: the only line that bears a surcharge."""
    return sum(line.amount for line in lines if line.kind is LineKind.FINE)


def paid_day(payment: Payment) -> date | None:
    """The day on which a payment's money arrived, in Shanghai."""
    return None if payment.paid_at is None else day_of(from_micros(payment.paid_at))
