"""The life of a payment as values: every transition is a row here, and ``gateway states`` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Public words for where a payment stands; doubt is not among them but a flag with its date."""

    REQUESTED = "REQUESTED"
    ISSUED = "ISSUED"
    CANCELLING = "CANCELLING"
    PAID = "PAID"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


CHINESE = {
    Status.REQUESTED: "取码中",
    Status.ISSUED: "待缴款",
    Status.CANCELLING: "作废办理中",
    Status.PAID: "已缴款",
    Status.REJECTED: "平台拒绝",
    Status.CANCELLED: "已作废",
    Status.EXPIRED: "缴款码已失效",
}


class Settlement(StrEnum):
    """What reconciliation says: nothing to match, waiting for a statement, matched 已对平, or a break 差错."""

    NONE = "none"
    PENDING = "pending"
    MATCHED = "matched"
    BROKEN = "broken"


@dataclass(frozen=True)
class Edge:
    """One allowed transition, the event it emits, and what makes it happen."""

    start: Status | None
    end: Status
    event: str
    when: str


EDGES = (
    Edge(None, Status.REQUESTED, "payment.requested", "a case system asks for a code"),
    Edge(Status.REQUESTED, Status.ISSUED, "payment.issued", "the platform gave a code, or was found to have given it"),
    Edge(Status.REQUESTED, Status.REJECTED, "payment.rejected", "the platform refused the bill"),
    Edge(Status.ISSUED, Status.PAID, "payment.paid", "money arrived: callback, query or statement"),
    Edge(Status.ISSUED, Status.CANCELLING, "payment.cancelling", "a case system cancels, or the decision is revoked"),
    Edge(
        Status.EXPIRED, Status.CANCELLING, "payment.cancelling", "an expired code is voided before a new one is given"
    ),
    Edge(Status.CANCELLING, Status.CANCELLED, "payment.cancelled", "the platform voided the bill"),
    Edge(Status.CANCELLING, Status.ISSUED, "payment.cancel_refused", "the platform refused to void the bill"),
    Edge(Status.CANCELLING, Status.PAID, "payment.paid", "money arrived before the void"),
    Edge(Status.ISSUED, Status.EXPIRED, "payment.expired", "the platform says that the code no longer takes money"),
    Edge(Status.EXPIRED, Status.PAID, "payment.paid", "two people keep money that came on the expired code after all"),
)

_ALLOWED = {(edge.start, edge.end): edge for edge in EDGES}


def edge(start: Status | None, end: Status) -> Edge | None:
    """The transition between two states, or None when there is none."""
    return _ALLOWED.get((start, end))


def sources(end: Status) -> tuple[Status, ...]:
    """The states from which ``end`` can be reached."""
    return tuple(one.start for one in EDGES if one.end is end and one.start is not None)
