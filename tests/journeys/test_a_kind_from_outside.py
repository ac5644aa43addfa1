"""A stranger's package brings a kind of system that the house does not know: it works like the others, and can go.

The package is in ``tests/foreign``. Gateway, simulators and commands are processes of their own, in which it is
installed; this one never imports it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import Command, Commands, commands
from sources import LEAN

from gateway.words.clock import SystemClock, day_of, to_micros
from simulators.testing import Simulation

__all__ = ["commands"]  # a fixture made elsewhere

PACKAGE = Path(__file__).parents[1] / "foreign"
AUTHORITY, USCC, NUMBER = "wangchuan-zf", "11990102002100216D", "望综执罚决字〔2026〕第7号"
SETTINGS = """
public_url = "http://127.0.0.1:{port}"

[server]
api = "127.0.0.1:{port}"
callbacks = "127.0.0.1:{port}"

[delivery]
ask_after = 0.05
first = 0.05
longest = 0.2
grace = 0.5
"""
CHANNEL = """
[channels.yard]
adapter = "yard.anlan"
url = "{url}"
node = "{node}"
secret = "file:yard.secret"
lot = "C"
read_timeout = 0.5

[[routes]]
authority = "*"
capability = "impounds"
channels = ["yard"]

[rooms.impounds]
longest_days = 30
"""
TODAY = day_of(SystemClock().now())
FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
    "violation": "未取得道路运输经营许可",
    "facts": "检查发现其驾驶安A12345从事道路运输经营。",
    "basis": "《中华人民共和国道路运输条例》第六十三条",
    "penalty_kinds": ["罚款"],
    "content": "罚款5000元",
    "fine": "5000.00",
    "decided_on": str(TODAY - timedelta(days=20)),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed."""
    folder = tmp_path_factory.mktemp("site")
    words = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, str(PACKAGE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def yard(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """The simulated yard."""
    simulation = Simulation(tmp_path_factory.mktemp("yard"), only="yard")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(site))
        simulation.start()
    yield simulation
    simulation.stop()


@pytest.fixture
def port() -> Iterator[int]:
    """A port that stays ours: bound and not listening until the gateway listens on it."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


class Installation:
    """One gateway beside the simulated yard. ``site`` None: the package is no longer installed."""

    def __init__(self, folder: Path, commands: Commands, site: Path, port: int) -> None:
        self.commands = commands
        self.site: Path | None = site
        self.settings = folder / "gateway.toml"
        self.plain = SETTINGS.format(port=port)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)
        self.database = folder / "gateway.sqlite"

    def run(self, *words: str) -> Any:
        """What a command says."""
        return self.commands.run(*words, site=self.site, settings=self.settings)

    def serve(self) -> Command:
        """A gateway that is ready."""
        running = self.commands.begin(
            "serve", "--faces", "api,callbacks,docs,health", "--json", site=self.site, settings=self.settings
        )
        assert '"ready": true' in running.first_line()
        return running

    def findings(self) -> dict[str, tuple[str, str]]:
        """What the doctor found, by name: state and detail."""
        return {one["name"]: (one["state"], one["detail"]) for one in self.run("doctor", "--json").json["findings"]}

    def key(self, *scopes: str) -> str:
        """An API key with these scopes."""
        words = [word for scope in scopes for word in ("--scope", scope)]
        return str(self.run("keys", "issue", "case system", *words, "--json").json["key"])

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None) -> httpx.Response:
        """One request."""
        headers = {"Idempotency-Key": os.urandom(8).hex()} | ({"Authorization": f"Bearer {key}"} if key else {})
        return self.http.request(method, path, json=body, headers=headers)

    def impound(self, key: str, **facts: Any) -> httpx.Response:
        """Have a vehicle taken in."""
        vehicle = {"plate": "安A12345", "driver": "罗巧云", "seized_on": str(TODAY - timedelta(days=21)), **facts}
        return self.ask("POST", "/v1/impounds", {"authority": AUTHORITY, **vehicle}, key=key)

    async def until(self, path: str, key: str, holds: Callable[[Any], bool]) -> Any:
        """The record as soon as it is so."""
        view = None
        for _ in range(500):
            if holds(view := self.ask("GET", path, key=key).json()):
                return view
            await asyncio.sleep(0.03)
        raise AssertionError(f"{path} is {view}")


@pytest.fixture
def installation(tmp_path: Path, commands: Commands, site: Path, yard: Simulation, port: int) -> Iterator[Installation]:
    made = Installation(tmp_path, commands, site, port)
    known = yard.credentials("yard")
    (tmp_path / "yard.secret").write_text(known["secret"])
    (tmp_path / "yard.secret").chmod(0o600)
    text = made.plain + CHANNEL.format(url=yard.url("yard"), node=known["node"])
    made.settings.write_text(text, encoding="utf-8")
    yield made
    made.http.close()


def types(view: Any) -> list[str]:
    """The types of a record's events."""
    return [event["type"] for event in view["timeline"]]


async def test_a_kind_from_outside_works_like_any_other_and_can_go(
    installation: Installation, yard: Simulation
) -> None:
    here = installation
    adapters = {one["name"]: one for one in here.run("adapters", "--json").json["adapters"]}
    assert adapters["yard.anlan"]["kind"] == "yard"
    assert adapters["yard.anlan"]["package"] == "anlan-yard 1.0.0"
    assert adapters["yard.anlan"]["fault"] is None

    # its migration
    assert "impounds_0001" in here.run("migrate", "--json").json["after"]
    assert here.run("migrate", "--undo", "impounds", "--json").json["tables"] == ["impound"]
    assert here.run("migrate", "--check", "--json").code == 1
    assert set(here.run("migrate", "--json").json["after"]) >= {"impounds_0001"}

    # what is known of it without a gateway that runs
    found = here.findings()
    assert "impounds" in found["rooms"][1]
    assert found["channel yard"] == ("ok", "the yard answers, 成功")
    assert found["impounds"] == ("ok", "no vehicle is held longer than 30 days")
    drawn = here.run("states", "impounds", "--format", "mermaid").out
    assert "STORED --> LEFT: the yard tells that it was handed out" in drawn

    # its scopes
    here.run("authorities", "create", AUTHORITY, "安澜市望川区综合行政执法局", USCC)
    here.run("keys", "client", "case system", "--authority", AUTHORITY)
    key = here.key("impounds:read", "impounds:write", "decisions:read", "decisions:write", "operations:read")
    reader = here.key("impounds:read")

    gateway = here.serve()
    yard.callbacks_to("yard", str(here.http.base_url.join("/callbacks/yard")))
    assert "/v1/impounds/{impound_id}" in here.http.get("/openapi.json").json()["paths"]
    assert here.impound("").status_code == 401
    assert here.impound(reader).json()["type"].endswith("scope-missing")
    assert here.ask("GET", "/v1/impounds", key=reader).json()["items"] == []

    # an effect with silence after it: doubt, a question, the truth; and it stands in the decision's one view
    path = f"/v1/decisions/{AUTHORITY}/{NUMBER}"
    recorded = here.ask("PUT", path, FACTS, key=key)
    assert recorded.status_code == 201, recorded.text
    yard.faults({"system": "yard", "operation": "admit", "kind": "apply_then_silence"})
    asked = here.impound(key, decision_number=NUMBER)
    assert asked.status_code in (201, 202), asked.text
    first = await here.until(asked.headers["location"], key, lambda one: one["status"] == "STORED")
    assert types(first) == ["impound.requested", "impound.in_doubt", "impound.stored"]
    assert first["slot"] == "C-001"
    assert [one["operation"] for one in yard.journal(system="yard")][-2:] == ["admit", "query"]
    ((reference, effects),) = yard.effects("yard")["admit"].items()
    assert effects == 1
    assert [one["id"] for one in here.ask("GET", path, key=key).json()["impounds"]] == [first["id"]]

    # a callback moves its life, and a decision's event is heard
    await yard.aask("POST", "/yard/leave", {"reference": reference})
    left = await here.until(asked.headers["location"], key, lambda one: one["status"] == "LEFT")
    assert types(left)[-1] == "impound.left"
    held = here.impound(key, plate="安A54321", seized_on=str(TODAY - timedelta(days=40)), decision_number=NUMBER)
    assert held.status_code == 201, held.text
    revoked = {"kind": "revoked", "on": str(TODAY), "reason": "事实不清"}
    assert here.ask("POST", f"{path}/events", revoked, key=key).status_code == 200
    await here.until(held.headers["location"], key, lambda one: types(one)[-1] == "impound.release_due")

    # the yard is full, in its own words; and one that cannot be sent yet stays open
    await yard.aask("POST", "/yard/settings", {"slots": 2})
    assert here.impound(key, plate="安A00003").json()["reason"] == "停车区已满"
    yard.faults({"system": "yard", "kind": "refuse"})
    waiting = here.impound(key, plate="安A00004").json()
    assert (waiting["status"], waiting["in_doubt_since"]) == ("REQUESTED", None)
    assert gateway.stop().code == 0

    # what comes round: a slot that was missed is caught up by the next start
    ago = to_micros(SystemClock().now() - timedelta(days=3))
    with closing(sqlite3.connect(here.database)) as database, database:
        row = ("vehicles held too long", ago, "node-1", ago, ago)
        database.execute("insert into schedule_run (name, slot_at, node, ran_at, done_at) values (?, ?, ?, ?, ?)", row)
    gateway = here.serve()
    await here.until(held.headers["location"], key, lambda one: types(one)[-1] == "impound.held_too_long")
    assert gateway.stop().code == 0
    assert here.findings()["impounds"] == ("warn", "1 vehicles are held longer than 30 days")
    listed = here.run("impounds", "--status", "LEFT", "--json").json["impounds"]
    assert [(one["plate"], one["slot"]) for one in listed] == [("安A12345", "C-001")]

    # removed while its operations are open
    package, here.site = here.site, None
    refused = here.run("serve")
    assert refused.code == 3
    assert "tables of a room that is not installed: impounds" in refused.err
    assert "Traceback" not in refused.err
    assert "yard.anlan" not in here.run("adapters").out
    found = here.findings()
    assert found["database"][0] == "fail"
    assert "impounds" in found["database"][1]

    here.site = package
    kept = here.run("migrate", "--undo", "impounds")
    assert kept.code == 4
    assert "impound (4)" in kept.err
    assert here.run("migrate", "--undo", "impounds", "--drop-data", "--json").json["rows"] == 4
    here.site = None
    assert 'no adapter "yard.anlan" is installed' in here.run("serve").err
    here.settings.write_text(here.plain, encoding="utf-8")
    gateway = here.serve()
    assert any("yard" in note for note in here.http.get("/readyz").json()["problems"])
    operations = here.ask("GET", "/v1/operations", key=key).json()["items"]
    assert {one["action"] for one in operations} == {"yard.admit"}
    assert gateway.stop().code == 0


@pytest.mark.nightly
def test_its_adapter_keeps_the_promises_of_its_own_kit(site: Path) -> None:
    words = [sys.executable, "-m", "pytest", *LEAN, "tests/yard_promises.py"]
    env = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(words, cwd=PACKAGE, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "yard.anlan: 32 promises kept, 0 broken, 0 not declared" in done.stdout
