"""Storing and reading cash taken on the spot: plain functions of a connection, and the record that they hand out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
    update,
)

from gateway.foundation.access.desk import of_person
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.rotation.indexed import Indexed
from gateway.foundation.store.rows import reader
from gateway.rooms.cash.states import CashGround, CashStatus, Duty
from gateway.rooms.cash.tables import PROVISIONAL, cash_taken
from gateway.rooms.decisions.records import numbered, with_number
from gateway.rooms.payments import LineKind
from gateway.words.calendar import Judged
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say
from gateway.words.spelling import number_key


@dataclass(frozen=True, slots=True, kw_only=True)
class CashTaken:
    """One sum of cash that an officer took for a fine. Amounts in fen, instants in microseconds.

    ``due_provisional``: whether the last day of the duty that it has now rests on days that are not published.
    ``payment_id`` is the bill that remits it; ``alarmed`` the last duty of which it was told that it is late.
    """

    id: str
    authority: str
    decision_id: str
    decision_number: str
    amount: int
    ground: CashGround
    explanation: str | None
    receipt_number: str
    officer_sealed: bytes
    officer_index: bytes
    taken_on: date
    on_water: bool
    ashore_on: date | None
    status: CashStatus
    hand_in_due_on: date | None
    handed_in_on: date | None = None
    bank_due_on: date | None = None
    due_provisional: bool = False
    payment_id: str | None = None
    remitted_at: int | None = None
    alarmed: Duty | None = None
    created_at: int
    updated_at: int

    def officer(self, envelope: Envelope) -> str:
        """Who took it."""
        return envelope.open(self.officer_sealed, _officer_context(self.id)).decode()

    @property
    def duty(self) -> Duty:
        """What must be done with it next."""
        return Duty.HAND_IN if self.status is CashStatus.TAKEN else Duty.BANK

    @property
    def due_on(self) -> date | None:
        """The last day for that; None on the water until landing."""
        return self.hand_in_due_on if self.duty is Duty.HAND_IN else self.bank_due_on


@dataclass(frozen=True, slots=True)
class CashFilter:
    """Which cash, newest first; ``before`` is the id at which the previous page ended.

    ``number``: of the decision or of the receipt. ``officer``: the indexes of who took it. ``by``: the duty that it has
    now ends on this day or before. ``afloat``: taken on the water, not ashore yet. ``held_by``: in whose hands it is.
    """

    authorities: Collection[str] | None = None
    status: CashStatus | None = None
    decision_number: str | None = None
    before: str | None = None
    limit: int = 50
    number: str | None = None
    officer: Collection[bytes] | None = None
    by: date | None = None
    afloat: bool = False
    held_by: str | None = None


_read = reader(CashTaken)
_CLAIMED = select(func.sum(cash_taken.c.amount)).where(cash_taken.c.decision_id == bindparam("decision_id"))
# No Boolean: SQLite would be asked whether it "= 1", and would no longer see the condition of its index.
_PROVISIONAL: ColumnElement[bool] = literal_column(f"({PROVISIONAL})")
_BY_ID = select(cash_taken).where(cash_taken.c.id == bindparam("id"))
_OFFICER = "cash.officer"
MOST = 1000
"""Cash is counted up to so much."""
_FEW = 20
"""So many authorities are gone through one by one, each by an index in the order of the list."""


def _officer_context(cash_id: str) -> str:
    return f"cash|officer|{cash_id}"


def seal_officer(envelope: Envelope, cash_id: str, officer: str) -> bytes:
    """The name of who took it, as ``CashTaken.officer`` opens it."""
    return envelope.seal(officer.encode(), _officer_context(cash_id))


def officer_index(envelope: Envelope, officer: str) -> bytes:
    """By what the cash of one officer is found without their name."""
    return envelope.blind_index(officer, _OFFICER)


def officer_indexes(envelope: Envelope, officer: str) -> tuple[bytes, ...]:
    """Under what the cash of one officer may be found now."""
    return envelope.blind_indexes(officer, _OFFICER)


INDEXES = (
    Indexed(
        cash_taken.c.officer_index,
        lambda envelope, row: officer_index(
            envelope, envelope.open(row["officer_sealed"], _officer_context(row["id"])).decode()
        ),
    ),
)
"""How the index of an officer is made again under a new key."""


def add(conn: Connection, cash: CashTaken) -> None:
    """Record cash that was taken."""
    conn.execute(
        insert(cash_taken),
        {**asdict(cash), "receipt_key": number_key(cash.receipt_number), "on_water": int(cash.on_water)}
        | {"due_provisional": int(cash.due_provisional)},
    )


def held(conn: Connection, cash_id: str) -> CashTaken:
    """One sum of cash. Raises NotFoundProblem."""
    return _found(conn, _BY_ID, cash_id)


def locked(conn: Connection, cash_id: str) -> CashTaken:
    """One sum of cash, kept from others until the end of the transaction. Raises NotFoundProblem."""
    return _found(conn, _BY_ID.with_for_update(), cash_id)


def _found(conn: Connection, query: Select[Any], cash_id: str) -> CashTaken:
    row = conn.execute(query, {"id": cash_id}).mappings().first()
    if row is None:
        raise NotFoundProblem(say("cash.none"))
    return _read(row)


def is_receipt_used(conn: Connection, authority: str, receipt_number: str) -> bool:
    """Whether cash was recorded under this number of the finance department's receipt."""
    query = select(cash_taken.c.id).where(
        cash_taken.c.authority == authority, cash_taken.c.receipt_key == number_key(receipt_number)
    )
    return conn.execute(query).first() is not None


