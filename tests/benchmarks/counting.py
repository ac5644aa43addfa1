"""A gateway that counts what its SQL costs: ``gateway`` with the driver, and SQLAlchemy above it, under a stop-watch.

Two numbers, in CPU seconds of the threads that did it, stand in the file named by ``BENCH_COUNTED``:

- ``driver``: inside the database driver alone: what the statements and commits themselves take, the rows' own need;
- ``sql``: the same with all that SQLAlchemy, and the store's own execution of statements, put around it.

What a gateway takes without the second is a gateway whose writer validates and serialises and runs no SQL.
"""

from __future__ import annotations

import mmap
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACE = "BENCH_COUNTED"
_SHAPE = struct.Struct("dd")


def counted(file: Path) -> dict[str, float]:
    """What has been counted so far, in CPU seconds."""
    driver, sql = _SHAPE.unpack(file.read_bytes())
    return {"driver": driver, "sql": sql}


class StopWatch:
    """Adds up the CPU of the outermost counted call of each thread, for the driver and for all of SQL."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(bytes(_SHAPE.size))
        with file.open("r+b") as opened:
            self._shown = mmap.mmap(opened.fileno(), _SHAPE.size)
        self._spent = [0.0, 0.0]
        self._lock = threading.Lock()
        self._inside = threading.local()

    def watch(self, place: int, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work, its CPU added at ``place`` (0 driver, 1 sql) unless a caller's is being added there."""
        name = f"depth{place}"

        def watched(*given: Any, **named: Any) -> Any:
            if getattr(self._inside, name, False):
                return work(*given, **named)
            setattr(self._inside, name, True)
            began = time.thread_time()
            try:
                return work(*given, **named)
            finally:
                spent = time.thread_time() - began
                setattr(self._inside, name, False)
                with self._lock:
                    self._spent[place] += spent
                    _SHAPE.pack_into(self._shown, 0, *self._spent)

        return watched


def install(watch: StopWatch) -> None:
    """Put the stop-watch around the SQLite driver, SQLAlchemy's execution and results, and the store's own."""
    import sqlalchemy.dialects.sqlite.pysqlite as dialect
    from sqlalchemy import Connection, CursorResult
    from sqlalchemy.engine import Result, RootTransaction

    from gateway.foundation.store.prepared import PreparedConnection

    def driver(work: Callable[..., Any]) -> Callable[..., Any]:
        return watch.watch(1, watch.watch(0, work))

    cursor_methods = ("execute", "executemany", "fetchone", "fetchmany", "fetchall", "__next__", "close")
    reader = type("Cursor", (sqlite3.Cursor,), {name: driver(getattr(sqlite3.Cursor, name)) for name in cursor_methods})

    class Counted(sqlite3.Connection):
        def cursor(self, factory: Any = reader) -> Any:
            return super().cursor(factory)

    for name in ("execute", "executemany", "commit", "rollback"):
        setattr(Counted, name, driver(getattr(sqlite3.Connection, name)))
    plain = dialect.SQLiteDialect_pysqlite.connect
    dialect.SQLiteDialect_pysqlite.connect = lambda self, *given, **named: plain(self, *given, factory=Counted, **named)  # type: ignore[method-assign]

    layers: list[tuple[Any, tuple[str, ...]]] = [
        (Connection, ("execute", "scalar", "scalars", "exec_driver_sql", "begin", "commit", "rollback", "close")),
        (PreparedConnection, ("execute",)),
        (RootTransaction, ("commit", "rollback")),
    ]
    results = (
        "one",
        "one_or_none",
        "first",
        "all",
        "scalar",
        "scalar_one",
        "scalar_one_or_none",
        "fetchall",
        "fetchone",
    )
    layers += [(one, results) for one in (Result, CursorResult)]
    for owner, names in layers:
        for name in names:
            if name in vars(owner):
                setattr(owner, name, watch.watch(1, vars(owner)[name]))


if __name__ == "__main__":
    install(StopWatch(Path(os.environ[PLACE])))
    from gateway.cli import main

    main()
