"""Exceptions 异常缴款 with the refund that is the way out of each: the record, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, Connection, and_, func, select, union_all

from gateway.foundation.access.desk import of_person
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import reader
from gateway.rooms.decisions.records import with_number
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.records import Unforeseen
from gateway.rooms.payments.states import BESIDE_THE_BILL, ExceptionState
from gateway.rooms.payments.tables import collection, payment, payment_exception
from gateway.rooms.refunds.states import RELEASED, RefundStatus
from gateway.rooms.refunds.tables import refund
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class ExceptionWithRefund(Unforeseen):
    """An exception, and the refund that goes back or may; one that was refused or dismissed leads nowhere.

    ``times_proposed``: how often a way out was proposed; each time is a matter of its own between two people. Of its
    money: ``amount`` in fen, ``code``, ``bank_serial``, ``paid_at`` in microseconds.
    """

    times_proposed: int = 0
    amount: int = 0
    code: str = ""
    bank_serial: str = ""
    paid_at: int = 0
    decision_number: str | None = None
    refund_id: str | None = None
    refund_status: RefundStatus | None = None


@dataclass(frozen=True, slots=True)
class ExceptionDetails:
    """An exception with what a second person needs: ``seen`` is what a confirmation sends back, None unless a way out
    is proposed; ``confirmations`` are the names of those whose word on it counts as it is now; ``matter`` is what the
    two agree about.
    """

    odd: ExceptionWithRefund
    seen: str | None
    confirmations: tuple[str, ...]
    matter: str = ""

    @property
    def id(self) -> str:
        """The exception's."""
        return self.odd.id


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """Which exceptions; what is None does not narrow. ``before`` is the id at which the previous page ended.

    ``number``: a code, a bank's serial or a decision's number. ``proposed_by``, ``proposed_besides``: a way out that
    this person, or another, proposed waits for the second one; of refunds their own list tells. ``held_by``: in this
    person's hands, and not resolved.
    """

    authorities: tuple[str, ...] | None = None
    state: str | None = None
    before: str | None = None
    limit: int = 50
    kind: str | None = None
    payment: str | None = None
    number: str | None = None
    proposed_by: str | None = None
    proposed_besides: str | None = None
    held_by: str | None = None


MOST = 1000
"""Counted so far and no further: nobody reads on."""


_read = reader(ExceptionWithRefund)
_GOES_BACK = and_(
    refund.c.exception_id == payment_exception.c.id,
    refund.c.status.not_in([constant(one.value) for one in RELEASED]),
)
_EXCEPTIONS = select(
    payment_exception,
    refund.c.id.label("refund_id"),
    refund.c.status.label("refund_status"),
    collection.c.amount,
    collection.c.code,
    collection.c.bank_serial,
    collection.c.paid_at,
    payment.c.decision_number,
).select_from(
    payment_exception.join(collection, collection.c.id == payment_exception.c.collection_id)
    .outerjoin(payment, payment.c.id == payment_exception.c.payment_id)
    .outerjoin(refund, _GOES_BACK)
)


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
    query = _EXCEPTIONS.where(*_fitting(wanted)).order_by(payment_exception.c.id.desc()).limit(wanted.limit)
    if wanted.before is not None:
        query = query.where(payment_exception.c.id < wanted.before)
    return [_read(row) for row in conn.execute(query).mappings()]


def count(conn: Connection, wanted: ExceptionFilter) -> int:
    """How many there are; not counted beyond ``MOST``."""
    some = _EXCEPTIONS.where(*_fitting(wanted)).with_only_columns(payment_exception.c.id).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _numbered(number: str) -> CompoundSelect[tuple[str]]:
    """Money by its code, its serial, or the decision that it is for: each by its own index."""
    bills = select(payment.c.id).where(payment.c.decision_id.in_(with_number(number)))
    ids = select(collection.c.id)
    return union_all(
        ids.where(collection.c.code == number),
        ids.where(collection.c.bank_serial == number),
        ids.where(collection.c.payment_id.in_(bills)),
    )


def _fitting(wanted: ExceptionFilter) -> list[ColumnElement[bool]]:
    odd = payment_exception.c
    exact = ((odd.state, wanted.state), (odd.kind, wanted.kind), (odd.payment_id, wanted.payment))
    found: list[ColumnElement[bool]] = [column == str(value) for column, value in exact if value is not None]
    if wanted.authorities is not None:
        # By a number the authority is an expression: SQLite goes by that, and not through all of the authority.
        owner = odd.authority if wanted.number is None else odd.authority.concat("")
        found.append(owner.in_(wanted.authorities))
    if wanted.number is not None:
        found.append(odd.collection_id.in_(_numbered(wanted.number)))
    if wanted.held_by is not None:
        found += [odd.state != ExceptionState.RESOLVED.value, odd.id.in_(of_person(wanted.held_by))]
    if wanted.proposed_by is not None or wanted.proposed_besides is not None:
        waits = and_(odd.state == ExceptionState.PROPOSED.value, refund.c.id.is_(None))
        mine, besides = wanted.proposed_by, wanted.proposed_besides
        found += [waits, odd.proposed_by == mine if mine is not None else odd.proposed_by != besides]
    return found
