"""docs/upgrading.md gone through with processes while requests run: there, back, and there again, and nothing is lost.

The next version is the present one with a column of ``payment`` that becomes compulsory: what it writes the version of
now does not know, and what the version of now writes the contraction forbids.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

import gateway
from gateway.app import App
from gateway.demo import story
from gateway.demo.installation import populate, write_settings
from gateway.settings import load
from simulators.testing import Simulation

from .conftest import FACTS, IMPATIENT

NOW, NEXT = gateway.__version__, "99.0.0"
COLUMN = """

payment.append_column(Column("made_by", String(20), default="next"))
"""
EXPANDS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "payments_{0:04}", "payments_{1:04}"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("payment", sa.Column("made_by", sa.String(20)))
"""
CONTRACTS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "payments_{0:04}", "payments_{1:04}"
branch_labels = depends_on = None
contracts = True


def fill(conn) -> int:
    few = "select id from payment where made_by is null limit 20"
    return conn.execute(sa.text(f"update payment set made_by = 'before' where id in ({{few}})")).rowcount


def upgrade() -> None:
    with op.batch_alter_table("payment") as batch_op:
        batch_op.alter_column("made_by", existing_type=sa.String(20), nullable=False)
"""


def next_version(folder: Path) -> Path:
    """The present version with what the next one brings, as a folder to run it from."""
    here = Path(gateway.__file__).parent
    shutil.copytree(here, folder / "gateway")  # with the times of its files: what was compiled stays good
    start, payments = folder / "gateway" / "__init__.py", folder / "gateway" / "rooms" / "payments"
    start.write_text(start.read_text(encoding="utf-8").replace(NOW, NEXT), encoding="utf-8")
    with (payments / "tables.py").open("a", encoding="utf-8") as tables:
        tables.write(COLUMN)
    last = len(list((payments / "revisions").glob("[0-9]*.py")))
    for number, text in enumerate((EXPANDS, CONTRACTS), last + 1):
        (payments / "revisions" / f"{number:04}_next.py").write_text(text.format(number, number - 1), encoding="utf-8")
    return folder


class Place:
    """One installation on whose database both versions work."""

    def __init__(self, file: Path, key: str, newer: Path) -> None:
        self.file, self.key, self.newer = file, key, newer
        self.up: dict[str, tuple[subprocess.Popen[str], str]] = {}

    def run(self, version: str, *words: str, node: str = "x") -> subprocess.Popen[str]:
        """A command of a version."""
        log = (self.file.parent / f"{node}.log").open("a")
        command = [sys.executable, "-m", "gateway", "-s", str(self.file), *words]
        where = self.newer if version == NEXT else Path(gateway.__file__).parents[1]
        return subprocess.Popen(command, cwd=where, stdout=subprocess.PIPE, stderr=log, text=True)

    def done(self, version: str, *words: str, code: int = 0) -> dict[str, Any]:
        """What it says once it has ended with this code."""
        process = self.run(version, *words, "--json")
        said, _ = process.communicate()
        assert process.returncode == code, (said, self.log("x"))
        found: dict[str, Any] = json.loads(said) if said.strip() else {}
        return found

    def log(self, node: str) -> str:
        """What a node, or the commands, said on stderr."""
        return (self.file.parent / f"{node}.log").read_text(encoding="utf-8")

    def start(self, node: str, version: str) -> None:
        """Start a node, and wait until it is ready."""
        named = () if node == "alone" else ("--node", node)
        process = self.run(version, "serve", "--json", *named, node=node)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, self.log(node)
        self.up[node] = (process, json.loads(line)["faces"]["api"])

    def stop(self, node: str) -> None:
        """Stop a node as its service manager does."""
        process, _ = self.up.pop(node)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, self.log(node)

    def exchange(self, node: str, version: str) -> None:
        """Another version of this node."""
        self.stop(node)
        self.start(node, version)

    def written_by(self) -> set[str | None]:
        """Which versions have written the payments that there are."""
        query = "select distinct made_by from payment"
        url = load(self.file).store.location()
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as conn:
                return {row[0] for row in conn.execute(query)}
        with psycopg.connect(url.replace("+psycopg", "")) as there:
            return {row[0] for row in there.execute(query.encode())}


class Asking:
    """Case systems that ask for payments without end, each with its key, at whichever node answers."""

    def __init__(self, place: Place) -> None:
        self.place, self.numbers, self.answers = place, iter(range(1, 10**6)), dict[int, str]()
        self.odd: list[str] = []
        self.ending = False

    async def ask(self) -> None:
        """Ask until told to stop; what was begun is brought to its end."""
        header = {"Authorization": f"Bearer {self.place.key}"}
        async with httpx.AsyncClient(headers=header, trust_env=False, timeout=20) as http:
            while not self.ending:
                number = next(self.numbers)
                decision = f"望市监罚决字〔2026〕第{number}号"
                at = f"/v1/decisions/{story.AUTHORITY}/{decision}"
                await self.answered(http, "PUT", at, {}, FACTS)
                body = {"authority": story.AUTHORITY, "decision_number": decision}
                answer = await self.answered(http, "POST", "/v1/payments", {"Idempotency-Key": f"up-{number}"}, body)
                self.answers[number] = answer["id"]
                await asyncio.sleep(0.1)

    async def answered(
        self, http: httpx.AsyncClient, verb: str, path: str, header: dict[str, str], body: Any
    ) -> dict[str, Any]:
        """Repeat at another node until there is an answer, as a case system does."""
        for turn in range(10**6):
            nodes = sorted(self.place.up)
            if nodes:
                url = self.place.up[nodes[turn % len(nodes)]][1]
                try:
                    answer = await http.request(verb, url + path, headers=header, json=body)
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code < 300:
                    found: dict[str, Any] = answer.json()
                    return found
                if answer is not None and answer.status_code not in (409, 503):
                    self.odd.append(f"{answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(0.05)
        raise AssertionError("never")

    async def more(self, number: int = 6) -> None:
        """Go on when so many more payments were asked for."""
        wanted = len(self.answers) + number
        async with asyncio.timeout(120):
            while len(self.answers) < wanted:
                await asyncio.sleep(0.05)


@contextmanager
def place_at(folder: Path, simulators: Simulation, url: str | None, newer: Path) -> Iterator[Place]:
    """An installation of the version of now, populated; what still runs at the end is killed."""
    file = write_settings(folder, simulators.ready["systems"], 0)
    text = file.read_text(encoding="utf-8").replace("settle_seconds = 5", "settle_seconds = 0.3")
    address = f'"{url}"\nmay_forget = true' if url else f'"sqlite:///{folder / "gateway.sqlite"}"'
    text = re.sub(r'"sqlite:///gateway.sqlite"', lambda _: address, text)
    file.write_text(text + IMPATIENT, encoding="utf-8")
    made = Place(file, "", newer)
    made.done(NOW, "migrate")

    async def prepare() -> str:
        async with App.open(load(file)) as app:
            key, _ = await populate(app, "journey-password")
            return key

    made.key = asyncio.run(prepare())
    try:
        yield made
    finally:
        for process, _ in made.up.values():
            process.kill()
            process.communicate()


async def _while_asked(place: Place, simulators: Simulation, steps: Any) -> None:
    """Go through the steps while four case systems ask; then every payment has one code, here and there."""
    asking = Asking(place)
    tasks = [asyncio.create_task(asking.ask()) for _ in range(4)]
    try:
        await steps(asking)
    finally:
        asking.ending = True
    async with asyncio.timeout(120):
        await asyncio.gather(*tasks)
        url = next(iter(place.up.values()))[1]
        header = {"Authorization": f"Bearer {place.key}"}
        async with httpx.AsyncClient(base_url=url, headers=header, trust_env=False, timeout=20) as http:
            while True:
                one = [(await http.get(f"/v1/payments/{name}")).json() for name in asking.answers.values()]
                if all(each["status"] == "ISSUED" for each in one):
                    break
                await asyncio.sleep(0.2)
    print(f"{len(one)} payments")
    assert asking.odd == []
    assert len({each["id"] for each in one}) == len({each["code"] for each in one}) == len(asking.answers)
    bills = next(iter(simulators.effects("nontax").values()))
    assert max(bills.values()) == 1
    assert len(bills) == len(one)


@pytest.mark.nightly
def test_one_process_is_upgraded_taken_back_and_upgraded(tmp_path: Path, simulators: Simulation) -> None:
    with place_at(tmp_path, simulators, None, next_version(tmp_path / "next")) as place:

        async def steps(asking: Asking) -> None:
            run = asyncio.to_thread
            await run(place.start, "alone", NOW)
            await asking.more()
            await run(place.exchange, "alone", NEXT)
            await asking.more()
            assert (await run(place.done, NEXT, "migrate", "--check"))["pending"]
            await run(place.exchange, "alone", NOW)
            assert "goes on beneath it" in place.log("alone")
            await asking.more()
            await run(place.exchange, "alone", NEXT)
            await asking.more()
            await run(place.stop, "alone")
            assert (await run(place.done, NEXT, "migrate", "--contract"))["backup"]
            await run(place.done, NOW, "serve", code=3)
            await run(place.start, "alone", NEXT)
            await asking.more()

        asyncio.run(_while_asked(place, simulators, steps))
        assert place.written_by() == {"before", "next"}


@pytest.mark.nightly
def test_nodes_are_exchanged_one_after_the_other_and_back(
    tmp_path: Path, simulators: Simulation, postgresql_url: str
) -> None:
    with place_at(tmp_path, simulators, postgresql_url, next_version(tmp_path / "next")) as place:

        async def steps(asking: Asking) -> None:
            run = asyncio.to_thread
            await asyncio.gather(*(run(place.start, node, NOW) for node in ("hall-1", "hall-2")))
            await asking.more()
            assert (await run(place.done, NEXT, "migrate"))["backup"] is None
            await asking.more()
            await run(place.exchange, "hall-1", NEXT)
            await asking.more()
            await run(place.done, NEXT, "migrate", "--contract", code=4)
            await run(place.exchange, "hall-2", NEXT)
            await asking.more()
            for node in ("hall-1", "hall-2"):  # and back
                await run(place.exchange, node, NOW)
            assert (await run(place.done, NOW, "migrate", "--check"))["ahead"]
            await asking.more()
            for node in ("hall-1", "hall-2"):
                await run(place.exchange, node, NEXT)
            await asking.more()
            assert None in place.written_by()
            await run(place.done, NEXT, "migrate", "--contract")
            await run(place.done, NOW, "serve", code=3)
            await asking.more()

        asyncio.run(_while_asked(place, simulators, steps))
        assert place.written_by() == {"before", "next"}
