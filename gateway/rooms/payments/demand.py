"""Demands: who pays what, under which reference and code, with the token of its page; stored with their operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import Operation, Sent
from gateway.ports.nontax import IssueRequest
from gateway.rooms.decisions import Decision, Decisions
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records
from gateway.rooms.payments.accrual import accrued as accrued_on
from gateway.rooms.payments.accrual import fine_in, paid_day
from gateway.rooms.payments.bill import LineInput, LineKind, PaymentRequest, Unit, bill_for, check_within, lines_of
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.codes import next_composed, next_from_ranges
from gateway.rooms.payments.due import first_look
from gateway.rooms.payments.hooks import Hooks
from gateway.rooms.payments.lives import PaymentLives
from gateway.rooms.payments.records import Payment, new_payment
from gateway.rooms.payments.states import Status
from gateway.rooms.payments.surcharge import Surcharge
from gateway.words.clock import day_of, from_micros, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, Problem
from gateway.words.money import format_yuan
from gateway.words.saying import say

SURCHARGE_GROUP = "surcharge"


@dataclass(frozen=True)
class Demand:
    """A payment, its lines, and the bill that asks for its code."""

    payment: Payment
    lines: tuple[LineInput, ...]
    bill: IssueRequest

    @property
    def id(self) -> str:
        """The payment's id."""
        return self.payment.id

    def with_code(self, code: str, envelope: Envelope) -> Demand:
        """The same demand under a code that we made ourselves."""
        bill = self.bill.model_copy(update={"code": code})
        return replace(self, bill=bill, payment=self.payment.with_bill(envelope, bill))


