"""The life of a sealed document as values: every transition is a row here, and ``gateway states`` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Public words for where a document stands; doubt is not among them but a flag with its date."""

    REQUESTED = "REQUESTED"
    SEALED = "SEALED"
    REFUSED = "REFUSED"


CHINESE = {Status.REQUESTED: "用印中", Status.SEALED: "已用印", Status.REFUSED: "未用印"}


@dataclass(frozen=True)
class Edge:
    """One allowed transition, the event it emits, and what makes it happen."""

    start: Status | None
    end: Status
    event: str
    when: str


EDGES = (
    Edge(None, Status.REQUESTED, "sealed_document.requested", "a case system asks for a seal; the file is kept"),
    Edge(Status.REQUESTED, Status.SEALED, "sealed_document.sealed", "the signature came and passed our own checks"),
    Edge(
        Status.REQUESTED, Status.REFUSED, "sealed_document.refused", "the service said no, or what came failed a check"
    ),
)


def sources(end: Status) -> tuple[Status, ...]:
    """The states from which ``end`` can be reached."""
    return tuple(one.start for one in EDGES if one.end is end and one.start is not None)
