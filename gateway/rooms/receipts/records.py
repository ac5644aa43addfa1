"""Storing and reading receipts: plain functions of a connection, and the record that they hand out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import columns, reader
from gateway.rooms.receipts.states import ReceiptKind, ReceiptStatus
from gateway.rooms.receipts.tables import fiscal_receipt
from gateway.rooms.receipts.verification import Signer
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The receipt of one paid bill. Amounts in fen, instants in microseconds.

    ``reference`` is the one under which it was asked for. ``signers`` is None where the channel's receipts bear no
    signatures beside the file. ``red_*``: of the red receipt 红票 that reversed it.
    """

    id: str
    authority: str
    payment_id: str
    channel: str
    code: str
    kind: ReceiptKind
    status: ReceiptStatus
    reference: str
    amount: int
    receipt_code: str | None = None
    receipt_number: str | None = None
    check_code: str | None = None
    issued_at: int | None = None
    document_sealed: bytes | None = None
    media_type: str | None = None
    digest: bytes | None = None
    signers: list[Signer] | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    refusal: str | None = None
    red_code: str | None = None
    red_number: str | None = None
    red_by: str | None = None
    red_at: int | None = None
    created_at: int
    updated_at: int

    def document(self, envelope: Envelope) -> bytes | None:
        """The file as the platform gave it; None while there is none."""
        if self.document_sealed is None:
            return None
        return envelope.open(self.document_sealed, _document_context(self.id))


_read = reader(Receipt)
_ADD = insert(fiscal_receipt)
_BY_ID = select(fiscal_receipt).where(fiscal_receipt.c.id == bindparam("id"))
_OF_PAYMENT = select(fiscal_receipt).where(fiscal_receipt.c.payment_id == bindparam("of"))
_REFUSED = fiscal_receipt.c.status == constant(ReceiptStatus.REFUSED.value)
_LIVE = _OF_PAYMENT.where(~_REFUSED)
_LATEST = _OF_PAYMENT.order_by(_REFUSED, fiscal_receipt.c.id.desc()).limit(1)
_ASK_UNDER = update(fiscal_receipt).where(
    fiscal_receipt.c.id == bindparam("of"), fiscal_receipt.c.status == constant(ReceiptStatus.REQUESTED.value)
)


def _document_context(receipt_id: str) -> str:
    return f"receipt|document|{receipt_id}"


def seal_document(envelope: Envelope, receipt_id: str, document: bytes) -> bytes:
    """A receipt's file, as ``Receipt.document`` opens it."""
    return envelope.seal(document, _document_context(receipt_id))


def add(conn: Connection, receipt: Receipt) -> None:
    """Record a receipt that is being asked for."""
    conn.execute(_ADD, columns(receipt))


def held(conn: Connection, receipt_id: str) -> Receipt:
    """One receipt. Raises NotFoundProblem."""
    row = conn.execute(_BY_ID, {"id": receipt_id}).mappings().first()
    if row is None:
        raise NotFoundProblem(say("receipts.none"))
    return _read(row)


def after(conn: Connection, receipt_id: str, most: int) -> list[Receipt]:
    """Receipts after an id, in the order of ids."""
    query = select(fiscal_receipt).where(fiscal_receipt.c.id > receipt_id).order_by(fiscal_receipt.c.id).limit(most)
    return [_read(row) for row in conn.execute(query).mappings()]


def live(conn: Connection, payment_id: str) -> Receipt | None:
    """The receipt of a payment that was not refused."""
    row = conn.execute(_LIVE, {"of": payment_id}).mappings().first()
    return None if row is None else _read(row)


def latest(conn: Connection, payment_id: str) -> Receipt | None:
    """The receipt of a payment; the last that was refused where there is no other."""
    row = conn.execute(_LATEST, {"of": payment_id}).mappings().first()
    return None if row is None else _read(row)


def ask_under(conn: Connection, receipt_id: str, reference: str, now: int) -> None:
    """A receipt that is still not there is asked for under another reference."""
    conn.execute(_ASK_UNDER, {"of": receipt_id, "updated_at": now, "reference": reference})
