"""Storing and reading statements, runs and breaks: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, insert, or_, select, update

from gateway.clock import to_micros
from gateway.crypto.sm import sm3
from gateway.identifiers import new_id
from gateway.reconciliation.matching import BreakKind, Key
from gateway.reconciliation.statement import Statement
from gateway.store.tables.reconciliation import breaks, reconciliation_run, statement, statement_line

_CHUNK = 500
_ADD_LINES = insert(statement_line)
_ADD_BREAK = insert(breaks)
_CURRENT = and_(
    statement.c.channel == bindparam("channel"),
    statement.c.day_on == bindparam("day"),
    statement.c.superseded_at.is_(None),
)


@dataclass(frozen=True)
class Break:
    """A difference 差错. Amounts in fen, instants in microseconds. ``closed_by`` is empty when a run closed it."""

    id: str
    channel: str
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


@dataclass(frozen=True)
class Run:
    """One reconciliation of one channel and day, as it ended. Instants in microseconds, amounts in fen.

    ``matched`` counts money that agrees on both sides; ``healed``, part of it or of the breaks, was learnt from the
    statement; ``waiting`` is ours only while the platform's day lasts; ``breaks`` are open.
    """

    id: str
    channel: str
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


def break_id(channel: str, day: date, kind: BreakKind, key: Key) -> str:
    """The same difference has the same id in every run, in every database."""
    return "brk_" + sm3("\x1f".join((channel, day.isoformat(), kind.value, *key)).encode())[:16].hex()


# --- statements -----------------------------------------------------------------------------------------------------


def keep_statement(conn: Connection, channel: str, told: Statement, now: int) -> str:
    """Keep what the platform told; the same again is the same record, anything else a new version. Returns its id."""
    known = conn.execute(select(statement).where(_CURRENT), {"channel": channel, "day": told.day}).mappings().first()
    if known is not None and bytes(known["digest"]) == told.digest:
        return str(known["id"])
    if known is not None:
        conn.execute(update(statement).where(statement.c.id == known["id"]).values(superseded_at=now))
    statement_id = new_id("stm")
    conn.execute(
        insert(statement),
        {
            "id": statement_id,
            "channel": channel,
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
    return statement_id


def told(conn: Connection, channel: str, codes: Iterable[str], *, besides: date | None = None) -> dict[Key, int]:
    """What current statements say about these codes: amounts in fen; ``besides`` leaves one day out."""
    found: dict[Key, int] = {}
    for chunk in _chunks(codes):
        query = (
            select(statement_line.c.code, statement_line.c.bank_serial, statement_line.c.amount)
            .join(statement, statement.c.id == statement_line.c.statement_id)
            .where(
                statement.c.channel == channel,
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
    conn: Connection, *, channel: str | None = None, day: date | None = None, before: str | None = None, limit: int = 50
) -> list[Run]:
    """Runs, newest first."""
    query = select(reconciliation_run).order_by(reconciliation_run.c.id.desc()).limit(limit)
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


def breaks_of_day(conn: Connection, channel: str, day: date) -> dict[str, Break]:
    """All breaks of a channel's day by id, whatever their state."""
    rows = conn.execute(select(breaks).where(breaks.c.channel == channel, breaks.c.day_on == day)).mappings()
    return {row["id"]: as_break(row) for row in rows}


def open_elsewhere(conn: Connection, channel: str, day: date, codes: Iterable[str]) -> list[Break]:
    """Open "ours only" breaks of other days on these codes: this day's statement may explain them."""
    found = []
    for chunk in _chunks(codes):
        query = select(breaks).where(
            breaks.c.channel == channel,
            breaks.c.day_on != day,
            breaks.c.state == "open",
            breaks.c.kind == BreakKind.OURS_ONLY.value,
            breaks.c.code.in_(chunk),
        )
        found += [as_break(row) for row in conn.execute(query).mappings()]
    return found


def payments_with_open_breaks(conn: Connection, payment_ids: Iterable[str]) -> set[str]:
    """Which of these payments have an open break."""
    found: set[str] = set()
    for chunk in _chunks(payment_ids):
        query = select(breaks.c.payment_id).where(breaks.c.state == "open", breaks.c.payment_id.in_(chunk)).distinct()
        found.update(conn.execute(query).scalars())
    return found


def count_open(conn: Connection, channel: str, day: date) -> int:
    """Open breaks of a channel's day."""
    query = select(func.count()).where(breaks.c.channel == channel, breaks.c.day_on == day, breaks.c.state == "open")
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
    before: str | None = None,
    limit: int = 50,
) -> list[Break]:
    """Breaks, newest first; ``before`` is the id at which the previous page ended."""
    query = select(breaks).order_by(breaks.c.opened_at.desc(), breaks.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(breaks.c.authority.in_(authorities))
    exact = {"channel": channel, "day_on": day, "kind": kind and kind.value, "state": state, "payment_id": payment_id}
    for name, value in exact.items():
        if value is not None:
            query = query.where(breaks.c[name] == value)
    if before is not None:
        edge = select(breaks.c.opened_at).where(breaks.c.id == before).scalar_subquery()
        query = query.where(or_(breaks.c.opened_at < edge, and_(breaks.c.opened_at == edge, breaks.c.id < before)))
    return [as_break(row) for row in conn.execute(query).mappings()]


def _chunks(values: Iterable[str]) -> list[Sequence[str]]:
    every = sorted(set(values))
    return [every[start : start + _CHUNK] for start in range(0, len(every), _CHUNK)]