class Demands:
    """Opens demands: what is demanded, who collects it, under which code; and what surcharge has accrued."""

    def __init__(self, base: Foundation, decisions: Decisions, lives: PaymentLives, hooks: Hooks) -> None:
        self._base = base
        self._decisions = decisions
        self._lives = lives
        self._hooks = hooks

    def lines_and_unit(
        self, conn: Connection, ask: PaymentRequest, decision: Decision, today: date
    ) -> tuple[tuple[LineInput, ...], Unit]:
        """What is demanded, and who collects it. A surcharge bill of its own asks for what has accrued."""
        unit = records.unit_of(conn, ask.authority, today)
        if unit is None:
            raise ConflictProblem(
                say("payments.no_unit", authority=ask.authority, today=today),
                type="no-collecting-unit",
            )
        if ask.line_group != SURCHARGE_GROUP or ask.lines is not None:
            return lines_of(ask, decision), unit
        demanded = self._hooks.demanded(conn, decision.id)
        left = self.surcharge_of(conn, decision, today) - demanded.get(LineKind.SURCHARGE, 0)
        if left <= 0:
            raise InvalidProblem(
                say("payments.no_surcharge"),
                field="line_group",
            )
        return (LineInput.model_construct(kind=LineKind.SURCHARGE, amount=left),), unit

    def make(
        self,
        ask: PaymentRequest,
        decision: Decision,
        lines: Sequence[LineInput],
        unit: Unit,
        channel: str,
        *,
        payment_id: str | None = None,
        replaces: str | None = None,
    ) -> Demand:
        """A demand ready to be opened, with a reference and seals of its own. Raises InvalidProblem."""
        base, now = self._base, self._base.clock.now()
        due = self._decisions.due(decision)
        due_on = ask.due_on or (due.on if due is not None else None)
        reference = base.delivery.new_reference(channel)
        bill = bill_for(decision, lines, unit, reference=reference, today=day_of(now), due_on=due_on)
        payment = replace(
            new_payment(
                base.envelope,
                bill,
                authority=ask.authority,
                channel=channel,
                at=to_micros(now),
                payment_id=payment_id,
            ),
            decision_id=decision.id,
            instalment=ask.instalment,
            line_group=ask.line_group,
            due_on=due_on,
            due_look_on=first_look(due_on),
            due_provisional=due is not None and due.provisional and ask.due_on is None,
            planned_due_on=ask.due_on,
            replaces=replaces,
        )
        return Demand(payment, tuple(lines), bill)

    def open(self, conn: Connection, ask: PaymentRequest, decision: Decision, channel: str, payment_id: str) -> Sent:
        """Open the demand that is asked for; its decision is held. Raises as ``request_code`` and ``make`` do."""
        lines, unit = self.lines_and_unit(conn, ask, decision, day_of(self._base.clock.now()))
        return self.request_code(
            conn, self.make(ask, decision, lines, unit, channel, payment_id=payment_id), decision, channel
        )

    def request_code(
        self,
        conn: Connection,
        made: Demand,
        decision: Decision,
        channel: str,
        *,
        follows: Operation | None = None,
    ) -> Sent:
        """Store a demand and ask for its code. Raises ConflictProblem, InvalidProblem.

        The decision was read while it was held, in this transaction: two demands cannot both fit.
        ``follows``: the operation that it carries on; it then waits for its turn.
        """
        payment = made.payment
        if decision.revoked:
            raise ConflictProblem(say("payments.decision_revoked"), type="decision-revoked")
        standing = records.standing(conn, decision.id)
        existing = standing.live(payment.instalment, payment.line_group)
        if existing is not None:
            raise ConflictProblem(
                say("payments.exists"),
                type="payment-exists",
                payment=existing,
                location=f"/v1/payments/{existing}",
            )
        accrued = 0
        if any(line.kind is LineKind.SURCHARGE for line in made.lines):
            accrued = self.surcharge_of(conn, decision, made.bill.bill_date)
        check_within(decision, made.lines, self._hooks.with_claims(conn, decision.id, standing), accrued)
        made = self._coded(conn, made, channel)
        records.add(conn, made.payment, made.lines, made.bill.lines, made.bill.reference)
        self._lives.payment.begin(conn, made.payment, amount=format_yuan(made.bill.total))
        operation = self._base.delivery.enqueue(
            conn,
            action="nontax.issue",
            channel=channel,
            authority=payment.authority,
            subject=made.id,
            request=made.bill,
            claim=follows is None,
            follows=follows,
        )
        return Sent(operation, made.bill)

    def request_code_again(self, conn: Connection, payment: Payment, void: Operation) -> None:
        """After a confirmed void: ask for the new code, with the surcharge where the channel re-issues for it."""
        ask = payment.asked_again(self._base.envelope)
        records.lock_decision_of(conn, payment.id)
        decision = self._decision(conn, payment)
        assert ask is not None
        assert decision is not None
        today = day_of(self._base.clock.now())
        lines, unit = self.lines_and_unit(conn, ask, decision, today)
        if self._base.channels.get(payment.channel).keys_of(PaymentKeys).surcharge == "reissue":
            due = self.accrued(conn, payment, decision, today).amount
            if due > 0:
                lines = (*lines, LineInput.model_construct(kind=LineKind.SURCHARGE, amount=due))
        try:
            made = self.make(ask, decision, lines, unit, payment.channel, replaces=payment.id)
            self.request_code(conn, made, decision, payment.channel, follows=void)
        except Problem as problem:
            self._base.events.emit(
                conn,
                type="payment.reissue_refused",
                subject=payment.id,
                authority=payment.authority,
                data={"decision_number": payment.decision_number, "reason": problem.detail},
            )

    def accrued(self, conn: Connection, payment: Payment, decision: Decision, on: date) -> Surcharge:
        """The surcharge on a payment's fine up to and including a day."""
        fine = fine_in(records.lines(conn, payment.id))
        base = (
            self._base.channels.get(payment.channel).keys_of(PaymentKeys).surcharge_base_on(decision.facts.decided_on)
        )
        return accrued_on(self._decisions.clocks(decision), payment, fine, on, base)

    def quoted(self, conn: Connection, payment: Payment, paid_at: int) -> int:
        """The surcharge that the platform adds at payment on that day (microseconds); 0 unless the channel does so."""
        if self._base.channels.get(payment.channel).keys_of(PaymentKeys).surcharge != "quoted_at_payment":
            return 0
        decision = self._decision(conn, payment)
        if decision is None:
            return 0
        return self.accrued(conn, payment, decision, day_of(from_micros(paid_at))).amount

    def surcharge_of(self, conn: Connection, decision: Decision, today: date) -> int:
        """What has accrued on all fines of a decision, in fen: up to payment, or to today where unpaid."""
        total = 0
        payments = records.of_decision(conn, decision.id)
        for payment in payments:
            if payment.status not in (Status.REJECTED, Status.CANCELLED):
                total += self.accrued(conn, payment, decision, paid_day(payment) or today).amount
        replaced = [payment for payment in payments if payment.reissue_sealed is not None]
        if total == 0 and replaced:
            total = self.accrued(conn, replaced[-1], decision, today).amount
        return total

    def _decision(self, conn: Connection, payment: Payment) -> Decision | None:
        """The decision behind a payment; none stands behind a remittance of cash."""
        if payment.decision_id is None:
            return None
        decision = fetch_decision(conn, self._base.envelope, payment.decision_id)
        assert decision is not None
        return decision

    def _coded(self, conn: Connection, made: Demand, channel: str) -> Demand:
        """The demand with a code of ours, in the issuing modes where we make it."""
        keys, issuing = self._base.channels.get(channel).keys_of(PaymentKeys), self._base.channels.get(channel).issuing
        if issuing == "unit":
            bill = made.bill
            return made.with_code(
                next_composed(conn, channel, keys.code_layout, bill.region, bill.bill_date.year), self._base.envelope
            )
        if issuing == "range":
            return made.with_code(next_from_ranges(conn, channel, keys.code_ranges), self._base.envelope)
        return made
