"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.decisions.tables import (
    decision,
    decision_correction,
    decision_event,
    decision_version,
)
from gateway.words.saying import say


def _events_of(kind: str) -> ColumnElement[int]:
    """How often something happened to a decision, by the events in force."""
    mine = (
        decision_event.c.decision_id == decision.c.id,
        decision_event.c.kind == constant(kind),
        decision_event.c.ended_by.is_(None),
    )
    return select(func.count()).select_from(decision_event).where(*mine).scalar_subquery()


TERMS = (
    Term(
        what="decisions",
        tables=(
            decision,
            decision_version,
            decision_event,
            decision_correction,
        ),
        why=say("retention.why_files"),
    ),
)

MATTERS = (
    # An appeal of which no end is known.
    Matter(table=decision, open=_events_of("appealed") > _events_of("appeal_ended")),
    Matter(
        table=decision_correction,
        of=(decision_correction.c.decision_id,),
        open=decision_correction.c.status == constant("PROPOSED"),
    ),
)
