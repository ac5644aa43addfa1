"""An insert for which a duplicate key is an answer, not an exception: the same on both databases."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


@lru_cache(maxsize=64)
def _unless_there(dialect: str, table: Table) -> Executable:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()


def insert_new(conn: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless its key, or another unique value of it, is there already; whether it was inserted."""
    return conn.execute(_unless_there(conn.dialect.name, table), values).rowcount == 1
