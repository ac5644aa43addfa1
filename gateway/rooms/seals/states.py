"""The life of a sealed document: every transition is a row here, and ``gateway states`` draws it."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.seals.tables import sealed_document


class Status(StrEnum):
    """Public words for where a document stands; doubt is not among them but a flag with its date."""

    REQUESTED = "REQUESTED"
    SEALED = "SEALED"
    REFUSED = "REFUSED"


CHINESE = {Status.REQUESTED: "用印中", Status.SEALED: "已用印", Status.REFUSED: "未用印"}

EDGES = (
    Edge(None, Status.REQUESTED, "sealed_document.requested", "a case system asks for a seal; the file is kept"),
    Edge(Status.REQUESTED, Status.SEALED, "sealed_document.sealed", "the signature came and passed our own checks"),
    Edge(
        Status.REQUESTED, Status.REFUSED, "sealed_document.refused", "the service said no, or what came failed a check"
    ),
)

LIFE = Life("seals", sealed_document, EDGES, doubt=True)
