"""A complete installation for a journey: the gateway assembled and served on a free port, the simulators beside it."""

from __future__ import annotations

import asyncio
import base64
import functools
import importlib.util
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import Connection

import contracts
from gateway.app import App
from gateway.demo import story
from gateway.demo.installation import populate, write_settings
from gateway.faces.serve import serve
from gateway.foundation.http import plans
from gateway.foundation.wire import soap
from gateway.settings import load
from gateway.typography import Block, Letter, Signature, render
from gateway.words.clock import SHANGHAI
from simulators.testing import Simulation

FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {
        "kind": "individual_business",
        "name": "味安副食店",
        "uscc": "92990102MA0WA4562J",
        "legal_representative": "罗巧云",
    },
    "violation": "经营超过保质期的食品",
    "facts": "2026年9月3日检查发现货架上有过期糕点。",
    "basis": "《中华人民共和国食品安全法》第一百二十四条",
    "penalty_kinds": ["没收违法所得", "罚款"],
    "content": "没收违法所得36.50元，罚款5000元",
    "fine": "5000.00",
    "confiscated": "36.50",
    "decided_on": "2026-09-14",
    "seriousness": "general",
    "seriousness_standard": "安澜市失信行为分类标准",
    "seriousness_standard_on": "2026-03-01",
    "valid_until": "2036-09-14",
    "surcharge_stated": True,
}
CALLBACKS = {"nontax": "nontax", "credit": "creditchina", "seal": "seal"}
IMPATIENT = """
[delivery]
ask_after = 0.05
first = 0.05
longest = 0.2
grace = 2
"""
LESS_GRACE = IMPATIENT.replace("grace = 2", "grace = 0.9")
_keys = itertools.count(1)


def settings_of(folder: Path, simulators: Simulation, port: int, store_url: str, patience: str = IMPATIENT) -> Path:
    """The demo's settings file, less patient, with the store's address in place of its own."""
    file = write_settings(folder, simulators.ready["systems"], port)
    text = file.read_text(encoding="utf-8")
    text = text.replace("settle_seconds = 5", "settle_seconds = 0.3")
    text = re.sub(r"(\[channels\.\w+\]\n)", r"\1read_timeout = 3.0\ntotal_timeout = 3.0\n", text)
    forgets = "" if store_url.startswith("sqlite") else "\nmay_forget = true"  # the server of tests has its fsync off
    text = text.replace('"sqlite:///gateway.sqlite"', f'"{store_url}"{forgets}')
    text = text.replace("[channels.nontax]\n", "[channels.nontax]\nask_after = 0.3\n")
    if importlib.util.find_spec("gateway.adapters.seal.rest") is None:
        blocks = re.split(r"\n(?=\[)", text)
        text = "\n".join(one for one in blocks if "[channels.seal]" not in one and 'channels = ["seal"]' not in one)
    file.write_text(text + patience, encoding="utf-8")
    return file


def worked_out_once() -> None:
    """What a start works out of our contracts and of the routes is the same for every gateway of a run."""
    load_wsdl, make_plan, ours = soap.load_wsdl, plans._plan, contracts.ROOT
    loaded = functools.cache(load_wsdl)
    made: dict[int, tuple[Any, Any]] = {}

    def plan(route: Any) -> Any:
        if id(route) not in made:
            made[id(route)] = route, make_plan(route)
        return made[id(route)][1]

    soap.load_wsdl = lambda wsdl, binding: (loaded if wsdl.is_relative_to(ours) else load_wsdl)(wsdl, binding)
    plans._plan = plan


worked_out_once()


class TravellingClock:
    """Civil time that can be moved and runs on from there; ``jump`` sets it without any time passing."""

    def __init__(self) -> None:
        self.offset = self._jumped = timedelta(0)

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return datetime.now(UTC) + self.offset

    def elapsed(self) -> float:
        """Seconds that have passed, those that were travelled included."""
        return time.monotonic() + (self.offset - self._jumped).total_seconds()

    def jump(self, step: timedelta) -> None:
        """Somebody sets the machine's clock."""
        self.offset += step
        self._jumped += step


