"""Storing and reading refunds: plain functions of a connection, and the records that they hand out."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update

from gateway.foundation.access.desk import of_person
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import columns, reader
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.tables import collection
from gateway.rooms.receipts import records as receipt_records
from gateway.rooms.receipts.states import ReceiptStatus
from gateway.rooms.refunds.proposals import Payee
from gateway.rooms.refunds.states import (
    DONE,
    RELEASED,
    DocumentKind,
    RefundOrigin,
    RefundReason,
    RefundStatus,
    WaitsFor,
)
from gateway.rooms.refunds.tables import refund, refund_document
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One sum that goes back, or may. Amounts in fen, instants in microseconds.

    ``exception_id``: what it is the way out of. ``bank_serial``: of the money that goes back; ``returned_serial``: of
    its going back, from a statement. ``reference``: under which it was filed; ``number``: the platform's own for it.
    ``refusal``: the words of whoever refused or dismissed it.
    """

    id: str
    authority: str
    payment_id: str
    collection_id: str
    exception_id: str | None
    decision_number: str
    channel: str
    code: str
    bank_serial: str
    amount: int
    reason: RefundReason
    explanation: str
    status: RefundStatus
    origin: RefundOrigin
    payee_sealed: bytes | None = None
    proposed_by: str | None = None
    proposed_name: str | None = None
    confirmed_by: str | None = None
    confirmed_name: str | None = None
    confirmed_at: int | None = None
    reference: str | None = None
    operation_id: str | None = None
    waits_for: WaitsFor | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    refusal: str | None = None
    number: str | None = None
    returned_serial: str | None = None
    refunded_at: int | None = None
    created_at: int
    updated_at: int

    def payee(self, envelope: Envelope) -> Payee | None:
        """Who gets the money, in clear; None while nobody said, and when the platform returned it by itself."""
        if self.payee_sealed is None:
            return None
        return Payee.model_validate_json(envelope.open(self.payee_sealed, _payee_context(self.id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDocument:
    """A document of a refund: its number or where the paper lies, the SM3 of it, and the file if it came with one."""

    id: str
    refund_id: str
    kind: DocumentKind
    reference: str
    digest: bytes
    file_sealed: bytes | None = None
    media_type: str | None = None
    added_by: str
    added_at: int

    def file(self, envelope: Envelope) -> bytes | None:
        """The file; None when only its digest was given."""
        return None if self.file_sealed is None else envelope.open(self.file_sealed, _file_context(self.id))


@dataclass(frozen=True, slots=True)
class RefundFilter:
    """Which refunds, newest first; ``before`` is the id at which the previous page ended.

    ``proposed_by``, ``proposed_besides``: proposed by this person, or by another, and waiting for a second one.
    ``held_by``: in this person's hands, and not done.
    """

    authorities: Collection[str] | None = None
    status: RefundStatus | None = None
    before: str | None = None
    limit: int = 50
    proposed_by: str | None = None
    proposed_besides: str | None = None
    held_by: str | None = None


MOST = 1000
"""Counted so far and no further: nobody reads on."""


_refund = reader(Refund)
_document = reader(RefundDocument)
_ADD, _ADD_DOCUMENT = insert(refund), insert(refund_document)
_BY_ID = select(refund).where(refund.c.id == bindparam("id"))
_OF_PAYMENT = select(refund).where(refund.c.payment_id == bindparam("of")).order_by(refund.c.id)
_OF_CODE = (
    select(refund)
    .where(refund.c.channel == bindparam("channel"), refund.c.code == bindparam("code"))
    .order_by(refund.c.id)
)
_UNDER = select(refund).where(refund.c.channel == bindparam("channel"), refund.c.reference == bindparam("under"))
_CHANGE = update(refund).where(refund.c.id == bindparam("of"), refund.c.status == bindparam("read_as"))
_DOCUMENTS = (
    select(refund_document).where(refund_document.c.refund_id == bindparam("of")).order_by(refund_document.c.id)
)
_GOING_BACK = select(func.coalesce(func.sum(refund.c.amount), 0)).where(
    refund.c.collection_id == bindparam("of"), refund.c.status.not_in([constant(one.value) for one in RELEASED])
)


def _payee_context(refund_id: str) -> str:
    return f"refund|payee|{refund_id}"


def _file_context(document_id: str) -> str:
    return f"refund|document|{document_id}"


def seal_payee(envelope: Envelope, refund_id: str, payee: Payee | None) -> bytes | None:
    """Who gets the money, as ``Refund.payee`` opens it."""
    return None if payee is None else envelope.seal(payee.model_dump_json().encode(), _payee_context(refund_id))


def seal_file(envelope: Envelope, document_id: str, file: bytes | None) -> bytes | None:
    """The file of a document, as ``RefundDocument.file`` opens it."""
    return None if file is None else envelope.seal(file, _file_context(document_id))


# --- refunds ----------------------------------------------------------------------------------------------------------


def add(conn: Connection, made: Refund) -> None:
    """Insert a refund."""
    conn.execute(_ADD, columns(made))


def held(conn: Connection, refund_id: str, of: Container[str] | None = None) -> Refund:
    """One refund, if it is of these authorities or none are named. Raises NotFoundProblem."""
    row = conn.execute(_BY_ID, {"id": refund_id}).mappings().first()
    if row is None or (of is not None and row["authority"] not in of):
        raise NotFoundProblem(say("refunds.none"))
    return _refund(row)


def locked(conn: Connection, refund_id: str, of: Container[str] | None = None) -> Refund:
    """``held``, its payment kept from others until the end of the transaction. Raises NotFoundProblem."""
    payment_records.locked(conn, held(conn, refund_id, of).payment_id)
    return held(conn, refund_id)


def change(conn: Connection, changed: Refund, now: int, **values: Any) -> bool:
    """Set fields while it is in the state in which it was read; False when it has left that."""
    mine = {"of": changed.id, "read_as": changed.status.value}
    return conn.execute(_CHANGE, {**mine, "updated_at": now, **values}).rowcount == 1


def after(conn: Connection, refund_id: str, most: int) -> list[Refund]:
    """Refunds after an id, in the order of ids."""
    query = select(refund).where(refund.c.id > refund_id).order_by(refund.c.id).limit(most)
    return [_refund(row) for row in conn.execute(query).mappings()]


def of_payment(conn: Connection, payment_id: str) -> list[Refund]:
    """The refunds of a payment, oldest first."""
    return [_refund(row) for row in conn.execute(_OF_PAYMENT, {"of": payment_id}).mappings()]


def of_code(conn: Connection, channel: str, code: str) -> list[Refund]:
    """The refunds of money that came under a code, oldest first."""
    return [_refund(row) for row in conn.execute(_OF_CODE, {"channel": channel, "code": code}).mappings()]


def under(conn: Connection, channel: str, reference: str) -> Refund | None:
    """The refund that was filed under this reference."""
    row = conn.execute(_UNDER, {"channel": channel, "under": reference}).mappings().first()
    return None if row is None else _refund(row)


def find(conn: Connection, wanted: RefundFilter) -> list[Refund]:
    """Refunds, newest first."""
    query = select(refund).where(*_fitting(wanted)).order_by(refund.c.id.desc()).limit(wanted.limit)
    if wanted.before is not None:
        query = query.where(refund.c.id < wanted.before)
    return [_refund(row) for row in conn.execute(query).mappings()]


def count(conn: Connection, wanted: RefundFilter) -> int:
    """How many there are; not counted beyond ``MOST``."""
    some = select(refund.c.id).where(*_fitting(wanted)).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _fitting(wanted: RefundFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.authorities is not None:
        found.append(refund.c.authority.in_(list(wanted.authorities)))
    if wanted.status is not None:
        found.append(refund.c.status == wanted.status)
    if wanted.proposed_by is not None or wanted.proposed_besides is not None:
        found.append(refund.c.status == RefundStatus.PROPOSED)
        mine, besides = wanted.proposed_by, wanted.proposed_besides
        found.append(refund.c.proposed_by == mine if mine is not None else refund.c.proposed_by != besides)
    if wanted.held_by is not None:
        found += [refund.c.status.not_in(DONE), refund.c.id.in_(of_person(wanted.held_by))]
    return found


# --- documents --------------------------------------------------------------------------------------------------------


def add_document(conn: Connection, document: RefundDocument) -> None:
    """Insert a document of a refund."""
    conn.execute(_ADD_DOCUMENT, columns(document))


def documents(conn: Connection, refund_id: str) -> list[RefundDocument]:
    """The documents of a refund in the order in which they were added."""
    return [_document(row) for row in conn.execute(_DOCUMENTS, {"of": refund_id}).mappings()]


# --- the money behind them --------------------------------------------------------------------------------------------


def going_back(conn: Connection, collection_id: str) -> int:
    """Fen of this money that went back, or may: refused and dismissed refunds do not count."""
    return int(conn.execute(_GOING_BACK, {"of": collection_id}).scalar_one())


def owner_of(conn: Connection, channel: str, code: str) -> str | None:
    """The payment that this code was issued for, or to which money on it was attributed."""
    issued = payment_records.by_code(conn, channel, code)
    if issued is not None:
        return issued.payment_id
    came = select(collection.c.payment_id).where(
        collection.c.channel == channel, collection.c.code == code, collection.c.payment_id.is_not(None)
    )
    owner = conn.execute(came.limit(1)).scalar_one_or_none()
    return None if owner is None else str(owner)


def receipt_to_reverse(conn: Connection, payment_id: str, collection_id: str) -> str | None:
    """The receipt that covers this money and is not reversed yet, or may still be issued; its id."""
    if any(odd.is_beside for odd in payment_records.exceptions_about(conn, collection_id)):
        return None
    receipt = receipt_records.live(conn, payment_id)
    return None if receipt is None or receipt.status is ReceiptStatus.REVERSED else receipt.id
