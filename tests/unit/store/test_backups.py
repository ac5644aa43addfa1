"""A backup is one state of the database, opens with its key alone, and is refused wherever a byte is not as written."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary, func, insert, select

from gateway.foundation import backups
from gateway.foundation.backups import BackupError
from gateway.foundation.crypto.envelope import Algorithm
from gateway.foundation.delivery.tables import attempt, event, operation
from gateway.foundation.store import lines
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine
from gateway.rooms.entities.tables import entity_change
from gateway.rooms.seals.tables import sealed_document
from gateway.words.errors import SettingsError

NOW = datetime(2026, 11, 29, 2, 0, 0, tzinfo=UTC)
KEY = bytes(range(32))


@pytest.fixture
def filled(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Rows of every type of column, on either database; more of one table than go in one page."""
    monkeypatch.setattr(lines, "ROWS", 20)
    engine = open_engine(database_url)
    with engine.begin() as conn:
        for number in range(lines.ROWS + 1):
            rerun = f"opn_{number - 1:05}" if number else None
            conn.execute(
                insert(operation),
                {
                    "id": f"opn_{number:05}",
                    "action": "nontax.issue",
                    "channel": "nontax",
                    "authority": "a",
                    "subject": "pay_1",
                    "reference": f"R{number}",
                    "effectful": True,
                    "state": "done",
                    "request_sealed": secrets.token_bytes(30),
                    "due_at": number,
                    "created_at": number,
                    "updated_at": number,
                    "rerun_of": rerun,
                },
            )
        told = {"number": 1, "kind": "call", "node": "n", "outcome": "done", "reason": "缴款码\n已生成"}
        times = {"started_at": 1, "ended_at": 2}
        conn.execute(insert(attempt), {"operation_id": "opn_00000", "exchanges": ["xch_1"], **told, **times})
        conn.execute(
            insert(event),
            {"id": "evt_1", "type": "t", "authority": "a", "subject": "s", "data": {"a": [1]}, "at": 1, "txid": 4711},
        )
        change = {"id": "ech_1", "channel": "c", "code": "1", "topic": "t", "alert": False, "source": "feed"}
        sealed = {"change_sealed": b"\x00\xff", "after_index": b"", "changed_on": date(2026, 9, 1), "recorded_at": 1}
        conn.execute(insert(entity_change), {**change, **sealed})
    engine.dispose()
    return database_url


def made(url: str, folder: Path, **how: Algorithm) -> Path:
    (folder / "heads").mkdir(exist_ok=True)
    (folder / "heads" / "node-1.jsonl").write_bytes(b'{"seq": 1}\n{"cut')
    return backups.make(url, folder / "heads", folder / "backups", KEY, NOW, **how)


def test_what_is_restored_is_what_was_there(filled: str, tmp_path: Path) -> None:
    path = made(filled, tmp_path)
    target = f"sqlite:///{tmp_path / 'restored.sqlite'}"
    restored = backups.restore(path, KEY, target, tmp_path / "heads again")
    assert restored.tables["operation"] == lines.ROWS + 1
    source, other = open_engine(filled, read_only=True), open_engine(target, read_only=True)
    with source.begin() as here, other.begin() as there:
        for table in all_tables().sorted_tables:
            assert lines.tallied(table, here) == lines.tallied(table, there), table.name
        assert there.execute(select(event.c.txid)).scalar() == 0  # of the other server, and means nothing here
    source.dispose()
    other.dispose()
    assert (tmp_path / "heads again" / "node-1.jsonl").read_bytes() == b'{"seq": 1}\n'  # whole lines


def test_numbers_go_on_behind_those_that_were_restored(filled: str, empty_database_url: str, tmp_path: Path) -> None:
    target = empty_database_url.replace("empty.db", "new.db")  # a SQLite file must not be there yet
    backups.restore(made(filled, tmp_path), KEY, target, tmp_path / "other")
    engine = open_engine(target)
    with engine.begin() as conn:
        last = conn.execute(select(func.max(event.c.seq))).scalar_one()
        new = {"id": "evt_2", "type": "t", "authority": "a", "subject": "s", "data": {}, "at": 1}
        assert conn.execute(insert(event).returning(event.c.seq), new).scalar_one() > last
    engine.dispose()


