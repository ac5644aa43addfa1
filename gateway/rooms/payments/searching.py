"""Finding payments by what people have at hand: a number of any kind, an amount, a day, a state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Connection, func, or_, select, union_all

from gateway.foundation.store.rows import reader
from gateway.rooms.decisions.tables import decision
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.payments.tables import collection, payment
from gateway.words.clock import start_of, to_micros
from gateway.words.spelling import number_key

MOST = 1000
"""Beyond so many a list says "or more": nobody reads further, and counting takes its time."""
_row = payment.c
_payment = reader(Payment)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which payments; what is None does not narrow. ``number``: a payment's id or code, a decision's number, or the
    serial under which a bank booked money. ``overdue``: unpaid on this day, and due before it. ``since``, ``until``:
    days on which it was asked for, both included. ``amount`` in fen.
    """

    authorities: frozenset[str]
    number: str | None = None
    amount: int | None = None
    status: Status | None = None
    settlement: Settlement | None = None
    since: date | None = None
    until: date | None = None
    overdue: date | None = None
    in_doubt: bool = False


def find(conn: Connection, sought: Sought, before: str | None, limit: int) -> Sequence[Payment]:
    """Payments, newest first; those before an id."""
    query = select(payment).where(*_fitting(sought)).order_by(_row.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_row.id < before)
    return [_payment(row) for row in conn.execute(query).mappings()]


def count(conn: Connection, sought: Sought) -> int:
    """How many there are; not counted beyond ``MOST``."""
    some = select(_row.id).where(*_fitting(sought)).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def earliest_due(conn: Connection, sought: Sought) -> date | None:
    """The first last day among them."""
    found: date | None = conn.execute(select(func.min(_row.due_on)).where(*_fitting(sought))).scalar()
    return found


def _fitting(sought: Sought) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [_row.authority.in_(sorted(sought.authorities))]
    if sought.number is not None:
        found.append(_numbered(sought.number))
    if sought.amount is not None:
        found.append(or_(_row.amount == sought.amount, _row.paid_amount == sought.amount))
    if sought.status is not None:
        found.append(_row.status == sought.status.value)
    if sought.settlement is not None:
        found.append(_row.settlement == sought.settlement.value)
    if sought.since is not None:
        found.append(_row.created_at >= to_micros(start_of(sought.since)))
    if sought.until is not None:
        found.append(_row.created_at < to_micros(start_of(sought.until + timedelta(days=1))))
    if sought.overdue is not None:
        found += [_row.status.in_((Status.ISSUED.value, Status.EXPIRED.value)), _row.due_on < sought.overdue]
    if sought.in_doubt:
        found.append(_row.in_doubt_since_at.is_not(None))
    return found


def _numbered(number: str) -> ColumnElement[bool]:
    """By the id, the code, the decision or the money: each by its own index."""
    if re.fullmatch(r"pay_[0-9a-f]{32}", number):
        return _row.id == number
    of_decision = select(decision.c.id).where(decision.c.number_key == number_key(number))
    return _row.id.in_(
        union_all(
            select(_row.id).where(_row.code == "".join(number.split())),
            select(_row.id).where(_row.decision_id.in_(of_decision)),
            select(collection.c.payment_id).where(collection.c.bank_serial == number),
        )
    )
