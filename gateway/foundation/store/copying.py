"""From a SQLite file into a PostgreSQL database: every row, all or nothing, then compared table by table.

The digest of a table is the sum of the SHA-256 of its rows, so that it does not depend on the order in which a
database gives them; both sides are read again for it, through the same types.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from gateway.foundation.store import schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine, sqlite_path
from gateway.words.errors import GatewayError, SettingsError
from gateway.words.saying import say

ROWS = 1000
_DIGEST = 1 << 256

Progress = Callable[[str, str, int, int], None]
"""``(what is done, table, rows so far, rows in all)``"""


class CopyError(GatewayError):
    """What arrived is not what was there; nothing was kept."""


@dataclass(frozen=True)
class Copied:
    """One table after the copy: the same number of rows with the same digest on both sides."""

    table: str
    rows: int
    digest: str


def copy(source: str, target: str, progress: Progress = lambda *_: None) -> list[Copied]:
    """Copy a current SQLite database into an empty PostgreSQL database, whose schema is made first.

    The caller holds the lock of the source. Raises SettingsError, and CopyError when the two differ afterwards: then,
    as after any failure, the target is left without a row.
    """
    if sqlite_path(source) is None or sqlite_path(target) is not None:
        raise SettingsError("--to", say("store.copy_way"))
    reading, writing = open_engine(source, read_only=True), open_engine(target)
    try:
        schema.require_current(reading)
        schema.upgrade(writing)
        tables = all_tables().sorted_tables
        with reading.begin() as here, writing.begin() as there:
            for table in tables:
                if there.execute(select(text("1")).select_from(table).limit(1)).first() is not None:
                    raise SettingsError("--to", say("store.not_empty", table=table.name))
            for table in tables:
                _fill(table, here, there, progress)
            return [_compared(table, here, there, progress) for table in tables]
    finally:
        reading.dispose()
        writing.dispose()


def _fill(table: Table, here: Connection, there: Connection, progress: Progress) -> None:
    total = _count(table, here)
    done = 0
    for rows in _batches(table, here):
        there.execute(insert(table), rows)
        done += len(rows)
        progress("copied", table.name, done, total)
    column = table.autoincrement_column
    if column is not None and total:
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        there.execute(select(func.setval(sequence, select(func.max(column)).scalar_subquery())))


def _compared(table: Table, here: Connection, there: Connection, progress: Progress) -> Copied:
    ours, theirs = _digest(table, here, progress), _digest(table, there, progress)
    if ours != theirs:
        raise CopyError(
            f"{table.name} differs after the copy: {ours[0]} rows here, {theirs[0]} there; nothing was kept"
        )
    return Copied(table.name, *ours)


def _digest(table: Table, conn: Connection, progress: Progress) -> tuple[int, str]:
    total, seen, number = _count(table, conn), 0, 0
    for rows in _batches(table, conn):
        for row in rows:
            line = json.dumps([_plain(row[column.name]) for column in table.columns], sort_keys=True)
            number = (number + int.from_bytes(hashlib.sha256(line.encode()).digest())) % _DIGEST
        seen += len(rows)
        progress("compared", table.name, seen, total)
    return seen, f"{number:064x}"


def _count(table: Table, conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def _batches(table: Table, conn: Connection) -> Iterator[list[dict[str, Any]]]:
    """Rows in the order of their keys: an operation comes after the one that it reruns."""
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS)
    for part in conn.execute(query).mappings().partitions():
        yield [dict(row) for row in part]


def _plain(value: Any) -> Any:
    """A value as JSON can hold it, with its type where that would be lost."""
    match value:
        case bytes() | memoryview():
            return {"bytes": bytes(value).hex()}
        case None | bool() | int() | float() | str() | list() | dict():
            return value
        case _:
            return {type(value).__name__: str(value)}
