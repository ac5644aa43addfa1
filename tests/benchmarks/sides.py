"""The sides of a bench, each a process of its own: gateways, the floor application, the reference call."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from load import Load, request
from measuring import Sample, Window

import contracts
from gateway.app import App
from gateway.demo import story
from gateway.demo.installation import free_port, populate, write_settings
from gateway.foundation.store import schema
from gateway.settings import load

HERE = Path(__file__).parent
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
    "surcharge_stated": True,
}
_serial = itertools.count(1)
Systems = Mapping[str, Mapping[str, Any]]


def numbers(count: int) -> list[str]:
    """Fresh decision numbers."""
    return [f"望市监罚决字〔2026〕第{next(_serial)}号" for _ in range(count)]


class Spawned:
    """A process of this bench that says on stdout when it is ready."""

    server: str
    """What its CPU is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.processes: dict[str, int] = {}

    async def spawn(self, words: Sequence[str]) -> str:
        """Start Python with these words; its first line."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
                [sys.executable, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
            )
        self.processes |= {self.server: self.process.pid}
        line = await asyncio.to_thread(self._out.readline)
        assert line, (self.folder / "log").read_text(encoding="utf-8")[-3000:]
        return line

    @property
    def _out(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    async def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        await asyncio.to_thread(self.process.communicate)


class Reference(Spawned):
    """The frozen direct call."""

    server = "reference"

    async def begin(self, systems: Systems) -> None:
        """Start it against the simulated platform."""
        contract = contracts.path("nontax/v1")
        told = json.dumps(systems["nontax"])
        await self.spawn(
            [str(HERE / "reference_call.py"), str(contract / "nontax.wsdl"), str(contract / "nontax.xsd"), told]
        )

    async def round(self, count: int, in_flight: int) -> Sample:
        """So many calls."""
        assert self.process.stdin is not None
        with Window(count, self.processes) as window:
            self.process.stdin.write(f"{count} {in_flight}\n")
            self.process.stdin.flush()
            seconds = await asyncio.to_thread(self._out.readline)
        window.sample.seconds = json.loads(seconds)
        return window.sample

    async def alone(self, count: int) -> float:
        """Milliseconds of one call by itself, the median of so many."""
        return statistics.median([(await self.round(1, 1)).seconds * 1000 for _ in range(count)])


class Served(Spawned):
    """A server that takes payments over HTTP."""

    port: int

    async def prepare(self, wanted: Sequence[str]) -> list[bytes]:
        """Requests for so many payments; what they need beforehand is done."""
        raise NotImplementedError

    async def round(self, count: int, in_flight: int) -> Sample:
        """So many payments."""
        messages = await self.prepare(numbers(count))
        async with Load(self.port, in_flight) as load:
            with Window(count, self.processes) as window:
                await load.send(messages)
        return window.sample

    async def alone(self, count: int) -> float:
        """Milliseconds of one payment by itself, the median of so many."""
        messages = await self.prepare(numbers(count))
        async with Load(self.port, 1) as load:
            return statistics.median(answer.seconds * 1000 for answer in await load.send(messages))


class Floor(Served):
    """The floor application."""

    server = "floor"

    async def begin(self, settings: Path) -> None:
        """Start it with a gateway's settings."""
        self.port = int(await self.spawn([str(HERE / "floor_app.py"), str(settings), str(self.folder)]))

    async def prepare(self, wanted: Sequence[str]) -> list[bytes]:
        """Requests."""
        return [request("POST", "/", {}, json.dumps({"decision_number": number}).encode()) for number in wanted]


class Gateway(Served):
    """One gateway. ``database``: PostgreSQL's address, migrated; ``more``: further settings; ``counting``: its SQL."""

    server = "gateway"

    def __init__(
        self, folder: Path, systems: Systems, database: str | None = None, more: str = "", counting: bool = False
    ) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.settings = write_settings(folder, systems, self.port)
        words = self.settings.read_text(encoding="utf-8") + more
        if database is not None:
            words = words.replace('"sqlite:///gateway.sqlite"', f'"{database}"\nmay_forget = true')
        self.settings.write_text(words)
        self._migrated = database is not None
        self.start = [str(HERE / "counting.py")] if counting else ["-m", "gateway"]
        self.key = ""

    async def begin(self) -> None:
        """Start and wait until ready; what is not installed is installed first."""
        if not self.key:
            settings = load(self.settings)
            if not self._migrated:
                await asyncio.to_thread(schema.migrate, settings.store.location())
            async with App.open(settings) as app:
                self.key, _ = await populate(app)
        await self.spawn([*self.start, "-s", str(self.settings), "serve", "--json"])

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """One of its requests."""
        content = b"" if body is None else json.dumps(body).encode()
        return request(method, path, {"Authorization": f"Bearer {self.key}", **headers}, content)

    async def ask(self, *messages: bytes, expected: Sequence[int] = (200, 201)) -> list[Any]:
        """The answers' JSON; not measured."""
        async with Load(self.port, min(32, len(messages))) as load:
            return [json.loads(answer.body) for answer in await load.send(messages, expected)]

    def decision(self, number: str, **other: Any) -> bytes:
        """The request that stores a decision."""
        return self.request("PUT", f"/v1/decisions/{story.AUTHORITY}/{quote(number, safe='')}", FACTS | other)

    def payment(self, number: str) -> bytes:
        """The request for its payment."""
        body = {"authority": story.AUTHORITY, "decision_number": number}
        return self.request("POST", "/v1/payments", body, **{"Idempotency-Key": f"bench-{next(_serial)}"})

    async def prepare(self, wanted: Sequence[str]) -> list[bytes]:
        """Requests for payments, whose decisions are there."""
        await self.ask(*map(self.decision, wanted))
        return [self.payment(number) for number in wanted]
