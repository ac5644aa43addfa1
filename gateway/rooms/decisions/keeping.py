"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.decisions.tables import (
    decision,
    decision_event,
    decision_version,
)
from gateway.words.saying import say


def _events_of(kind: str) -> ColumnElement[int]:
    """How often something happened to a decision."""
    mine = (decision_event.c.decision_id == decision.c.id, decision_event.c.kind == constant(kind))
    return select(func.count()).select_from(decision_event).where(*mine).scalar_subquery()


TERMS = (
    Term(
        what="decisions",
        tables=(
            decision,
            decision_version,
            decision_event,
        ),
        why=say("retention.why_files"),
    ),
)

MATTERS = (
    # An appeal of which no end is known.
    Matter(table=decision, open=_events_of("appealed") > _events_of("appeal_ended")),
)
