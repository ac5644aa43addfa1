"""The life of a sealed document: every transition is a row here, and ``gateway states`` draws it."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.seals.tables import seal_voiding, sealed_document


class Status(StrEnum):
    """Public words for where a document stands; doubt is not among them but a flag with its date."""

    REQUESTED = "REQUESTED"
    SEALED = "SEALED"
    REFUSED = "REFUSED"
    VOIDED = "VOIDED"


class VoidingStatus(StrEnum):
    """Where the voiding 作废 of a sealing stands."""

    PROPOSED = "PROPOSED"
    CONFIRMED = "CONFIRMED"
    VOIDED = "VOIDED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


CHINESE: dict[StrEnum, str] = {
    Status.REQUESTED: "用印中",
    Status.SEALED: "已用印",
    Status.REFUSED: "未用印",
    Status.VOIDED: "已作废",
    VoidingStatus.PROPOSED: "待复核",
    VoidingStatus.CONFIRMED: "作废办理中",
    VoidingStatus.VOIDED: "已作废",
    VoidingStatus.REFUSED: "印章服务不予作废",
    VoidingStatus.WITHDRAWN: "已撤回",
}

EDGES = (
    Edge(None, Status.REQUESTED, "sealed_document.requested", "a case system asks for a seal; the file is kept"),
    Edge(Status.REQUESTED, Status.SEALED, "sealed_document.sealed", "the signature came and passed our own checks"),
    Edge(
        Status.REQUESTED, Status.REFUSED, "sealed_document.refused", "the service said no, or what came failed a check"
    ),
    Edge(
        Status.SEALED,
        Status.VOIDED,
        "sealed_document.voided",
        "two people voided it, and the service recorded that",
    ),
)

LIFE = Life("seals", sealed_document, EDGES, doubt=True)

_V = VoidingStatus
VOIDING_LIFE = Life(
    "seal_voidings",
    seal_voiding,
    (
        Edge(None, _V.PROPOSED, "seal_voiding.proposed", "somebody asks for a sealing to be voided"),
        Edge(_V.PROPOSED, _V.WITHDRAWN, "seal_voiding.withdrawn", "it was taken back before anybody confirmed it"),
        Edge(_V.PROPOSED, _V.CONFIRMED, "seal_voiding.confirmed", "a second person agrees; the service is asked"),
        Edge(_V.CONFIRMED, _V.VOIDED, "seal_voiding.voided", "the service recorded it, or was found to have done so"),
        Edge(_V.CONFIRMED, _V.REFUSED, "seal_voiding.refused", "the service said no; the sealing stands"),
    ),
    doubt=True,
)
