"""Demands: who pays what, under which reference and code, with the token of its page; stored with their operation."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, RowMapping

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import Delivery, Events, Operation
from gateway.ports.nontax import IssueRequest
from gateway.rooms.decisions import Decision, DueDate, due_date, is_revoked
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records
from gateway.rooms.payments.accrual import accrued as accrued_on
from gateway.rooms.payments.accrual import fine_in, paid_day
from gateway.rooms.payments.bill import LineInput, LineKind, PaymentRequest, Unit, bill_for, check_within, lines_of
from gateway.rooms.payments.codes import next_composed, next_from_ranges
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.payments.surcharge import Surcharge
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import Clock, day_of, from_micros, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, Problem
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan

SURCHARGE_GROUP = "surcharge"


@dataclass(frozen=True)
class Demand:
    """A payment's row, its lines, and the bill that asks for its code."""

    values: dict[str, Any]
    lines: tuple[LineInput, ...]
    bill: IssueRequest

    @property
    def id(self) -> str:
        """The payment's id."""
        return str(self.values["id"])

    def with_code(self, code: str, envelope: Envelope) -> Demand:
        """The same demand under a code that we made ourselves."""
        bill = self.bill.model_copy(update={"code": code})
        return replace(self, bill=bill, values={**self.values, "bill_sealed": sealed_bill(envelope, self.id, bill)})


def sealed_bill(envelope: Envelope, payment_id: str, bill: IssueRequest) -> bytes:
    """The bill as it is kept: payer and unit as they were sent."""
    return envelope.seal(bill.model_dump_json().encode(), f"payment|bill|{payment_id}")


def demand(
    ask: PaymentRequest,
    decision: Decision,
    lines: Sequence[LineInput],
    unit: Unit,
    due: DueDate | None,
    envelope: Envelope,
    *,
    channel: str,
    reference: str,
    today: date,
    at: int,
    replaces: str | None = None,
) -> Demand:
    """Make one demand. ``today``: the day in Shanghai; ``at``: the instant in microseconds. Raises InvalidProblem."""
    payment_id = new_id("pay")
    due_on = ask.due_on or (due.on if due is not None else None)
    bill = bill_for(decision, lines, unit, reference=reference, today=today, due_on=due_on)
    token = secrets.token_urlsafe(16)
    values = {
        "id": payment_id,
        "authority": ask.authority,
        "decision_id": decision.id,
        "decision_number": decision.number,
        "instalment": ask.instalment,
        "line_group": ask.line_group,
        "channel": channel,
        "status": Status.REQUESTED.value,
        "settlement": Settlement.NONE.value,
        "amount": bill.total,
        "due_on": due_on,
        "due_provisional": int(due.provisional) if due is not None and ask.due_on is None else 0,
        "planned_due_on": ask.due_on,
        "replaces": replaces,
        "bill_sealed": sealed_bill(envelope, payment_id, bill),
        "token_index": envelope.blind_index(token, "payment.token"),
        "token_sealed": envelope.seal(token.encode(), f"payment|token|{payment_id}"),
        "created_at": at,
        "updated_at": at,
    }
    return Demand(values, tuple(lines), bill)


