"""Clocks that run from a decision: pure functions of its facts and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gateway.rooms.decisions.facts import DecisionEvent, DecisionFacts, EventKind
from gateway.words.law import Matter, Row
from gateway.words.terms import Terms


@dataclass(frozen=True)
class DueDate:
    """The last day to pay, whether the calendar beyond it is still unpublished, and how it came about.

    ``rule``: the row of the law that it follows; None where a deferral or a plan of instalments names the day.
    """

    on: date
    provisional: bool
    because: str
    rule: Row | None = None


def payment_term(facts: DecisionFacts, terms: Terms) -> tuple[int, Row]:
    """How many days there are to pay, as the document says or else the law, and the row by which they are counted."""
    rule = terms.rule(Matter.PAYMENT_TERM, facts.decided_on, facts.field_of_law)
    return facts.payment_days or rule.number, rule


def due_date(facts: DecisionFacts, events: Sequence[DecisionEvent], terms: Terms) -> DueDate | None:
    """The last day to pay 缴款期限, or None while the decision is not served.

    So many days after receipt as the document or the law says (行政处罚法 art. 67), the day of receipt not counted
    (art. 85), rolled to the next working day when it ends on a holiday (by analogy with 民事诉讼法). A deferral moves
    it (art. 66).
    """
    served = [event for event in events if event.kind is EventKind.SERVED]
    if not served:
        return None
    received = served[0].on
    days, rule = payment_term(facts, terms)
    last = terms.last_day(rule, received, days)
    kind, rolled = ("working ", "") if rule.unit == "working_days" else ("", ", rolled over holidays")
    due = DueDate(
        last.value,
        last.provisional,
        f"received {received}, {days} {kind}days, day of receipt not counted{rolled}",
        rule,
    )
    for event in events:
        if event.kind is EventKind.DEFERRED and event.until is not None and event.until > due.on:
            due = DueDate(event.until, False, f"deferred on {event.on} until {event.until}")
    return due