def test_null_does_not_become_the_word_null(sqlite_url: str, tmp_path: Path) -> None:
    row = {one.name: b"" if isinstance(one.type, LargeBinary) else 1 for one in sealed_document.columns}
    empty = {one.name: None for one in sealed_document.columns if one.nullable}
    row |= empty | {"status": "REQUESTED", "placements": [], "shares": []}
    engine = open_engine(sqlite_url)
    with engine.begin() as conn:
        conn.execute(insert(sealed_document), {name: value for name, value in row.items() if value is not None})
    engine.dispose()
    target = f"sqlite:///{tmp_path / 'restored.sqlite'}"
    backups.restore(made(sqlite_url, tmp_path), KEY, target, tmp_path / "other")
    with sqlite3.connect(tmp_path / "restored.sqlite") as there:
        assert there.execute("select count(*) from sealed_document where report is null").fetchone() == (1,)


def test_a_later_change_is_not_in_it(sqlite_url: str, tmp_path: Path) -> None:
    path = made(sqlite_url, tmp_path)
    engine = open_engine(sqlite_url)
    with engine.begin() as conn:
        conn.execute(insert(event), {"id": "evt_9", "type": "t", "authority": "a", "subject": "s", "data": {}, "at": 1})
    engine.dispose()
    assert backups.look(path, KEY).tables["event"] == 0


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, _migrated_sqlite: Path) -> bytes:
    folder = tmp_path_factory.mktemp("one")
    return made(f"sqlite:///{_migrated_sqlite}", folder, algorithm=Algorithm.AES_256_GCM).read_bytes()


@given(data=st.data())
def test_a_damaged_byte_is_refused(one: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(one) - 1))
    bit = data.draw(st.sampled_from([1, 2, 16, 128]))
    path = tmp_path_factory.mktemp("damaged") / "damaged.backup"
    path.write_bytes(one[:place] + bytes([one[place] ^ bit]) + one[place + 1 :])
    with pytest.raises(BackupError):
        backups.look(path, KEY)


@given(data=st.data())
def test_a_cut_backup_is_refused(one: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("cut") / "cut.backup"
    path.write_bytes(one[: data.draw(st.integers(0, len(one) - 1))])
    with pytest.raises(BackupError):
        backups.look(path, KEY)


def test_pieces_cannot_be_left_out_or_moved(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_PIECE", 100)
    path = made(sqlite_url, tmp_path)
    whole = path.read_bytes()
    at = whole.index(b"\n", len(b"gateway backup 1\n")) + 1
    head, pieces = whole[:at], []
    while at < len(whole):
        length = 4 + int.from_bytes(whole[at : at + 4], "big")
        pieces.append(whole[at : at + length])
        at += length
    assert len(pieces) > 4
    for wrong in (pieces[:1] + pieces[2:], [pieces[1], pieces[0], *pieces[2:]], pieces[:-1], [*pieces, pieces[-1]]):
        path.write_bytes(head + b"".join(wrong))
        with pytest.raises(BackupError):
            backups.look(path, KEY)


def test_another_key_opens_nothing(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="key"):
        backups.look(made(sqlite_url, tmp_path), bytes(32))


def test_nothing_is_restored_over_something(sqlite_url: str, tmp_path: Path) -> None:
    path = made(sqlite_url, tmp_path)
    with pytest.raises(SettingsError, match="there already"):
        backups.restore(path, KEY, sqlite_url, tmp_path / "other")
    with pytest.raises(SettingsError, match="there already"):
        backups.restore(path, KEY, f"sqlite:///{tmp_path / 'new'}", tmp_path / "heads")
    assert not (tmp_path / "new").exists()


def test_what_differs_after_it_was_restored_is_not_kept(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, insert_rows = made(sqlite_url, tmp_path), backups._insert

    def forgetful(conn, table, told, progress):
        insert_rows(conn, table, told, progress)
        if table is event:
            added = {"id": "evt_9", "type": "t", "authority": "a", "subject": "s", "data": {}, "at": 1}
            conn.execute(insert(event), added)

    monkeypatch.setattr(backups, "_insert", forgetful)
    with pytest.raises(BackupError, match="event"):
        backups.restore(path, KEY, f"sqlite:///{tmp_path / 'new'}", tmp_path / "other")
    assert not list(tmp_path.glob("new*"))


MOMENTS = st.lists(st.integers(0, 800 * 24).map(lambda hours: NOW - timedelta(hours=hours)), min_size=1, unique=True)


@given(made=MOMENTS, daily=st.integers(1, 9), monthly=st.integers(0, 5))
def test_the_newest_of_each_day_and_month_stay(made: list[datetime], daily: int, monthly: int) -> None:
    stay = set(made) - backups.superfluous(made, daily=daily, monthly=monthly)
    days = sorted({one.date() for one in made}, reverse=True)[:daily]
    months = sorted({(one.year, one.month) for one in made}, reverse=True)[:monthly]
    wanted = {max(one for one in made if one.date() == day) for day in days}
    wanted |= {max(one for one in made if (one.year, one.month) == month) for month in months}
    assert stay == wanted