class Demands:
    """Opens demands: what is demanded, who collects it, under which code; and what surcharge has accrued."""

    def __init__(
        self,
        delivery: Delivery,
        events: Events,
        channels: Channels,
        envelope: Envelope,
        calendar: WorkingCalendar,
        clock: Clock,
    ) -> None:
        self._delivery = delivery
        self._events = events
        self._channels = channels
        self._envelope = envelope
        self._calendar = calendar
        self._clock = clock

    def lines_and_unit(
        self, conn: Connection, ask: PaymentRequest, decision: Decision, today: date
    ) -> tuple[tuple[LineInput, ...], Unit]:
        """What is demanded, and who collects it. A surcharge bill of its own asks for what has accrued."""
        unit = records.unit_of(conn, ask.authority, today)
        if unit is None:
            raise ConflictProblem(
                f"authority {ask.authority} has no collecting unit 执收单位 on {today}",
                type="no-collecting-unit",
                cure="Add it with `gateway authorities unit`.",
            )
        if ask.line_group != SURCHARGE_GROUP or ask.lines is not None:
            return lines_of(ask, decision), unit
        left = self.surcharge_of(conn, decision, today) - records.claimed(conn, decision.id).get(LineKind.SURCHARGE, 0)
        if left <= 0:
            raise InvalidProblem(
                "no surcharge 加处罚款 has accrued that is not demanded already",
                field="line_group",
                cure="`gateway payments explain` shows how the surcharge is counted.",
            )
        return (LineInput.model_construct(kind=LineKind.SURCHARGE, amount=left),), unit

    def make(
        self,
        ask: PaymentRequest,
        decision: Decision,
        lines: Sequence[LineInput],
        unit: Unit,
        channel: str,
        replaces: str | None = None,
    ) -> Demand:
        """A demand ready to be opened, with ids and seals of its own. Raises InvalidProblem."""
        now = self._clock.now()
        return demand(
            ask,
            decision,
            lines,
            unit,
            due_date(decision.facts, decision.events, self._calendar),
            self._envelope,
            channel=channel,
            reference=self._delivery.new_reference(channel),
            today=day_of(now),
            at=to_micros(now),
            replaces=replaces,
        )

    def open(
        self, conn: Connection, made: Demand, decision: Decision, channel: str, *, claim: bool = True
    ) -> tuple[Operation, Demand]:
        """Store a demand and ask for its code, in one transaction. Raises ConflictProblem, InvalidProblem."""
        values = made.values
        records.lock_decision(conn, decision.id)
        if is_revoked(conn, decision.id):
            raise ConflictProblem("this decision was revoked; nothing is to be paid", type="decision-revoked")
        existing = records.live_payment(conn, decision.id, values["instalment"], values["line_group"])
        if existing is not None:
            raise ConflictProblem(
                "there is already a live payment for this demand",
                type="payment-exists",
                cure="Use the existing one, or cancel it first.",
                payment=existing,
                location=f"/v1/payments/{existing}",
            )
        accrued = 0
        if any(line.kind is LineKind.SURCHARGE for line in made.lines):
            accrued = self.surcharge_of(conn, decision, made.bill.bill_date)
        check_within(decision, made.lines, records.claimed(conn, decision.id), accrued)
        made = self._coded(conn, made, channel)
        records.add(conn, made.values, made.lines, made.bill.lines, made.bill.reference)
        self._events.emit(
            conn,
            type="payment.requested",
            subject=made.id,
            authority=values["authority"],
            data={"decision_number": values["decision_number"], "amount": format_yuan(made.bill.total)},
        )
        operation = self._delivery.enqueue(
            conn,
            action="nontax.issue",
            channel=channel,
            authority=values["authority"],
            subject=made.id,
            request=made.bill,
            claim=claim,
        )
        return operation, made

    def reopen(self, conn: Connection, row: RowMapping) -> None:
        """After a confirmed void: ask for the new code, with the surcharge where the channel re-issues for it."""
        body = self._envelope.open(row["reissue_sealed"], f"payment|reissue|{row['id']}")
        ask = PaymentRequest.model_validate_json(body)
        decision = fetch_decision(conn, self._envelope, row["decision_id"])
        assert decision is not None
        today = day_of(self._clock.now())
        lines, unit = self.lines_and_unit(conn, ask, decision, today)
        if self._channels.get(row["channel"]).keys.surcharge == "reissue":
            due = self.accrued(conn, row, decision, today).amount
            if due > 0:
                lines = (*lines, LineInput.model_construct(kind=LineKind.SURCHARGE, amount=due))
        try:
            made = self.make(ask, decision, lines, unit, row["channel"], replaces=row["id"])
            self.open(conn, made, decision, row["channel"], claim=False)
        except Problem as problem:
            self._events.emit(
                conn,
                type="payment.reissue_refused",
                subject=row["id"],
                authority=row["authority"],
                data={"decision_number": row["decision_number"], "reason": problem.detail},
            )

    def accrued(self, conn: Connection, row: RowMapping, decision: Decision, on: date) -> Surcharge:
        """The surcharge on a payment's fine up to and including a day."""
        fine = fine_in(records.lines(conn, row["id"]))
        base = self._channels.get(row["channel"]).keys.surcharge_base_on(decision.facts.decided_on)
        return accrued_on(decision, row, fine, on, self._calendar, base)

    def quoted(self, conn: Connection, row: RowMapping, paid_at: int) -> int:
        """The surcharge that the platform adds at payment on that day (microseconds); 0 unless the channel does so."""
        if self._channels.get(row["channel"]).keys.surcharge != "quoted_at_payment" or row["decision_id"] is None:
            return 0
        decision = fetch_decision(conn, self._envelope, row["decision_id"])
        assert decision is not None
        return self.accrued(conn, row, decision, day_of(from_micros(paid_at))).amount

    def surcharge_of(self, conn: Connection, decision: Decision, today: date) -> int:
        """What has accrued on all fines of a decision, in fen: up to payment, or to today where unpaid."""
        total = 0
        for row in records.of_decision(conn, decision.id):
            if row["status"] not in (Status.REJECTED.value, Status.CANCELLED.value):
                total += self.accrued(conn, row, decision, paid_day(row) or today).amount
        replaced = [row for row in records.of_decision(conn, decision.id) if row["reissue_sealed"] is not None]
        if total == 0 and replaced:
            total = self.accrued(conn, replaced[-1], decision, today).amount
        return total

    def _coded(self, conn: Connection, made: Demand, channel: str) -> Demand:
        """The demand with a code of ours, in the issuing modes where we make it."""
        keys, issuing = self._channels.get(channel).keys, self._channels.get(channel).issuing
        if issuing == "unit":
            bill = made.bill
            return made.with_code(
                next_composed(conn, channel, keys.code_layout, bill.region, bill.bill_date.year), self._envelope
            )
        if issuing == "range":
            return made.with_code(next_from_ranges(conn, channel, keys.code_ranges), self._envelope)
        return made
