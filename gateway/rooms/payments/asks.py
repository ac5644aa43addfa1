"""What is asked of the platform about a bill that it has: to void it, and how it stands. Each ask is an operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Sent
from gateway.rooms.decisions import Decision
from gateway.rooms.payments import records
from gateway.rooms.payments.bill import BillAsk, CancelAsk, LineKind, exceeding
from gateway.rooms.payments.hooks import Hooks
from gateway.rooms.payments.lives import PaymentLives
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import Status
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem
from gateway.words.saying import say


class PlatformAsks:
    """Begins voids and questions, inside the caller's transaction."""

    def __init__(self, base: Foundation, lives: PaymentLives, hooks: Hooks) -> None:
        self._base = base
        self._lives = lives
        self._hooks = hooks

    def void(self, conn: Connection, payment: Payment, reason: str, *, claim: bool = True) -> Sent:
        """Have the unpaid bill voided. Raises ConflictProblem unless the payment is ISSUED or EXPIRED.

        Nor while somebody is paying it, unless nobody waits for the answer (``claim``): then the platform judges.
        """
        if claim and payment.status is Status.ISSUED and payment.being_paid_since_at is not None:
            raise ConflictProblem(
                say("payments.being_paid"),
                type="payment-being-paid",
            )
        if payment.status is Status.EXPIRED and records.waits_about_late_money(conn, payment.id):
            raise ConflictProblem(
                say("payments.money_on_expired_code"),
                type="exception-open",
            )
        code = records.live_code(conn, payment.id) or records.expired_code(conn, payment.id)
        told = {"reason": reason}
        if code is None or not self._lives.payment.move(conn, payment, Status.CANCELLING, tell=told, reason=reason):
            raise ConflictProblem(
                say("payments.not_cancellable", status=payment.status),
                type="payment-not-cancellable",
                payment_status=payment.status.value,
            )
        assert payment.code is not None
        ask = CancelAsk(
            reference=self._base.delivery.new_reference(payment.channel),
            bill_reference=code.reference,
            code=payment.code,
            reason=reason,
        )
        operation = self._base.delivery.enqueue(
            conn,
            action="nontax.cancel",
            channel=payment.channel,
            authority=payment.authority,
            subject=payment.id,
            request=ask,
            claim=claim,
        )
        return Sent(operation, ask)

    def how_it_stands(
        self, conn: Connection, payment: Payment, *, claim: bool = True, not_before: int | None = None
    ) -> Sent:
        """Ask how the bill stands. Raises ConflictProblem while there is no code to ask about."""
        if payment.code is None:
            raise ConflictProblem(say("payments.no_code_yet"), type="payment-not-issued")
        records.change(conn, payment.id, payment.updated_at, asked_at=to_micros(self._base.clock.now()))
        known = records.by_code(conn, payment.channel, payment.code)
        ask = BillAsk(reference=None if known is None else known.reference, code=payment.code)
        operation = self._base.delivery.enqueue(
            conn,
            action="nontax.confirm",
            channel=payment.channel,
            authority=payment.authority,
            subject=payment.id,
            request=ask,
            not_before=not_before,
            claim=claim,
        )
        return Sent(operation, ask)

    def void_unpaid(self, conn: Connection, payment: Payment, reason: str) -> None:
        """Void an unpaid code that must not be paid."""
        if payment.status is Status.ISSUED:
            self.void(conn, payment, reason, claim=False)

    def void_excess(self, conn: Connection, decision: Decision, accrued: Callable[[], int] | None = None) -> None:
        """Void unpaid codes that demand more than the decision imposes since it was amended; tell of money too much.

        ``accrued`` counts the surcharge in fen, where more of it may be demanded than there is by now.
        """
        demanded = self._hooks.demanded(conn, decision.id)
        too_much = exceeding(decision, demanded)
        surcharge = demanded.get(LineKind.SURCHARGE, 0)
        if surcharge and accrued is not None and surcharge > accrued():
            too_much |= {LineKind.SURCHARGE}
        for payment in records.of_decision(conn, decision.id) if too_much else ():
            mine = [line for line in records.lines(conn, payment.id) if line.kind in too_much]
            if not mine:
                continue
            self.void_unpaid(conn, payment, "行政处罚决定已变更")
            if payment.status is Status.PAID:
                self.tell(conn, payment, "payment.exceeds_decision", kinds=[line.kind.value for line in mine])

    def tell(self, conn: Connection, payment: Payment, type: str, **data: Any) -> None:
        """Tell what happened to a payment beside its life."""
        self._base.events.emit(
            conn,
            type=type,
            subject=payment.id,
            authority=payment.authority,
            data={"decision_number": payment.decision_number, **data},
        )
