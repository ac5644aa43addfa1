"""Each row of the failure table, met over a socket: the error, what the core does, what is seen, one effect at most."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from gateway.app import App
from gateway.demo import story
from gateway.demo.installation import populate, write_settings
from gateway.foundation.delivery import failures, operation_records
from gateway.foundation.delivery.failures import TABLE, Course, Failure
from gateway.foundation.delivery.tables import (
    event,
    operation,
)
from gateway.rooms.decisions import DecisionFacts, Decisions
from gateway.rooms.payments import PaymentRequest, Payments
from gateway.settings import load
from simulators.testing import Simulation

IMPATIENT = """
[delivery]
ask_after = 0.05
first = 0.05
longest = 0.2
grace = 1
"""
PLANTED = {
    "read_timeout": {"kind": "apply_then_silence"},
    "reset_after_effect": {"kind": "apply_then_reset"},
    "end_in_body": {"kind": "truncated"},
    "truncated_xml": {"kind": "malformed"},
    "empty": {"kind": "empty"},
    "error_500": {"kind": "error_500"},
    "declared_busy": {"kind": "busy", "seconds": 0.2},
    "refusal": {"kind": "answer_code", "code": "18012"},
    "unknown_status": {"kind": "unknown_status"},
    "wrong_amount": {"kind": "wrong_amount"},
    "bad_signature": {"kind": "bad_signature"},
    "slow_drip": {"kind": "drip", "seconds": 0.05},
}


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CANNED = {
    "wrong_content_type": answer("200 OK", b"<html>maintenance</html>", "content-type: text/html"),
    "redirect": answer("302 Found", b"", "location: /elsewhere"),
    "too_many_retry_after": answer("429 Too Many Requests", b"slow down", "retry-after: 1"),
    "too_many": answer("429 Too Many Requests", b"slow down"),
    "error_502": answer("502 Bad Gateway", b"<html></html>", "content-type: text/html"),
    "error_503": answer("503 Service Unavailable", b"<html></html>", "content-type: text/html"),
    "error_504": answer("504 Gateway Timeout", b"<html></html>", "content-type: text/html"),
    "gzip_bomb": answer("200 OK", gzip.compress(bytes(64 << 20)), "content-type: text/xml", "content-encoding: gzip"),
}


class Middle:
    """Stands on the line between the gateway and the platform; lets everything through but what it is told to spoil."""

    def __init__(self, upstream: str) -> None:
        self.upstream = httpx.URL(upstream)
        self.spoil: str | None = None
        self.last: bytes | None = None
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return str(self.upstream.copy_with(host="127.0.0.1", port=self.port))

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            spoil, self.spoil = self.spoil, None
            if spoil == "write_cut":
                await reader.read(10)
                writer.transport.abort()
                return
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1])) if length else b""
            true = await self._forward(head, body)
            if spoil == "another_request":
                assert self.last is not None
                writer.write(self.last)
            elif spoil == "endless_body":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ntransfer-encoding: chunked\r\n\r\n")
                for _ in range(4096):
                    writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
                    await writer.drain()
            else:
                writer.write(CANNED[spoil] if spoil is not None else true)
            self.last = self.last or true
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _forward(self, head: str, body: bytes) -> bytes:
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        skipped = ("host", "connection", "content-length", "accept-encoding")
        headers = [line.split(": ", 1) for line in lines if line.split(":")[0].lower() not in skipped]
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            url = self.upstream.copy_with(raw_path=target.encode())
            try:
                got = await http.request(method, url, content=body, headers=[(name, text) for name, text in headers])
            except httpx.HTTPError:
                return b""  # the platform cut the line: so do we
        kept = [f"{name}: {text}" for name, text in got.headers.items() if name not in ("content-length", "connection")]
        return answer(f"{got.status_code} X", got.content, *kept)


@asynccontextmanager
async def installed(
    folder: Path, simulators: Simulation, store_url: str, address: str, tls: bool = False
) -> AsyncIterator[App]:
    """A gateway whose platform is at ``address``."""
    systems = {name: dict(one) for name, one in simulators.ready["systems"].items()}
    systems["nontax"]["url"] = address
    file = write_settings(folder, systems, 1)
    text = file.read_text(encoding="utf-8").replace("sqlite:///gateway.sqlite", store_url)
    text = text.replace("settle_seconds = 5", "settle_seconds = 0.3")
    wire = "read_timeout = 3.0\ntotal_timeout = 4.0\nconnect_timeout = 1.5\ncircuit_failures = 0\n"
    text = text.replace("[channels.nontax]\n", f"[channels.nontax]\n{wire}")
    file.write_text(text + IMPATIENT, encoding="utf-8")
    async with App.open(load(file), sending=True) as app:
        await populate(app, "journey-password")
        app.met = listen(app)  # type: ignore[attr-defined]
        yield app


def listen(app: App) -> list[str]:
    """The names of the errors that calls for a code and their checks raise, as they come."""
    met: list[str] = []
    known = app.base.delivery.action("nontax.issue")

    async def call(adapter: Any, request: Any) -> Any:
        try:
            got = await known.call(adapter, request)
            if known.check is not None:
                known.check(request, got)
        except Exception as error:
            met.append(type(error).__name__)
            raise
        return got

    app.base.delivery.node.actions["nontax.issue"] = replace(known, call=call)
    return met


async def attempts(app: App, payment: str) -> list[Any]:
    """The attempts at the payment's code, once there is one."""

    def read(conn: Any) -> list[Any]:
        query = select(operation.c.id).where(operation.c.subject == payment, operation.c.action == "nontax.issue")
        return list(operation_records.attempts_of(conn, conn.execute(query).scalar_one()))

    async with asyncio.timeout(60):
        while not (made := await app.base.store.read(read)):
            await asyncio.sleep(0.01)
    return made


