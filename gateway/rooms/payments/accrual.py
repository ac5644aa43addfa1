"""From a decision and its payments to the surcharge that has accrued: what ``surcharge`` is given, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from gateway.rooms.decisions import Decision, EventKind
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.records import Payment, PaymentLine
from gateway.rooms.payments.surcharge import Base, DuePeriod, PrincipalPaid, Surcharge, Suspension, surcharge
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import day_of, from_micros


def due_periods(decision: Decision, calendar: WorkingCalendar, planned: date | None = None) -> tuple[DuePeriod, ...]:
    """Every last day to pay, in the order in which it became known; none while the decision is not served.

    ``planned``: an instalment's own last day from the approved plan, which stands in the place of the fifteen days.
    """
    served = next((event for event in decision.events if event.kind is EventKind.SERVED), None)
    if served is None:
        return ()
    first = planned or calendar.due_after(served.on, decision.facts.payment_days).value
    periods = [DuePeriod(first, served.on)]
    for event in decision.events:
        if event.kind is EventKind.DEFERRED and event.until is not None and event.until > periods[-1].due_on:
            periods.append(DuePeriod(event.until, event.on))
    return tuple(periods)


def suspensions(decision: Decision) -> tuple[Suspension, ...]:
    """The days of appeals and suits, which do not count (行政处罚法 art. 73); the last one may still be open."""
    found: list[Suspension] = []
    began: date | None = None
    for event in decision.events:
        if event.kind is EventKind.APPEALED and began is None:
            began = event.on
        elif event.kind is EventKind.APPEAL_ENDED and began is not None:
            found.append(Suspension(began, event.on, f"appeal from {began} to {event.on} (行政处罚法 art. 73)"))
            began = None
    if began is not None:
        found.append(Suspension(began, None, f"appeal since {began} (行政处罚法 art. 73)"))
    return tuple(found)


def accrued(
    decision: Decision,
    payment: Payment,
    fine: int,
    on: date,
    calendar: WorkingCalendar,
    base: Base,
    paid: Iterable[PrincipalPaid] = (),
) -> Surcharge:
    """What has accrued on one payment's fine line up to and including ``on``."""
    return surcharge(
        fine,
        due_periods(decision, calendar, payment.planned_due_on),
        on,
        stated=decision.facts.surcharge_stated,
        suspensions=suspensions(decision),
        paid=tuple(paid),
        base=base,
        reduced_by=payment.surcharge_reduced,
    )


def fine_in(lines: Iterable[PaymentLine]) -> int:
    """The fine among a payment's lines, in fen: the only line that bears a surcharge."""
    return sum(line.amount for line in lines if line.kind is LineKind.FINE)


def paid_day(payment: Payment) -> date | None:
    """The day on which a payment's money arrived, in Shanghai."""
    return None if payment.paid_at is None else day_of(from_micros(payment.paid_at))
