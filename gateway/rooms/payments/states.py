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


class CodeState(StrEnum):
    """Where one payment code 缴款码 stands: asked for, taking money, paid, or ended without money."""

    REQUESTED = "requested"
    LIVE = "live"
    PAID = "paid"
    VOID = "void"
    EXPIRED = "expired"
    REFUSED = "refused"


class ExceptionState(StrEnum):
    """Where an exception 异常缴款 stands: nobody has said what becomes of the money, one person has, two have."""

    OPEN = "open"
    PROPOSED = "proposed"
    RESOLVED = "resolved"


class UnforeseenKind(StrEnum):
    """How money arrived that the bill did not foresee."""

    PAID_TWICE = "paid_twice"
    AMOUNT_DIFFERS = "amount_differs"
    PAID_AFTER_EXPIRY = "paid_after_expiry"
    PAID_AFTER_CANCEL = "paid_after_cancel"
    PAID_AFTER_REFUSAL = "paid_after_refusal"
    PAID_ON_DEAD_CODE = "paid_on_dead_code"
    PAID_UNFORESEEN = "paid_unforeseen"
    TOLD_DIFFERENTLY = "told_differently"


BESIDE_THE_BILL = tuple(kind for kind in UnforeseenKind if kind is not UnforeseenKind.TOLD_DIFFERENTLY)
"""Kinds that say that money did not pay the bill it came for: no receipt was issued over it."""


def is_beside(kind: UnforeseenKind, state: ExceptionState, resolution: str | None) -> bool:
    """Whether the money of an exception pays no bill: late money on an expired code that was kept does after all."""
    kept = state is ExceptionState.RESOLVED and resolution == "keep"
    return kind in BESIDE_THE_BILL and not (kind is UnforeseenKind.PAID_AFTER_EXPIRY and kept)


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
