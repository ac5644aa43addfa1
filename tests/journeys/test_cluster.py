"""Several gateways and workers on one PostgreSQL, as processes that are killed and paused."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from gateway.app import App
from gateway.demo import story
from gateway.demo.installation import populate, write_settings
from gateway.settings import load
from simulators.testing import Simulation

FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
    "violation": "经营超过保质期的食品",
    "facts": "2026年9月3日检查发现货架上有过期糕点。",
    "basis": "《中华人民共和国食品安全法》第一百二十四条",
    "penalty_kinds": ["罚款"],
    "content": "罚款5000元",
    "fine": "5000.00",
    "decided_on": "2026-09-14",
    "valid_until": "2036-09-14",
    "surcharge_stated": True,
}
DELIVERY = """
[delivery]
ask_after = 0.05
first = 0.05
longest = 0.2
grace = 2
lease = 2
sweep = 0.5
"""
Start = Callable[..., "Node"]


class Node:
    """One process of the gateway."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process, self.ready = process, ready

    @property
    def url(self) -> str:
        """Where its API is."""
        return str(self.ready["faces"]["api"])

    def send(self, number: signal.Signals) -> None:
        """A signal to this process alone."""
        self.process.send_signal(number)


@pytest.fixture
async def installation(tmp_path: Path, simulators: Simulation, postgresql_url: str) -> tuple[Path, str]:
    """Settings on PostgreSQL, populated; the settings file and a case system's key."""
    file = write_settings(tmp_path, simulators.ready["systems"], 0)
    text = file.read_text(encoding="utf-8").replace("settle_seconds = 5", "settle_seconds = 0.3")
    text = re.sub(r"(\[channels\.\w+\]\n)", r"\1read_timeout = 1.0\ntotal_timeout = 3.0\n", text)
    text = text.replace('"sqlite:///gateway.sqlite"', f'"{postgresql_url}"\nmay_forget = true')
    file.write_text(text + DELIVERY, encoding="utf-8")
    async with App.open(load(file)) as app:
        key, _ = await populate(app, "journey-password")
    return file, key


@pytest.fixture
def start(installation: tuple[Path, str], tmp_path: Path) -> Iterator[Start]:
    """Starts nodes; those that still run at the end are killed."""
    nodes: list[Node] = []

    def begin(command: str, *arguments: str) -> Node:
        log = (tmp_path / f"{len(nodes)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "-s", str(installation[0]), command, "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_S")},
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (tmp_path / f"{len(nodes)}.log").read_text()
        nodes.append(Node(process, json.loads(line)))
        return nodes[-1]

    yield begin
    for node in nodes:
        if node.process.poll() is None:
            node.send(signal.SIGCONT)
            node.process.kill()
        node.process.communicate()


async def ask(http: httpx.AsyncClient, number: int) -> httpx.Response:
    """Store a decision and ask for its payment code."""
    decision = f"望市监罚决字〔2026〕第{number}号"
    stored = await http.put(f"/v1/decisions/{story.AUTHORITY}/{decision}", json=FACTS)
    assert stored.status_code in (200, 201), stored.text
    body = {"authority": story.AUTHORITY, "decision_number": decision}
    return await http.post("/v1/payments", json=body, headers={"Idempotency-Key": f"cluster-{number}"})


def client(node: Node, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=node.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=20)


async def all_issued(http: httpx.AsyncClient, number: int, seconds: float = 30) -> list[dict[str, Any]]:
    async with asyncio.timeout(seconds):
        while True:
            items: list[dict[str, Any]] = (await http.get("/v1/payments?limit=200")).json()["items"]
            if len(items) == number and all(one["status"] == "ISSUED" for one in items):
                return items
            await asyncio.sleep(0.1)


async def test_killing_one_of_several_nodes_loses_nothing_and_doubles_nothing_and_says_what_is_being_found_out(
    installation: tuple[Path, str], start: Start, simulators: Simulation, postgresql_url: str
) -> None:
    file, key = installation
    file.write_text(file.read_text("utf-8").replace("lease = 2\n", "lease = 600\n"), "utf-8")  # no lease runs out here
    first, second, worker = start("serve"), start("serve"), start("worker")
    assert worker.ready["node"] == "node-3"
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "slow", "seconds": 0.3})
    simulators.faults({"system": "nontax", "operation": "QueryBill", "kind": "error_500"})
    async with client(first, key) as ones, client(second, key) as others:
        asks = [asyncio.create_task(ask(others if number % 2 else ones, number)) for number in range(1, 25)]
        async with asyncio.timeout(60):
            while True:
                first.send(signal.SIGSTOP)
                if cut := _sending(postgresql_url, "node-1"):
                    break
                first.send(signal.SIGCONT)
                await asyncio.sleep(0.02)
        first.process.kill()
        async with asyncio.timeout(60):
            while cut - await in_doubt(others):
                await asyncio.sleep(0.1)
        simulators.clear_faults()
        answers = await asyncio.gather(*asks, return_exceptions=True)
        accepted = [one for one in answers if isinstance(one, httpx.Response) and one.status_code in (201, 202)]
        assert len(accepted) >= 12
        for number, answer in enumerate(answers, start=1):
            if not isinstance(answer, httpx.Response):  # the client repeats with its key, at another node
                assert (await ask(others, number)).status_code in (201, 202, 409)
        payments = await all_issued(others, 24)
        assert not await in_doubt(others)
    assert len({one["code"] for one in payments}) == 24
    effects = simulators.effects("nontax")
    bills = next(iter(effects.values()))
    assert max(bills.values()) == 1
    assert len(bills) == 24
    second.send(signal.SIGTERM)
    worker.send(signal.SIGTERM)
    assert second.process.wait(30) == 0
    assert worker.process.wait(30) == 0


