"""What the command line backs up can be restored, serves again, and proves its evidence; what was altered is named."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import doctor
from gateway.foundation import backups
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store
from gateway.ports.base import RawExchange
from gateway.terminal.output import Session
from gateway.words.clock import SystemClock

Call = Callable[..., Any]


@pytest.fixture
def keyed(call: Call, site: Path) -> Path:
    """An installation with a key for backups, and an exchange kept and signed as a running gateway does."""
    (site / "apart").mkdir()
    (site / "apart" / "backup.key").write_text("5a" * 32 + "\n")
    (site / "apart" / "backup.key").chmod(0o600)
    with open(site / "gateway.toml", "a", encoding="utf-8") as file:
        file.write('\n[backup]\nkey = "file:apart/backup.key"\n')
    assert call("migrate").code == 0

    async def keep() -> None:
        store = Store.open(f"sqlite:///{site}/gateway.sqlite")
        keys = FileKeys(site / "keys")
        heads = site / "evidence-heads"
        evidence = Evidence(store, keys, Envelope(keys), SystemClock(), node="node-1", heads=heads)
        json = (("content-type", "application/json"),)
        url = "http://127.0.0.1:9/registry"
        raw = RawExchange(
            "register", "out", "by_code", "POST", url, json, b'{"n":1}', 200, json, b"{}", "answered", 1, 2
        )
        await store.write(lambda conn: [evidence.append(conn, raw) for _ in range(3)])
        await evidence.sign_head()
        store.close()

    asyncio.run(keep())
    return site


def test_a_backup_is_rehearsed_and_restored(call: Call, keyed: Path) -> None:
    made = call("backup", "--json").json
    assert made["tables"]["exchange"] == 3
    assert [one["path"] for one in call("backup", "list", "--json").json["backups"]] == [made["path"]]
    rehearsed = call("backup", "rehearse", "--json")
    assert rehearsed.code == 0, rehearsed.out
    assert {one["name"]: one["state"] for one in rehearsed.json["findings"]}["evidence"] == "ok"

    refused = call("restore", made["path"])
    assert (refused.code, "there already" in refused.err) == (3, True)
    (keyed / "gateway.sqlite").rename(keyed / "lost.sqlite")
    restored = call("restore", made["path"], "--json")
    assert restored.json["rows"] == made["rows"]
    assert Path(restored.json["heads_before"]).exists()
    assert call("evidence", "verify", "--json").json["exchanges"] == 3


def test_a_rehearsal_names_evidence_that_had_been_altered(call: Call, keyed: Path) -> None:
    with sqlite3.connect(keyed / "gateway.sqlite") as conn:
        conn.execute("update exchange set outcome = 'kinder'")
    call("backup")
    said = call("backup", "rehearse", "--json")
    assert said.code == 1
    assert [one["name"] for one in said.json["findings"] if one["state"] == "fail"] == ["evidence"]


def test_a_restore_that_fails_leaves_everything_as_it_was(call: Call, keyed: Path) -> None:
    path = Path(call("backup", "--json").json["path"])
    path.write_bytes(path.read_bytes()[:-1])
    (keyed / "gateway.sqlite").rename(keyed / "lost.sqlite")
    assert "damaged" in call("restore", str(path)).err
    assert not (keyed / "gateway.sqlite").exists()
    assert (keyed / "evidence-heads" / "node-1.jsonl").exists()


def test_no_backup_is_made_without_a_key(call: Call, site: Path) -> None:
    assert call("migrate").code == 0
    said = call("backup")
    assert said.code == 3
    assert "openssl" in said.err


def test_old_backups_go_and_doctor_says_when_none_is_made(call: Call, keyed: Path) -> None:
    (ours,) = doctor.backup(Session(keyed / "gateway.toml"))
    assert ours.state == "warn"
    folder = keyed / "backups"
    folder.mkdir()
    for day in range(1, 29):
        (folder / f"gateway-202601{day:02}T020000Z.backup").touch()
    (folder / "of others.backup").touch()
    call("backup", "--keep-daily", "3", "--keep-monthly", "2")
    assert [backups.made_at(one).date() for one in backups.backups(folder)][1:] == [
        datetime(2026, 1, day, tzinfo=UTC).date() for day in (28, 27)
    ]
    assert (folder / "of others.backup").exists()
    (ours,) = doctor.backup(Session(keyed / "gateway.toml"))
    assert ours.state == "ok"
