"""The one metadata that every table belongs to, with names for constraints so that migrations can find them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, MetaData, literal_column

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

HERE_ONLY: Final = "here_only"
"""In ``Column.info``: means something in this database alone, and another one begins with the column's default."""


BY_MONTH: Final = "by_month"
"""In ``Table.info``: which of its columns holds ids that grow with time, and their prefix."""


def by_month(column: str, prefix: str) -> dict[str, Any]:
    """For a table that grows for ever, of whose every key ``column`` is a part: on PostgreSQL it has a part a month.

    The column holds public ids of one kind (``new_id(prefix)``). See ``store.months``.
    """
    return {"postgresql_partition_by": f"RANGE ({column})", "info": {BY_MONTH: (column, prefix)}}


def constant(word: str) -> ColumnElement[Any]:
    """Our own word for a state, written into a statement and not bound to it.

    Only so does SQLite see that a query's condition is that of a partial index (sqlite.org/partialindex.html section
    3); with bound values it reads the whole table.
    """
    return literal_column(f"'{word}'")
