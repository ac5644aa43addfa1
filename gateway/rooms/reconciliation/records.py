"""Storing and reading statements, runs and breaks: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, exists, func, insert, or_, select, update

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.payments.books import Owner
from gateway.rooms.payments.tables import collecting_unit, payment, payment_code, payment_line
from gateway.rooms.receipts.tables import fiscal_receipt
from gateway.rooms.reconciliation.matching import BreakKind, Key, Side, Terms
from gateway.rooms.reconciliation.statement import Statement
from gateway.rooms.reconciliation.tables import (
    break_action,
    breaks,
    channel_day,
    month_close,
    reconciliation_run,
    statement,
    statement_line,
)
from gateway.rooms.refunds.tables import refund
from gateway.words.clock import to_micros
from gateway.words.identifiers import new_id

_CHUNK = 500
_ADD_LINES = insert(statement_line)
_ADD_BREAK = insert(breaks)
_CURRENT = and_(
    statement.c.channel == bindparam("channel"),
    statement.c.side == bindparam("side"),
    statement.c.day_on == bindparam("day"),
    statement.c.superseded_at.is_(None),
)


_ACTIONS = select(break_action, refund.c.status.label("refund_status")).outerjoin(
    refund, refund.c.id == break_action.c.refund_id
)


@dataclass(frozen=True)
class Break:
    """A difference 差错. Amounts in fen, instants in microseconds. ``closed_by`` is empty when a run closed it."""

    id: str
    channel: str
    side: Side
    day: date
    kind: BreakKind
    code: str
    bank_serial: str
    authority: str
    payment_id: str | None
    ours: int | None
    theirs: int | None
    state: str
    opened_at: int
    closed_at: int | None
    closed_by: str | None
    reason: str | None
    assignee: str | None


@dataclass(frozen=True)
class Run:
    """One reconciliation of one channel and day, as it ended. Instants in microseconds, amounts in fen.

    ``matched`` counts money that agrees on both sides; ``healed``, part of it or of the breaks, was learnt from the
    statement; ``waiting`` is ours only while the platform's day lasts; ``breaks`` are open.
    """

    id: str
    channel: str
    side: Side
    day: date
    state: str
    reason: str | None
    statement_id: str | None
    provisional: bool
    matched: int
    matched_amount: int
    healed: int
    waiting: int
    breaks: int
    ran_by: str
    ran_at: int


def break_id(channel: str, day: date, kind: BreakKind, key: Key, side: Side = Side.PLATFORM) -> str:
    """The same difference has the same id in every run, in every database."""
    whose = () if side is Side.PLATFORM else (side.value,)
    return "brk_" + sm3("\x1f".join((channel, *whose, day.isoformat(), kind.value, *key)).encode())[:16].hex()


# --- statements -----------------------------------------------------------------------------------------------------


def keep_statement(
    conn: Connection, channel: str, told: Statement, now: int, side: Side = Side.PLATFORM, origin: str = ""
) -> tuple[str, RowMapping | None]:
    """Keep what a side told; the same again is the same record, anything else a new version.

    Returns its id, and the version before if this one changes it.
    """
    at = {"channel": channel, "side": side.value, "day": told.day}
    known = conn.execute(select(statement).where(_CURRENT), at).mappings().first()
    if known is not None and bytes(known["digest"]) == told.digest:
        return str(known["id"]), None
    if known is not None:
        conn.execute(update(statement).where(statement.c.id == known["id"]).values(superseded_at=now))
    statement_id = new_id("stm")
    conn.execute(
        insert(statement),
        {
            "id": statement_id,
            "channel": channel,
            "side": side.value,
            "origin": origin,
            "day_on": told.day,
            "version": known["version"] + 1 if known is not None else 1,
            "lines": len(told.lines),
            "amount": told.amount,
            "digest": told.digest,
            "fetched_at": now,
        },
    )
    if told.lines:
        conn.execute(
            _ADD_LINES,
            [
                {
                    "statement_id": statement_id,
                    "line": number,
                    "kind": line.kind,
                    "code": line.code,
                    "bank_serial": line.bank_serial,
                    "reference": line.reference,
                    "amount": line.amount,
                    "paid_at": to_micros(line.paid_at),
                    "unit_code": line.unit_code,
                    "item_codes": list(line.item_codes),
                }
                for number, line in enumerate(told.lines, start=1)
            ],
        )
    return statement_id, known


def has_statement(conn: Connection, channel: str, side: Side, day: date) -> bool:
    """Whether this side has told of the day."""
    at = {"channel": channel, "side": side.value, "day": day}
    return conn.execute(select(statement.c.id).where(_CURRENT), at).first() is not None


def statement_before(conn: Connection, channel: str, side: Side, day: date) -> date | None:
    """The last day before this one of which this side has told."""
    query = select(func.max(statement.c.day_on)).where(
        statement.c.channel == channel, statement.c.side == side.value, statement.c.day_on < day
    )
    return conn.execute(query).scalar_one_or_none()


def told(
    conn: Connection,
    channel: str,
    codes: Iterable[str],
    *,
    besides: date | None = None,
    side: Side = Side.PLATFORM,
) -> dict[Key, int]:
    """What current statements say about these codes: amounts in fen; ``besides`` leaves one day out."""
    found: dict[Key, int] = {}
    for chunk in _chunks(codes):
        query = (
            select(statement_line.c.code, statement_line.c.bank_serial, statement_line.c.amount)
            .join(statement, statement.c.id == statement_line.c.statement_id)
            .where(
                statement.c.channel == channel,
                statement.c.side == side.value,
                statement.c.superseded_at.is_(None),
                statement_line.c.kind == "paid",
                statement_line.c.code.in_(chunk),
            )
        )
        if besides is not None:
            query = query.where(statement.c.day_on != besides)
        found.update({(code, serial): amount for code, serial, amount in conn.execute(query)})
    return found


# --- runs -----------------------------------------------------------------------------------------------------------


def add_run(conn: Connection, **values: Any) -> None:
    """Record how a run ended."""
    conn.execute(insert(reconciliation_run), values)


def set_run(conn: Connection, run_id: str, **values: Any) -> None:
    """Complete a run's figures in the transaction that made it."""
    conn.execute(update(reconciliation_run).where(reconciliation_run.c.id == run_id).values(**values))


