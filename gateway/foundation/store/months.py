"""Large tables of PostgreSQL in parts, one a month: what has left one of them gives its disk space back at once.

A table says so itself (``base.by_month``): a row's month is that of an id in its key, and ids grow with time (UUIDv7).
Parts are made some months ahead, by ``gateway migrate`` and each night. A row of a month that has no part lies in the
table's rest, which is a part like the others: nothing is refused or lost, and nothing else differs. A part nearly all
of whose rows have left is dropped; the few that stay move to the rest.

On SQLite a table is one, and nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, MetaData, Select, Table, select, text

from gateway.foundation.store import lines
from gateway.foundation.store.base import BY_MONTH
from gateway.foundation.store.engine import POSTGRESQL
from gateway.words.clock import day_of, from_micros, start_of, to_micros

AHEAD: Final = 2
"""Parts there are of months to come."""
FEW: Final = 1000
"""So many rows of a part may be moved when it is dropped."""
_IDS_SINCE: Final = date(2026, 1, 1)
"""No id is older: what looks so has an id of another form, and belongs to the rest."""
_DIGITS: Final = 32


def monthly(metadata: MetaData) -> list[Table]:
    """The tables that have parts, each after those to which it refers."""
    return [table for table in metadata.sorted_tables if BY_MONTH in table.info]


def is_part(metadata: MetaData, name: str) -> bool:
    """Whether a table of this name is a part of one of these."""
    return name not in metadata.tables and any(name.startswith(f"{one.name}_") for one in monthly(metadata))


def prepare(conn: Connection, tables: Iterable[Table], today: date) -> list[str]:
    """Make the parts that these tables lack of this month and of those to come, and their rest; the names.

    Waits for a moment in which nobody uses a table: not for the way of a payment.
    """
    months = list(_following(today, AHEAD))
    return [name for table in tables for name in make(conn, table, months)]


def make(conn: Connection, table: Table, months: Iterable[date]) -> list[str]:
    """Make the parts of a table that are lacking, and its rest; the names. Of a month with rows in the rest none."""
    if conn.dialect.name != POSTGRESQL or BY_MONTH not in table.info:
        return []
    there, made, rest = _parts(conn, table), [], f"{table.name}_rest"
    wanted = {month: name for month in sorted(set(months)) if (name := _name(table, month)) not in there}
    if not wanted and rest in there:
        return []
    # A part takes over the keys by which its table refers to others, and others are locked before it by everybody else.
    for other in sorted({key.column.table.name for key in table.foreign_keys}):
        conn.execute(text(f"lock table {other} in share row exclusive mode"))
    if rest not in there:
        conn.execute(text(f"create table {rest} partition of {table.name} default"))
        made.append(rest)
    for month, name in wanted.items():
        if conn.execute(_rows(table, month).limit(1)).first() is not None:
            continue
        first, end = (f"'{one}'" for one in _bounds(table, month))
        conn.execute(text(f"create table {name} partition of {table.name} for values from ({first}) to ({end})"))
        made.append(name)
    return made


def make_for(conn: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Make the parts of a table that these rows, which come from elsewhere, are to lie in."""
    if conn.dialect.name == POSTGRESQL and BY_MONTH in table.info:
        column, _ = table.info[BY_MONTH]
        make(conn, table, (month for row in rows if (month := _month_of(row[column])) is not None))


def lacking(conn: Connection, tables: Iterable[Table], today: date) -> list[str]:
    """The parts of this month and the next that tables have not got: their rows would go to the rest."""
    if conn.dialect.name != POSTGRESQL:
        return []
    wanted = [(table, _name(table, month)) for table in tables for month in _following(today, 1)]
    return [name for table, name in wanted if name not in _parts(conn, table)]


def over(conn: Connection, table: Table, before: date) -> list[date]:
    """The months of a table's parts that ended before a day, the oldest first."""
    if conn.dialect.name != POSTGRESQL or BY_MONTH not in table.info:
        return []
    found = (name.removeprefix(f"{table.name}_") for name in _parts(conn, table))
    months = (date.fromisoformat(f"{one.replace('_', '-')}-01") for one in found if one != "rest")
    return sorted(month for month in months if _next(month) <= before)


def drop(conn: Connection, table: Table, month: date) -> int | None:
    """Drop a month of a table; how many rows moved to its rest.

    None: it was left as it is, since more than ``FEW`` rows have not left. Nobody reads or writes the table meanwhile.
    """
    conn.execute(text(f"lock table {table.name} in access exclusive mode"))
    stay = [dict(row) for row in conn.execute(_rows(table, month).limit(FEW + 1)).mappings()]
    if len(stay) > FEW:
        return None
    conn.execute(text(f"drop table {_name(table, month)}"))
    if stay:
        conn.execute(lines.insertion(table), stay)
    return len(stay)


# --- inside -----------------------------------------------------------------------------------------------------------


def _parts(conn: Connection, table: Table) -> Collection[str]:
    query = "select inhrelid::regclass::text from pg_inherits where inhparent = to_regclass(:name)"
    return set(conn.execute(text(query), {"name": table.name}).scalars())


def _rows(table: Table, month: date) -> Select[Any]:
    column, _ = table.info[BY_MONTH]
    first, end = _bounds(table, month)
    return select(table).where(table.c[column] >= first, table.c[column] < end)


def _name(table: Table, month: date) -> str:
    return f"{table.name}_{month:%Y_%m}"


def _bounds(table: Table, month: date) -> tuple[str, str]:
    """The first id that is possible in a month, and the first one of the next. Their first 48 bits are milliseconds."""
    _, prefix = table.info[BY_MONTH]
    first, end = (f"{prefix}_{to_micros(start_of(one)) // 1000:012x}" for one in (month, _next(month)))
    return first, end


def _month_of(public_id: str) -> date | None:
    digits = public_id.rpartition("_")[2]
    try:
        day = day_of(from_micros(int(digits[:12], 16) * 1000)) if len(digits) == _DIGITS else date.min
    except (ValueError, OverflowError):
        return None
    return day.replace(day=1) if day >= _IDS_SINCE else None


def _following(today: date, ahead: int) -> Iterator[date]:
    month = today.replace(day=1)
    for _ in range(ahead + 1):
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
