"""Finding payments by what people have at hand: a number of any kind, an amount, a day, a state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)

from gateway.foundation.store.rows import reader
from gateway.rooms.decisions.records import of_party
from gateway.rooms.decisions.tables import decision
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.payments.tables import ENDED, PAID_OTHERWISE, SETTLED, UNPAID, collection, payment
from gateway.words.clock import start_of, to_micros
from gateway.words.spelling import number_key

MOST = 1000
"""Beyond so many a list says "or more": nobody reads further, and counting takes its time."""
_FEW = 20
"""So many authorities are gone through one by one; who sees more sees most of what there is."""
_row = payment.c
_UNPAID: ColumnElement[bool] = literal_column(f"({UNPAID})")
_ENDED: ColumnElement[bool] = literal_column(f"({ENDED})")
_SETTLED: ColumnElement[bool] = literal_column(f"({SETTLED})")
_PAID_OTHERWISE: ColumnElement[bool] = literal_column(f"({PAID_OTHERWISE})")
_UNPAID_STATES = (Status.REQUESTED, Status.ISSUED, Status.EXPIRED)
_ENDED_STATES = (Status.CANCELLING, Status.REJECTED, Status.CANCELLED)
_payment = reader(Payment)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which payments; what is None does not narrow. ``number``: a payment's id or code, a decision's number, or the
    serial under which a bank booked money. ``overdue``: unpaid on this day, and due before it. ``since``, ``until``:
    days on which it was asked for, both included. ``amount`` in fen. ``party``: under what a decision's party may be
    found (``decisions.records.party_indexes``), which a payment may fit instead of the ``number``.
    """

    authorities: frozenset[str]
    number: str | None = None
    party: tuple[bytes, ...] = ()
    amount: int | None = None
    status: Status | None = None
    settlement: Settlement | None = None
    since: date | None = None
    until: date | None = None
    overdue: date | None = None
    in_doubt: bool = False


def find(conn: Connection, sought: Sought, before: str | None, limit: int) -> Sequence[Payment]:
    """Payments, newest first; those before an id."""
    # First the ids: an index that has all that is asked finds them without the rows.
    ids = union_all(*(select(one.subquery().c.id) for one in _newest(sought, before, limit)))
    query = select(payment).where(_row.id.in_(ids)).order_by(*_order(sought)).limit(limit)
    return [_payment(row) for row in conn.execute(query).mappings()]


def count(conn: Connection, sought: Sought) -> int:
    """How many there are; not counted beyond ``MOST``."""
    some = union_all(*(select(one.subquery().c.id) for one in _newest(sought, None, MOST))).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def earliest_due(conn: Connection, sought: Sought) -> date | None:
    """The first last day among them, which are overdue."""
    query = select(func.min(_row.due_on)).where(*_ways(sought), *_fitting(sought))
    found: date | None = conn.execute(query).scalar()
    return found


def _newest(sought: Sought, before: str | None, limit: int) -> list[Select[tuple[str]]]:
    """The newest of each way: an index has them in this order, and no more of them are read."""
    narrowed, order = _fitting(sought), _order(sought)
    if before is not None and _by_day(sought):
        edge = select(_row.created_at).where(_row.id == before).scalar_subquery()
        narrowed.append(tuple_(_row.created_at, _row.id) < tuple_(edge, before))
    elif before is not None:
        narrowed.append(_row.id < before)
    return [select(_row.id).where(one, *narrowed).order_by(*order).limit(limit) for one in _ways(sought)]


def _ways(sought: Sought) -> list[ColumnElement[bool]]:
    """What to look through, each way with an index: a payment that fits is on one of them, and on one alone."""
    # The authority as an expression where something else says more: SQLite would go through all of its payments.
    theirs = _row.authority.concat("").in_(sorted(sought.authorities))
    if sought.amount is not None:
        otherwise = and_(_PAID_OTHERWISE, _row.paid_amount == sought.amount)
        return [and_(_row.amount == sought.amount, theirs), and_(otherwise, theirs)]
    if sought.overdue is not None or sought.status in _UNPAID_STATES:
        return [and_(_UNPAID, theirs)]
    if sought.status in _ENDED_STATES:
        return [and_(_ENDED, theirs)]
    if sought.settlement not in (None, Settlement.NONE):
        return [and_(_SETTLED, theirs)]
    if _by_day(sought) or not 0 < len(sought.authorities) <= _FEW:
        return [theirs]
    return [_row.authority == one for one in sorted(sought.authorities)]


def _by_day(sought: Sought) -> bool:
    """Whether they are read by the day on which they were asked for, since nothing else says more."""
    others = (sought.number, sought.party or None, sought.amount, sought.overdue, sought.settlement)
    more = any(one is not None for one in others) or sought.in_doubt or sought.status not in (None, Status.PAID)
    return not more and (sought.since is not None or sought.until is not None)


def _order(sought: Sought) -> list[ColumnElement[Any]]:
    return [*([_row.created_at.desc()] if _by_day(sought) else []), _row.id.desc()]


def _fitting(sought: Sought) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if sought.number is not None or sought.party:
        found.append(_numbered(sought.number, sought.party))
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


def _numbered(number: str | None, party: tuple[bytes, ...]) -> ColumnElement[bool]:
    """By the id, the code, the decision, its party or the money: each by its own index."""
    if number is not None and re.fullmatch(r"pay_[0-9a-f]{32}", number):
        return _row.id == number
    ways: list[Select[Any]] = []
    if number is not None:
        of_decision = select(decision.c.id).where(decision.c.number_key == number_key(number))
        ways = [
            select(_row.id).where(_row.code == "".join(number.split())),
            select(_row.id).where(_row.decision_id.in_(of_decision)),
            select(collection.c.payment_id).where(collection.c.bank_serial == number),
        ]
    if party:
        ways.append(select(_row.id).where(_row.decision_id.in_(of_party(party))))
    return _row.id.in_(union_all(*ways))
