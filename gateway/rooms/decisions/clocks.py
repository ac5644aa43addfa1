"""Clocks that run from a decision: pure functions of its facts and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gateway.rooms.decisions.facts import DecisionEvent, DecisionFacts, EventKind
from gateway.words.calendar import WorkingCalendar


@dataclass(frozen=True)
class DueDate:
    """The last day to pay, whether the calendar beyond it is still unpublished, and how it came about."""

    on: date
    provisional: bool
    because: str


def due_date(facts: DecisionFacts, events: Sequence[DecisionEvent], calendar: WorkingCalendar) -> DueDate | None:
    """The last day to pay 缴款期限, or None while the decision is not served.

    Fifteen calendar days after receipt, the day of receipt not counted (行政处罚法 art. 67, art. 85), rolled to the
    next working day when it ends on a holiday (by analogy with 民事诉讼法). A deferral moves it (art. 66).
    """
    served = [event for event in events if event.kind is EventKind.SERVED]
    if not served:
        return None
    received = served[0].on
    rolled = calendar.due_after(received, facts.payment_days)
    due = DueDate(
        rolled.value,
        rolled.provisional,
        f"received {received}, {facts.payment_days} days, day of receipt not counted, rolled over holidays",
    )
    for event in events:
        if event.kind is EventKind.DEFERRED and event.until is not None and event.until > due.on:
            due = DueDate(event.until, False, f"deferred on {event.on} until {event.until}")
    return due
