"""The lock beside the database, and which addresses are databases of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.foundation.store import DatabaseLock, Store, lock
from gateway.foundation.store.engine import open_engine, parse_url, sqlite_path
from gateway.foundation.store.lock import LockedError
from gateway.words.errors import SettingsError

HOLD = """
import sys
from pathlib import Path
from gateway.foundation.store import DatabaseLock
lock = DatabaseLock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lock of ``gateway.db``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "gateway.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_who_has_the_lock_and_what_to_do(holder, tmp_path: Path) -> None:
    with pytest.raises(LockedError) as caught:
        DatabaseLock.take(tmp_path / "gateway.db")
    assert caught.value.pid == holder.pid
    assert f"process {holder.pid}" in str(caught.value)
    assert "stop it first" in str(caught.value)


def test_a_killed_process_lets_go(holder, tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    DatabaseLock.take(tmp_path / "gateway.db").release()


def test_one_process_cannot_take_the_lock_twice_and_can_after_release(tmp_path: Path) -> None:
    database = tmp_path / "gateway.db"
    with DatabaseLock.take(database), pytest.raises(LockedError) as caught:
        DatabaseLock.take(database)
    assert caught.value.pid == os.getpid()
    DatabaseLock.take(database).release()


def test_who_looks_for_a_moment_keeps_nobody_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gateway doctor` takes the lock to see whether anybody has it; a gateway that starts then is not refused."""
    looking = DatabaseLock.take(tmp_path / "gateway.db")
    monkeypatch.setattr(lock.time, "sleep", lambda _: looking.release())
    DatabaseLock.take(tmp_path / "gateway.db").release()


def test_an_exclusive_store_holds_the_lock_until_it_is_closed(sqlite_url: str) -> None:
    path = sqlite_path(sqlite_url)
    assert path is not None
    store = Store.open(sqlite_url, exclusive=True)
    with pytest.raises(LockedError):
        Store.open(sqlite_url, exclusive=True)
    Store.open(sqlite_url).close()  # one that only looks needs no lock
    store.close()
    DatabaseLock.take(path).release()


def test_several_gateways_share_postgresql(postgresql_url: str) -> None:
    first, second = Store.open(postgresql_url, exclusive=True), Store.open(postgresql_url, exclusive=True)
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite://", "plain file"),
        ("sqlite:///:memory:", "plain file"),
        ("sqlite:///gateway.db?mode=memory", "plain file"),
        ("mysql://localhost/gateway", "not supported"),
        ("gateway.db", "not the address"),
        ("", "not the address"),
    ],
)
def test_an_address_that_is_no_database_of_ours_stops_the_start_with_reason_and_cure(url: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        parse_url(url)
    assert "postgresql://" in caught.value.cure


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere does not exist"):
        open_engine(f"sqlite:///{tmp_path}/nowhere/gateway.db")


def test_postgresql_is_always_spoken_to_through_psycopg() -> None:
    assert parse_url("postgresql://user@host/name").drivername == "postgresql+psycopg"
    assert sqlite_path("postgresql://user@host/name") is None


def test_a_new_sqlite_database_is_for_its_owner_only(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/gateway.db")
    store.write_sync(lambda conn: conn.exec_driver_sql("create table t (id integer)"))
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {
        "gateway.db": "0o600",
        "gateway.db-wal": "0o600",
        "gateway.db-shm": "0o600",
    }
    store.close()