class Site:
    """A running gateway as a case system sees it: ``http`` bears the API key. ``app`` is the assembled gateway."""

    def __init__(self, settings_file: Path, simulators: Simulation, url: str) -> None:
        self.settings = load(settings_file)
        self.settings_file = settings_file
        self.simulators = simulators
        self.url = url
        self.key = self.password = ""
        self.clock = TravellingClock()
        self.app: App
        self.http: httpx.AsyncClient

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Site]:
        """Serve until the block ends, then stop in the order of ``gateway serve``."""
        async with AsyncExitStack() as stack:
            self.app = await stack.enter_async_context(App.open(self.settings, clock=self.clock, sending=True))
            if not self.key:
                self.key, self.password = await populate(self.app, "journey-password")
            ready, stop = asyncio.Event(), asyncio.Event()
            serving = asyncio.create_task(serve(self.app, on_ready=lambda _: ready.set(), stop=stop))
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

            async def end() -> None:
                stop.set()
                await serving

            stack.push_async_callback(end)
            assert not serving.done()
            for system, channel in CALLBACKS.items():
                await asyncio.to_thread(self.simulators.callbacks_to, system, f"{self.url}/callbacks/{channel}")
            self.http = await stack.enter_async_context(self.client(self.key))
            yield self

    def client(self, key: str | None) -> httpx.AsyncClient:
        """Another caller, with this key or none."""
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    # --- what a case system does ------------------------------------------------------------------------------------

    async def post(self, path: str, body: Any, key: str | None = None, **more: Any) -> httpx.Response:
        """POST with an Idempotency-Key, a fresh one unless given."""
        headers = {"Idempotency-Key": key or f"journey-{next(_keys)}"}
        return await self.http.post(path, json=body, headers=headers, **more)

    def path(self, number: str) -> str:
        """The address of a decision."""
        return f"/v1/decisions/{story.AUTHORITY}/{quote(number, safe='')}"

    def facts(self, **other: Any) -> dict[str, Any]:
        """The body of a decision."""
        return FACTS | other

    async def decide(self, number: str = "望市监罚决字〔2026〕第1号", **facts: Any) -> str:
        """Store a decision; its number."""
        answer = await self.http.put(self.path(number), json=self.facts(**facts))
        assert answer.status_code in (200, 201), answer.text
        return number

    def demand(self, number: str, **more: Any) -> dict[str, Any]:
        """The body of a request for a payment."""
        return {"authority": story.AUTHORITY, "decision_number": number, **more}

    def to_seal(self, number: str) -> dict[str, Any]:
        """The body of a request to seal the document of a decision."""
        organ = Signature(story.AUTHORITY_NAME, date(2026, 9, 14))
        letter = render(Letter("行政处罚决定书", number, (Block("罚款"),), organ))
        return {
            "authority": story.AUTHORITY,
            "decision_number": number,
            "title": "行政处罚决定书",
            "document": base64.b64encode(letter).decode(),
            "seal_id": "99010200000040",
            "placements": [{"page": 1, "x": 127, "y": 52, "width": 42, "height": 42}],
            "approval": "负责人批准",
        }

    async def ask_payment(self, number: str | None = None, key: str | None = None, **facts: Any) -> httpx.Response:
        """Ask for a code, for a decision that is stored first unless it is named."""
        number = number or await self.decide(**facts)
        return await self.post("/v1/payments", self.demand(number), key)

    async def issued(self, number: str | None = None, **facts: Any) -> dict[str, Any]:
        """A payment with its code."""
        answer = await self.ask_payment(number, **facts)
        assert answer.status_code in (201, 202), answer.text
        return await self.reaches(answer.json(), "ISSUED")

    async def paid(self, **facts: Any) -> dict[str, Any]:
        """A payment whose money has arrived."""
        payment = await self.issued(**facts)
        await self.pay(payment["code"])
        return await self.reaches(payment, "PAID")

    async def get(self, path: str) -> Any:
        """The JSON behind an address."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def until(self, path: str, holds: Callable[[Any], bool], seconds: float = 60.0) -> Any:
        """The record as soon as it is so."""
        view = None
        try:
            async with asyncio.timeout(seconds):
                while not holds(view := await self.get(path)):
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"not reached; {path} is {view}") from None
        return view

    async def reaches(self, payment: dict[str, Any], status: str) -> dict[str, Any]:
        """The payment once it has this status."""
        found: dict[str, Any] = await self.until(f"/v1/payments/{payment['id']}", lambda now: now["status"] == status)
        return found

    async def told(self, subject: str, *awaited: str) -> list[str]:
        """The types of all events about a record, in order, once those awaited are among them.

        The list waits for the oldest transaction of the whole PostgreSQL server, which other tests share.
        """

        def has_all(page: Any) -> bool:
            return set(awaited) <= {one["type"] for one in page["items"]}

        page = await self.until(f"/v1/events?subject={subject}&limit=200", has_all)
        return [one["type"] for one in page["items"]]

    async def read(self, query: Callable[[Connection], Any]) -> Any:
        """A look into the database."""
        return await self.app.base.store.read(query)

    async def travel(self, to: str) -> None:
        """Make it this moment in Shanghai (``2026-09-16 10:00``), for the gateway and for the simulators."""
        moment = datetime.fromisoformat(to).replace(tzinfo=SHANGHAI)
        attempts = self.app.base.delivery.attempts
        claimed: list[tuple[Any, ...]] = []
        with pytest.MonkeyPatch.context() as patch:  # a call between the two moves is refused for its time
            patch.setattr(attempts, "room", lambda channel: 0)
            patch.setattr(attempts, "start", lambda *attempt: claimed.append(attempt))
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    while len(attempts):
                        await asyncio.sleep(0.01)
            self.clock.offset = moment - datetime.now(UTC)
            await self.simulators.aask("POST", "/clock", {"now": moment.isoformat()})
        for attempt in claimed:
            attempts.start(*attempt)
        self.app.base.delivery.wake()

    # --- what the outside does --------------------------------------------------------------------------------------

    async def pay(self, code: str, **how: Any) -> dict[str, Any]:
        """Money arrives at the platform, which calls back."""
        return dict(await self.simulators.aask("POST", "/nontax/pay", {"code": code, **how}))

    def fault(self, kind: str, operation: str = "*", system: str = "nontax", **more: Any) -> None:
        """Plant a fault."""
        self.simulators.faults({"system": system, "operation": operation, "kind": kind, **more})

    def effects(self, operation: str, system: str = "nontax") -> list[int]:
        """How often each reference had this effect."""
        return list(self.simulators.effects(system).get(operation, {}).values())


class Process:
    """``gateway serve`` in a process of its own, over one settings file, started and killed as often as needed."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.process: subprocess.Popen[str] | None = None
        self.log = site.settings_file.with_name("gateway.log")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gateway", "--settings", str(self.site.settings_file), *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command beside it."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, check=False, timeout=240, env=environment()
        )

    def begin(self) -> None:
        log = self.log.open("a")
        self.process = subprocess.Popen(
            self.command("serve", "--json"), stdout=subprocess.PIPE, stderr=log, text=True, env=environment()
        )
        log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-3000:]
        assert json.loads(line)["ready"]

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=120)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    async def start(self) -> None:
        await asyncio.to_thread(self.begin)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        return await asyncio.to_thread(self.end, number)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}


