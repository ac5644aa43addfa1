"""Decisions 行政处罚决定: facts kept as versions, parties, service, and the events that move every clock."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.decisions.clocks import DueDate, due_date, payment_term
    from gateway.rooms.decisions.facts import DecisionEvent, DecisionFacts, EventKind, Officer
    from gateway.rooms.decisions.party import Party, PartyKind
    from gateway.rooms.decisions.records import Decision, fetch, is_revoked, revoked_or_amended
    from gateway.rooms.decisions.service import Decisions
else:
    __getattr__ = late(
        __name__,
        {
            "clocks": "DueDate due_date payment_term",
            "facts": "DecisionEvent DecisionFacts EventKind Officer",
            "party": "Party PartyKind",
            "records": "Decision fetch is_revoked revoked_or_amended",
            "service": "Decisions",
        },
    )

__all__ = [
    "Decision",
    "DecisionEvent",
    "DecisionFacts",
    "Decisions",
    "DueDate",
    "EventKind",
    "Officer",
    "Party",
    "PartyKind",
    "due_date",
    "fetch",
    "is_revoked",
    "payment_term",
    "revoked_or_amended",
]
