"""Retention's SQL: what has aged, what was written of it, and what may leave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    delete,
    false,
    func,
    insert,
    select,
    tuple_,
    update,
)

from gateway.foundation.store import lines
from gateway.foundation.store.rows import reader
from gateway.foundation.terms import Matter, Term
from gateway.rooms.retention.matters import open_among
from gateway.rooms.retention.tables import archive_part, retention_mark

Key = tuple[Any, ...]
Found = Mapping[str, Any]
"""A row by the names of its columns."""


@dataclass(frozen=True)
class Aged:
    """Rows that were looked at. ``lines``: those that may go, by table. ``old``: how many were old enough.

    ``sure``: the key up to which all were; None: the first was not. ``last``: the key of the last row that was looked
    at; None where there may be none behind it that is old enough. ``whole``: all were old enough.
    """

    lines: Mapping[Table, Sequence[bytes]]
    old: int
    sure: list[Any] | None
    last: list[Any] | None
    whole: bool


@dataclass(frozen=True)
class PartRow:
    """A part of the archive as the database knows it. ``removed_at`` None: its rows are about to leave."""

    what: str
    number: int
    rows: int
    manifest: str
    written_at: int
    removed_at: int | None
    removed: int | None


_part = reader(PartRow)


def aged(
    conn: Connection, term: Term, matters: Sequence[Matter], before: int, after: Sequence[Any] | None, most: int
) -> Aged:
    """The next rows behind ``after`` that are older than ``before`` (microseconds), at most so many looked at.

    Keys grow with time, but not strictly: one page in which no row is old enough ends the walk.
    """
    query = _with_stays(term).order_by(*term.order).limit(most)
    if after is not None:
        query = query.where(_tuple(term.order) > _values(after))
    rows = _rows(conn, query)
    assert term.age is not None
    age = term.age.name
    old = [row for row in rows if row[age] < before]
    going = _free(conn, term, matters, old)
    content = {term.tables[0]: [lines.written(term.tables[0], row) for row in going]}
    for table in term.tables[1:]:
        content[table] = [lines.written(table, row) for row in _children(conn, term, table, going)]
    sure = len(list(takewhile(lambda row: row[age] < before, rows)))
    return Aged(
        content,
        len(old),
        _key(term, rows[sure - 1]) if sure else None,
        _key(term, rows[-1]) if old and len(rows) == most else None,
        len(old) == len(rows),
    )


def count_aged(conn: Connection, term: Term, before: int, after: Sequence[Any] | None) -> int:
    """How many rows behind ``after`` are older than ``before``, open matters among them."""
    assert term.age is not None
    query = select(func.count()).select_from(term.tables[0]).where(term.age < before)
    if after is not None:
        query = query.where(_tuple(term.order) > _values(after))
    return int(conn.execute(query).scalar_one())


def remove(
    conn: Connection,
    term: Term,
    matters: Sequence[Matter],
    some: Sequence[bytes],
    along: Mapping[Table, Collection[bytes]],
) -> int:
    """Delete the rows of these lines that are still as they were archived, and whose matter is not open; how many.

    ``along``: the archived lines of the other tables. A row stays where one that refers to it is not among them.
    """
    root, keys = term.tables[0], _keys(term.tables[0])
    wanted = [tuple(row[one.name] for one in keys) for row in (lines.read(root, line) for line in some)]
    kept = set(some)
    found = _rows(conn, _with_stays(term).where(_among(keys, wanted)))
    rows = [row for row in _free(conn, term, matters, found) if lines.written(root, row) in kept]
    children: dict[Table, list[Found]] = {}
    for table in term.tables[1:]:
        children[table] = _children(conn, term, table, rows)
        pairs = _pairs(table, root)
        strange = {
            tuple(row[ours.name] for ours, _ in pairs)
            for row in children[table]
            if lines.written(table, row) not in along.get(table, ())
        }
        rows = [row for row in rows if tuple(row[theirs.name] for _, theirs in pairs) not in strange]
    gone = 0
    for table in reversed(term.tables[1:]):
        pairs = _pairs(table, root)
        going = {tuple(row[theirs.name] for _, theirs in pairs) for row in rows}
        these = [row for row in children[table] if tuple(row[ours.name] for ours, _ in pairs) in going]
        gone += _delete(conn, table, these)
    return gone + _delete(conn, root, rows)


# --- parts and marks --------------------------------------------------------------------------------------------------


def next_number(conn: Connection, what: str) -> int:
    """The number of the next part."""
    return (
        int(conn.execute(select(func.coalesce(func.max(archive_part.c.number), 0)).where(_of(what))).scalar_one()) + 1
    )


def keep_part(conn: Connection, part: PartRow) -> None:
    """A part was written: its rows may leave the database."""
    conn.execute(insert(archive_part).values(vars(part)))


def unfinished(conn: Connection, what: str) -> PartRow | None:
    """The part whose rows have not all left."""
    query = select(archive_part).where(_of(what), archive_part.c.removed_at.is_(None))
    row = conn.execute(query.order_by(archive_part.c.number).limit(1)).mappings().first()
    return None if row is None else _part(row)


def finish_part(conn: Connection, part: PartRow, removed: int, now: int) -> None:
    """Its rows have left, as far as they had not changed."""
    mine = update(archive_part).where(_of(part.what), archive_part.c.number == part.number)
    conn.execute(mine.values(removed_at=now, removed=removed))


def parts(conn: Connection, what: str) -> list[PartRow]:
    """Every part of one kind, the oldest first."""
    query = select(archive_part).where(_of(what)).order_by(archive_part.c.number)
    return [_part(row) for row in conn.execute(query).mappings()]


def mark(conn: Connection, what: str) -> list[Any] | None:
    """The key up to which rows were looked at; None: none were."""
    found: list[Any] | None = conn.execute(
        select(retention_mark.c.place).where(retention_mark.c.what == what)
    ).scalar_one_or_none()
    return found


def move_mark(conn: Connection, what: str, place: list[Any], now: int) -> None:
    """Rows were looked at up to here."""
    mine = update(retention_mark).where(retention_mark.c.what == what).values(place=place, moved_at=now)
    if conn.execute(mine).rowcount == 0:
        conn.execute(insert(retention_mark).values(what=what, place=place, moved_at=now))


# --- inside -----------------------------------------------------------------------------------------------------------


def _of(what: str) -> ColumnElement[bool]:
    return archive_part.c.what == what


def _with_stays(term: Term) -> Select[Any]:
    return select(term.tables[0], (false() if term.stays is None else term.stays).label("kept_here"))


def _key(term: Term, row: Found) -> list[Any]:
    return [row[column.name] for column in term.order]


def _rows(conn: Connection, query: Select[Any]) -> list[Found]:
    return [dict(row) for row in conn.execute(query).mappings()]


def _free(conn: Connection, term: Term, matters: Sequence[Matter], rows: Sequence[Found]) -> list[Found]:
    """Rows that nothing keeps: no rule of their own, and no open matter."""
    free = [row for row in rows if not row["kept_here"]]
    if term.subject is None:
        return free
    name = term.subject.name
    held = open_among(conn, matters, {row[name] for row in free if row[name] is not None})
    return [row for row in free if row[name] not in held]


def _children(conn: Connection, term: Term, table: Table, rows: Sequence[Found]) -> list[Found]:
    """The rows of another table of a term that refer to these."""
    pairs = _pairs(table, term.tables[0])
    wanted = [tuple(row[theirs.name] for _, theirs in pairs) for row in rows]
    ours = [one for one, _ in pairs]
    found: list[Found] = []
    for first in range(0, len(wanted), lines.ROWS):
        query = select(table).where(_among(ours, wanted[first : first + lines.ROWS]))
        found += _rows(conn, query.order_by(*_keys(table)))
    return found


def _pairs(table: Table, root: Table) -> list[tuple[Column[Any], Column[Any]]]:
    """How a table refers to another: its columns with those of the other's key, which have the same names."""
    return [(table.c[one.name], one) for one in _keys(root)]


def _delete(conn: Connection, table: Table, rows: Iterable[Found]) -> int:
    keys = _keys(table)
    wanted = [tuple(row[one.name] for one in keys) for row in rows]
    gone = 0
    for first in range(0, len(wanted), lines.ROWS):
        gone += conn.execute(delete(table).where(_among(keys, wanted[first : first + lines.ROWS]))).rowcount
    return gone


def _keys(table: Table) -> list[Column[Any]]:
    return list(table.primary_key.columns)


def _among(columns: Sequence[Column[Any]], wanted: Sequence[Key]) -> ColumnElement[bool]:
    """Whether a row's key is one of these. By the columns one at a time as well, which is what an index is used for."""
    if len(columns) == 1:
        return columns[0].in_([one for (one,) in wanted])
    return and_(columns[0].in_(sorted({one[0] for one in wanted})), tuple_(*columns).in_(wanted))


def _tuple(columns: Sequence[Column[Any]]) -> ColumnElement[Any]:
    return columns[0] if len(columns) == 1 else tuple_(*columns)


def _values(after: Sequence[Any]) -> Any:
    return after[0] if len(after) == 1 else tuple(after)
