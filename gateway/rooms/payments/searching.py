"""Finding payments by what people have at hand: a number of any kind, an amount, a day, a state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Connection, func, literal_column, or_, select, union_all

from gateway.foundation.store.rows import reader
from gateway.rooms.decisions.tables import decision
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.payments.tables import ENDED, UNPAID, collection, payment
from gateway.words.clock import start_of, to_micros
from gateway.words.spelling import number_key

MOST = 1000
"""Beyond so many a list says "or more": nobody reads further, and counting takes its time."""
_row = payment.c
_UNPAID: ColumnElement[bool] = literal_column(f"({UNPAID})")
_ENDED: ColumnElement[bool] = literal_column(f"({ENDED})")
_UNPAID_STATES = (Status.REQUESTED, Status.ISSUED, Status.EXPIRED)
_ENDED_STATES = (Status.CANCELLING, Status.REJECTED, Status.CANCELLED)
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
    # Sorted as an expression where what is unpaid is sought: SQLite would go back through all payments otherwise.
    newest = _row.id.concat("") if _is_unpaid(sought) else _row.id
    ids = select(_row.id).where(*_fitting(sought)).order_by(newest.desc()).limit(limit)
    if before is not None:
        ids = ids.where(_row.id < before)
    # First the ids: an index that has all that is asked finds them without the rows.
    query = select(payment).where(_row.id.in_(ids)).order_by(_row.id.desc())
    return [_payment(row) for row in conn.execute(query).mappings()]


def count(conn: Connection, sought: Sought) -> int:
    """How many there are; not counted beyond ``MOST``."""
    some = select(_row.id).where(*_fitting(sought)).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def earliest_due(conn: Connection, sought: Sought) -> date | None:
    """The first last day among them."""
    found: date | None = conn.execute(select(func.min(_row.due_on)).where(*_fitting(sought))).scalar()
    return found


def _is_unpaid(sought: Sought) -> bool:
    return sought.overdue is not None or sought.status in _UNPAID_STATES


def _fitting(sought: Sought) -> list[ColumnElement[bool]]:
    unpaid = _is_unpaid(sought)
    # The authority as an expression: so SQLite does not go through all of its payments, but through the unpaid ones.
    owner = _row.authority.concat("") if unpaid or sought.status in _ENDED_STATES else _row.authority
    found: list[ColumnElement[bool]] = [owner.in_(sorted(sought.authorities))]
    if unpaid:
        found.append(_UNPAID)
    if sought.number is not None:
        found.append(_numbered(sought.number))
    if sought.amount is not None:
        found.append(or_(_row.amount == sought.amount, _row.paid_amount == sought.amount))
    if sought.status is not None:
        found.append(_row.status == sought.status.value)
        if sought.status in _ENDED_STATES:
            found.append(_ENDED)
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
