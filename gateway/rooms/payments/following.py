"""How payments follow their decision: its last day to pay, what it imposes, and what of a surcharge is left of it."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Event
from gateway.rooms.decisions import Decision, Decisions, DueDate
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records
from gateway.rooms.payments.accrual import paid_day
from gateway.rooms.payments.asks import PlatformAsks
from gateway.rooms.payments.demand import Demands
from gateway.rooms.payments.due import move
from gateway.rooms.payments.hooks import Hooks
from gateway.rooms.payments.records import Payment, Standing
from gateway.rooms.payments.states import Status
from gateway.words.clock import day_of
from gateway.words.money import format_yuan

_NOT_PAID_YET = (Status.REQUESTED, Status.ISSUED, Status.EXPIRED)
_ENDED = (Status.REJECTED, Status.CANCELLED)


class Following:
    """Hears what happens to decisions, in the transaction that records it."""

    def __init__(
        self, base: Foundation, decisions: Decisions, demands: Demands, asks: PlatformAsks, hooks: Hooks
    ) -> None:
        self._base = base
        self._decisions = decisions
        self._demands = demands
        self._asks = asks
        self._hooks = hooks

    def decision_moved(self, conn: Connection, event: Event) -> None:
        """Something happened to a decision, or an event of it was corrected: follow it with due dates and demands.

        A revoked decision must not be paid, nor more than an amended one imposes, nor more surcharge than has accrued.
        A code that is still being asked for is voided as soon as it is there (``answers``);
        ``payment.exceeds_decision`` tells of what is paid already, ``payment.surcharge_changed`` of what a correction
        makes of a surcharge.
        """
        records.lock_decision(conn, event.subject)
        decision = fetch_decision(conn, self._base.envelope, event.subject)
        assert decision is not None
        corrected = event.data.get("correction")
        before = None if corrected is None else decision.before(str(corrected))
        clocks = self._decisions.clocks(decision)
        for payment in records.of_decision(conn, decision.id):
            due = clocks.due(payment.planned_due_on)
            if before is not None or (due is not None and payment.status in _NOT_PAID_YET):
                self._follow(conn, payment, due)
            if before is not None and payment.status not in _ENDED:
                self._tell_surcharge(conn, payment, before, decision)
            if decision.revoked:
                self._asks.void_unpaid(conn, payment, "行政处罚决定已撤销")
        if not decision.revoked:
            today = day_of(self._base.clock.now())
            self._asks.void_excess(conn, decision, lambda: self._demands.surcharge_of(conn, decision, today))

    def money_came(self, conn: Connection, decision_id: str) -> bool:
        """Whether money has come in for a decision, by a payment or by what another room took."""
        elsewhere = self._hooks.with_claims(conn, decision_id, Standing())
        return records.money_came(conn, decision_id) or any(elsewhere.values())

    def _follow(self, conn: Connection, payment: Payment, due: DueDate | None) -> None:
        """Let a payment have this last day; its plan's own while the decision is not served."""
        due_on, provisional = (payment.planned_due_on, False) if due is None else (due.on, due.provisional)
        if payment.status in (*_NOT_PAID_YET, Status.PAID):
            move(conn, self._base, payment, due_on, provisional=provisional)

    def _tell_surcharge(self, conn: Connection, payment: Payment, before: Decision, now: Decision) -> None:
        """Tell what a correction makes of a payment's surcharge, up to its payment or today."""
        until: date = paid_day(payment) or day_of(self._base.clock.now())
        was, is_ = (self._demands.accrued(conn, payment, one, until).amount for one in (before, now))
        if was != is_:
            told = {"on": str(until), "surcharge_before": format_yuan(was), "surcharge": format_yuan(is_)}
            paid = None if payment.surcharge_paid is None else format_yuan(payment.surcharge_paid)
            self._asks.tell(conn, payment, "payment.surcharge_changed", **told, surcharge_paid=paid)
