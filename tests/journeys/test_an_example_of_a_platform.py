"""The example of ``examples/nontax-json``: an adapter for a platform of another kind goes the whole way of a payment.

The package is installed beside the gateway as anybody's is, and never imported here. The platform signs with RSA, gives
one access token at a time, makes codes later, encrypts its notices, and keeps its statement on a second host.
"""

from __future__ import annotations

import asyncio
import json
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
from urllib.parse import quote, urlsplit

import httpx
import pytest
from command_line import Command, Commands, commands
from sources import LEAN

from gateway.words.clock import SystemClock, day_of
from simulators.testing import Simulation

__all__ = ["commands"]  # a fixture made elsewhere

PACKAGE = Path(__file__).parents[2] / "examples" / "nontax-json"
AUTHORITY, NUMBER = "wangchuan-scjg", "望市监罚决字〔2026〕第18号"
TODAY = day_of(SystemClock().now())
SETTINGS = """
public_url = "http://127.0.0.1:{port}"

[server]
api = "127.0.0.1:{port}"
callbacks = "127.0.0.1:{port}"
payer = "127.0.0.1:{port}"

[delivery]
ask_after = 0.05
first = 0.05
longest = 0.2
grace = 0.5

[channels.crane]
adapter = "nontax.papercrane"
url = "{url}"
app = "{app}"
secret = "file:crane.secret"
private_key = "file:crane.key"
platform_keys = ['''
{platform_key}''']
notice_key = "file:crane.notice"
file_hosts = ["{second}"]
read_timeout = 2.0

[[routes]]
authority = "*"
capability = "payments"
channels = ["crane"]
"""
FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
    "violation": "经营超过保质期的食品",
    "facts": "检查发现货架上有过期糕点。",
    "basis": "《中华人民共和国食品安全法》第一百二十四条",
    "penalty_kinds": ["没收违法所得", "罚款"],
    "content": "没收违法所得36.50元，罚款5000元",
    "fine": "5000.00",
    "confiscated": "36.50",
    "decided_on": str(TODAY - timedelta(days=1)),
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
def crane(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """The simulated platform."""
    simulation = Simulation(tmp_path_factory.mktemp("crane"), only="papercrane")
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
    """One gateway beside the simulated platform."""

    def __init__(self, folder: Path, commands: Commands, site: Path, crane: Simulation, port: int) -> None:
        self.commands, self.site, self.crane = commands, site, crane
        self.settings, self.database = folder / "gateway.toml", folder / "gateway.sqlite"
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)
        known, url = crane.credentials("papercrane"), crane.url("papercrane")
        for name, value in (("secret", "secret"), ("key", "private_key"), ("notice", "notice_key")):
            (folder / f"crane.{name}").write_text(known[value])
            (folder / f"crane.{name}").chmod(0o600)
        second = f"http://localhost:{urlsplit(url).port}"
        text = SETTINGS.format(port=port, url=url, second=second, **known)
        self.settings.write_text(text, encoding="utf-8")
        self.key = ""

    def run(self, *words: str) -> Any:
        """What a command says."""
        return self.commands.run(*words, site=self.site, settings=self.settings)

    def serve(self) -> Command:
        """A gateway that is ready."""
        faces = "api,callbacks,payer"
        running = self.commands.begin("serve", "--faces", faces, "--json", site=self.site, settings=self.settings)
        assert '"ready": true' in running.first_line()
        return running

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request of the case system."""
        headers = {"Idempotency-Key": os.urandom(8).hex(), "Authorization": f"Bearer {self.key}"}
        return self.http.request(method, path, json=body, headers=headers)

    async def until(self, path: str, holds: Callable[[Any], bool]) -> Any:
        """The record as soon as it is so."""
        view = None
        for _ in range(600):
            if holds(view := self.ask("GET", path).json()):
                return view
            await asyncio.sleep(0.03)
        raise AssertionError(f"{path} is {view}")

    def exchanges(self) -> list[tuple[str, str]]:
        """The id and action of every exchange that was kept."""
        with closing(sqlite3.connect(self.database)) as database:
            return list(database.execute("select id, action from exchange order by seq"))


@pytest.fixture
def here(tmp_path: Path, commands: Commands, site: Path, crane: Simulation, port: int) -> Iterator[Installation]:
    crane.reset()
    made = Installation(tmp_path, commands, site, crane, port)
    yield made
    made.http.close()


@pytest.mark.nightly
async def test_a_payment_goes_the_whole_way_at_a_platform_that_answers_later(
    here: Installation, crane: Simulation
) -> None:
    assert here.run("migrate", "--json").code == 0
    adapters = {one["name"]: one for one in here.run("adapters", "--json").json["adapters"]}
    assert adapters["nontax.papercrane"]["package"] == "paper-crane 1.0.0"
    assert adapters["nontax.papercrane"]["fault"] is None
    here.run("authorities", "create", AUTHORITY, "安澜市望川区市场监督管理局", "11990102002100216D")
    items = [word for kind in ("fine", "confiscated") for word in ("--item", f"{kind}=103050199001:罚没收入")]
    unit = here.run(
        "authorities", "unit", AUTHORITY, "--region", "990102", "--unit-code", "990102002", *items, "--json"
    )
    assert unit.code == 0, unit.err
    here.run("keys", "client", "case system", "--authority", AUTHORITY)
    scopes = ("decisions:write", "payments:read", "payments:write", "reconciliation:read", "reconciliation:write")
    words = [word for scope in scopes for word in ("--scope", scope)]
    here.key = str(here.run("keys", "issue", "case system", *words, "--json").json["key"])
    gateway = here.serve()
    crane.callbacks_to("papercrane", str(here.http.base_url.join("/callbacks/crane")))
    await crane.aask("POST", "/papercrane/settings", {"code_seconds": 3600, "second_host": True})

    # the bill is taken and has no code: no doubt, and the party is told to wait
    path = f"/v1/decisions/{AUTHORITY}/{quote(NUMBER, safe='')}"
    recorded = here.ask("PUT", path, FACTS)
    assert recorded.status_code == 201, recorded.text
    asked = here.ask("POST", "/v1/payments", {"authority": AUTHORITY, "decision_number": NUMBER})
    assert asked.status_code == 202, asked.text
    payment = asked.headers["location"]
    await crane.journalled(operation="create")
    waiting = here.ask("GET", payment).json()
    assert (waiting["status"], waiting["code"], waiting["in_doubt_since"]) == ("REQUESTED", None, None)

    assert "正在取码" in here.http.get(urlsplit(waiting["payer_page"]).path).text

    # an encrypted notice brings the code
    assert (await crane.aask("POST", "/papercrane/make"))["made"] == 1
    issued = await here.until(payment, lambda one: one["status"] == "ISSUED")
    assert len(issued["code"]) == 20
    assert list(crane.effects("papercrane")["create"].values()) == [1]

    assert gateway.stop().code == 0
    gateway = here.serve()

    # another one that it was paid
    await crane.aask("POST", "/papercrane/pay", {"code": issued["code"], "payer": "罗巧云"})
    paid = await here.until(payment, lambda one: one["status"] == "PAID")
    assert [(one["amount"], one["source"]) for one in paid["collections"]] == [("5036.50", "callback")]
    await crane.aask("POST", "/papercrane/settings", {"statement": "making"})
    run = {"channel": "crane", "day": str(TODAY)}
    assert here.ask("POST", "/v1/reconciliations", run).json()["type"].endswith("statement-unavailable")

    assert len(crane.journal(operation="token")) == 1, "the token was kept over the restart"

    # the statement: not made yet, then a packed file on another host; somebody else ends our token in between
    assert here.run("channels", "check", "crane", "--json").code == 0
    await crane.aask("POST", "/papercrane/settings", {"statement": "ready"})
    done = here.ask("POST", "/v1/reconciliations", run)
    assert done.status_code == 201, done.text
    facts = done.json()
    assert (facts["matched"], facts["matched_amount"], facts["breaks"]) == (1, "5036.50", 0)
    assert here.ask("GET", payment).json()["settlement"] == "matched"
    empty = here.ask("POST", "/v1/reconciliations", {"channel": "crane", "day": str(TODAY - timedelta(days=1))})
    assert (empty.status_code, empty.json()["matched"]) == (201, 0), "nothing happened: an empty day, and done"
    assert gateway.stop().code == 0

    # evidence: what was encrypted is readable and masked, a token and the secret are nowhere
    kept = here.exchanges()
    assert [action for _, action in kept].count("issue") == 1
    shown = {one: here.run("evidence", "show", one, "--json").json for one, _ in kept}
    told = [shown[one]["request"] for one, action in kept if action == "callback"]
    assert len(told) == 2
    assert all('"payCode": ' in one.partition("-- decrypted")[2] for one in told)
    text = json.dumps(shown, ensure_ascii=False)
    given = crane.ask("GET", "/state", system="papercrane")["papercrane"]["token"]["current"]["token"]
    for hidden in ("罗巧云", "味安副食店", given, crane.credentials("papercrane")["secret"]):
        assert hidden not in text
    assert here.run("evidence", "verify", "--json").json["ok"] is True


@pytest.mark.nightly
def test_its_adapter_keeps_every_promise_of_the_kit(site: Path) -> None:
    words = [sys.executable, "-m", "pytest", *LEAN, "tests/crane_promises.py"]
    env = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(words, cwd=PACKAGE, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nontax.papercrane: " in done.stdout
    assert " 0 broken" in done.stdout


def test_an_adapter_is_small() -> None:
    """Signing, tokens, files and doubt are the wire's business: what is left is the platform's own words."""
    for name in ("adapter.py", "mapping.py"):
        lines = (PACKAGE / "paper_crane" / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 200, f"{name} has {len(lines)} lines"
