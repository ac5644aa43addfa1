"""What the story of a break is told from: its bill, its money, what happened to both, and the exchanges about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from gateway.foundation.delivery.tables import event
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.store.rows import reader
from gateway.rooms.payments.states import BESIDE_THE_BILL, Status
from gateway.rooms.payments.tables import collection, payment, payment_exception
from gateway.rooms.reconciliation import run_records
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.refunds.tables import refund


@dataclass(frozen=True, slots=True)
class Bill:
    """The payment that a break is about; fen."""

    decision_number: str | None
    amount: int
    status: Status


@dataclass(frozen=True, slots=True)
class Arrival:
    """Money as it arrived, and through what we learnt of it; fen, microseconds."""

    bank_serial: str
    amount: int
    paid_at: int
    received_at: int
    source: str


@dataclass(frozen=True, slots=True)
class Crossing:
    """What crossed the wire: for which action, and when (microseconds)."""

    id: str
    action: str
    started_at: int


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a payment; microseconds."""

    type: str
    at: int
    data: dict[str, Any]


_read_bill, _read_arrival, _read_happening = reader(Bill), reader(Arrival), reader(Happening)
_read_crossing = reader(Crossing)


def fetch_bill(conn: Connection, payment_id: str) -> Bill:
    """The bill of a payment that is there."""
    return _read_bill(conn.execute(select(payment).where(payment.c.id == payment_id)).mappings().one())


def arrivals(conn: Connection, one: Break) -> list[Arrival]:
    """The money of a break as our books have it."""
    return [_read_arrival(row) for row in conn.execute(select(collection).where(_money_of(one))).mappings()]


def happenings(conn: Connection, payment_id: str) -> list[Happening]:
    """All events of a payment, oldest first."""
    query = select(event).where(event.c.subject == payment_id).order_by(event.c.seq)
    return [_read_happening(row) for row in conn.execute(query).mappings()]


def kind_of_exception(conn: Connection, one: Break) -> str:
    """What payments found unforeseen about the money of a break; empty for nothing."""
    query = (
        select(payment_exception.c.kind)
        .join(collection, collection.c.id == payment_exception.c.collection_id)
        .where(_money_of(one), payment_exception.c.kind.in_([kind.value for kind in BESIDE_THE_BILL]))
    )
    return conn.execute(query).scalar() or ""


def crossings(conn: Connection, one: Break, most: int) -> tuple[Crossing, ...]:
    """Evidence: what was exchanged about the payment, and for the statements of the day; newest first."""
    subjects = run_records.ids_of_day(conn, one.channel, one.day_on, one.side)
    if one.payment_id is not None:
        subjects.append(one.payment_id)
        refunds = select(refund.c.id).where(refund.c.payment_id == one.payment_id)
        subjects += conn.execute(refunds).scalars()
    columns = (exchange.c.id, exchange.c.action, exchange.c.started_at)
    query = select(*columns).where(exchange.c.subject.in_(subjects)).order_by(exchange.c.started_at.desc())
    return tuple(_read_crossing(row) for row in conn.execute(query.limit(most)).mappings())


def _money_of(one: Break) -> ColumnElement[bool]:
    return and_(
        collection.c.channel == one.channel,
        collection.c.code == one.code,
        collection.c.bank_serial == one.bank_serial,
    )
