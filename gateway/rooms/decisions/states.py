"""The life of a correction of a decision's event."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.decisions.tables import decision_correction


class CorrectionStatus(StrEnum):
    """Where a correction 更正 stands: it waits for a second person, is in force, or was taken back."""

    PROPOSED = "PROPOSED"
    APPLIED = "APPLIED"
    WITHDRAWN = "WITHDRAWN"


EDGES = (
    Edge(
        None,
        CorrectionStatus.PROPOSED,
        "decision.correction_proposed",
        "an event is to be corrected or voided on which money or a publication leans",
        "a case system for an officer, or an operator",
    ),
    Edge(
        None,
        CorrectionStatus.APPLIED,
        "decision.corrected",
        "an event is corrected or voided on which nothing leans",
        "a case system for an officer, or an operator",
    ),
    Edge(
        CorrectionStatus.PROPOSED,
        CorrectionStatus.APPLIED,
        "decision.corrected",
        "a second person agrees to what they saw",
        "another operator",
    ),
    Edge(
        CorrectionStatus.PROPOSED,
        CorrectionStatus.WITHDRAWN,
        "decision.correction_withdrawn",
        "it is taken back before anybody has agreed",
        "an operator",
    ),
)

LIFE = Life("decision-corrections", decision_correction, EDGES)
