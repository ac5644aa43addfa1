"""Storing and reading cash taken on the spot: plain functions of a connection, and the record that they hand out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.rows import reader
from gateway.rooms.cash.states import CashGround, CashStatus, Duty
from gateway.rooms.cash.tables import PROVISIONAL, cash_taken
from gateway.rooms.decisions.records import numbered
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
    """Which cash, newest first; ``before`` is the id at which the previous page ended."""

    authorities: Collection[str] | None = None
    status: CashStatus | None = None
    decision_number: str | None = None
    before: str | None = None
    limit: int = 50


_read = reader(CashTaken)
_CLAIMED = select(func.sum(cash_taken.c.amount)).where(cash_taken.c.decision_id == bindparam("decision_id"))
# No Boolean: SQLite would be asked whether it "= 1", and would no longer see the condition of its index.
_PROVISIONAL: ColumnElement[bool] = literal_column(f"({PROVISIONAL})")
_BY_ID = select(cash_taken).where(cash_taken.c.id == bindparam("id"))


def _officer_context(cash_id: str) -> str:
    return f"cash|officer|{cash_id}"


def seal_officer(envelope: Envelope, cash_id: str, officer: str) -> bytes:
    """The name of who took it, as ``CashTaken.officer`` opens it."""
    return envelope.seal(officer.encode(), _officer_context(cash_id))


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
    query = select(cash_taken).where(
        cash_taken.c.status != CashStatus.REMITTED,
        func.coalesce(cash_taken.c.bank_due_on, cash_taken.c.hand_in_due_on) < today,
    )
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
    query = select(cash_taken).order_by(cash_taken.c.id.desc()).limit(wanted.limit)
    if wanted.authorities is not None:
        query = query.where(cash_taken.c.authority.in_(list(wanted.authorities)))
    if wanted.status is not None:
        query = query.where(cash_taken.c.status == wanted.status)
    if wanted.decision_number is not None:
        query = query.where(numbered(cash_taken.c.decision_number, wanted.decision_number))
    if wanted.before is not None:
        query = query.where(cash_taken.c.id < wanted.before)
    return [_read(row) for row in conn.execute(query).mappings()]
