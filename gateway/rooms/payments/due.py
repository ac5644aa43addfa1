"""The last day to pay as a clock: ``payment.due_soon`` some days before it, ``payment.overdue`` on the day after it.

Each payment keeps the day on which its due date is looked at next (``due_look_on``), so that a run reads only what has
come up since the one before. What is told and the next day are written together: a run that is repeated tells nothing
twice. A due date that moves begins again; one that rests on days off is counted anew when these become known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.decisions import Decisions, fetch, is_revoked
from gateway.rooms.payments import records
from gateway.rooms.payments.options import LONGEST
from gateway.rooms.payments.records import Payment
from gateway.words.clock import day_of, to_micros

_TOGETHER = 200
"""Payments that are looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a due date gives: the event to tell, if any, and the day of the next look, None for none."""

    event: str | None
    next_on: date | None


def first_look(due_on: date | None) -> date | None:
    """The day before which nothing can be told of a due date; None where there is none."""
    return None if due_on is None else due_on - timedelta(days=LONGEST)


def look(due_on: date, today: date, soon: Collection[int]) -> Look:
    """What is to be told on ``today`` of a due date. ``soon``: how many days before it; one missed is told late.

    Where several days were missed, or the due date came to be known late, they are told as one.
    """
    left = (due_on - today).days
    if left < 0:
        return Look("payment.overdue", None)
    coming = [days for days in soon if days < left]
    after = due_on - timedelta(days=max(coming)) if coming else due_on + timedelta(days=1)
    return Look("payment.due_soon" if len(coming) < len(soon) else None, after)


class DueClock:
    """Tells of last days to pay that come near or are over. ``soon``: how many days before."""

    def __init__(self, base: Foundation, soon: Collection[int]) -> None:
        self._base = base
        self._soon = frozenset(soon)

    async def tell(self) -> int:
        """Look at every due date whose day has come; returns how many. Safe to run again."""
        today = day_of(self._base.clock.now())
        looked, more = 0, True
        while more:
            just = await self._base.store.write(lambda conn: self._look(conn, today))
            looked, more = looked + just, just == _TOGETHER
        return looked

    def _look(self, conn: Connection, today: date) -> int:
        found = records.to_look_at(conn, today, _TOGETHER)
        for payment in found:
            assert payment.due_on is not None
            seen = look(payment.due_on, today, self._soon)
            if payment.decision_id is None or is_revoked(conn, payment.decision_id):
                seen = Look(None, None)  # nothing is to be paid, or its own room watches it
            if records.looked_at(conn, payment, seen.next_on) and seen.event is not None:
                self._tell(conn, payment, seen.event, (payment.due_on - today).days)
        return len(found)

    def _tell(self, conn: Connection, payment: Payment, type: str, left: int) -> None:
        days = {"days_left": left} if left >= 0 else {"days_over": -left}
        self._base.events.emit(
            conn,
            type=type,
            subject=payment.id,
            authority=payment.authority,
            data={"decision_number": payment.decision_number, "due_on": str(payment.due_on), **days},
        )


def move(conn: Connection, base: Foundation, payment: Payment, on: date | None, *, provisional: bool) -> bool:
    """Let a payment have this last day, and tell of it; False where it has it already, as certain as it is."""
    if (payment.due_on, payment.due_provisional) == (on, provisional):
        return False
    moved: dict[str, Any] = {"due_provisional": int(provisional)}
    if payment.due_on != on:
        moved |= {"due_on": on, "due_look_on": first_look(on)}
    records.change(conn, payment.id, to_micros(base.clock.now()), **moved)
    base.events.emit(
        conn,
        type="payment.due_date",
        subject=payment.id,
        authority=payment.authority,
        data={
            "decision_number": payment.decision_number,
            "due_on": None if on is None else str(on),
            "provisional": provisional,
            "due_on_before": None if payment.due_on is None else str(payment.due_on),
        },
    )
    return True


class DueDates:
    """Counts last days to pay anew when days off have become known or were corrected."""

    def __init__(self, base: Foundation, decisions: Decisions) -> None:
        self._base = base
        self._decisions = decisions

    def recount(self, conn: Connection, since: date | None, after: str, most: int) -> Mapping[str, bool]:
        """Unpaid payments whose last day is provisional, or lies on ``since`` or later: whether each moved."""
        ids = records.resting_on_days(conn, since, after, most)
        return {one: self._recount(conn, one) for one in ids}

    def _recount(self, conn: Connection, payment_id: str) -> bool:
        records.lock_decision_of(conn, payment_id)
        payment = records.held(conn, payment_id)
        decision = fetch(conn, self._base.envelope, payment.decision_id or "")
        due = None if decision is None else self._decisions.clocks(decision).due(payment.planned_due_on)
        return due is not None and move(conn, self._base, payment, due.on, provisional=due.provisional)
