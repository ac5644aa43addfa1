"""The lives of payments, their codes, their exceptions and their settlement: every transition is a row here."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.payments.tables import payment, payment_code, payment_exception


class Status(StrEnum):
    """Public words for where a payment stands; doubt is not among them but a flag with its date."""

    REQUESTED = "REQUESTED"
    ISSUED = "ISSUED"
    CANCELLING = "CANCELLING"
    PAID = "PAID"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


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
    TIME = "time"
    """A notice says that it was paid before its bill was asked for, or at an instant that is still to come."""
    OTHER_BILL = "other_bill"
    """A notice names the code of one bill and the number of another."""


BESIDE_THE_BILL = tuple(kind for kind in UnforeseenKind if kind is not UnforeseenKind.TOLD_DIFFERENTLY)
"""Kinds that say that money did not pay the bill it came for: no receipt was issued over it."""


PAYS_IF_KEPT = (UnforeseenKind.PAID_AFTER_EXPIRY, UnforeseenKind.TIME, UnforeseenKind.OTHER_BILL)
"""Kinds whose money pays its bill after all, once two people keep it."""


def is_beside(kind: UnforeseenKind, state: ExceptionState, resolution: str | None) -> bool:
    """Whether the money of an exception pays no bill: late money on an expired code that was kept does after all."""
    kept = state is ExceptionState.RESOLVED and resolution == "keep"
    return kind in BESIDE_THE_BILL and not (kind in PAYS_IF_KEPT and kept)


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

CODE_EDGES = (
    Edge(None, CodeState.REQUESTED, None, "a payment asks for its code, for the first time or under a new reference"),
    Edge(CodeState.REQUESTED, CodeState.LIVE, None, "the platform gave the code"),
    Edge(CodeState.REQUESTED, CodeState.REFUSED, None, "the platform refused the bill, or never made the code"),
    Edge(CodeState.LIVE, CodeState.PAID, None, "money paid the bill"),
    Edge(CodeState.LIVE, CodeState.VOID, None, "the platform voided the bill"),
    Edge(CodeState.LIVE, CodeState.EXPIRED, None, "the platform says that the code no longer takes money"),
    Edge(CodeState.EXPIRED, CodeState.PAID, None, "two people keep money that came on the expired code"),
)

_RESOLVED, _REOPENED = "payment.exception_resolved", "payment.exception_reopened"
EXCEPTION_EDGES = (
    Edge(None, ExceptionState.OPEN, "payment.exception", "money arrived as no bill foresaw"),
    Edge(ExceptionState.OPEN, ExceptionState.PROPOSED, "payment.exception_proposed", "one person proposes a way out"),
    Edge(ExceptionState.PROPOSED, ExceptionState.PROPOSED, "payment.exception_proposed", "another way out is proposed"),
    Edge(ExceptionState.PROPOSED, ExceptionState.RESOLVED, _RESOLVED, "another person confirms it"),
    Edge(ExceptionState.PROPOSED, ExceptionState.OPEN, _REOPENED, "the proposed refund was dismissed"),
    Edge(ExceptionState.RESOLVED, ExceptionState.OPEN, _REOPENED, "the refund was refused, or dismissed after all"),
)

_TOLD = "payment.settlement"
_N, _P, _M, _B = Settlement.NONE, Settlement.PENDING, Settlement.MATCHED, Settlement.BROKEN
SETTLEMENT_EDGES = (
    Edge(None, _N, None, "a bill is asked for"),
    Edge(_N, _P, _TOLD, "money paid the bill and no statement has it yet"),
    Edge(_M, _P, _TOLD, "the statement that had the money was replaced"),
    Edge(_B, _P, _TOLD, "the break was closed and no statement has the money yet"),
    Edge(_N, _M, _TOLD, "a statement has the money, to the fen"),
    Edge(_P, _M, _TOLD, "a statement has the money, to the fen"),
    Edge(_B, _M, _TOLD, "the break was closed and a statement has the money"),
    Edge(_N, _B, _TOLD, "a break of its money is open"),
    Edge(_P, _B, _TOLD, "a break of its money is open"),
    Edge(_M, _B, _TOLD, "a break of its money is open"),
    Edge(_P, _N, _TOLD, "no money pays the bill after all"),
    Edge(_M, _N, _TOLD, "no money pays the bill after all"),
    Edge(_B, _N, _TOLD, "the break was closed and no money pays the bill"),
)

LIFE = Life("payments", payment, EDGES, doubt=True)
CODE_LIFE = Life("payment codes", payment_code, CODE_EDGES, column="state", key=("channel", "reference"), stamped=False)
EXCEPTION_LIFE = Life("exceptions", payment_exception, EXCEPTION_EDGES, column="state", stamped=False)
SETTLEMENT_LIFE = Life("settlement", payment, SETTLEMENT_EDGES, column="settlement")


def sources(end: Status) -> tuple[Status, ...]:
    """The states from which ``end`` can be reached."""
    return LIFE.sources(end)
