"""Storing and reading refunds: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from gateway.rooms.payments.records import exceptions_about
from gateway.rooms.payments.tables import collection, payment_code, payment_exception
from gateway.rooms.receipts.tables import fiscal_receipt
from gateway.rooms.refunds.states import RELEASED, DocumentKind, RefundStatus, sources
from gateway.rooms.refunds.tables import refund, refund_document

_GOING = [one.value for one in RELEASED]


def exception_kinds(conn: Connection, collection_id: str) -> frozenset[str]:
    """What was unforeseen about this money, settled or not."""
    query = select(payment_exception.c.kind).where(payment_exception.c.collection_id == collection_id)
    return frozenset(conn.execute(query).scalars())


def going_back(conn: Connection, collection_id: str) -> int:
    """Fen of this money that went back, or may: refused and dismissed refunds do not count."""
    query = select(func.coalesce(func.sum(refund.c.amount), 0)).where(
        refund.c.collection_id == collection_id, refund.c.status.not_in(_GOING)
    )
    return int(conn.execute(query).scalar_one())


def add(conn: Connection, **values: Any) -> None:
    """Insert a refund."""
    conn.execute(insert(refund), values)


def fetch(conn: Connection, refund_id: str) -> RowMapping | None:
    """One refund's row."""
    return conn.execute(select(refund).where(refund.c.id == refund_id)).mappings().first()


def move(conn: Connection, refund_id: str, end: RefundStatus, now: int, **values: Any) -> bool:
    """Compare-and-set along the state table; False when the refund is in no state from which ``end`` follows."""
    done = conn.execute(
        update(refund)
        .where(refund.c.id == refund_id, refund.c.status.in_([one.value for one in sources(end)]))
        .values(status=end.value, updated_at=now, **values)
    )
    return done.rowcount == 1


def change(conn: Connection, refund_id: str, now: int, **values: Any) -> None:
    """Set fields that are not states."""
    conn.execute(update(refund).where(refund.c.id == refund_id).values(updated_at=now, **values))


def of_payment(conn: Connection, payment_id: str) -> Sequence[RowMapping]:
    """The refunds of a payment, oldest first."""
    return conn.execute(select(refund).where(refund.c.payment_id == payment_id).order_by(refund.c.id)).mappings().all()


def owner_of(conn: Connection, channel: str, code: str) -> str | None:
    """The payment that this code was issued for, or to which money on it was attributed."""
    issued = select(payment_code.c.payment_id).where(payment_code.c.channel == channel, payment_code.c.code == code)
    owner = conn.execute(issued).scalar_one_or_none()
    if owner is None:
        came = select(collection.c.payment_id).where(
            collection.c.channel == channel, collection.c.code == code, collection.c.payment_id.is_not(None)
        )
        owner = conn.execute(came.limit(1)).scalar_one_or_none()
    return None if owner is None else str(owner)


def of_code(conn: Connection, channel: str, code: str) -> Sequence[RowMapping]:
    """The refunds of money that came under a code, oldest first."""
    query = select(refund).where(refund.c.channel == channel, refund.c.code == code).order_by(refund.c.id)
    return conn.execute(query).mappings().all()


def search(
    conn: Connection,
    *,
    authorities: Sequence[str] | None = None,
    status: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[RowMapping]:
    """Refunds, newest first; ``before`` is the id at which the previous page ended."""
    query = select(refund).order_by(refund.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(refund.c.authority.in_(authorities))
    if status is not None:
        query = query.where(refund.c.status == status)
    if before is not None:
        query = query.where(refund.c.id < before)
    return conn.execute(query).mappings().all()


def add_document(conn: Connection, **values: Any) -> None:
    """Insert a document of a refund."""
    conn.execute(insert(refund_document), values)


def documents(conn: Connection, refund_id: str) -> Sequence[RowMapping]:
    """The documents of a refund in the order in which they were added."""
    query = select(refund_document).where(refund_document.c.refund_id == refund_id).order_by(refund_document.c.id)
    return conn.execute(query).mappings().all()


def kinds_given(conn: Connection, refund_id: str) -> frozenset[DocumentKind]:
    """Which kinds of documents a refund has."""
    return frozenset(DocumentKind(one["kind"]) for one in documents(conn, refund_id))


def receipt_to_reverse(conn: Connection, payment_id: str, collection_id: str) -> str | None:
    """The receipt that covers this money and is not reversed yet, or may still be issued; its id."""
    if any(odd.is_beside for odd in exceptions_about(conn, collection_id)):
        return None
    query = select(fiscal_receipt.c.id).where(
        fiscal_receipt.c.payment_id == payment_id, fiscal_receipt.c.status.in_(("REQUESTED", "ISSUED"))
    )
    return conn.execute(query).scalar_one_or_none()
