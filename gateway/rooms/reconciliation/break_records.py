"""Breaks 差错 as they are kept: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, or_, select, update

from gateway.foundation.access.desk import name_of_holder, of_people_called, of_person
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import changes, columns, reader
from gateway.rooms.reconciliation.chunks import chunks
from gateway.rooms.reconciliation.matching import BreakKind, Key, Side
from gateway.rooms.reconciliation.states import BreakState, ProposalState
from gateway.rooms.reconciliation.tables import break_action, breaks
from gateway.words.clock import from_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

_ADD = insert(breaks)
_OPEN = breaks.c.state == BreakState.OPEN.value
_BREAKS = select(breaks, name_of_holder(breaks.c.id).label("assignee"))


@dataclass(frozen=True, slots=True)
class Break:
    """A difference 差错. Amounts in fen, instants in microseconds. ``closed_by`` is empty when a run closed it.

    ``ours`` and ``theirs`` are None where that side has nothing; ``run_id`` is the run that last changed it.
    ``assignee``: who has it in hand, by name; read with it, and written at the desk alone.
    """

    id: str
    channel: str
    side: Side
    day_on: date
    kind: BreakKind
    code: str
    bank_serial: str
    authority: str
    payment_id: str | None
    ours: int | None
    theirs: int | None
    state: BreakState
    run_id: str
    opened_at: int
    closed_at: int | None
    closed_by: str | None
    reason: str | None
    assignee: str | None = None

    @property
    def key(self) -> Key:
        """Payment code and bank serial of its money."""
        return self.code, self.bank_serial

    def age_in_days(self, now: datetime) -> int:
        """Whole days that it was, or has been, open."""
        end = from_micros(self.closed_at) if self.closed_at is not None else now
        return max((end - from_micros(self.opened_at)).days, 0)


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which breaks are looked for; None narrows nothing. Without ``authorities``, also those that nobody owns yet.

    ``number``: a code or a bank's serial. ``opened_before``: an instant. ``proposed_by``, ``proposed_besides``: an
    attribution by this person, or by another, waits for the second one; of refunds the room of refunds tells.
    ``held_by``: in this person's hands; ``assignee``: in those of somebody of this name.
    """

    authorities: Collection[str] | None = None
    channel: str | None = None
    side: Side | None = None
    day_on: date | None = None
    kind: BreakKind | None = None
    state: BreakState | None = None
    payment_id: str | None = None
    assignee: str | None = None
    number: str | None = None
    opened_before: int | None = None
    proposed_by: str | None = None
    proposed_besides: str | None = None
    held_by: str | None = None


MOST = 1000
"""Counted so far and no further: nobody reads on."""
EVERY_BREAK = BreakFilter()
_read = reader(Break)


def break_id(channel: str, day: date, kind: BreakKind, key: Key, side: Side = Side.PLATFORM) -> str:
    """The same difference has the same id in every run, in every database."""
    whose = () if side is Side.PLATFORM else (side.value,)
    return "brk_" + sm3("\x1f".join((channel, *whose, day.isoformat(), kind.value, *key)).encode())[:16].hex()


def add(conn: Connection, one: Break) -> None:
    """Keep a new difference."""
    conn.execute(_ADD, {name: value for name, value in columns(one).items() if name != "assignee"})


def differing(known: Break, fresh: Break) -> dict[str, Any]:
    """What a step writes beside the state: the columns in which the break differs after it."""
    return {name: value for name, value in changes(known, fresh).items() if name != "state"}


def set_owner(conn: Connection, id: str, authority: str, payment_id: str) -> None:
    """Say whose money a break is about, once that is known."""
    conn.execute(update(breaks).where(breaks.c.id == id).values(authority=authority, payment_id=payment_id))


def fetch(conn: Connection, id: str) -> Break | None:
    """One break."""
    row = conn.execute(_BREAKS.where(breaks.c.id == id)).mappings().first()
    return None if row is None else _read(row)


def held(conn: Connection, id: str) -> Break:
    """One break that must be there. Raises NotFoundProblem."""
    found = fetch(conn, id)
    if found is None:
        raise NotFoundProblem(say("reconciliation.no_break"))
    return found


def find(
    conn: Connection, wanted: BreakFilter = EVERY_BREAK, *, before: str | None = None, limit: int = 50
) -> list[Break]:
    """Breaks, newest first; ``before`` is the id at which the previous page ended."""
    query = _BREAKS.where(*_fitting(wanted)).order_by(breaks.c.opened_at.desc(), breaks.c.id.desc())
    if before is not None:
        edge = select(breaks.c.opened_at).where(breaks.c.id == before).scalar_subquery()
        query = query.where(or_(breaks.c.opened_at < edge, and_(breaks.c.opened_at == edge, breaks.c.id < before)))
    return _all(conn, query.limit(limit))


