"""What reports sum up and list, read in the shape in which they show it. Amounts in fen, instants in microseconds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, and_, case, exists, func, select

from gateway.foundation.access.tables import authority
from gateway.foundation.store.rows import reader
from gateway.rooms.decisions import EventKind
from gateway.rooms.decisions.tables import decision_event
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.payments.tables import collecting_unit, collection, payment
from gateway.rooms.reconciliation.matching import Side
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.tables import statement, statement_line
from gateway.rooms.refunds.states import RefundStatus
from gateway.rooms.refunds.tables import refund

_OWED = [one.value for one in (Status.ISSUED, Status.CANCELLING, Status.EXPIRED)]
_NEVER_OWED = [one.value for one in (Status.REJECTED, Status.CANCELLED, Status.REQUESTED)]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about. ``span``: its days as instants. ``authorities``: whose; None is all."""

    channel: str
    first: date
    last: date
    span: Window
    authorities: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """Money that came, with the payment that it is for, if anybody's."""

    code: str
    bank_serial: str
    amount: int
    paid_at: int
    decision_number: str | None
    settlement: Settlement | None


@dataclass(frozen=True, slots=True)
class AuthoritySums:
    """What came for an authority, what of it a statement has, and what it is still owed now."""

    authority: str
    number: int
    paid: int
    matched: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class UnitSums:
    """What statements say of a collecting unit 执收单位."""

    unit_code: str
    number: int = 0
    paid: int = 0
    refunded: int = 0


@dataclass(frozen=True, slots=True)
class Receivable:
    """A payment that was demanded. ``moved``: whether a deferral, an appeal or a reminder is in force for its decision.

    ``planned_due_on``: the last day to pay of an instalment.
    """

    id: str
    decision_id: str | None
    decision_number: str | None
    authority: str
    due_on: date | None
    amount: int
    paid_amount: int | None
    paid_at: int | None
    planned_due_on: date | None
    moved: bool


@dataclass(frozen=True, slots=True)
class Refunded:
    """What went back of a payment."""

    authority: str
    payment_id: str
    amount: int


_MOVING = select(decision_event.c.id).where(
    decision_event.c.decision_id == payment.c.decision_id,
    decision_event.c.kind.in_([one.value for one in (EventKind.DEFERRED, EventKind.APPEALED, EventKind.URGED)]),
    decision_event.c.ended_by.is_(None),
)
_read_paid, _read_receivable = reader(Paid), reader(Receivable)


def paid(conn: Connection, scope: Scope) -> list[Paid]:
    """All money of the days, as it came."""
    query = (
        select(
            collection.c.code,
            collection.c.bank_serial,
            collection.c.amount,
            collection.c.paid_at,
            payment.c.decision_number,
            payment.c.settlement,
        )
        .outerjoin(payment, payment.c.id == collection.c.payment_id)
        .where(
            collection.c.channel == scope.channel,
            collection.c.paid_at >= scope.span.start,
            collection.c.paid_at < scope.span.end,
        )
        .order_by(collection.c.paid_at, collection.c.id)
    )
    if scope.authorities is not None:
        query = query.where(payment.c.authority.in_(scope.authorities))
    return [_read_paid(row) for row in conn.execute(query).mappings()]


def sums_by_authority(conn: Connection, scope: Scope) -> list[AuthoritySums]:
    """The sums of each authority, by its code."""
    inside = and_(payment.c.paid_at >= scope.span.start, payment.c.paid_at < scope.span.end)
    matched = and_(inside, payment.c.settlement == Settlement.MATCHED.value)
    query = (
        select(
            payment.c.authority,
            func.sum(case((inside, 1), else_=0)),
            func.sum(case((inside, payment.c.paid_amount), else_=0)),
            func.sum(case((matched, payment.c.paid_amount), else_=0)),
            func.sum(case((payment.c.status.in_(_OWED), payment.c.amount), else_=0)),
        )
        .where(payment.c.channel == scope.channel)
        .group_by(payment.c.authority)
        .order_by(payment.c.authority)
    )
    if scope.authorities is not None:
        query = query.where(payment.c.authority.in_(scope.authorities))
    return [
        AuthoritySums(code, int(number), int(paid or 0), int(agreed or 0), int(owed))
        for code, number, paid, agreed, owed in conn.execute(query)
    ]


def sums_by_unit(conn: Connection, scope: Scope) -> list[UnitSums]:
    """The sums of each collecting unit on the platform's statements of the days, by its code."""
    query = (
        select(statement_line.c.unit_code, statement_line.c.kind, func.count(), func.sum(statement_line.c.amount))
        .join(statement, statement.c.id == statement_line.c.statement_id)
        .where(
            statement.c.channel == scope.channel,
            statement.c.side == Side.PLATFORM.value,
            statement.c.superseded_at.is_(None),
            statement.c.day_on.between(scope.first, scope.last),
        )
        .group_by(statement_line.c.unit_code, statement_line.c.kind)
    )
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for unit, kind, number, amount in conn.execute(query):
        found.setdefault(unit, {})[kind] = (int(number), int(amount))
    return [
        UnitSums(unit, *kinds.get("paid", (0, 0)), kinds.get("refunded", (0, 0))[1])
        for unit, kinds in sorted(found.items())
    ]


def receivables(conn: Connection, scope: Scope) -> list[Receivable]:
    """What was demanded before the days ended, by due date."""
    query = (
        select(payment, exists(_MOVING).label("moved"))
        .where(
            payment.c.channel == scope.channel,
            payment.c.status.not_in(_NEVER_OWED),
            payment.c.created_at < scope.span.end,
        )
        .order_by(payment.c.due_on, payment.c.id)
    )
    if scope.authorities is not None:
        query = query.where(payment.c.authority.in_(scope.authorities))
    return [_read_receivable(row) for row in conn.execute(query).mappings()]


def refunded(conn: Connection, channel: str, span: Window) -> list[Refunded]:
    """What went back within these instants, by payment."""
    query = (
        select(refund.c.authority, refund.c.payment_id, func.sum(refund.c.amount))
        .where(refund.c.channel == channel, refund.c.status == RefundStatus.REFUNDED.value)
        .where(refund.c.refunded_at >= span.start, refund.c.refunded_at < span.end)
        .group_by(refund.c.authority, refund.c.payment_id)
    )
    return [Refunded(whose, payment_id, int(amount)) for whose, payment_id, amount in conn.execute(query)]


def names_of_authorities(conn: Connection) -> dict[str, str]:
    """What authorities are called, by code."""
    return {row.code: row.name for row in conn.execute(select(authority.c.code, authority.c.name))}


def names_of_units(conn: Connection) -> dict[str, str]:
    """What collecting units are called, by code."""
    query = select(collecting_unit.c.unit_code, collecting_unit.c.unit_name)
    return {row.unit_code: row.unit_name for row in conn.execute(query)}
