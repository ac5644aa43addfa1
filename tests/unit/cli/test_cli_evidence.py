"""Evidence is verified and shown by the command line, and what was altered is named."""

from __future__ import annotations

import asyncio
import getpass
import json
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
    assert call("evidence", "show", "xch_0").code == 4


def test_exchanges_of_a_channel_leave_redacted_one_a_line(call: Call, exchanges: list[str]) -> None:
    lines = [json.loads(line) for line in call("evidence", "export", "register").out.splitlines()]
    assert [one["id"] for one in lines] == exchanges
    assert {(one["method"], one["status"], one["started_at"][:10]) for one in lines} == {("POST", 200, "2026-09-21")}
    assert "王敏" not in str(lines)
    assert call("evidence", "export", "register", "--most", "1").out.count("\n") == 1
    assert call("evidence", "export", "nontax").out == ""


def test_nothing_is_proved_with_new_keys(call: Call, exchanges: list[str], site: Path) -> None:
    """A keys directory that was not mounted must not be filled with keys that then disagree with everything."""
    (site / "keys").rename(site / "elsewhere")
    said = call("evidence", "verify")
    assert said.code == 3
    assert "keys" in said.err
    assert not (site / "keys").exists()


def test_exact_bytes_are_for_who_says_who_and_why_and_that_is_written_down(call: Call, exchanges: list[str]) -> None:
    assert call("evidence", "show", exchanges[0], "--exact").code == 4, "nobody has said why"
    for role, login in {"operator": "wang", "viewer": "he"}.items():
        asked = ("operators", "create", login, "王敏", "--role", role, "--password-stdin")
        assert call(*asked, typed="a long password\n").code == 0

    def look(login: str) -> Any:
        asked = ("evidence", "show", exchanges[0], "--exact", "--json", "--reason", "复议机关调阅")
        return call(*asked, "--login", login, "--password-stdin", typed="a long password\n")

    assert look("he").code == 4, "a viewer may not"
    assert look("wang").json["request"] == '{"name":"王敏","number":0}'
    acts = call("audit", "list", "--action", "GET /v1/evidence/{id}/exact", "--json").json["acts"]
    assert [(one["role"], one["reason"], one["status"]) for one in acts] == [
        ("operator", "复议机关调阅", 200),
        ("viewer", "复议机关调阅", 403),
    ]
    hires = call("audit", "list", "--action", "POST /v1/operators", "--json").json["acts"]
    assert {one["operator_id"].partition(":")[0] for one in hires} == {"os"}, "who has a shell is written down too"
    assert "password" not in str(hires)
    assert call("audit", "verify").code == 0
    assert call("evidence", "verify").code == 0


def test_acts_are_exported_and_no_cell_is_a_formula(call: Call, exchanges: list[str], site: Path) -> None:
    call("channels", "stop", "register", "--reason", "=1+1 x")
    call("authorities", "create", "anlan", "安澜区市场监督管理局", "11990102003003012Y")
    assert call("audit", "export", "--to", str(site / "acts.csv"), "--json").json["acts"] == 2
    told = (site / "acts.csv").read_text(encoding="utf-8-sig")
    assert ",#=1+1 x," in told
    for words in (
        "列表 list: audit",
        "筛选 filter: 无 none",
        "时区 zone: +08:00",
        f"导出人 by: os:{getpass.getuser()}",
    ):
        assert f"## {words}" in told
    assert call("audit", "export", "--to", str(site / "acts.csv")).code == 4, "it is there already"
    lines = str(site / "acts.jsonl")
    assert call("audit", "export", "--to", lines, "--until", "2020-01-01", "--json").json["acts"] == 0
    (first,) = (site / "acts.jsonl").read_text(encoding="utf-8").splitlines()
    of_file = json.loads(first)["export"]
    assert (of_file["list"], of_file["filter"], of_file["by"][:3]) == ("audit", "until=2020-01-01", "os:")


def test_an_act_that_was_changed_or_taken_from_the_list_is_named(call: Call, exchanges: list[str], site: Path) -> None:
    for code, uscc in (("anlan", "11990102003003012Y"), ("wangchuan", "x")):
        call("authorities", "create", code, "某区市场监督管理局", uscc)
    first, second = (one["id"] for one in call("audit", "list", "--json").json["acts"])
    with sqlite3.connect(site / "gateway.sqlite") as conn:
        conn.execute("update operator_act set operator = 'nobody' where id = ?", (first,))
        conn.execute("delete from operator_act where id = ?", (second,))
    said = call("audit", "verify", "--json")
    assert (said.code, said.json["wrong"]) == (1, sorted([first, second]))
