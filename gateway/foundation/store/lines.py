"""A row as one line of JSON, and back: what backups and archives are made of, for any database and any reader.

Columns by their names; NULL is left out, bytes are base64, days are ISO 8601. What is of one server alone (a column
with ``info={HERE_ONLY: True}``) stays there. A ``Tally`` of lines does not depend on the order in which a database
gives them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    Insert,
    LargeBinary,
    Select,
    Table,
    bindparam,
    func,
    insert,
    select,
)

from gateway.foundation.store.base import HERE_ONLY

ROWS: Final = 1000
_DIGEST: Final = 1 << 256


class Tally:
    """How many lines there were, and a digest of them all: the sum of their SHA-256."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, line: bytes) -> None:
        """One more line."""
        self.rows += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line).digest())) % _DIGEST

    @property
    def digest(self) -> str:
        """64 hexadecimal digits; equal for the same lines in any order."""
        return f"{self._sum:064x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and (self.rows, self._sum) == (other.rows, other._sum)

    __hash__ = None  # type: ignore[assignment]  # it changes


def columns(table: Table) -> list[Column[Any]]:
    """The columns of a line."""
    return [column for column in table.columns if not column.info.get(HERE_ONLY)]


def written(table: Table, row: Mapping[str, Any]) -> bytes:
    """A row as a line, without its end."""
    fields = {one.name: _plain(row[one.name]) for one in columns(table) if row[one.name] is not None}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def read(table: Table, line: bytes) -> dict[str, Any]:
    """The row of a line, every column of it. Raises ValueError for what is no row of this table."""
    fields = json.loads(line)
    known = columns(table)
    if not isinstance(fields, dict) or not fields.keys() <= {one.name for one in known}:
        raise ValueError(f"no row of {table.name}")
    return {one.name: _typed(one, fields.get(one.name)) for one in known}


def rows_of(table: Table, conn: Connection) -> Iterator[list[dict[str, Any]]]:
    """All rows in the order of their keys, some at a time: a row comes after the one of its table that it follows."""
    return pages(conn, select(table).order_by(*table.primary_key.columns))


def pages(conn: Connection, query: Select[Any]) -> Iterator[list[dict[str, Any]]]:
    """What a query finds, some at a time."""
    for part in conn.execute(query.execution_options(yield_per=ROWS)).mappings().partitions():
        yield [dict(row) for row in part]


def insertion(table: Table) -> Insert:
    """An insert of whole rows, to be executed with a list of them.

    None is NULL in a column of JSON too, where an ordinary insert would write the word null.
    """
    typed = {one.name: bindparam(one.name, type_=JSON(none_as_null=True)) for one in columns(table) if _is_json(one)}
    return insert(table).values(typed) if typed else insert(table)


def tallied(table: Table, conn: Connection) -> Tally:
    """The lines of a table as it is now."""
    tally = Tally()
    for page in rows_of(table, conn):
        for row in page:
            tally.add(written(table, row))
    return tally


def count(table: Table, conn: Connection) -> int:
    """How many rows there are."""
    return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def continue_numbers(table: Table, conn: Connection) -> None:
    """On PostgreSQL, let the numbers of new rows begin behind those that were inserted with one."""
    column = table.autoincrement_column
    if column is None or conn.dialect.name == "sqlite":
        return
    last = select(func.max(column)).scalar_subquery()
    if conn.execute(select(last)).scalar() is not None:
        conn.execute(select(func.setval(func.pg_get_serial_sequence(table.name, column.name), last)))


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON)


def _plain(value: Any) -> Any:
    match value:
        case bytes() | memoryview():
            return base64.b64encode(value).decode()
        case date():
            return value.isoformat()
        case _:
            return value


def _typed(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    return value
