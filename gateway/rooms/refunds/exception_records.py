"""Exceptions 异常缴款 with the refund that is the way out of each: the record, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import reader
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.records import Unforeseen
from gateway.rooms.payments.states import BESIDE_THE_BILL, ExceptionState
from gateway.rooms.payments.tables import payment_exception
from gateway.rooms.refunds.states import RELEASED, RefundStatus
from gateway.rooms.refunds.tables import refund
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class ExceptionWithRefund(Unforeseen):
    """An exception, and the refund that goes back or may; one that was refused or dismissed leads nowhere.

    ``times_proposed``: how often a way out was proposed; each time is a matter of its own between two people.
    """

    times_proposed: int = 0
    refund_id: str | None = None
    refund_status: RefundStatus | None = None


@dataclass(frozen=True, slots=True)
class ExceptionDetails:
    """An exception with what a second person needs: ``seen`` is what a confirmation sends back, None unless a way out
    is proposed; ``confirmations`` are the names of those whose word on it counts as it is now.
    """

    odd: ExceptionWithRefund
    seen: str | None
    confirmations: tuple[str, ...]

    @property
    def id(self) -> str:
        """The exception's."""
        return self.odd.id


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """Which exceptions; what is None does not narrow. ``before`` is the id at which the previous page ended."""

    authorities: tuple[str, ...] | None = None
    state: str | None = None
    before: str | None = None
    limit: int = 50


_read = reader(ExceptionWithRefund)
_GOES_BACK = and_(
    refund.c.exception_id == payment_exception.c.id,
    refund.c.status.not_in([constant(one.value) for one in RELEASED]),
)
_EXCEPTIONS = select(
    payment_exception, refund.c.id.label("refund_id"), refund.c.status.label("refund_status")
).select_from(payment_exception.outerjoin(refund, _GOES_BACK))


def held(conn: Connection, exception_id: str) -> ExceptionWithRefund:
    """One exception. Raises NotFoundProblem."""
    row = conn.execute(_EXCEPTIONS.where(payment_exception.c.id == exception_id)).mappings().first()
    if row is None:
        raise NotFoundProblem(say("payments.no_exception"))
    return _read(row)


def locked(conn: Connection, exception_id: str) -> ExceptionWithRefund:
    """One exception, its payment kept from others until the end of the transaction. Raises NotFoundProblem."""
    payment_records.locked(conn, held(conn, exception_id).payment_id)
    return held(conn, exception_id)


def unresolved(conn: Connection, collection_id: str) -> ExceptionWithRefund | None:
    """The exception that says that this money did not pay its bill, while nobody has settled it."""
    query = _EXCEPTIONS.where(
        payment_exception.c.collection_id == collection_id,
        payment_exception.c.state != ExceptionState.RESOLVED.value,
        payment_exception.c.kind.in_([kind.value for kind in BESIDE_THE_BILL]),
    )
    row = conn.execute(query).mappings().first()
    return None if row is None else _read(row)


def of_payment(conn: Connection, payment_id: str) -> list[ExceptionWithRefund]:
    """The exceptions of one payment, newest first."""
    query = _EXCEPTIONS.where(payment_exception.c.payment_id == payment_id).order_by(payment_exception.c.id.desc())
    return [_read(row) for row in conn.execute(query).mappings()]


def find(conn: Connection, wanted: ExceptionFilter) -> list[ExceptionWithRefund]:
    """Exceptions, newest first."""
    query = _EXCEPTIONS.order_by(payment_exception.c.id.desc()).limit(wanted.limit)
    if wanted.authorities is not None:
        query = query.where(payment_exception.c.authority.in_(wanted.authorities))
    if wanted.state is not None:
        query = query.where(payment_exception.c.state == str(wanted.state))
    if wanted.before is not None:
        query = query.where(payment_exception.c.id < wanted.before)
    return [_read(row) for row in conn.execute(query).mappings()]