def land(conn: Connection, cash: CashTaken, on: date, due: Judged[date], now: int) -> None:
    """It has come ashore, so the days to hand it in run, until ``due``."""
    _change(conn, cash, now, ashore_on=on, hand_in_due_on=due.value, due_provisional=int(due.provisional))


def claimed(conn: Connection, decision_id: str) -> dict[LineKind, int]:
    """Fen that were taken for a decision: cash pays its fine."""
    taken = conn.execute(_CLAIMED, {"decision_id": decision_id}).scalar_one()
    return {LineKind.FINE: int(taken)} if taken else {}


def of_decision(conn: Connection, decision_id: str) -> list[CashTaken]:
    """The cash that was taken for a decision, oldest first."""
    query = select(cash_taken).where(cash_taken.c.decision_id == decision_id).order_by(cash_taken.c.id)
    return [_read(row) for row in conn.execute(query).mappings()]


def alarmed(conn: Connection, cash: CashTaken, now: int) -> None:
    """It was told that the duty which it has now is late."""
    _change(conn, cash, now, alarmed=cash.duty)


def _change(conn: Connection, cash: CashTaken, now: int, **values: Any) -> None:
    """Set fields while it is in the state in which it was read."""
    mine = and_(cash_taken.c.id == cash.id, cash_taken.c.status == cash.status)
    conn.execute(update(cash_taken).where(mine).values(updated_at=now, **values))


def after(conn: Connection, cash_id: str, most: int) -> list[CashTaken]:
    """Cash after an id, in the order of ids."""
    query = select(cash_taken).where(cash_taken.c.id > cash_id).order_by(cash_taken.c.id).limit(most)
    return [_read(row) for row in conn.execute(query).mappings()]


def of_bill(conn: Connection, payment_id: str) -> list[CashTaken]:
    """The cash that a bill remits, in order."""
    query = select(cash_taken).where(cash_taken.c.payment_id == payment_id).order_by(cash_taken.c.id)
    return [_read(row) for row in conn.execute(query).mappings()]


def handed_in(conn: Connection, authority: str, limit: int) -> list[CashTaken]:
    """Cash of an authority that waits for a bill, kept from others until the end of the transaction."""
    query = select(cash_taken).where(cash_taken.c.authority == authority, cash_taken.c.status == CashStatus.HANDED_IN)
    query = query.order_by(cash_taken.c.id).limit(limit).with_for_update()
    return [_read(row) for row in conn.execute(query).mappings()]


def chosen(conn: Connection, authority: str, ids: Sequence[str]) -> list[CashTaken]:
    """This cash of an authority, whatever its state, kept from others until the end of the transaction."""
    query = select(cash_taken).where(cash_taken.c.authority == authority, cash_taken.c.id.in_(ids))
    query = query.order_by(cash_taken.c.id).with_for_update()
    return [_read(row) for row in conn.execute(query).mappings()]


def late(conn: Connection, today: date) -> list[CashTaken]:
    """Cash with a duty whose last day is over."""
    query = select(cash_taken).where(_due_by(today - timedelta(days=1)))
    return [_read(row) for row in conn.execute(query).mappings()]


def resting_on_days(conn: Connection, since: date | None, after: str, limit: int) -> Sequence[str]:
    """The ids of cash not remitted yet with a last day that rests on days that are not published, or with ``since``
    lies on that day or later; those after an id, in order.
    """
    rests = _PROVISIONAL
    if since is not None:
        ends = func.coalesce(cash_taken.c.bank_due_on, cash_taken.c.hand_in_due_on)
        rests = or_(rests, and_(cash_taken.c.status != CashStatus.REMITTED, ends >= since))
    query = select(cash_taken.c.id).where(rests, cash_taken.c.id > after).order_by(cash_taken.c.id).limit(limit)
    return conn.execute(query).scalars().all()


