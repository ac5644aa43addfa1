"""From a decision and its payments to the surcharge that has accrued: what ``surcharge`` is given, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from gateway.rooms.decisions import Clocks
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.records import Payment, PaymentLine
from gateway.rooms.payments.surcharge import Base, PrincipalPaid, Rate, Surcharge, surcharge
from gateway.words.clock import day_of, from_micros
from gateway.words.law import Matter


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
    return Rate(rate.number, cap.number, read, f"{rate.number} % a day ({rate.cited})", used)


def fine_in(lines: Iterable[PaymentLine]) -> int:
    """The fine among a payment's lines, in fen: the only line that bears a surcharge."""
    return sum(line.amount for line in lines if line.kind is LineKind.FINE)


def paid_day(payment: Payment) -> date | None:
    """The day on which a payment's money arrived, in Shanghai."""
    return None if payment.paid_at is None else day_of(from_micros(payment.paid_at))
