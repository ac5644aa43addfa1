"""``gateway serve`` and the commands beside it, as processes and signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any

import httpx
import pytest

Call = Callable[..., Any]
PLATFORM = """
[channels.nontax]
adapter = "nontax.soap"
url = "http://127.0.0.1:9/nontax"
node_code = "GATEWAY"
platform_node = "PLATFORM"
secret = "env:REGISTER_SECRET"
"""
SERVER = """
[server]
api = "127.0.0.1:0"
console = "127.0.0.1:0"
payer = "127.0.0.2:0"
callbacks = "127.0.0.1:0"
docs = "127.0.0.3:0"
health = "127.0.0.4:0"
"""


@dataclass(frozen=True)
class Serving:
    """A running gateway and where its faces are."""

    process: subprocess.Popen[str]
    faces: dict[str, str]


@pytest.fixture
def serving(site: Path) -> Iterator[Serving]:
    """``gateway serve`` in a process of its own, ready."""
    with (site / "gateway.toml").open("a") as file:
        file.write(SERVER)
    script = Path(sys.executable).with_name("gateway")
    with (site / "log").open("w") as log:
        process = subprocess.Popen([script, "serve", "--json"], stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (site / "log").read_text()
        yield Serving(process, json.loads(line)["faces"])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_serve_says_where_it_listens_and_ends_well_on_sigterm(serving: Serving, call: Call, site: Path) -> None:
    """One process for all that is about a gateway of its own: its start takes longer than whatever is asked of it."""
    says_where_it_listens(serving)
    a_key_that_leaked_is_revoked_while_it_runs(serving, call, site)
    nothing_else_takes_its_database(serving, call)
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(timeout=30) == 0
    assert serving.process.stdout is not None
    assert serving.process.stdout.read() == "", "stdout carries the one line of results"
    events = [json.loads(line)["event"] for line in (site / "log").read_text(encoding="utf-8").splitlines()]
    assert {"serving", "the database was brought to this version"} <= set(events), "and nothing but lines of JSON"


def says_where_it_listens(serving: Serving) -> None:
    assert set(serving.faces) == {"api", "console", "payer", "callbacks", "docs", "health"}
    assert serving.faces["api"] == serving.faces["callbacks"] != serving.faces["payer"]
    api, payer = serving.faces["api"], serving.faces["payer"]
    own = {"health": ("/readyz", "/metrics"), "docs": ("/openapi.json", "/docs")}
    for face, address in serving.faces.items():
        for of, paths in own.items():
            for path in paths:
                said = httpx.get(f"{address}{path}", trust_env=False, timeout=60)
                assert said.status_code == (200 if face == of else 404), (face, path)
                assert said.headers["Cache-Control"] == "no-store"
        assert httpx.get(f"{address}/healthz", trust_env=False, timeout=60).status_code == 200
    described = httpx.get(f"{serving.faces['docs']}/openapi.json", trust_env=False, timeout=60).json()["paths"]
    assert {"/v1/payments", "/callbacks/{channel}", "/readyz"} <= described.keys(), "of every face, where it is not too"
    assert httpx.get(f"{api}/v1/payments", trust_env=False, timeout=60).status_code == 401
    assert httpx.get(f"{payer}/v1/payments", trust_env=False, timeout=60).status_code == 404


def a_key_that_leaked_is_revoked_while_it_runs(serving: Serving, call: Call, site: Path) -> None:
    """Commands speak to the running gateway over its socket, which is only for its own account."""
    assert (site / "gateway.sqlite.sock").stat().st_mode & 0o777 == 0o600
    assert call("authorities", "create", "990102-cg", "望川区城市管理局", "11990102002100216D").code == 0
    assert call("keys", "client", "案件系统", "--authority", "990102-cg").code == 0
    leaked, other = (call("keys", "issue", "案件系统", "--json").json for _ in range(2))

    def asked(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.get(
            f"{serving.faces['api']}/v1/payments", headers=headers, trust_env=False, timeout=60
        ).status_code

    assert asked(leaked["key"]) == asked(other["key"]) == 200
    assert call("keys", "revoke", leaked["id"]).code == 0
    assert asked(leaked["key"]) == 401
    assert call("keys", "revoke-client", "案件系统").code == 0
    assert asked(other["key"]) == 401
    acts = call("audit", "list", "--json").json["acts"]
    assert "/v1/keys/{id}/revocation" in str([one for one in acts if one["role"] == "shell"]), "and who did it"
    (site / "my.key").write_text(f"\ufeff{other['key']}x\n")
    spilt = call("keys", "revoke", leaked["id"], "--key-file", "my.key")
    assert spilt.code == 4
    assert other["key"][-20:] not in spilt.err


def nothing_else_takes_its_database(serving: Serving, call: Call) -> None:
    assert call("serve").code == 5
    found = {one["name"]: one["detail"] for one in call("doctor", "--json").json["findings"]}
    assert found["gateway"] == f"running as process {serving.process.pid}"

    other_settings_at_its_address(serving, call)


def other_settings_at_its_address(serving: Serving, call: Call) -> None:
    """An address in use stops the start with the cure."""
    taken = serving.faces["api"].removeprefix("http://")
    settings = Path("gateway.toml").read_text()
    other = settings.replace("gateway.sqlite", "other.sqlite").replace('api = "127.0.0.1:0"', f'api = "{taken}"')
    Path("other.toml").write_text(other)
    said = call("--settings", "other.toml", "serve")
    assert (said.code, said.out) == (3, "")
    assert f"cannot listen on {taken}" in said.err
    assert "Cure:" in said.err
    looked = call("--settings", "other.toml", "doctor", "--json").json
    found = {one["name"]: one["state"] for one in looked["findings"]}
    assert found[f"server {taken}"] == "ok", "a gateway answers there"


def test_a_start_without_the_keys_of_the_database_is_refused(call: Call, parked: str, site: Path) -> None:
    (site / "keys").rename(site / "away")
    said = call("serve", "--json")
    assert said.code == 3
    assert json.loads(said.err.splitlines()[-1])["key"] == "keys.directory"
    assert not (site / "keys").exists()


def test_a_parked_operation_is_sent_on_its_way(call: Call, parked: str) -> None:
    said = call("operations", "retry", parked, "--reason", "registry is back", "--json")
    assert said.code == 0
    assert (said.json["state"], said.json["reason"]) == ("queued", f"{getuser()}: registry is back")
    again = call("operations", "retry", parked, "--reason", "registry is back")
    assert again.code == 4
    assert "queued" in again.err


def test_reconcile_tells_which_channel_gave_no_statement(call: Call, site: Path, installed: str) -> None:
    with (site / "gateway.toml").open("a") as file:
        file.write(PLATFORM)
    said = call("reconcile", "--day", "2026-06-30", "--json")
    assert said.code == 1
    (row,) = said.json["channels"]
    assert (said.json["ok"], said.json["day"], row["channel"]) == (False, "2026-06-30", "nontax")
    assert row["error"]
    assert call("reconcile", "--channel", "register").code == 4
    assert call("reconcile", "--day", "yesterday").code == 4
    verified = call("evidence", "verify", "--json").json
    assert (verified["ok"], verified["exchanges"]) == (True, 3), "what was asked, and who asked for it twice"
