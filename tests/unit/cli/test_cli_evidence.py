"""Evidence is verified and shown by the command line, and what was altered is named."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store
from gateway.ports.base import RawExchange
from gateway.words.clock import SystemClock

Call = Callable[..., Any]


@pytest.fixture
def exchanges(call: Call, site: Path) -> list[str]:
    """Three exchanges, kept and signed as a running gateway does."""
    assert call("migrate").code == 0

    async def keep() -> list[str]:
        store = Store.open(f"sqlite:///{site}/gateway.sqlite")
        keys = FileKeys(site / "keys")
        heads = site / "evidence-heads"
        evidence = Evidence(store, keys, Envelope(keys), SystemClock(), node="node-1", heads=heads)
        try:
            raws = [
                RawExchange(
                    channel="register",
                    direction="out",
                    action="by_code",
                    method="POST",
                    url="http://127.0.0.1:9/registry",
                    request_headers=(("content-type", "application/json"),),
                    request_body=f'{{"name":"王敏","number":{number}}}'.encode(),
                    status=200,
                    response_headers=(("content-type", "application/json"),),
                    response_body=b"{}",
                    outcome="answered",
                    started_at=1_790_000_000_000_000,
                    ended_at=1_790_000_000_100_000,
                    sensitive=frozenset({"name"}),
                )
                for number in range(3)
            ]
            ids = await store.write(lambda conn: [evidence.append(conn, raw) for raw in raws])
            await evidence.sign_head()
            return ids
        finally:
            store.close()

    return asyncio.run(keep())


def test_untouched_evidence_is_verified(call: Call, exchanges: list[str]) -> None:
    said = call("evidence", "verify", "--json")
    assert said.code == 0
    assert said.json["ok"] is True
    assert (said.json["exchanges"], said.json["unsigned"], said.json["problem"]) == (3, 0, None)
    assert "as it was kept" in call("evidence", "verify").out


def test_the_first_altered_record_is_named(call: Call, exchanges: list[str], site: Path) -> None:
    with sqlite3.connect(site / "gateway.sqlite") as conn:
        conn.execute("update exchange set outcome = 'something kinder' where id = ?", (exchanges[1],))
    said = call("evidence", "verify", "--json")
    assert said.code == 1
    assert (said.json["ok"], said.json["problem"]["exchange"]) == (False, exchanges[1])
    assert exchanges[1] in call("evidence", "verify").out


def test_a_cut_tail_is_noticed(call: Call, exchanges: list[str], site: Path) -> None:
    with sqlite3.connect(site / "gateway.sqlite") as conn:
        conn.execute("delete from exchange_body where exchange_id = ?", (exchanges[2],))
        conn.execute("delete from exchange where id = ?", (exchanges[2],))
    assert call("evidence", "verify", "--json").code == 1


def test_an_exchange_is_shown_redacted_unless_the_exact_bytes_are_asked_for(call: Call, exchanges: list[str]) -> None:
    shown = call("evidence", "show", exchanges[0])
    assert shown.code == 0
    assert "by_code" in shown.out
    assert "王敏" not in shown.out
    assert call("evidence", "show", exchanges[0], "--exact", "--json").json["request"] == '{"name":"王敏","number":0}'
    assert call("evidence", "show", "xch_0").code == 4


def test_nothing_is_proved_with_new_keys(call: Call, exchanges: list[str], site: Path) -> None:
    """A keys directory that was not mounted must not be filled with keys that then disagree with everything."""
    (site / "keys").rename(site / "elsewhere")
    said = call("evidence", "verify")
    assert said.code == 3
    assert "keys" in said.err
    assert not (site / "keys").exists()
