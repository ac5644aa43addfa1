"""The withdrawal 撤回 that is owed for a disclosure, and wins over whatever is under way at its target.

All functions of a connection, in the caller's transaction.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.deadlines import Deadline, withdraw_by
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.rules import Rules
from gateway.rooms.disclosures.states import Status

if TYPE_CHECKING:
    from gateway.rooms.disclosures.effects import Effects


class Withdrawals:
    """Owes, drops and sends withdrawals. What has left us, or may have, is waited for and never called back."""

    def __init__(self, effects: Effects, base: Foundation, rules: Rules) -> None:
        self._effects = effects
        self._delivery = base.delivery
        self._reckoning = base.reckoning
        self._rules = rules

    def owe(self, conn: Connection, disclosure: Disclosure, reason: str, happened_on: date, now: int) -> None:
        """Note that a withdrawal is owed, and begin it unless something else must end first."""
        if disclosure.withdraw_wanted_at is None:
            last = self.last_day(disclosure, happened_on)
            records.change(
                conn,
                disclosure.id,
                now,
                withdraw_wanted_at=now,
                withdraw_reason_on=happened_on,
                withdraw_by_on=last.on,
                withdraw_by_provisional=last.provisional,
                withdraw_reason=reason,
            )
            self._effects.tell(
                conn,
                disclosure,
                "withdrawal_requested",
                reason=reason,
                withdraw_by_on=str(last.on),
                citation=last.citation,
            )
            disclosure = self._effects.lock(conn, disclosure.id)
        if disclosure.effect == "withdraw":
            return
        if disclosure.status is Status.DRAFT:
            self._effects.move(conn, disclosure, Status.WITHDRAWN, reason=reason)
        elif disclosure.awaiting == "answer":
            self.stop_sending(conn, disclosure, now)
        elif disclosure.awaiting in (None, "page") and disclosure.status is not Status.PLANNED:
            self.send(conn, disclosure, now)

    def owe_otherwise(self, conn: Connection, disclosure: Disclosure, cause: tuple[str, date] | None, now: int) -> None:
        """The reason of a withdrawal was corrected (its words and its day), or was none (None).

        What has left us, or may have, is not called back: a decision that was never revoked is then published anew.
        """
        waits = disclosure.effect != "withdraw" or self._taken_back(conn, disclosure, now)
        was = None if disclosure.withdraw_by_on is None else str(disclosure.withdraw_by_on)
        if cause is None:
            if waits:
                records.change(conn, disclosure.id, now, **records.NOTHING_OWED)
                self._effects.tell(conn, disclosure, "withdrawal_dropped", withdraw_by_on_before=was)
            return
        reason, since = cause
        last = self.last_day(disclosure, since)
        records.change(
            conn,
            disclosure.id,
            now,
            withdraw_reason_on=since,
            withdraw_by_on=last.on,
            withdraw_by_provisional=last.provisional,
            withdraw_late_at=None,
            withdraw_due_soon_days=None,
        )
        if waits:
            records.change(conn, disclosure.id, now, withdraw_reason=reason)
            if disclosure.effect == "withdraw":
                self.send(conn, disclosure, now)
        self._effects.tell(conn, disclosure, "deadline", withdraw_by_on=str(last.on), withdraw_by_on_before=was)

    def _taken_back(self, conn: Connection, disclosure: Disclosure, now: int) -> bool:
        """Stop a withdrawal that has provably not left us."""
        operation = disclosure.effect_operation
        if operation is None or not self._delivery.cancel(conn, operation, "撤回事由已更正"):
            return False
        records.change(conn, disclosure.id, now, **records.IDLE)
        return True

    def last_day(self, disclosure: Disclosure, happened_on: date) -> Deadline:
        """The last day to take it back for a reason that arose on a day, by the calendar as it is known now."""
        return withdraw_by(happened_on, self._rules, self._reckoning.of(disclosure.authority).calendar)

    def stop_sending(self, conn: Connection, disclosure: Disclosure, now: int) -> None:
        """Stop an effect that has provably not left us; otherwise its outcome is waited for."""
        operation = disclosure.effect_operation
        if operation is None or not self._delivery.cancel(conn, operation, "撤回在先，不再报送"):
            return
        records.change(conn, disclosure.id, now, pending_sealed=None, **records.IDLE)
        if disclosure.effect == "submit" and disclosure.status is Status.PLANNED:
            self._effects.move(conn, disclosure, Status.WITHDRAWN, reason=disclosure.withdraw_reason)
        else:
            self.send(conn, disclosure, now)

    def send(self, conn: Connection, disclosure: Disclosure, now: int) -> None:
        """Send the withdrawal that is owed, with its explanation for the public."""
        disclosure = self._effects.lock(conn, disclosure.id)
        assert disclosure.withdraw_reason is not None, "what is owed has a reason"
        self._effects.take_off(conn, disclosure, "withdraw", disclosure.withdraw_reason, now)
