"""Where rows lie under a key: tables with sealed columns, and columns of blind indexes.

A page of rows is looked at outside of the writer, a few rows and at most a mebibyte. What is written back is compared
and set: whoever changed a row meanwhile has written it under the current key already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select, tuple_, update

from gateway.foundation import rooms
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import INDEX_KEY, MAC_BYTES, WRAPPING_KEY, key_id, numbered
from gateway.foundation.delivery.tables import access_token
from gateway.foundation.rotation.indexed import Indexed
from gateway.foundation.store.all_tables import all_tables

SEALED: Final = "_sealed"
_ROWS: Final = 64
_BYTES: Final = 1 << 20
_KID_AT: Final = 4
"""Where a sealed value names its key, counted from 1: behind format, algorithm and the length of the name."""


@dataclass(frozen=True)
class Move:
    """One value that is to be written under the current key."""

    column: str
    row: tuple[Any, ...]
    old: bytes
    new: bytes


@dataclass(frozen=True)
class Page:
    """Some rows after a cursor: what is to be moved, and where the next page begins (None: that was the last one)."""

    moves: Sequence[Move]
    rows: int
    cursor: str | None


@dataclass(frozen=True)
class Place:
    """One table as far as a key concerns it. ``name``: by which it is remembered how far the work has come."""

    name: str
    key: str
    table: Table
    indexed: Indexed | None = None

    @cached_property
    def columns(self) -> tuple[Any, ...]:
        """The columns that are moved."""
        if self.indexed is not None:
            return (self.indexed.column,)
        return tuple(column for column in self.table.c if column.name.endswith(SEALED))

    def under_another(self, number: int) -> ColumnElement[bool]:
        """The condition for rows of which something lies under another key than this one."""
        if self.indexed is not None:
            column = self.indexed.column
            tail = numbered(b"", number)
            return and_(func.length(column) >= MAC_BYTES, func.substr(column, MAC_BYTES + 1) != tail)
        kid = key_id(WRAPPING_KEY, number).encode()
        return or_(
            *(and_(column.is_not(None), func.substr(column, _KID_AT, len(kid)) != kid) for column in self.columns)
        )

    def count(self, conn: Connection, number: int) -> int:
        """How many rows lie under another key."""
        query = select(func.count()).select_from(self.table).where(self.under_another(number))
        return int(conn.execute(query).scalar_one())

    def page(self, conn: Connection, envelope: Envelope, number: int, cursor: str | None) -> Page:
        """The next rows that lie under another key, with what they are to be.

        Raises EnvelopeError for one that cannot be opened: such a row keeps its old key from being retired.
        """
        found = conn.execute(self._next(number, cursor)).all()
        if not found:
            return Page((), 0, None)
        taken, size = 0, 0
        for row in found:
            size += row[-1] or 0
            if taken and size > _BYTES:
                break
            taken += 1
        last = json.dumps(list(found[taken - 1][:-1]))
        rows = conn.execute(self._those(number, cursor, last)).mappings().all()
        moves = [move for row in rows for move in self._moves(envelope, row, number)]
        more = taken < len(found) or len(found) == _ROWS
        return Page(moves, len(rows), last if more else None)

    def write(self, conn: Connection, moves: Iterable[Move]) -> None:
        """Write what was moved, where it is still what it was."""
        for one in moves:
            column = self.table.c[one.column]
            known = [key == value for key, value in zip(self._key, one.row, strict=True)]
            conn.execute(update(self.table).where(*known, column == one.old).values({column: one.new}))
            for other, names in self.indexed.follows if self.indexed is not None else ():
                beside = (names == one.row[0], other == one.old)
                conn.execute(update(other.table).where(*beside).values({other: one.new}))

    @property
    def _key(self) -> tuple[Any, ...]:
        return tuple(self.table.primary_key)

    def _after(self, cursor: str | None) -> list[ColumnElement[bool]]:
        return [] if cursor is None else [tuple_(*self._key) > tuple_(*json.loads(cursor))]

    def _next(self, number: int, cursor: str | None) -> Any:
        sizes: Iterable[ColumnElement[int]] = (func.coalesce(func.length(column), 0) for column in self.columns)
        size = reduce(add, sizes)
        query = select(*self._key, size.label("size")).where(self.under_another(number), *self._after(cursor))
        return query.order_by(*self._key).limit(_ROWS)

    def _those(self, number: int, cursor: str | None, last: str) -> Any:
        wanted = (self.under_another(number), tuple_(*self._key) <= tuple_(*json.loads(last)), *self._after(cursor))
        return select(self.table).where(*wanted).order_by(*self._key)

    def _moves(self, envelope: Envelope, row: Mapping[Any, Any], number: int) -> Iterable[Move]:
        key = tuple(row[one.name] for one in self._key)
        if self.indexed is not None:
            name = self.indexed.column.name
            yield Move(name, key, bytes(row[name]), self.indexed.again(envelope, row))
            return
        kid = key_id(WRAPPING_KEY, number)
        for column in self.columns:
            value = row[column.name]
            if value is not None and envelope.key_id(bytes(value)) != kid:
                yield Move(column.name, key, bytes(value), envelope.rewrap(bytes(value)))


TOKENS: Final = Indexed(access_token.c.account, lambda _envelope, _row: b"")
"""The account of an access token is known to whoever calls, not here: its channel fetches another token."""


def places_of_rooms() -> tuple[Place, ...]:
    """Every place of every key, with the indexes that the installed rooms bring."""
    brought = (room.place(room.indexes) for room in rooms.found() if room.indexes is not None)
    return places(one for those in brought for one in those)


def places(indexes: Iterable[Indexed]) -> tuple[Place, ...]:
    """Every place of every key, tables with sealed columns first."""
    found = [
        Place(table.name, WRAPPING_KEY, table)
        for table in all_tables().sorted_tables
        if any(column.name.endswith(SEALED) for column in table.c)
    ]
    for one in (TOKENS, *indexes):
        found.append(Place(f"{one.column.table.name}.{one.column.name}", INDEX_KEY, one.column.table, one))
    return tuple(found)