def as_run(row: RowMapping) -> Run:
    """A run from its row."""
    return Run(
        id=row["id"],
        channel=row["channel"],
        side=Side(row["side"]),
        day=row["day_on"],
        state=row["state"],
        reason=row["reason"],
        statement_id=row["statement_id"],
        provisional=bool(row["provisional"]),
        matched=row["matched"],
        matched_amount=row["matched_amount"],
        healed=row["healed"],
        waiting=row["waiting"],
        breaks=row["breaks"],
        ran_by=row["ran_by"],
        ran_at=row["ran_at"],
    )


def fetch_run(conn: Connection, run_id: str) -> Run | None:
    """One run."""
    row = conn.execute(select(reconciliation_run).where(reconciliation_run.c.id == run_id)).mappings().first()
    return None if row is None else as_run(row)


def search_runs(
    conn: Connection,
    *,
    channels: Collection[str] | None = None,
    channel: str | None = None,
    day: date | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Run]:
    """Runs, newest first; ``channels`` narrows them to those."""
    query = select(reconciliation_run).order_by(reconciliation_run.c.id.desc()).limit(limit)
    if channels is not None:
        query = query.where(reconciliation_run.c.channel.in_(channels))
    if channel is not None:
        query = query.where(reconciliation_run.c.channel == channel)
    if day is not None:
        query = query.where(reconciliation_run.c.day_on == day)
    if before is not None:
        query = query.where(reconciliation_run.c.id < before)
    return [as_run(row) for row in conn.execute(query).mappings()]


# --- breaks ---------------------------------------------------------------------------------------------------------