async def ask(app: App, number: int, wait: float = 0) -> str:
    """Store a decision and ask for its code."""
    name = f"望市监罚决字〔2026〕第{number}号"
    facts = {
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
    }
    await app.get(Decisions).put(story.AUTHORITY, name, DecisionFacts.model_validate(facts), by="test")
    return await app.get(Payments).request(PaymentRequest(authority=story.AUTHORITY, decision_number=name), wait=wait)


@asynccontextmanager
async def nobody_accepts() -> AsyncIterator[str]:
    """An address where connections are neither made nor refused: its queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        yield f"http://127.0.0.1:{port}/nontax"
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
@pytest.mark.cases_by_day(8)
async def test_what_the_table_says_is_what_happens(
    row: Failure, tmp_path: Path, simulators: Simulation, sqlite_url: str
) -> None:
    middle = Middle(simulators.ready["systems"]["nontax"]["url"])
    await middle.open()
    unreachable: dict[str, Callable[[], str]] = {
        "dns": lambda: middle.url.replace("127.0.0.1", "platform.invalid"),
        "tls": lambda: middle.url.replace("http:", "https:"),
    }
    try:
        if row.name == "connect_timeout":
            async with nobody_accepts() as address, installed(tmp_path, simulators, sqlite_url, address) as app:
                await first_attempt(app, row, await ask(app, 1))
            return
        address = unreachable.get(row.name, lambda: middle.url)()
        async with installed(tmp_path, simulators, sqlite_url, address) as app:
            if row.name in unreachable:
                await first_attempt(app, row, await ask(app, 1))
                return
            if row.name == "another_request":
                await ask(app, 2, wait=10)
            if row.name == "refused":
                await middle.close()
            elif row.name in PLANTED:
                simulators.faults({"system": "nontax", "operation": "*", **PLANTED[row.name]})
            else:
                middle.spoil = row.name
            payment = await ask(app, 1)
            await first_attempt(app, row, payment)
            if row.name == "refused":
                await middle.open()
            await in_the_end(app, row, payment, simulators)
    finally:
        await middle.close()


async def first_attempt(app: App, row: Failure, payment: str) -> None:
    """What the first attempt became, in the ledger and for the case system."""
    first = (await attempts(app, payment))[0]
    assert (first.kind, first.outcome) == ("call", row.label), first.reason
    assert app.met[0] == row.error, first.reason  # type: ignore[attr-defined]


async def in_the_end(app: App, row: Failure, payment: str, simulators: Simulation) -> None:
    """The truth comes out, by the way that the table says, with one effect or none."""
    ends = "REJECTED" if row.course is Course.FINAL else "ISSUED"
    async with asyncio.timeout(20):
        while (view := await app.get(Payments).held(payment)).status != ends:
            await asyncio.sleep(0.02)
    assert view.in_doubt_since_at is None
    made = await attempts(app, payment)
    kinds = [one.kind for one in made]
    if row.course in (Course.ASKED, Course.ALARMED):
        assert kinds[1] == "find", "after doubt comes a question, never the call"
    else:
        assert "find" not in kinds
    told = [one["type"] for one in await app.base.store.read(lambda conn: events_of(conn, payment))]
    assert ("payment.in_doubt" in told) == (row.course in (Course.ASKED, Course.ALARMED))
    effects = next(iter(simulators.effects("nontax").values()), {})
    assert max(effects.values(), default=0) == (0 if row.course is Course.FINAL else 1)


def events_of(conn: Any, subject: str) -> list[Any]:
    return list(conn.execute(select(event).where(event.c.subject == subject)).mappings())


def test_the_page_shows_this_table() -> None:
    page = Path(failures.__file__).parents[3] / "docs" / failures.DOCUMENT
    assert failures.markdown() in page.read_text(encoding="utf-8"), (
        "paste gateway.foundation.delivery.failures.markdown() there"
    )