async def in_doubt(http: httpx.AsyncClient) -> set[str]:
    """The payments of which a node says that they are being found out."""
    items = (await http.get("/v1/payments?limit=200")).json()["items"]
    return {one["id"] for one in items if one["in_doubt_since"]}


async def test_a_node_paused_in_its_calls_wakes_up_fenced(
    installation: tuple[Path, str], start: Start, simulators: Simulation, postgresql_url: str
) -> None:
    key = installation[1]
    paused, other = start("serve"), start("serve")
    simulators.faults({"system": "nontax", "operation": "*", "kind": "slow", "seconds": 0.6, "times": 6})
    async with client(paused, key) as ones, client(other, key) as others:
        asks = [asyncio.create_task(ask(ones, number)) for number in range(1, 7)]
        async with asyncio.timeout(60):
            while not _sending(postgresql_url):
                await asyncio.sleep(0.02)
        paused.send(signal.SIGSTOP)
        async with asyncio.timeout(30):
            while _sending(postgresql_url):
                await asyncio.sleep(0.1)
        paused.send(signal.SIGCONT)
        await asyncio.gather(*asks, return_exceptions=True)
        payments = (await others.get("/v1/payments?limit=200")).json()["items"]
        await all_issued(others, len(payments))
    bills = next(iter(simulators.effects("nontax").values()))
    assert max(bills.values()) == 1
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as conn:
        outcomes = {row[0] for row in conn.execute("select outcome from attempt")}
    assert any(outcome == "cut" or outcome.endswith("(fenced)") for outcome in outcomes), outcomes


def _sending(url: str, node: str | None = None) -> set[str]:
    """What is being sent, by one node or by all: the payments."""
    query = "select subject from operation where state = 'sending' and coalesce(%s, node) = node"
    with psycopg.connect(url.replace("+psycopg", "")) as conn:
        return {row[0] for row in conn.execute(query, (node,))}


@pytest.mark.nightly
async def test_a_database_that_falls_silent_is_told_in_time_and_a_stop_ends(
    installation: tuple[Path, str], start: Start, line: Any, postgresql_url: str
) -> None:
    file, key = installation
    words = file.read_text(encoding="utf-8")
    file.write_text(words.replace(postgresql_url, line.url(postgresql_url.split("/")[3].split("?")[0])), "utf-8")
    node, worker = start("serve"), start("worker")
    async with client(node, key) as http:
        assert (await http.get("/v1/payments")).status_code == 200
        line.hold()
        told = await asyncio.gather(http.get("/v1/payments"), ask_anew(http), http.get("/readyz"))
    assert [one.status_code for one in told] == [503, 503, 503]
    assert told[1].json()["type"].rpartition(":")[2] in ("unavailable", "commit-unknown")
    asked = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "-s", str(file), "operations", "list"), stderr=subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(asked.communicate(), 60)
    assert (asked.returncode, b"Traceback" in errors) == (6, False), errors.decode()
    for one in (node, worker):
        one.send(signal.SIGTERM)
        assert await asyncio.to_thread(one.process.wait, 60) in (0, 8)


async def ask_anew(http: httpx.AsyncClient) -> httpx.Response:
    """Put a decision that nobody knows yet."""
    return await http.put(f"/v1/decisions/{story.AUTHORITY}/望市监罚决字〔2026〕第99号", json=FACTS)
