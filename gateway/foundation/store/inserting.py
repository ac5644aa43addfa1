"""An insert for which a duplicate key is an answer, not an exception: the same on both databases."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite


@lru_cache(maxsize=64)
def _unless_there(dialect: str, table: Table) -> Executable:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()


def insert_new(conn: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless its key, or another unique value of it, is there already; whether it was inserted."""
    return conn.execute(_unless_there(conn.dialect.name, table), values).rowcount == 1


@lru_cache(maxsize=8)
def _unless_busy(table: Table) -> Executable:
    """The insert of one row that waits for nobody: it finds the lock of its key taken, or the key."""
    values = {one.name: bindparam(one.name, type_=one.type) for one in table.columns}
    key = (values[one.name] for one in table.primary_key)
    number = func.hashtextextended(
        func.concat_ws(literal_column("chr(31)"), literal_column(f"'{table.name}'"), *key), literal_column("0")
    )
    source = select(*values.values()).where(func.pg_try_advisory_xact_lock(number))
    return postgresql.insert(table).from_select(list(values), source).on_conflict_do_nothing()


def insert_at_once(conn: Connection, table: Table, **values: Any) -> bool:
    """``insert_new`` that does not wait for another transaction that is just inserting this key: False for that too.

    ``values`` for every column. It costs no statement more; only who inserts in this way is heeded.
    """
    if conn.dialect.name == "sqlite":
        return insert_new(conn, table, **values)
    return conn.execute(_unless_busy(table), values).rowcount == 1
