"""From a SQLite file into a PostgreSQL database: every row, all or nothing, then compared table by table.

Each side is read again for the comparison, as the lines that backups are made of. Then the file is retired: it says
where its rows have gone, and is not opened again, so that no forgotten process works on the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Table, make_url, select, text

from gateway.foundation.store import lines, months, schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine, sqlite_path, unhurried
from gateway.words.errors import GatewayError, SettingsError
from gateway.words.saying import say

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
    as after any failure, the target is left without a row and the source is as it was.
    """
    if sqlite_path(source) is None or sqlite_path(target) is not None:
        raise SettingsError("--to", say("store.copy_way"))
    reading, writing = open_engine(source, read_only=True), open_engine(target)
    try:
        between = schema.require_current(reading)
        if between.pending or between.ahead:
            raise SettingsError("store.url", say("store.copy_between"))
        schema.upgrade(writing)
        tables = all_tables().sorted_tables
        with reading.begin() as here, writing.begin() as there:
            unhurried(there)
            for table in tables:
                if there.execute(select(text("1")).select_from(table).limit(1)).first() is not None:
                    raise SettingsError("--to", say("store.not_empty", table=table.name))
            for table in tables:
                _fill(table, here, there, progress)
            copied = [_compared(table, here, there, progress) for table in tables]
    finally:
        reading.dispose()
        writing.dispose()
    schema.retire(source, make_url(target).render_as_string(hide_password=True))
    return copied


def _fill(table: Table, here: Connection, there: Connection, progress: Progress) -> None:
    total, done = lines.count(table, here), 0
    kept, statement = lines.columns(table), lines.insertion(table)
    for rows in lines.rows_of(table, here):
        months.make_for(there, table, rows)
        there.execute(statement, [{column.name: row[column.name] for column in kept} for row in rows])
        done += len(rows)
        progress("copied", table.name, done, total)
    lines.continue_numbers(table, there)


def _compared(table: Table, here: Connection, there: Connection, progress: Progress) -> Copied:
    ours, theirs = _tally(table, here, progress), _tally(table, there, progress)
    if ours != theirs:
        raise CopyError(
            f"{table.name} differs after the copy: {ours.rows} rows here, {theirs.rows} there; nothing was kept"
        )
    return Copied(table.name, ours.rows, ours.digest)


def _tally(table: Table, conn: Connection, progress: Progress) -> lines.Tally:
    tally, total = lines.Tally(), lines.count(table, conn)
    for rows in lines.rows_of(table, conn):
        for row in rows:
            tally.add(lines.written(table, row))
        progress("compared", table.name, tally.rows, total)
    return tally