def provisional(conn: Connection) -> int:
    """How much cash has a duty whose last day rests on days that are not published."""
    return int(conn.execute(select(func.count()).select_from(cash_taken).where(_PROVISIONAL)).scalar_one())


def recounted(conn: Connection, cash: CashTaken, due: Judged[date], now: int) -> None:
    """The last day of the duty that it has now is another, or has become certain."""
    which = "hand_in_due_on" if cash.duty is Duty.HAND_IN else "bank_due_on"
    _change(conn, cash, now, due_provisional=int(due.provisional), **{which: due.value})


def find(conn: Connection, wanted: CashFilter) -> list[CashTaken]:
    """Cash, newest first."""
    newest = cash_taken.c.id.desc()
    before = () if wanted.before is None else (cash_taken.c.id < wanted.before,)
    ids = _each(wanted, lambda way: way.where(*before).order_by(newest).limit(wanted.limit))
    query = select(cash_taken).where(cash_taken.c.id.in_(ids)).order_by(newest).limit(wanted.limit)
    return [_read(row) for row in conn.execute(query).mappings()]


def count(conn: Connection, wanted: CashFilter) -> int:
    """How much there is; not counted beyond ``MOST``."""
    # In the order of an index, which is read no further: without it PostgreSQL may read the table as it lies.
    by = () if wanted.by is not None else (cash_taken.c.id.desc(),)
    some = _each(wanted, lambda way: way.order_by(*by).limit(MOST)).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _each(wanted: CashFilter, ended: Callable[[Select[tuple[str]]], Select[tuple[str]]]) -> CompoundSelect[tuple[str]]:
    """The ids of what fits, each way to it by an index of its own."""
    fitting = _fitting(wanted)
    ways = (select(cash_taken.c.id).where(way, *fitting) for way in _ways(wanted))
    return union_all(*(select(ended(one).subquery().c.id) for one in ways))


def _ways(wanted: CashFilter) -> list[ColumnElement[bool]]:
    """What to look through: cash that fits is on one of them, and on one alone."""
    cash, mine = cash_taken.c, wanted.authorities
    # Where something else says more the authority is an expression: SQLite goes by that, not through the authority.
    theirs = true() if mine is None else cash.authority.concat("").in_(sorted(mine))
    if wanted.number is not None:
        by_decision = cash.decision_id.in_(with_number(wanted.number))
        return [
            and_(by_decision, theirs),
            and_(cash.receipt_key == number_key(wanted.number), not_(by_decision), theirs),
        ]
    if wanted.officer is not None or wanted.by is not None or mine is None or not 0 < len(mine) <= _FEW:
        return [theirs]
    return [cash.authority == one for one in sorted(mine)]


def first_due(conn: Connection, authorities: Collection[str], status: CashStatus) -> date | None:
    """The earliest last day of the duty that cash in this state has."""
    due = cash_taken.c.hand_in_due_on if status is CashStatus.TAKEN else cash_taken.c.bank_due_on
    mine = (cash_taken.c.status == status, cash_taken.c.authority.in_(list(authorities)), due.is_not(None))
    return conn.execute(select(due).where(*mine).order_by(due).limit(1)).scalar()


def waiting(conn: Connection, authorities: Collection[str], most: int) -> list[CashTaken]:
    """Cash that was handed in and has no bill, what must be at the bank first before the rest."""
    mine = (cash_taken.c.status == CashStatus.HANDED_IN, cash_taken.c.authority.in_(list(authorities)))
    query = select(cash_taken).where(*mine).order_by(cash_taken.c.bank_due_on, cash_taken.c.id).limit(most)
    return [_read(row) for row in conn.execute(query).mappings()]


def _fitting(wanted: CashFilter) -> list[ColumnElement[bool]]:
    cash, found = cash_taken.c, list[ColumnElement[bool]]()
    if wanted.status is not None:
        found.append(cash.status == wanted.status)
    if wanted.decision_number is not None:
        found.append(numbered(cash.decision_number, wanted.decision_number))
    if wanted.officer is not None:
        found.append(cash.officer_index.in_(list(wanted.officer)))
    if wanted.by is not None:
        found.append(_due_by(wanted.by))
    if wanted.afloat:
        found.append(and_(cash.status == CashStatus.TAKEN, cash.hand_in_due_on.is_(None)))
    if wanted.held_by is not None:
        found.append(and_(cash.status != CashStatus.REMITTED, cash.id.in_(of_person(wanted.held_by))))
    return found


def _due_by(day: date) -> ColumnElement[bool]:
    """The duty that it has now ends on this day or before: each by an index of its own."""
    cash = cash_taken.c
    return or_(
        and_(cash.status == CashStatus.TAKEN, cash.hand_in_due_on <= day),
        and_(cash.status.in_((CashStatus.HANDED_IN, CashStatus.BILLED)), cash.bank_due_on <= day),
    )
