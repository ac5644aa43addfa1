"""The last days of the duties about cash: by which rows of the law, and counted anew when days off become known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.cash import records
from gateway.rooms.cash.records import CashTaken
from gateway.rooms.cash.states import CashStatus, Duty
from gateway.rooms.decisions import Decision
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.due import move
from gateway.words.calendar import Judged
from gateway.words.clock import to_micros
from gateway.words.law import Matter, Rule

_MATTERS = {Duty.HAND_IN: Matter.CASH_HAND_IN, Duty.BANK: Matter.CASH_TO_BANK}


class CashDays:
    """Counts the days of an authority's cash."""

    def __init__(self, base: Foundation) -> None:
        self._base = base

    def rule(self, decision: Decision, matter: Matter, on: date) -> Rule:
        """The row of the law about a matter, for a decision's field of law."""
        return self._base.reckoning.of(decision.authority).rule(matter, on, decision.facts.field_of_law)

    def last_day(self, decision: Decision, duty: Duty, start: date) -> Judged[date]:
        """The last day of a duty that begins on a day."""
        return self._base.reckoning.of(decision.authority).last_day(self.rule(decision, _MATTERS[duty], start), start)

    def decision_of(self, conn: Connection, cash: CashTaken) -> Decision:
        """The decision that cash was taken for."""
        found = fetch_decision(conn, self._base.envelope, cash.decision_id)
        assert found is not None, "cash is taken for a decision"
        return found

    def recount(self, conn: Connection, since: date | None, after: str, most: int) -> Mapping[str, bool]:
        """Cash not remitted whose duty's last day is provisional, or lies on ``since`` or later: whether each moved.

        Tells ``cash.deadline``, and lets an unpaid bill have the first of the last days of its cash.
        """
        ids = records.resting_on_days(conn, since, after, most)
        return {one: self._recount(conn, one) for one in ids}

    def _recount(self, conn: Connection, cash_id: str) -> bool:
        cash = records.locked(conn, cash_id)
        start = cash.handed_in_on if cash.duty is Duty.BANK else cash.ashore_on if cash.on_water else cash.taken_on
        if start is None or cash.status is CashStatus.REMITTED:
            return False
        due = self.last_day(self.decision_of(conn, cash), cash.duty, start)
        if (due.value, due.provisional) == (cash.due_on, cash.due_provisional):
            return False
        records.recounted(conn, cash, due, to_micros(self._base.clock.now()))
        self._base.events.emit(
            conn,
            type="cash.deadline",
            subject=cash.id,
            authority=cash.authority,
            data={
                "decision_number": cash.decision_number,
                "duty": cash.duty.value,
                "due_on": str(due.value),
                "provisional": due.provisional,
                "due_on_before": str(cash.due_on),
            },
        )
        if cash.payment_id is not None:
            self._bill(conn, cash.payment_id)
        return True

    def _bill(self, conn: Connection, payment_id: str) -> None:
        parts = records.of_bill(conn, payment_id)
        first = min(cash.bank_due_on for cash in parts if cash.bank_due_on is not None)
        provisional = any(cash.due_provisional for cash in parts)
        move(conn, self._base, payment_records.held(conn, payment_id), first, provisional=provisional)
