"""Connections: how SQLite and PostgreSQL must be opened so that a commit means what the rest of the house believes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import ArgumentError, DBAPIError

from gateway.foundation.store.prepared import prepare
from gateway.words.errors import SettingsError
from gateway.words.private import require_private
from gateway.words.saying import say

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

READS, WRITES = "gateway-read", "gateway-write"
"""The names of our sessions on PostgreSQL."""
LOCK_SECONDS = 2
"""How long a statement waits for a row that another transaction holds."""
IDLE_SECONDS = 4
"""After which a writing transaction that asks nothing is ended by the server: its node hangs, or is gone."""
LINE: Mapping[str, Any] = {
    "connect_timeout": 3,
    # Answers that are lost on the way are noticed by us ...
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
VANISHED: Mapping[str, str] = {
    # ... and by the server: what a node that vanished has held is free again within 15 seconds.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    # A list is read by an index within milliseconds. Where its cost is guessed too high, compiling it takes half a
    # second, and helpers take the cores on which others are served.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
SESSION: Mapping[str, str] = {"timezone": "UTC", "lock_timeout": f"{LOCK_SECONDS}s", **VANISHED}
"""What every session on PostgreSQL asks for; ``promises`` looks whether it was given."""

_BUSY_SECONDS = 10


def parse_url(url: str) -> URL:
    """The database's address, with the one driver we use for it. SettingsError when it is none of ours.

    ``sqlite:////absolute/path.db`` or ``postgresql://user@host/name``.
    """
    cure = "Use sqlite:////absolute/path.db or postgresql://user@host/name."
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError("database", say("store.no_address"), cure) from None
    backend = parsed.get_backend_name()
    if backend == POSTGRESQL:
        return parsed.set(drivername="postgresql+psycopg")
    if backend != SQLITE:
        raise SettingsError("database", say("store.backend", backend=backend), cure)
    if not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise SettingsError("database", say("store.plain_file"), cure)
    return parsed.set(drivername=SQLITE)


def sqlite_path(url: str) -> Path | None:
    """The absolute path of the SQLite file; None for PostgreSQL."""
    parsed = parse_url(url)
    return Path(parsed.database or "").absolute() if parsed.drivername == SQLITE else None


def open_engine(url: str, *, read_only: bool = False, connections: int = 1, lasting: bool = True) -> Engine:
    """An engine with at most ``connections`` connections; those of a ``read_only`` one refuse to change anything.

    Raises SettingsError for a SQLite file that others can read. Not ``lasting``: each is closed after its use.

    A transaction of a read-only engine sees one unchanging state of the database.
    """
    parsed = parse_url(url)
    options: dict[str, Any] = {
        **({"pool_size": connections, "max_overflow": 0} if lasting else {"poolclass": NullPool}),
        "json_serializer": _compact_json,
        "hide_parameters": True,  # errors go to logs and to people, and values may be personal data
        # Else an INSERT tells -1 on PostgreSQL, and "ON CONFLICT DO NOTHING" never says that it did nothing.
        "execution_options": {"preserve_rowcount": True},
    }
    if parsed.drivername == SQLITE:
        path = Path(parsed.database or "")
        if not path.parent.is_dir():
            raise SettingsError("database", say("store.no_folder", folder=path.parent))
        if not read_only:
            path.touch(mode=0o600, exist_ok=True)  # what SQLite puts beside it takes the same mode
        require_private(path, "store.url")
        # Explicit transactions only. pysqlite's own would let a released savepoint be seen before the outer COMMIT.
        sqlite = {"isolation_level": None, "timeout": _BUSY_SECONDS, "check_same_thread": False}
        engine = prepare(create_engine(parsed, connect_args=sqlite, **options))
        event.listen(engine, "connect", _sqlite_reading if read_only else _sqlite_writing)
        event.listen(engine, "begin", _begin if read_only else _begin_immediate)
        return engine
    postgresql = {
        **LINE,
        "application_name": READS if read_only else WRITES,
        "options": " ".join(f"-c {name}={value}" for name, value in {**SESSION, **_idle(read_only)}.items()),
    }
    isolation: IsolationLevel = "REPEATABLE READ" if read_only else "READ COMMITTED"
    engine = prepare(create_engine(parsed, connect_args=postgresql, isolation_level=isolation, **options))
    if read_only:
        event.listen(engine, "connect", _postgresql_reading)
    return engine


def _idle(read_only: bool) -> dict[str, str]:
    # A reader holds nothing that others wait for, and may think about what it has read.
    return {"idle_in_transaction_session_timeout": "60s" if read_only else f"{IDLE_SECONDS}s"}


def unhurried(conn: Connection, seconds: int = 3600) -> None:
    """Let this transaction of a command think longer between two statements: whoever copies or restores reads a large
    table elsewhere meanwhile, and holds up no node. A client that is gone is noticed by its connection all the same."""
    if conn.dialect.name == POSTGRESQL:
        conn.execute(text(f"set local idle_in_transaction_session_timeout = '{seconds}s'"))


def is_unreachable(error: BaseException) -> bool:
    """Whether an error says that no connection could be made, or that it was lost."""
    if isinstance(error, DBAPIError):
        # Such an error has no SQLSTATE of a statement, and no statement; psycopg has several kinds of it.
        kinds = {one.__name__ for one in type(error.orig).__mro__}
        return error.connection_invalidated or (error.statement is None and "OperationalError" in kinds)
    return any(
        one.__module__.startswith("psycopg") and one.__name__ == "OperationalError" for one in type(error).__mro__
    )


def _compact_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _sqlite_writing(driver: Any, _record: object) -> None:
    driver.execute("PRAGMA page_size=16384")  # of a new file: rows of 2 KB leave half of a page of 4 KB empty
    driver.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a new file too: ``store.size`` gives free pages back
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA synchronous=FULL")
    driver.execute("PRAGMA foreign_keys=ON")


def _sqlite_reading(driver: Any, _record: object) -> None:
    driver.execute("PRAGMA query_only=ON")


def _postgresql_reading(driver: Any, _record: object) -> None:
    driver.read_only = True


def _begin(conn: Connection) -> None:
    driver: Any = conn.connection.driver_connection
    driver.execute("BEGIN")  # touches no file yet and cannot fail


def _begin_immediate(conn: Connection) -> None:
    # Taking the write lock at once: a lock taken later cannot be waited for once the snapshot is old.
    conn.exec_driver_sql("BEGIN IMMEDIATE")
