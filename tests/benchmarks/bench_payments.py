"""What the gateway costs a payment: ``python tests/benchmarks/bench_payments.py`` (about two minutes).

Payments issued per second at 32 in flight, through the whole gateway over HTTP (authentication, idempotency, events,
evidence), on SQLite (synchronous FULL) and on PostgreSQL (fsync, one node of the cluster engine), against (a) the same
gateway whose database keeps nothing (SQLite in memory, never synchronised: units are still validated and serialised)
and (b) direct calls of the same adapter over the same wire client. Then what one request alone takes longer through the
gateway. Interleaved rounds; medians, with the spread. The platform is the simulator in a process of its own, answering
as fast as it can.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import structlog
import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))
import databases

from gateway.app import App
from gateway.demo import story
from gateway.demo.installation import free_port, populate, write_settings
from gateway.foundation.channels import Channels
from gateway.foundation.store import schema
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.settings import load
from gateway.words.clock import SystemClock
from simulators.testing import Simulation

ROUNDS, EACH, IN_FLIGHT, ALONE = 5, 64, 32, 8
ENOUGH = 110.0
"""Seconds after which no further round begins: a loaded machine measures fewer."""
MEMORY = Path("/dev/shm")
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


def serve_keeping_nothing(settings: str) -> None:
    """``gateway serve`` whose commits reach no disk."""
    from gateway.cli import app
    from gateway.foundation.store import engine

    def writing(driver: Any, _record: object) -> None:
        driver.execute("PRAGMA journal_mode=WAL")
        driver.execute("PRAGMA synchronous=OFF")
        driver.execute("PRAGMA foreign_keys=ON")

    engine._sqlite_writing = writing
    app(["-s", settings, "serve", "--json"])


class Gateway:
    """One gateway process, on a database that keeps or that does not. ``database``: PostgreSQL's address, migrated.

    ``more``: further settings.
    """

    def __init__(
        self,
        folder: Path,
        systems: Mapping[str, Mapping[str, Any]],
        keeping: bool = True,
        database: str | None = None,
        more: str = "",
    ) -> None:
        self.folder, self.keeping = folder, keeping
        folder.mkdir()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = write_settings(folder, systems, port)
        words = self.settings.read_text(encoding="utf-8") + more
        self.settings.write_text(words.replace("sqlite:///gateway.sqlite", database or "sqlite:///gateway.sqlite"))
        self.migrated = database is not None
        self.key = ""

    async def install(self) -> None:
        """A migrated database with an authority, a client and its key."""
        settings = load(self.settings)
        if not self.migrated:
            await asyncio.to_thread(schema.migrate, settings.store.location())
        async with App.open(settings) as app:
            self.key, _ = await populate(app)

    async def begin(self, connections: int = IN_FLIGHT) -> None:
        """Start, wait until ready; what is not installed is installed first."""
        if not self.key:
            await self.install()
        words = ["-m", "gateway", "-s", str(self.settings), "serve", "--json"]
        if not self.keeping:
            words = [__file__, "--serve", str(self.settings)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        await asyncio.to_thread(self._spawn, [sys.executable, *words], environment)
        assert self.process.stdout is not None
        ready = await asyncio.to_thread(self.process.stdout.readline)
        assert ready, (self.folder / "log").read_text()[-2000:]
        limits = httpx.Limits(max_connections=connections)
        headers = {"Authorization": f"Bearer {self.key}"}
        self.http = httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=60, limits=limits)

    def _spawn(self, command: list[str], environment: dict[str, str]) -> None:
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)

    async def end(self) -> None:
        """Stop it."""
        await self.http.aclose()
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, 30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    async def decide(self, number: str) -> None:
        """Store a decision; not measured."""
        path = f"/v1/decisions/{story.AUTHORITY}/{quote(number, safe='')}"
        answer = await self.http.put(path, json=FACTS)
        assert answer.status_code == 201, answer.text

    async def nothing(self, _: str) -> None:
        """A request that does nothing: what HTTP alone costs, on both sides."""
        assert (await self.http.get("/healthz")).status_code == 200

    async def issue(self, number: str) -> None:
        """Ask for a code, and get it."""
        body = {"authority": story.AUTHORITY, "decision_number": number}
        answer = await self.http.post("/v1/payments", json=body, headers={"Idempotency-Key": f"bench-{next(_serial)}"})
        assert answer.status_code == 201, answer.text


async def together(work: Callable[[str], Awaitable[None]], numbers: list[str]) -> None:
    """Do all, 32 at a time."""
    left = iter(numbers)

    async def one() -> None:
        for number in left:
            await work(number)

    await asyncio.gather(*(one() for _ in range(IN_FLIGHT)))


def numbers(count: int) -> list[str]:
    """Fresh decision numbers."""
    return [f"望市监罚决字〔2026〕第{next(_serial)}号" for _ in range(count)]


async def rate(issue: Callable[[str], Awaitable[None]], decide: Callable[[str], Awaitable[None]] | None) -> float:
    """Payments a second at 32 in flight."""
    wanted = numbers(EACH)
    if decide is not None:
        await together(decide, wanted)
    began = time.perf_counter()
    await together(issue, wanted)
    return EACH / (time.perf_counter() - began)


async def alone(issue: Callable[[str], Awaitable[None]], decide: Callable[[str], Awaitable[None]] | None) -> float:
    """The median time of one request with nothing else in flight, in milliseconds."""
    wanted, taken = numbers(ALONE), []
    for number in wanted:
        if decide is not None:
            await decide(number)
        began = time.perf_counter()
        await issue(number)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


async def main(folder: Path, memory: Path, server: databases.OwnServer) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    started, simulators = time.monotonic(), Simulation(folder)
    await asyncio.to_thread(simulators.start)
    systems = simulators.ready["systems"]
    full, nothing = Gateway(folder / "full", systems), Gateway(memory / "nothing", systems, keeping=False)
    postgresql = Gateway(folder / "postgresql", systems, database=server.url)
    channels = Channels.build(load(full.settings), recorder=lambda _: None, clock=SystemClock())
    adapter: Any = channels.get("nontax").adapter

    async def direct(number: str) -> None:
        code, name = story.ITEM
        request = IssueRequest(
            reference=f"D{next(_serial):019d}",
            region=story.REGION,
            unit_code=story.UNIT_CODE,
            unit_name=story.AUTHORITY_NAME,
            payer_name="味安副食店",
            payer_code="92990102MA0WA4562J",
            decision_number=number,
            lines=(BillLine(item_code=code, item_name=name, amount=500_000),),
            total=500_000,
            bill_date=date.today(),  # noqa: DTZ011 - any day will do
        )
        await adapter.issue(request)

    try:
        await full.begin()
        await nothing.begin()
        await postgresql.begin()
        sides: dict[str, tuple[Any, Any]] = {
            "gateway, SQLite": (full.issue, full.decide),
            "gateway, PostgreSQL": (postgresql.issue, postgresql.decide),
            "gateway, keeping nothing": (nothing.issue, nothing.decide),
            "direct call": (direct, None),
        }
        for issue, decide in sides.values():  # connections, caches
            await rate(issue, decide)
        rates: dict[str, list[float]] = {name: [] for name in sides}
        times: dict[str, list[float]] = {name: [] for name in sides}
        empty: list[float] = []
        for turn in range(ROUNDS):
            if turn and time.monotonic() - started > ENOUGH:
                break
            for name, (issue, decide) in list(sides.items())[:: 1 if turn % 2 else -1]:
                rates[name].append(await rate(issue, decide))
                times[name].append(await alone(issue, decide))
            empty.append(await alone(full.nothing, None))
        load_ = os.getloadavg()[0]
        print(
            f"{len(rates['direct call'])} interleaved rounds, {os.cpu_count()} cores, "
            f"load average {load_:.1f} at the end"
        )
        for name in sides:
            print(
                f"{name:<26} {statistics.median(rates[name]):7.1f}/s ({min(rates[name]):.1f} to {max(rates[name]):.1f})"
                f" at {IN_FLIGHT} in flight; {statistics.median(times[name]):6.1f} ms alone"
            )
        spread = f"{min(empty):.1f} to {max(empty):.1f}"
        print(f"a request over HTTP that does nothing: {statistics.median(empty):.1f} ms alone ({spread})")
        for ours in ("gateway, SQLite", "gateway, PostgreSQL"):
            for name, wanted in (("gateway, keeping nothing", 0.65), ("direct call", 0.35)):
                ratios = [mine / theirs for mine, theirs in zip(rates[ours], rates[name], strict=True)]
                spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
                print(f"{ours} / {name}: {statistics.median(ratios):.2f} ({spread}), wanted >= {wanted}")
            added = [mine - theirs for mine, theirs in zip(times[ours], times["direct call"], strict=True)]
            spread = f"{min(added):.1f} to {max(added):.1f}"
            print(f"{ours}, added at one in flight: {statistics.median(added):.1f} ms ({spread}), wanted <= 3")
        print(json.dumps({"rates": rates, "milliseconds": times}))
    finally:
        for gateway in (full, nothing, postgresql):
            if hasattr(gateway, "http"):
                await gateway.end()
        await channels.close()
        await asyncio.to_thread(simulators.stop)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve_keeping_nothing(sys.argv[2])
    with (
        tempfile.TemporaryDirectory() as made,
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as volatile,
    ):
        server = databases.OwnServer("bench")
        try:  # the direct calls run on the event loop that the gateway runs on
            uvloop.run(asyncio.wait_for(main(Path(made), Path(volatile), server), 240))
        finally:
            server.end()
