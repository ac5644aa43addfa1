"""The floor: what nobody can go below who takes a request over HTTP, calls the platform and commits twice.

A bare ASGI function on uvicorn, the gateway's own adapter and wire, and two SQLite commits (WAL, synchronous FULL)
that requests share, one before the call and one after it. No authentication, no idempotency, no events, no evidence,
no framework. ``python tests/benchmarks/floor_app.py SETTINGS FOLDER`` prints its port once it is ready.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import sys
import threading
from collections import deque
from datetime import date
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from gateway.demo import story
from gateway.foundation.channels import Channels
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.settings import load
from gateway.words.clock import SystemClock

_serial = itertools.count(1)
_DAY = date(2026, 9, 14)


class Commits:
    """One thread that writes; statements that wait while it commits share the next commit."""

    def __init__(self, file: Path) -> None:
        self._books = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        for words in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
            self._books.execute(words)
        self._books.execute("CREATE TABLE payment (reference TEXT PRIMARY KEY, asked TEXT, answered TEXT)")
        self._queue: deque[tuple[str, tuple[str, ...], asyncio.Future[None]]] = deque()
        self._ready = threading.Condition()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, daemon=True).start()

    async def write(self, statement: str, *values: str) -> None:
        """Store; returns after the commit."""
        stored = self._loop.create_future()
        with self._ready:
            self._queue.append((statement, values, stored))
            self._ready.notify()
        await stored

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._queue:
                    self._ready.wait()
                jobs, self._queue = list(self._queue), deque()
            self._books.execute("BEGIN IMMEDIATE")
            for statement, values, _ in jobs:
                self._books.execute(statement, values)
            self._books.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._settle, [stored for _, _, stored in jobs])

    @staticmethod
    def _settle(stored: list[asyncio.Future[None]]) -> None:
        for one in stored:
            one.set_result(None)


class Floor:
    """The application."""

    def __init__(self, adapter: Any, commits: Commits) -> None:
        self._adapter, self._commits = adapter, commits

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        """Take one request."""
        asked = json.loads((await receive())["body"])
        code, name = story.ITEM
        bill = IssueRequest(
            reference=f"F{next(_serial):019d}",
            region=story.REGION,
            unit_code=story.UNIT_CODE,
            unit_name=story.AUTHORITY_NAME,
            payer_name="味安副食店",
            payer_code="92990102MA0WA4562J",
            decision_number=asked["decision_number"],
            lines=(BillLine(item_code=code, item_name=name, amount=500_000),),
            total=500_000,
            bill_date=_DAY,
        )
        await self._commits.write(
            "INSERT INTO payment (reference, asked) VALUES (?, ?)", bill.reference, bill.model_dump_json()
        )
        issued = await self._adapter.issue(bill)
        answer = issued.model_dump_json()
        await self._commits.write("UPDATE payment SET answered = ? WHERE reference = ?", answer, bill.reference)
        body = answer.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def main(settings: Path, folder: Path) -> None:
    """Serve until the process is ended."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    channels = Channels.build(load(settings), recorder=lambda _: None, clock=SystemClock())
    floor: Any = Floor(channels.get("nontax").adapter, Commits(folder / "floor.sqlite"))
    server = uvicorn.Server(uvicorn.Config(floor, port=0, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvicorn.Config("floor").get_loop_factory()) as runner:
        runner.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
