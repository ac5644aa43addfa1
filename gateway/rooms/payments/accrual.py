"""From a decision and its payments to the surcharge that has accrued: what ``surcharge`` is given, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from gateway.rooms.decisions import Decision, EventKind, payment_term
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.records import Payment, PaymentLine
from gateway.rooms.payments.surcharge import Base, DuePeriod, PrincipalPaid, Rate, Surcharge, Suspension, surcharge
from gateway.words.clock import day_of, from_micros
from gateway.words.law import Matter, Row
from gateway.words.terms import Terms


def due_periods(decision: Decision, terms: Terms, planned: date | None = None) -> tuple[DuePeriod, ...]:
    """Every last day to pay, in the order in which it became known; none while the decision is not served.

    ``planned``: an instalment's own last day from the approved plan, which stands in the place of the law's term.
    """
    served = next((event for event in decision.events if event.kind is EventKind.SERVED), None)
    if served is None:
        return ()
    days, rule = payment_term(decision.facts, terms)
    first = planned or terms.last_day(rule, served.on, days).value
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
    terms: Terms,
    base: Base | None = None,
    paid: Iterable[PrincipalPaid] = (),
) -> Surcharge:
    """What has accrued on one payment's fine line up to and including ``on``. ``base``: else as the law's row says."""
    return surcharge(
        fine,
        due_periods(decision, terms, payment.planned_due_on),
        on,
        rate=rate_of(decision, terms, base),
        stated=decision.facts.surcharge_stated,
        suspensions=suspensions(decision),
        paid=tuple(paid),
        reduced_by=payment.surcharge_reduced,
    )


def rate_of(decision: Decision, terms: Terms, base: Base | None = None) -> Rate:
    """How much is added a day, by the rows that hold on the decision's day."""

    def row(matter: Matter) -> Row:
        return terms.rule(matter, decision.facts.decided_on, decision.facts.field_of_law)

    rate, cap, of = row(Matter.SURCHARGE_RATE), row(Matter.SURCHARGE_CAP), row(Matter.SURCHARGE_BASE)
    read: Base = base or ("original" if of.reading == "original" else "outstanding")
    used = (rate, cap) if base else (rate, cap, of)
    return Rate(rate.number, cap.number, read, f"{rate.number} % a day ({rate.cited})", used)


def fine_in(lines: Iterable[PaymentLine]) -> int:
    """The fine among a payment's lines, in fen: the only line that bears a surcharge."""
    return sum(line.amount for line in lines if line.kind is LineKind.FINE)


def paid_day(payment: Payment) -> date | None:
    """The day on which a payment's money arrived, in Shanghai."""
    return None if payment.paid_at is None else day_of(from_micros(payment.paid_at))
