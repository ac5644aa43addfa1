"""Decisions 行政处罚决定: facts kept as versions, parties, service, and the events that move every clock."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.decisions.clocks import Clocks, DueDate, DuePeriod, Suspension, payment_term
    from gateway.rooms.decisions.corrections import Corrections
    from gateway.rooms.decisions.facts import DecisionEvent, DecisionFacts, EventKind, Officer
    from gateway.rooms.decisions.party import Party, PartyKind
    from gateway.rooms.decisions.records import Decision, RecordedEvent, fetch, is_revoked, revoked_or_amended
    from gateway.rooms.decisions.service import Decisions
else:
    __getattr__ = late(
        __name__,
        {
            "clocks": "Clocks DueDate DuePeriod Suspension payment_term",
            "corrections": "Corrections",
            "facts": "DecisionEvent DecisionFacts EventKind Officer",
            "party": "Party PartyKind",
            "records": "Decision RecordedEvent fetch is_revoked revoked_or_amended",
            "service": "Decisions",
        },
    )

__all__ = [
    "Clocks",
    "Corrections",
    "Decision",
    "DecisionEvent",
    "DecisionFacts",
    "Decisions",
    "DueDate",
    "DuePeriod",
    "EventKind",
    "Officer",
    "Party",
    "PartyKind",
    "RecordedEvent",
    "Suspension",
    "fetch",
    "is_revoked",
    "payment_term",
    "revoked_or_amended",
]
