"""Storing and reading receipts: plain functions of a connection, and the record that they hand out."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, and_, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.rows import reader
from gateway.rooms.receipts.states import ReceiptKind, ReceiptStatus
from gateway.rooms.receipts.tables import fiscal_receipt
from gateway.rooms.receipts.verification import Signer
from gateway.words.errors import NotFoundProblem


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


def _document_context(receipt_id: str) -> str:
    return f"receipt|document|{receipt_id}"


def seal_document(envelope: Envelope, receipt_id: str, document: bytes) -> bytes:
    """A receipt's file, as ``Receipt.document`` opens it."""
    return envelope.seal(document, _document_context(receipt_id))


def add(conn: Connection, receipt: Receipt) -> None:
    """Record a receipt that is being asked for."""
    conn.execute(insert(fiscal_receipt), asdict(receipt))


def held(conn: Connection, receipt_id: str) -> Receipt:
    """One receipt. Raises NotFoundProblem."""
    row = conn.execute(select(fiscal_receipt).where(fiscal_receipt.c.id == receipt_id)).mappings().first()
    if row is None:
        raise NotFoundProblem("no such receipt")
    return _read(row)


def live(conn: Connection, payment_id: str) -> Receipt | None:
    """The receipt of a payment that was not refused."""
    query = select(fiscal_receipt).where(
        fiscal_receipt.c.payment_id == payment_id, fiscal_receipt.c.status != ReceiptStatus.REFUSED
    )
    row = conn.execute(query).mappings().first()
    return None if row is None else _read(row)


def latest(conn: Connection, payment_id: str) -> Receipt | None:
    """The receipt of a payment; the last that was refused where there is no other."""
    query = select(fiscal_receipt).where(fiscal_receipt.c.payment_id == payment_id)
    query = query.order_by(fiscal_receipt.c.status == ReceiptStatus.REFUSED, fiscal_receipt.c.id.desc())
    row = conn.execute(query).mappings().first()
    return None if row is None else _read(row)


def ask_under(conn: Connection, receipt_id: str, reference: str, now: int) -> None:
    """A receipt that is still not there is asked for under another reference."""
    mine = and_(fiscal_receipt.c.id == receipt_id, fiscal_receipt.c.status == ReceiptStatus.REQUESTED)
    conn.execute(update(fiscal_receipt).where(mine).values(updated_at=now, reference=reference))
