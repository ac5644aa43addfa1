"""An insert for which a duplicate key is an answer, not an exception: the same on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(conn: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless its key, or another unique value of it, is there already; whether it was inserted."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    return conn.execute(insert(table).values(**values).on_conflict_do_nothing()).rowcount == 1
