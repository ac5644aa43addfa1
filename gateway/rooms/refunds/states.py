"""The life of a refund 退付: the gateway files, finance decides, and days may pass between two states."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.refunds.tables import refund


class RefundStatus(StrEnum):
    """Where a refund stands; doubt is a flag with its date, as for payments."""

    PROPOSED = "PROPOSED"
    CONFIRMED = "CONFIRMED"
    FILED = "FILED"
    APPROVED = "APPROVED"
    REFUNDED = "REFUNDED"
    REFUSED = "REFUSED"
    DISMISSED = "DISMISSED"


CHINESE = {
    RefundStatus.PROPOSED: "待复核",
    RefundStatus.CONFIRMED: "已复核",
    RefundStatus.FILED: "退付办理中",
    RefundStatus.APPROVED: "财政已批准",
    RefundStatus.REFUNDED: "已退付",
    RefundStatus.REFUSED: "未获批准",
    RefundStatus.DISMISSED: "已撤回申请",
}


class RefundReason(StrEnum):
    """Why money goes back. Interest owed on a revoked fine is no refund of principal: it is paid elsewhere."""

    WRONG_PAYMENT = "wrong_payment"
    PAID_TWICE = "paid_twice"
    PAID_AFTER_CANCEL = "paid_after_cancel"
    DECISION_REVOKED = "decision_revoked"
    DECISION_CHANGED = "decision_changed"


class RefundOrigin(StrEnum):
    """Filed by us, or returned by the platform of its own accord."""

    FILED = "filed"
    PLATFORM = "platform"


class WaitsFor(StrEnum):
    """What a person must do before a confirmed refund can be filed.

    Red receipt: the receipt over this money is reversed 红票 first. Person: this channel takes no refunds, so it is
    filed on paper.
    """

    RED_RECEIPT = "red_receipt"
    PERSON = "person"


class DocumentKind(StrEnum):
    """Opinion letter 退付意见书, original voucher 原缴款凭证, loss statement 遗失说明, legal document 法律文书."""

    OPINION_LETTER = "opinion_letter"
    ORIGINAL_VOUCHER = "original_voucher"
    LOSS_STATEMENT = "loss_statement"
    LEGAL_DOCUMENT = "legal_document"


class WayOut(StrEnum):
    """What is done with unforeseen money: 退付, 收缴入库不退, or it was already returned by the platform.

    ``keep`` lets late money on an expired code pay its bill; other money that is kept pays nothing here.
    """

    REFUND = "refund"
    KEEP = "keep"
    RETURNED_BY_PLATFORM = "returned_by_platform"


WAYS_OUT = {"refund": "退付", "keep": "收缴入库不退", "returned_by_platform": "平台已退回"}

Alternatives = tuple[frozenset[DocumentKind], ...]
_OPINION = frozenset({DocumentKind.OPINION_LETTER})
_VOUCHER = frozenset({DocumentKind.ORIGINAL_VOUCHER, DocumentKind.LOSS_STATEMENT})
_LEGAL = frozenset({DocumentKind.LEGAL_DOCUMENT})

REQUIRED_DOCUMENTS: Mapping[RefundReason, Alternatives] = {
    RefundReason.WRONG_PAYMENT: (_OPINION, _VOUCHER),
    RefundReason.PAID_TWICE: (_OPINION, _VOUCHER),
    RefundReason.PAID_AFTER_CANCEL: (_OPINION, _VOUCHER),
    RefundReason.DECISION_REVOKED: (_OPINION, _VOUCHER, _LEGAL),
    RefundReason.DECISION_CHANGED: (_OPINION, _VOUCHER, _LEGAL),
}
"""What finance wants to see, one of each set, by a city's published rule; other places may be given another table."""


_S = RefundStatus
EDGES = (
    Edge(None, _S.PROPOSED, "refund.proposed", "somebody asks for money to go back"),
    Edge(_S.PROPOSED, _S.CONFIRMED, "refund.confirmed", "a second person agrees and the documents are complete"),
    Edge(_S.PROPOSED, _S.DISMISSED, "refund.dismissed", "a person decides against it"),
    Edge(_S.CONFIRMED, _S.DISMISSED, "refund.dismissed", "a person decides against it before it was filed"),
    Edge(_S.CONFIRMED, _S.FILED, "refund.filed", "the platform took it, or was found to have taken it"),
    Edge(_S.CONFIRMED, _S.REFUSED, "refund.refused", "the platform refused to take it"),
    Edge(_S.FILED, _S.APPROVED, "refund.approved", "finance approved it"),
    Edge(_S.FILED, _S.REFUNDED, "refund.refunded", "the money went back"),
    Edge(_S.FILED, _S.REFUSED, "refund.refused", "finance refused it"),
    Edge(_S.APPROVED, _S.REFUNDED, "refund.refunded", "the money went back"),
    Edge(_S.APPROVED, _S.REFUSED, "refund.refused", "finance refused it after all"),
    Edge(_S.PROPOSED, _S.REFUNDED, "refund.returned", "the platform had returned the money by itself"),
    Edge(_S.CONFIRMED, _S.REFUNDED, "refund.returned", "the platform returned the money by itself before we filed"),
    Edge(None, _S.REFUNDED, "refund.returned", "a statement shows that the platform returned money by itself"),
)

LIFE = Life("refunds", refund, EDGES, doubt=True)
RELEASED = (RefundStatus.REFUSED, RefundStatus.DISMISSED)
"""Ends in which nothing went back: the money may be asked for again."""
DONE = (RefundStatus.REFUNDED, *RELEASED)
"""Nobody has anything to do about it any more."""


def missing_documents(
    reason: RefundReason, given: frozenset[DocumentKind], required: Mapping[RefundReason, Alternatives]
) -> list[str]:
    """What is still wanting before a refund for this reason can be confirmed, in words."""
    return [" or ".join(sorted(one)) for one in required[reason] if not one & given]