def as_break(row: RowMapping) -> Break:
    """A break from its row."""
    return Break(
        id=row["id"],
        channel=row["channel"],
        side=Side(row["side"]),
        day=row["day_on"],
        kind=BreakKind(row["kind"]),
        code=row["code"],
        bank_serial=row["bank_serial"],
        authority=row["authority"],
        payment_id=row["payment_id"],
        ours=row["ours"],
        theirs=row["theirs"],
        state=row["state"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
        reason=row["reason"],
        assignee=row["assignee"],
    )


def add_break(conn: Connection, **values: Any) -> None:
    """Keep a new difference."""
    conn.execute(_ADD_BREAK, values)


def change_break(conn: Connection, known: Break, **values: Any) -> bool:
    """Compare-and-set on its state; False when somebody else was faster."""
    done = conn.execute(update(breaks).where(breaks.c.id == known.id, breaks.c.state == known.state).values(**values))
    return done.rowcount == 1


def fetch_break(conn: Connection, id: str) -> Break | None:
    """One break."""
    row = conn.execute(select(breaks).where(breaks.c.id == id)).mappings().first()
    return None if row is None else as_break(row)


def breaks_of_day(conn: Connection, channel: str, day: date, side: Side = Side.PLATFORM) -> dict[str, Break]:
    """All breaks of a side of a channel's day by id, whatever their state."""
    mine = and_(breaks.c.channel == channel, breaks.c.day_on == day, breaks.c.side == side.value)
    rows = conn.execute(select(breaks).where(mine)).mappings()
    return {row["id"]: as_break(row) for row in rows}


def breaks_of_money(conn: Connection, channel: str, code: str, bank_serial: str) -> list[Break]:
    """The platform's breaks about one sum of money, of whatever day and state."""
    query = select(breaks).where(
        breaks.c.channel == channel,
        breaks.c.side == Side.PLATFORM.value,
        breaks.c.code == code,
        breaks.c.bank_serial == bank_serial,
    )
    return [as_break(row) for row in conn.execute(query.order_by(breaks.c.id)).mappings()]


def open_of_payment(conn: Connection, payment_id: str, kind: BreakKind) -> list[Break]:
    """Open breaks of a payment and kind."""
    query = select(breaks).where(
        breaks.c.payment_id == payment_id, breaks.c.kind == kind.value, breaks.c.state == "open"
    )
    return [as_break(row) for row in conn.execute(query.order_by(breaks.c.id)).mappings()]


def own_break(conn: Connection, id: str, authority: str, payment_id: str) -> None:
    """Say whose money a break is about, once that is known."""
    conn.execute(update(breaks).where(breaks.c.id == id).values(authority=authority, payment_id=payment_id))


def open_elsewhere(
    conn: Connection, channel: str, day: date, codes: Iterable[str], side: Side = Side.PLATFORM
) -> list[Break]:
    """Open "ours only" and 跨日 breaks of other days on these codes: this day's statement may explain them."""
    found = []
    for chunk in _chunks(codes):
        query = select(breaks).where(
            breaks.c.channel == channel,
            breaks.c.day_on != day,
            breaks.c.state == "open",
            breaks.c.side == side.value,
            breaks.c.kind.in_((BreakKind.OURS_ONLY.value, BreakKind.CROSS_DAY.value)),
            breaks.c.code.in_(chunk),
        )
        found += [as_break(row) for row in conn.execute(query).mappings()]
    return found


def payments_with_open_breaks(conn: Connection, payment_ids: Iterable[str]) -> set[str]:
    """Which of these payments have an open break."""
    found: set[str] = set()
    for chunk in _chunks(payment_ids):
        query = (
            select(breaks.c.payment_id)
            .where(breaks.c.state == "open", breaks.c.side == "platform", breaks.c.payment_id.in_(chunk))
            .where(breaks.c.kind.not_in((BreakKind.RECEIPT_MISSING.value, BreakKind.REFUND_UNMATCHED.value)))
            .distinct()
        )
        found.update(conn.execute(query).scalars())
    return found


def count_open(conn: Connection, channel: str, day: date, side: Side = Side.PLATFORM) -> int:
    """Open breaks of a side of a channel's day."""
    mine = and_(breaks.c.channel == channel, breaks.c.day_on == day, breaks.c.side == side.value)
    query = select(func.count()).where(mine, breaks.c.state == "open")
    return int(conn.execute(query).scalar_one())


def search_breaks(
    conn: Connection,
    *,
    authorities: Collection[str] | None = None,
    channel: str | None = None,
    day: date | None = None,
    kind: BreakKind | None = None,
    state: str | None = None,
    payment_id: str | None = None,
    side: Side | None = None,
    assignee: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Break]:
    """Breaks, newest first; ``before`` is the id at which the previous page ended."""
    query = select(breaks).order_by(breaks.c.opened_at.desc(), breaks.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(breaks.c.authority.in_(authorities))
    exact = {
        "channel": channel,
        "day_on": day,
        "kind": kind and kind.value,
        "state": state,
        "payment_id": payment_id,
        "side": side and side.value,
        "assignee": assignee,
    }
    for name, value in exact.items():
        if value is not None:
            query = query.where(breaks.c[name] == value)
    if before is not None:
        edge = select(breaks.c.opened_at).where(breaks.c.id == before).scalar_subquery()
        query = query.where(or_(breaks.c.opened_at < edge, and_(breaks.c.opened_at == edge, breaks.c.id < before)))
    return [as_break(row) for row in conn.execute(query).mappings()]


def crossing(conn: Connection, channel: str, day: date) -> list[Break]:
    """Open 跨日 breaks of a day."""
    query = select(breaks).where(
        breaks.c.channel == channel,
        breaks.c.day_on == day,
        breaks.c.side == Side.PLATFORM.value,
        breaks.c.state == "open",
        breaks.c.kind == BreakKind.CROSS_DAY.value,
    )
    return [as_break(row) for row in conn.execute(query).mappings()]


# --- what bills say, and what lives ---------------------------------------------------------------------------------


def terms(conn: Connection, owners: Mapping[str, Owner]) -> dict[str, Terms]:
    """The collecting units and income items of these codes' bills."""
    units: dict[str, set[str]] = {}
    for chunk in _chunks(owner.authority for owner in owners.values()):
        query = select(collecting_unit.c.authority, collecting_unit.c.unit_code).where(
            collecting_unit.c.authority.in_(chunk)
        )
        for authority, unit_code in conn.execute(query):
            units.setdefault(authority, set()).add(unit_code)
    items: dict[str, set[str]] = {}
    for chunk in _chunks(owner.payment_id for owner in owners.values()):
        lines = select(payment_line.c.payment_id, payment_line.c.item_code).where(payment_line.c.payment_id.in_(chunk))
        for payment_id, item_code in conn.execute(lines):
            items.setdefault(payment_id, set()).add(item_code)
    return {
        code: Terms(frozenset(units.get(owner.authority, ())), frozenset(items.get(owner.payment_id, ())))
        for code, owner in owners.items()
    }


def without_receipt(conn: Connection, channel: str, start: int, end: int) -> list[tuple[str, str, str, int]]:
    """Payments paid from ``start`` up to ``end`` that have no receipt: code, payment, authority, fen."""
    received = exists().where(
        fiscal_receipt.c.payment_id == payment.c.id, fiscal_receipt.c.status.in_(("ISSUED", "REVERSED"))
    )
    query = (
        select(payment.c.code, payment.c.id, payment.c.authority, payment.c.amount)
        .where(payment.c.channel == channel, payment.c.paid_at >= start, payment.c.paid_at < end, ~received)
        .order_by(payment.c.id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in conn.execute(query)]


@dataclass(frozen=True)
class ChannelDay:
    """Codes of a channel on a day: (number, fen) that began to live, ended, and live at the cut-off."""

    issued: tuple[int, int]
    closed: tuple[int, int]
    open: tuple[int, int]


def count_codes(conn: Connection, channel: str, start: int, end: int) -> ChannelDay:
    """Issued and closed from ``start`` up to ``end``, and open at ``end`` (microseconds), each counted by itself."""
    issued, closed = payment_code.c.issued_at, payment_code.c.closed_at

    def count(*conditions: Any) -> tuple[int, int]:
        query = (
            select(func.count(), func.coalesce(func.sum(payment.c.amount), 0))
            .select_from(payment_code)
            .join(payment, payment.c.id == payment_code.c.payment_id)
            .where(payment_code.c.channel == channel, issued.is_not(None), *conditions)
        )
        number, amount = conn.execute(query).one()
        return int(number), int(amount)

    return ChannelDay(
        count(issued >= start, issued < end),
        count(closed >= start, closed < end),
        count(issued < end, or_(closed.is_(None), closed >= end)),
    )


def day_of_channel(conn: Connection, channel: str, day: date) -> ChannelDay | None:
    """What was counted for a day."""
    row = (
        conn.execute(select(channel_day).where(channel_day.c.channel == channel, channel_day.c.day_on == day))
        .mappings()
        .first()
    )
    if row is None:
        return None
    return ChannelDay(
        (row["issued"], row["issued_amount"]), (row["closed"], row["closed_amount"]), (row["open"], row["open_amount"])
    )


def keep_day(conn: Connection, channel: str, day: date, counted: ChannelDay, now: int) -> None:
    """Keep what was counted, in place of an earlier count."""
    values = {
        "issued": counted.issued[0],
        "issued_amount": counted.issued[1],
        "closed": counted.closed[0],
        "closed_amount": counted.closed[1],
        "open": counted.open[0],
        "open_amount": counted.open[1],
        "counted_at": now,
    }
    same = and_(channel_day.c.channel == channel, channel_day.c.day_on == day)
    if conn.execute(update(channel_day).where(same).values(**values)).rowcount == 0:
        conn.execute(insert(channel_day), {"channel": channel, "day_on": day, **values})


def line_of(
    conn: Connection, channel: str, code: str, bank_serial: str, side: Side = Side.PLATFORM
) -> RowMapping | None:
    """A side's current line about this money, with the day and version of its statement."""
    query = (
        select(statement_line, statement.c.day_on, statement.c.version)
        .join(statement, statement.c.id == statement_line.c.statement_id)
        .where(
            statement.c.channel == channel,
            statement.c.side == side.value,
            statement.c.superseded_at.is_(None),
            statement_line.c.kind == "paid",
            statement_line.c.code == code,
            statement_line.c.bank_serial == bank_serial,
        )
    )
    return conn.execute(query.order_by(statement.c.day_on)).mappings().first()


def runs_of(conn: Connection, channel: str, day: date, side: Side) -> list[str]:
    """The runs of a side of a channel's day."""
    mine = and_(
        reconciliation_run.c.channel == channel,
        reconciliation_run.c.day_on == day,
        reconciliation_run.c.side == side.value,
    )
    return list(conn.execute(select(reconciliation_run.c.id).where(mine)).scalars())


def days_without_run(conn: Connection, channel: str, first: date, last: date) -> list[date]:
    """Days from ``first`` to ``last`` that the platform's statement was not matched for after they had ended."""
    query = select(reconciliation_run.c.day_on).where(
        reconciliation_run.c.channel == channel,
        reconciliation_run.c.side == Side.PLATFORM.value,
        reconciliation_run.c.state == "done",
        reconciliation_run.c.provisional.is_(False),
        reconciliation_run.c.day_on.between(first, last),
    )
    done = set(conn.execute(query).scalars())
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [day for day in every if day not in done]


def days_missed(conn: Connection, channel: str, first: date, last: date) -> list[date]:
    """``days_without_run``, from the channel's first run on, whatever became of that."""
    query = select(func.min(reconciliation_run.c.day_on)).where(
        reconciliation_run.c.channel == channel, reconciliation_run.c.side == Side.PLATFORM.value
    )
    begin = conn.execute(query).scalar_one_or_none()
    return [] if begin is None else [day for day in days_without_run(conn, channel, first, last) if day >= begin]


# --- what a second person confirms ----------------------------------------------------------------------------------


def add_action(conn: Connection, **values: Any) -> None:
    """Keep what somebody proposes."""
    conn.execute(insert(break_action), values)


def fetch_action(conn: Connection, id: str) -> RowMapping | None:
    """One proposal, with where its refund stands."""
    return conn.execute(_ACTIONS.where(break_action.c.id == id)).mappings().first()


def actions_of(conn: Connection, id: str) -> Sequence[RowMapping]:
    """What was proposed about a break, oldest first, with where each refund stands."""
    return conn.execute(_ACTIONS.where(break_action.c.break_id == id).order_by(break_action.c.id)).mappings().all()


def withdraw_actions(conn: Connection, break_id: str) -> None:
    """What was proposed about a break has been settled, or overtaken, elsewhere."""
    mine = and_(break_action.c.break_id == break_id, break_action.c.state == "proposed")
    conn.execute(update(break_action).where(mine).values(state="withdrawn"))


def move_action(conn: Connection, id: str, **values: Any) -> bool:
    """Confirm or withdraw; False when it is not proposed any more."""
    mine = and_(break_action.c.id == id, break_action.c.state == "proposed")
    return conn.execute(update(break_action).where(mine).values(**values)).rowcount == 1


def month_of(day: date) -> str:
    """The month of a day as it is closed: 2026-09."""
    return f"{day:%Y-%m}"


def closed_month(conn: Connection, channel: str, month: str) -> RowMapping | None:
    """The close of a month that still holds."""
    query = select(month_close).where(
        month_close.c.channel == channel, month_close.c.month == month, month_close.c.state != "reopened"
    )
    return conn.execute(query).mappings().first()


def fetch_close(conn: Connection, id: str) -> RowMapping | None:
    """One close of a month."""
    return conn.execute(select(month_close).where(month_close.c.id == id)).mappings().first()


def close_of_days(conn: Connection, channel: str, first: date, last: date) -> RowMapping | None:
    """The close that still holds, where these days are exactly its month."""
    ends = first.day == 1 and month_of(first) == month_of(last) != month_of(last + timedelta(days=1))
    return closed_month(conn, channel, month_of(first)) if ends else None


def search_closes(
    conn: Connection, channels: Collection[str], *, before: str | None = None, limit: int = 50
) -> Sequence[RowMapping]:
    """Closes of these channels, newest first; ``before`` is the id at which the previous page ended."""
    query = select(month_close).where(month_close.c.channel.in_(channels)).order_by(month_close.c.id.desc())
    if before is not None:
        query = query.where(month_close.c.id < before)
    return conn.execute(query.limit(limit)).mappings().all()


def torn_days(conn: Connection, channel: str, first: date, last: date) -> list[date]:
    """Days whose open codes do not follow from the day before, and that no break of continuity names."""
    query = select(channel_day).where(
        channel_day.c.channel == channel, channel_day.c.day_on.between(first - timedelta(days=1), last)
    )
    days = {row["day_on"]: row for row in conn.execute(query).mappings()}
    named = select(breaks.c.day_on).where(
        breaks.c.channel == channel,
        breaks.c.kind == BreakKind.CONTINUITY.value,
        breaks.c.state.in_(("open", "resolved")),
        breaks.c.day_on.between(first, last),
    )
    known = set(conn.execute(named).scalars())
    torn = []
    for day, row in sorted(days.items()):
        before = days.get(day - timedelta(days=1))
        if before is None or day in known:
            continue
        for count in ("", "_amount"):
            if before[f"open{count}"] + row[f"issued{count}"] - row[f"closed{count}"] != row[f"open{count}"]:
                torn.append(day)
                break
    return torn


def add_close(conn: Connection, **values: Any) -> None:
    """Close a month."""
    conn.execute(insert(month_close), values)


def move_close(conn: Connection, id: str, was: str, **values: Any) -> bool:
    """Compare-and-set on the state of a close."""
    mine = and_(month_close.c.id == id, month_close.c.state == was)
    return conn.execute(update(month_close).where(mine).values(**values)).rowcount == 1


def breaks_between(
    conn: Connection, channel: str, first: date, last: date, authorities: Collection[str] | None = None
) -> list[Break]:
    """All breaks of the days from ``first`` to ``last``, by day."""
    query = select(breaks).where(breaks.c.channel == channel, breaks.c.day_on.between(first, last))
    if authorities is not None:
        query = query.where(breaks.c.authority.in_(authorities))
    ordered = query.order_by(breaks.c.day_on, breaks.c.kind, breaks.c.code, breaks.c.bank_serial)
    return [as_break(row) for row in conn.execute(ordered).mappings()]


def dates(conn: Connection, channel: str, codes: Iterable[str]) -> dict[Key, tuple[date | None, date | None]]:
    """When money was cleared 清算 and when it came into the treasury 入库: the days of the statements that have it."""
    found: dict[Key, tuple[date | None, date | None]] = {}
    for chunk in _chunks(codes):
        query = (
            select(statement_line.c.code, statement_line.c.bank_serial, statement.c.side, statement.c.day_on)
            .join(statement, statement.c.id == statement_line.c.statement_id)
            .where(
                statement.c.channel == channel,
                statement.c.side != Side.PLATFORM.value,
                statement.c.superseded_at.is_(None),
                statement_line.c.kind == "paid",
                statement_line.c.code.in_(chunk),
            )
        )
        for code, serial, side, day in conn.execute(query):
            cleared, treasury = found.get((code, serial), (None, None))
            found[code, serial] = (day, treasury) if side == Side.BANK.value else (cleared, day)
    return found


def _chunks(values: Iterable[str]) -> list[Sequence[str]]:
    every = sorted(set(values))
    return [every[start : start + _CHUNK] for start in range(0, len(every), _CHUNK)]
