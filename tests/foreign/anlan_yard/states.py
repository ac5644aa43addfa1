"""The life of an impounded vehicle: ``gateway states impounds`` draws it."""

from __future__ import annotations

from enum import StrEnum

from anlan_yard.tables import impound
from gateway.foundation.lives import Edge, Life


class Status(StrEnum):
    """Where a vehicle stands; doubt is not among these words but a flag with its date."""

    REQUESTED = "REQUESTED"
    STORED = "STORED"
    REFUSED = "REFUSED"
    LEFT = "LEFT"


EDGES = (
    Edge(None, Status.REQUESTED, "impound.requested", "a case system has a vehicle taken in"),
    Edge(Status.REQUESTED, Status.STORED, "impound.stored", "the yard has taken it in"),
    Edge(Status.REQUESTED, Status.REFUSED, "impound.refused", "the yard does not take it"),
    Edge(Status.STORED, Status.LEFT, "impound.left", "the yard tells that it was handed out"),
    Edge(Status.REQUESTED, Status.LEFT, "impound.left", "the same, told before we knew that it was taken in"),
)

LIFE = Life("impounds", impound, EDGES, doubt=True)
