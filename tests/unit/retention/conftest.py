"""A store with rows of any table, an archive beside it, and retention over both."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Connection, Date, LargeBinary, String, Table, Text, insert

from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.store import Store, lines
from gateway.rooms.retention import assembly
from gateway.rooms.retention.archive import Archive
from gateway.rooms.retention.service import Retention
from gateway.settings import Settings
from gateway.words.clock import ManualClock, to_micros

NOW = datetime(2026, 11, 29, 2, 0, 0, tzinfo=UTC)
DAY = 24 * 3600 * 1_000_000


def ago(days: float) -> int:
    """An instant so many days before now, in microseconds."""
    return to_micros(NOW) - int(days * DAY)


def row(table: Table, **values: Any) -> dict[str, Any]:
    """A row with something in every column that must hold anything."""
    made: dict[str, Any] = {}
    for one in table.columns:
        if one.name in values or one.nullable or one.server_default is not None or one.autoincrement is True:
            continue
        match one.type:
            case LargeBinary():
                made[one.name] = secrets.token_bytes(16)
            case JSON():
                made[one.name] = []
            case Date():
                made[one.name] = date(2026, 1, 1)
            case Boolean():
                made[one.name] = False
            case String() | Text():
                made[one.name] = "x"
            case _:
                made[one.name] = 1
    return made | values


def put(conn: Connection, table: Table, **values: Any) -> None:
    """Insert such a row."""
    conn.execute(insert(table), row(table, **values))


@dataclass
class Bench:
    """Retention over one store, and the short words the tests use."""

    store: Store
    clock: ManualClock
    archive: Archive
    retention: Retention

    def fill(self, unit: Callable[[Connection], object]) -> None:
        """Change the store."""

        def work(conn: Connection) -> int:
            unit(conn)
            return 0

        self.store.write_sync(work)

    def count(self, table: Table) -> int:
        """The rows that are in the database."""
        return self.store.read_sync(lambda conn: lines.count(table, conn))


def bench_of(store: Store, folder: Path, keys: FileKeys) -> Bench:
    """Retention as an installation without settings of its own has it."""
    clock = ManualClock(NOW)
    archive = Archive(folder / "archive", keys)
    retention = Retention(store, archive, clock, assembly.terms_of(Settings()), assembly.matters())
    return Bench(store, clock, archive, retention)


@pytest.fixture(scope="session")
def archive_keys(tmp_path_factory: pytest.TempPathFactory) -> FileKeys:
    """Keys for all of these tests."""
    return FileKeys(tmp_path_factory.mktemp("archive-keys"))


@pytest.fixture(scope="session")
def sqlite_template(_migrated_sqlite: Path) -> Path:
    """A migrated SQLite file to copy."""
    return _migrated_sqlite


@pytest.fixture
def bench(one_store: Store, tmp_path: Path, archive_keys: FileKeys) -> Bench:
    """On SQLite."""
    return bench_of(one_store, tmp_path, archive_keys)


@pytest.fixture
def both(store: Store, tmp_path: Path, archive_keys: FileKeys) -> Bench:
    """Once on SQLite and once on PostgreSQL."""
    return bench_of(store, tmp_path, archive_keys)