@contextmanager
def installed(folder: Path, simulators: Simulation, store_url: str, patience: str = IMPATIENT) -> Iterator[Site]:
    """An installation that is not running yet; its port is kept for it."""
    with socket.socket() as kept:  # bound and not listening: the port stays ours until the gateway listens on it
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port = kept.getsockname()[1]
        file = settings_of(folder, simulators, port, store_url, patience)
        yield Site(file, simulators, f"http://127.0.0.1:{port}")


@asynccontextmanager
async def a_served_site(
    folder: Path,
    simulators: Simulation,
    store_url: str,
    prepare: Callable[[App], Awaitable[None]] | None = None,
) -> AsyncIterator[Process]:
    """An installation made and populated, its gateway running as a process; ``site`` speaks to it."""
    with installed(folder, simulators, store_url, LESS_GRACE) as site:
        async with App.open(site.settings) as app:
            site.key, site.password = await populate(app, "journey-password")
            if prepare is not None:
                await prepare(app)
        process = Process(site)
        await process.start()
        try:
            for system in ("nontax", "credit"):
                channel = CALLBACKS[system]
                await asyncio.to_thread(simulators.callbacks_to, system, f"{site.url}/callbacks/{channel}")
            async with site.client(site.key) as site.http:
                yield process
        finally:
            if process.process is not None and process.process.poll() is None:
                await process.stop(signal.SIGKILL)


@asynccontextmanager
async def a_site(folder: Path, simulators: Simulation, store_url: str) -> AsyncIterator[Site]:
    """An installation made, populated and served."""
    with installed(folder, simulators, store_url) as site:
        async with site.running():
            yield site


@pytest.fixture
async def served(tmp_path: Path, simulators: Simulation, sqlite_url: str) -> AsyncIterator[Process]:
    """A gateway that runs as a process of its own, on SQLite."""
    async with a_served_site(tmp_path, simulators, sqlite_url) as process:
        yield process


@pytest.fixture
def serve_apart() -> Callable[..., AbstractAsyncContextManager[Process]]:
    """``a_served_site``, for tests that choose the database or prepare it."""
    return a_served_site


@pytest.fixture(scope="session")
def make_site() -> Callable[..., AbstractContextManager[Site]]:
    """``installed``, for tests that run the gateway themselves."""
    return installed


@pytest.fixture
def open_site() -> Callable[..., AbstractAsyncContextManager[Site]]:
    """``a_site``, for tests that choose the database."""
    return a_site


@pytest.fixture
async def site(tmp_path: Path, simulators: Simulation, sqlite_url: str) -> AsyncIterator[Site]:
    """A running gateway on SQLite."""
    async with a_site(tmp_path, simulators, sqlite_url) as made:
        yield made


@pytest.fixture
async def any_site(tmp_path: Path, simulators: Simulation, database_url: str) -> AsyncIterator[Site]:
    """A running gateway, once on SQLite and once on PostgreSQL."""
    async with a_site(tmp_path, simulators, database_url) as made:
        yield made
