"""How large the database is, and how a SQLite file gives back what it does not use.

Deleted rows leave free pages in the file, which new rows fill; pages that are not needed any more are given back few at
a time (``auto_vacuum=INCREMENTAL``, sqlite.org/pragma.html), so that nobody waits for it. PostgreSQL does this itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

from gateway.foundation.store.engine import SQLITE

STEP: Final = 256
"""Pages given back in one unit: 4 MB."""
_SPARE: Final = 10
"""One page of so many may stay free: what is written next needs it."""
_INCREMENTAL: Final = 2


@dataclass(frozen=True)
class Size:
    """Bytes of the database, those of them that hold nothing, and whether they can be given back while it is in use."""

    all: int
    free: int
    gives_back: bool


def size_of(conn: Connection) -> Size:
    """How large the database is."""
    if conn.dialect.name != SQLITE:
        return Size(int(conn.execute(text("select pg_database_size(current_database())")).scalar_one()), 0, True)
    pages, free, page, vacuum = (
        int(conn.exec_driver_sql(f"PRAGMA {one}").scalar_one())
        for one in ("page_count", "freelist_count", "page_size", "auto_vacuum")
    )
    return Size(pages * page, free * page, vacuum == _INCREMENTAL)


def give_back(conn: Connection) -> int:
    """Give some free pages of a SQLite file back to the disk; how many. 0: there are no more than it needs."""
    if conn.dialect.name != SQLITE or not (size := size_of(conn)).gives_back or size.free * _SPARE <= size.all:
        return 0
    before = int(conn.exec_driver_sql("PRAGMA freelist_count").scalar_one())
    driver: Any = conn.connection.driver_connection
    driver.execute(f"PRAGMA incremental_vacuum({STEP})").fetchall()  # each step frees a page, and has no columns
    return before - int(conn.exec_driver_sql("PRAGMA freelist_count").scalar_one())
