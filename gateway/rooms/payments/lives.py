"""The lives of this room at work: each step compares, sets and tells, in the caller's transaction.

A payment moves before its code, everywhere: two transactions never wait for each other. A bill's settlement begins to
wait with the step that pays it, in the same statement: ``payment.paid`` tells both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.foundation.delivery import Events
from gateway.foundation.lives import Living
from gateway.rooms.payments.records import Payment, Unforeseen
from gateway.rooms.payments.states import (
    CODE_LIFE,
    EXCEPTION_LIFE,
    LIFE,
    SETTLEMENT_LIFE,
    CodeState,
    ExceptionState,
    Settlement,
    Status,
)


class OfBill(Protocol):
    """What is told of every payment."""

    @property
    def decision_number(self) -> str:
        """The number of the decision 决定书文号."""
        ...


@dataclass(frozen=True, slots=True)
class CodeKey:
    """By what a payment code 缴款码 is found before and after it is given."""

    channel: str
    reference: str


@dataclass(frozen=True, slots=True)
class Settling:
    """A payment as far as its settlement is concerned."""

    id: str
    authority: str
    decision_number: str


class PaymentLives:
    """Payments, their codes, their exceptions and their settlement."""

    def __init__(self, events: Events) -> None:
        self.payment: Living[Status, Payment] = Living(LIFE, events, events.clock, _of_bill)
        self.code: Living[CodeState, CodeKey] = Living(CODE_LIFE, events, events.clock)
        self.exception: Living[ExceptionState, Unforeseen] = Living(
            EXCEPTION_LIFE, events, events.clock, subject="payment_id"
        )
        self.settlement: Living[Settlement, Settling] = Living(SETTLEMENT_LIFE, events, events.clock, _of_bill)


def _of_bill(payment: OfBill) -> Mapping[str, Any]:
    return {"decision_number": payment.decision_number}
