"""The life of a receipt 财政电子票据: asked for, issued or refused, and perhaps reversed 红票."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.receipts.tables import fiscal_receipt


class ReceiptStatus(StrEnum):
    """Where a receipt stands; doubt is a flag with its date, as for payments."""

    REQUESTED = "REQUESTED"
    ISSUED = "ISSUED"
    REFUSED = "REFUSED"
    REVERSED = "REVERSED"


class ReceiptKind(StrEnum):
    """财政电子票据, or the 电子一般缴款书 that is completed after payment."""

    FISCAL_RECEIPT = "fiscal_receipt"
    GENERAL_BILL = "general_bill"


_S = ReceiptStatus
EDGES = (
    Edge(None, _S.REQUESTED, "receipt.requested", "the bill was paid, or a case system asks for its receipt"),
    Edge(_S.REQUESTED, _S.ISSUED, "receipt.issued", "the platform gave it, and it was verified"),
    Edge(_S.REQUESTED, _S.REFUSED, "receipt.refused", "the platform refused to issue it"),
    Edge(_S.ISSUED, _S.REVERSED, "receipt.reversed", "a person records the red receipt that reverses it"),
)

LIFE = Life("receipts", fiscal_receipt, EDGES, doubt=True)
