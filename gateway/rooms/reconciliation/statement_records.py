"""Statements 对账文件 as they were told, every version of them: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Literal

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from gateway.foundation.store.rows import columns, reader
from gateway.rooms.reconciliation.chunks import chunks
from gateway.rooms.reconciliation.matching import Key, Side
from gateway.rooms.reconciliation.statement import Statement
from gateway.rooms.reconciliation.tables import statement, statement_line
from gateway.words.clock import to_micros


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """What a side told of a channel's day. ``amount``: fen of its paid lines. ``origin``: the file's name, if any.

    A changed statement of a day is a new ``version``; the one before has ``superseded_at`` in microseconds.
    """

    id: str
    channel: str
    side: Side
    origin: str
    day_on: date
    version: int
    lines: int
    amount: int
    digest: bytes
    fetched_at: int
    superseded_at: int | None = None


@dataclass(frozen=True, slots=True)
class KeptLine:
    """One line of a statement, fen and microseconds, with the day and version of the statement that it stands in."""

    statement_id: str
    line: int
    kind: Literal["paid", "refunded"]
    code: str
    bank_serial: str
    reference: str
    amount: int
    paid_at: int
    unit_code: str
    item_codes: tuple[str, ...]
    refund_number: str
    day_on: date
    version: int


_ADD_LINES = insert(statement_line)
_AT_ONCE = 10_000  # a million rows as dictionaries take a gigabyte
_CURRENT = and_(
    statement.c.channel == bindparam("channel"),
    statement.c.side == bindparam("side"),
    statement.c.day_on == bindparam("day"),
    statement.c.superseded_at.is_(None),
)
_read = reader(KeptStatement)
_read_line = reader(KeptLine)


def keep(conn: Connection, told: Statement, kept: KeptStatement) -> tuple[str, KeptStatement | None]:
    """Keep what a side told; the same again is the same record, anything else a new version.

    ``kept`` is the record as it would be for the first version. Returns its id, and the version before if this one
    changes it.
    """
    before = fetch_current(conn, kept.channel, kept.side, kept.day_on)
    if before is not None:
        if before.digest == kept.digest:
            return before.id, None
        ended = update(statement).where(statement.c.id == before.id).values(superseded_at=kept.fetched_at)
        conn.execute(ended)
        kept = replace(kept, version=before.version + 1)
    conn.execute(insert(statement), columns(kept))
    rows = (
        {
            "statement_id": kept.id,
            "line": number,
            "kind": line.kind,
            "code": line.code,
            "bank_serial": line.bank_serial,
            "reference": line.reference,
            "amount": line.amount,
            "paid_at": to_micros(line.paid_at),
            "unit_code": line.unit_code,
            "item_codes": list(line.item_codes),
            "refund_number": line.refund_number or "",
        }
        for number, line in enumerate(told.lines, start=1)
    )
    while some := list(islice(rows, _AT_ONCE)):
        conn.execute(_ADD_LINES, some)
    return kept.id, before


def fetch_current(conn: Connection, channel: str, side: Side, day: date) -> KeptStatement | None:
    """What this side says of the day now."""
    at = {"channel": channel, "side": side.value, "day": day}
    row = conn.execute(select(statement).where(_CURRENT), at).mappings().first()
    return None if row is None else _read(row)


def day_before(conn: Connection, channel: str, side: Side, day: date) -> date | None:
    """The last day before this one of which this side has told."""
    query = select(func.max(statement.c.day_on)).where(
        statement.c.channel == channel, statement.c.side == side.value, statement.c.day_on < day
    )
    return conn.execute(query).scalar_one_or_none()


def paid_amounts(
    conn: Connection,
    channel: str,
    codes: Iterable[str],
    *,
    besides: date | None = None,
    side: Side = Side.PLATFORM,
) -> dict[Key, int]:
    """What current statements say about these codes: amounts in fen; ``besides`` leaves one day out."""
    found: dict[Key, int] = {}
    for chunk in chunks(codes):
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


def fetch_line(
    conn: Connection, channel: str, code: str, bank_serial: str, side: Side = Side.PLATFORM
) -> KeptLine | None:
    """A side's current line about this money."""
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
    row = conn.execute(query.order_by(statement.c.day_on)).mappings().first()
    return None if row is None else _read_line(row)


def dates(conn: Connection, channel: str, codes: Iterable[str]) -> dict[Key, tuple[date | None, date | None]]:
    """When money was cleared 清算 and when it came into the treasury 入库: the days of the statements that have it."""
    found: dict[Key, tuple[date | None, date | None]] = {}
    for chunk in chunks(codes):
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
