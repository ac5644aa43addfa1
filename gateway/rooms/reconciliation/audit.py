"""What must stand of statements, and of what only a statement tells. Pure but for reading the rows.

The digest of a statement's lines goes into the chain when the statement is kept; money and refunds that only a
statement tells of stand in its lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, exists, select

from gateway.foundation.books import Amiss, Books, Said
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.payments.tables import collection
from gateway.rooms.reconciliation.lines import FIELD, LINE, NUMBER
from gateway.rooms.reconciliation.tables import statement, statement_line
from gateway.rooms.refunds.tables import refund
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class Told:
    """A statement as it stands: its digest, and that of the lines that are there."""

    id: str
    digest: bytes
    of_lines: bytes


@dataclass(frozen=True, slots=True)
class FromStatement:
    """Money, or a refund, that only a statement tells of; ``stands``: in a line, to the fen."""

    id: str
    serial: str
    stands: bool


def _statements(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[Told]:  # noqa: ARG001
    query = select(statement.c.id, statement.c.digest).where(statement.c.id > after).order_by(statement.c.id)
    found = conn.execute(query.limit(min(most, 10))).all()  # a statement may have a million lines
    return [Told(one.id, bytes(one.digest), _digest(conn, one.id)) for one in found]


def _digest(conn: Connection, statement_id: str) -> bytes:
    """``statement.digest`` over the lines that are kept."""
    rows = conn.execute(select(statement_line).where(statement_line.c.statement_id == statement_id))
    words = (
        FIELD.join(
            (
                f"{row.kind}{NUMBER}{row.refund_number}" if row.refund_number else row.kind,
                row.code,
                row.bank_serial,
                row.reference,
                str(row.amount),
                str(row.paid_at),
                row.unit_code,
                *row.item_codes,
            )
        )
        for row in rows
    )
    return sm3(LINE.join(sorted(words)).encode())


def must(one: Told, said: Said) -> Iterator[Amiss]:
    """What is amiss with a statement."""
    noted = [told.get("digest") for action, told in said.notes if action == "statement"]
    if noted != [one.digest.hex()]:
        yield Amiss(say("books.statement_unproven"))
    if one.of_lines != one.digest:
        yield Amiss(say("books.statement_lines"))


def _money(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[FromStatement]:  # noqa: ARG001
    line, one = statement_line.c, collection.c
    there = exists(
        select(line.line).where(
            statement.c.id == line.statement_id,
            statement.c.channel == one.channel,
            line.kind == "paid",
            line.code == one.code,
            line.bank_serial == one.bank_serial,
            line.amount == one.amount,
            line.paid_at == one.paid_at,
        )
    )
    query = select(one.id, one.bank_serial, there).where(one.id > after, one.source == "statement")
    return [FromStatement(*row) for row in conn.execute(query.order_by(one.id).limit(most))]


def _refunds(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[FromStatement]:  # noqa: ARG001
    line, one = statement_line.c, refund.c
    there = exists(
        select(line.line).where(
            statement.c.id == line.statement_id,
            statement.c.channel == one.channel,
            line.kind == "refunded",
            line.code == one.code,
            line.bank_serial == one.returned_serial,
            line.amount == one.amount,
        )
    )
    query = select(one.id, one.returned_serial, there).where(one.id > after, one.returned_serial.is_not(None))
    return [FromStatement(*row) for row in conn.execute(query.order_by(one.id).limit(most))]


def must_stand(one: FromStatement, said: Said) -> Iterator[Amiss]:  # noqa: ARG001
    """What only a statement tells of stands in one."""
    if not one.stands:
        yield Amiss(say("books.no_line", serial=one.serial))


BOOKS = (
    Books("statements", _statements, lambda one: one.id, lambda one: (one.id,), must, statement.c.id, "stm"),
    Books("collections", _money, lambda one: one.id, lambda _: (), must_stand),
    Books("refunds", _refunds, lambda one: one.id, lambda _: (), must_stand),
)