def count(conn: Connection, wanted: BreakFilter) -> int:
    """How many there are; not counted beyond ``MOST``."""
    some = select(breaks.c.id).where(*_fitting(wanted)).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _fitting(wanted: BreakFilter) -> list[ColumnElement[bool]]:
    exact = (
        (breaks.c.channel, wanted.channel),
        (breaks.c.side, wanted.side and wanted.side.value),
        (breaks.c.day_on, wanted.day_on),
        (breaks.c.kind, wanted.kind and wanted.kind.value),
        (breaks.c.state, wanted.state and wanted.state.value),
        (breaks.c.payment_id, wanted.payment_id),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in exact if value is not None]
    if wanted.authorities is not None:
        found.append(breaks.c.authority.in_(wanted.authorities))
    if wanted.number is not None:
        found.append(or_(breaks.c.code == wanted.number, breaks.c.bank_serial == wanted.number))
    if wanted.opened_before is not None:
        found.append(breaks.c.opened_at < wanted.opened_before)
    if wanted.held_by is not None:
        found.append(breaks.c.id.in_(of_person(wanted.held_by)))
    if wanted.assignee is not None:
        found.append(breaks.c.id.in_(of_people_called(wanted.assignee)))
    waits = select(break_action.c.break_id).where(
        break_action.c.state == ProposalState.PROPOSED.value, break_action.c.refund_id.is_(None)
    )
    if wanted.proposed_by is not None:
        found.append(breaks.c.id.in_(waits.where(break_action.c.proposed_by == wanted.proposed_by)))
    if wanted.proposed_besides is not None:
        found.append(breaks.c.id.in_(waits.where(break_action.c.proposed_by != wanted.proposed_besides)))
    return found


def of_day(conn: Connection, channel: str, day: date, side: Side = Side.PLATFORM) -> dict[str, Break]:
    """All breaks of a side of a channel's day by id, whatever their state."""
    return {one.id: one for one in _all(conn, _BREAKS.where(_of_day(channel, day, side)))}


def of_money(conn: Connection, channel: str, code: str, bank_serial: str) -> list[Break]:
    """The platform's breaks about one sum of money, of whatever day and state."""
    query = _BREAKS.where(
        breaks.c.channel == channel,
        breaks.c.side == Side.PLATFORM.value,
        breaks.c.code == code,
        breaks.c.bank_serial == bank_serial,
    )
    return _all(conn, query.order_by(breaks.c.id))


def open_of_payment(conn: Connection, payment_id: str, kind: BreakKind) -> list[Break]:
    """Open breaks of a payment and kind."""
    query = _BREAKS.where(breaks.c.payment_id == payment_id, breaks.c.kind == kind.value, _OPEN)
    return _all(conn, query.order_by(breaks.c.id))


def open_on_other_days(
    conn: Connection, channel: str, day: date, codes: Iterable[str], side: Side = Side.PLATFORM
) -> list[Break]:
    """Open "ours only" and 跨日 breaks of other days on these codes: this day's statement may explain them."""
    found: list[Break] = []
    for chunk in chunks(codes):
        query = _BREAKS.where(
            breaks.c.channel == channel,
            breaks.c.day_on != day,
            _OPEN,
            breaks.c.side == side.value,
            breaks.c.kind.in_((BreakKind.OURS_ONLY.value, BreakKind.CROSS_DAY.value)),
            breaks.c.code.in_(chunk),
        )
        found += _all(conn, query)
    return found


def open_cross_day(conn: Connection, channel: str, day: date) -> list[Break]:
    """Open 跨日 breaks of a day."""
    crossing = and_(_OPEN, breaks.c.kind == BreakKind.CROSS_DAY.value)
    return _all(conn, _BREAKS.where(_of_day(channel, day, Side.PLATFORM), crossing))


def payments_with_open_breaks(conn: Connection, payment_ids: Iterable[str]) -> set[str]:
    """Which of these payments have an open break."""
    found: set[str] = set()
    for chunk in chunks(payment_ids):
        query = (
            select(breaks.c.payment_id)
            .where(_OPEN, breaks.c.side == Side.PLATFORM.value, breaks.c.payment_id.in_(chunk))
            .where(breaks.c.kind.not_in((BreakKind.RECEIPT_MISSING.value, BreakKind.REFUND_UNMATCHED.value)))
            .distinct()
        )
        found.update(conn.execute(query).scalars())
    return found


def count_open(conn: Connection, channel: str, day: date, side: Side = Side.PLATFORM) -> int:
    """Open breaks of a side of a channel's day."""
    query = select(func.count()).where(_of_day(channel, day, side), _OPEN)
    return int(conn.execute(query).scalar_one())


def open_by_day(conn: Connection, channel: str, first: date, last: date) -> dict[tuple[date, Side], int]:
    """How many breaks of each day and side are open."""
    query = (
        select(breaks.c.day_on, breaks.c.side, func.count())
        .where(breaks.c.channel == channel, breaks.c.day_on.between(first, last))
        .where(breaks.c.state == constant(BreakState.OPEN.value))
        .group_by(breaks.c.day_on, breaks.c.side)
    )
    return {(day, Side(side)): number for day, side, number in conn.execute(query)}


def between(
    conn: Connection, channel: str, first: date, last: date, authorities: Collection[str] | None = None
) -> list[Break]:
    """All breaks of the days from ``first`` to ``last``, by day."""
    query = _BREAKS.where(breaks.c.channel == channel, breaks.c.day_on.between(first, last))
    if authorities is not None:
        query = query.where(breaks.c.authority.in_(authorities))
    return _all(conn, query.order_by(breaks.c.day_on, breaks.c.kind, breaks.c.code, breaks.c.bank_serial))


def _of_day(channel: str, day: date, side: Side) -> ColumnElement[bool]:
    return and_(breaks.c.channel == channel, breaks.c.day_on == day, breaks.c.side == side.value)


def _all(conn: Connection, query: Select[tuple[object, ...]]) -> list[Break]:
    return [_read(row) for row in conn.execute(query).mappings()]
