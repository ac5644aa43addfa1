"""Clients that send slowly, too much, or never read: they end, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway import logs
from gateway.faces import guarded
from gateway.faces.guarded import GuardedConfig
from gateway.foundation.http.door import Door
from gateway.foundation.http.manners import Manners
from gateway.foundation.http.plans import Plans
from gateway.foundation.http.problems import problem_of
from gateway.settings import LogSettings, ServerSettings

ASK = b"GET /who HTTP/1.1\r\nHost: here\r\n\r\n"
SOON = 30.0
"""Seconds within which a slow machine does what takes a moment."""

router = APIRouter()


@router.get("/who")
async def who(request: Request) -> Response:
    assert request.client is not None
    return PlainTextResponse(request.client.host)


@router.post("/take")
async def take(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@router.get("/large")
async def large() -> Response:
    return Response(b"x" * (32 << 20))


@router.get("/fails")
@router.get("/page/fails")
async def fails() -> Response:
    raise RuntimeError("secret Bearer s3cret-9")


async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    raise RuntimeError("in the middle")


def application(seconds: float = 30.0) -> Manners:
    api = FastAPI(openapi_url=None)
    api.router.routes.extend(router.routes)
    api.router.add_route("/breaks-off", lambda _request: breaks_off)
    pages = {"/page": lambda error, scope: PlainTextResponse(str(problem_of(error, scope["path"])), 500)}
    return Manners(Door(api.router, Plans(api.router.routes), 1 << 20, seconds=seconds, pages=pages))


Asked = Callable[[bytes], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@asynccontextmanager
async def serving(**bounds: object) -> AsyncIterator[Asked]:
    """A listener with these bounds: what opens a connection to it and writes."""
    settings = ServerSettings.model_validate(bounds)
    server = uvicorn.Server(GuardedConfig(application(settings.body_seconds), settings, 1.0))
    server.config.load()
    loop = asyncio.get_running_loop()

    def connection() -> asyncio.Protocol:
        return server.config.http_protocol_class(config=server.config, server_state=server.server_state, app_state={})

    listening = await loop.create_server(connection, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    opened: list[asyncio.StreamWriter] = []

    async def ask(sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        writer.write(sent)
        return reader, writer

    try:
        yield ask
    finally:
        listening.close()
        for writer in opened:
            writer.transport.abort()


async def whole(reader: asyncio.StreamReader) -> bytes:
    """All until the connection ends. TimeoutError where it does not."""
    async with asyncio.timeout(SOON):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    """One answer with its length told."""
    async with asyncio.timeout(SOON):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head + await reader.readexactly(length)


async def test_an_offer_of_another_protocol_is_passed_over() -> None:
    """Java's own client offers HTTP/2 so, and was told that its next request was none."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\nContent-Length: 2\r\n\r\n{}"
    async with serving() as ask:
        reader, writer = await ask(b"POST /nowhere HTTP/1.1\r\nHost: x\r\n" + offer)
        first = await answer(reader)
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: x\r\n" + offer)
        assert [one.split(b" ", 2)[1] for one in (first, await answer(reader))] == [b"404", b"404"]


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /who HTT",
        b"GET /who HTTP/1.1\r\nHost: here\r\nX-A: 1\r\n",
        ASK + b"\r\n",
        ASK + b"GET /who HTTP/1.1\r\n",
    ],
    ids=["nothing", "a line", "half a head", "a blank after a request", "half a second head"],
)
async def test_a_head_that_does_not_come_ends_its_connection(begun: bytes) -> None:
    async with serving(header_seconds=0.2) as ask:
        reader, _ = await ask(begun)
        told = await whole(reader)
    assert told.count(b"HTTP/1.1 200") == (1 if begun.startswith(ASK) else 0)


async def test_a_head_that_drips_ends_too() -> None:
    async with serving(header_seconds=0.5) as ask:
        reader, writer = await ask(b"GET /who HTTP/1.1\r\n")

        async def drip() -> None:
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(b"X-A: 1\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert b" 408 " in await whole(reader)
        dripping.cancel()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /who HTTP/1.1\r\nX-A: " + b"a" * 70_000,
        b"GET /who HTTP/1.1\r\n" + b"X-A: a\r\n" * 10_000,
        b"GET /" + b"a" * 70_000,
        b"GET /who HTTP/1.1\r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n",
    ],
    ids=["one without end", "many", "an address", "a whole one"],
)
async def test_a_long_head_is_refused_while_it_is_read(head: bytes) -> None:
    async with serving(header_seconds=60) as ask:
        reader, _ = await ask(head)
        told = await whole(reader)
    assert told[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")  # what was still under way may reset the connection


async def test_a_body_that_drips_is_refused_in_words() -> None:
    async with serving(body_seconds=0.2) as ask:
        reader, _ = await ask(b"POST /take HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nabc")
        told = await whole(reader)
    assert told.startswith(b"HTTP/1.1 408")
    assert b"urn:enforcement-gateway:problem:request-too-slow" in told


async def test_a_new_connection_takes_the_place_of_the_one_that_was_idle_longest() -> None:
    async with serving(max_connections=3, header_seconds=60) as ask:
        held = [await ask(ASK[:10]) for _ in range(3)]
        for reader, _ in held[1:]:
            assert reader.at_eof() is False
        reader, _ = await ask(ASK)
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        assert await whole(held[0][0]) == b""
        held[2][1].write(ASK[10:])
        assert (await answer(held[2][0])).startswith(b"HTTP/1.1 200")


async def test_an_answer_that_nobody_reads_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "_UNREAD_SECONDS", 0.2)
    lost = asyncio.Event()
    plain = guarded.Guarded.connection_lost

    def connection_lost(self: guarded.Guarded, exc: Exception | None) -> None:
        plain(self, exc)
        lost.set()

    monkeypatch.setattr(guarded.Guarded, "connection_lost", connection_lost)
    async with serving() as ask:
        _, writer = await ask(ASK.replace(b"/who", b"/large"))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(SOON):
            await lost.wait()


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [([], b"127.0.0.1"), (["10.0.0.0/8"], b"127.0.0.1"), (["127.0.0.1"], b"203.0.113.7")],
    ids=["none is ours", "another is ours", "this one is ours"],
)
async def test_who_asked_is_told_by_our_own_proxies_alone(
    proxies: list[str], seen: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    async with serving(proxies=proxies) as ask:
        reader, _ = await ask(ASK.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n\r\n"))
        assert (await answer(reader)).endswith(b"\r\n\r\n" + seen)


def test_requests_have_the_whole_grace_of_a_stop_and_not_its_full_seconds_alone() -> None:
    assert GuardedConfig(application(), ServerSettings(), 0.9).timeout_graceful_shutdown == 0.9


async def test_every_answer_tells_browsers_and_caches_to_keep_nothing() -> None:
    async with serving() as ask:
        for path in (b"/who", b"/fails", b"/nowhere"):
            reader, _ = await ask(ASK.replace(b"/who", path))
            told = (await answer(reader)).lower()
            for said in (
                b"cache-control: no-store",
                b"x-content-type-options: nosniff",
                b"x-frame-options: deny",
                b"referrer-policy: no-referrer",
                b"content-security-policy: default-src 'none'",
            ):
                assert told.count(said) == 1, path


# --- faults of ours -----------------------------------------------------------------------------------------------


@pytest.fixture
def logged() -> AsyncIterator[Callable[[], list[dict[str, object]]]]:  # type: ignore[misc]
    """What the log has, line by line."""
    stream = io.StringIO()
    logs.configure(LogSettings(), stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()


async def test_a_fault_has_an_id_that_problem_and_log_hold_and_ends_its_connection(
    logged: Callable[[], list[dict[str, object]]],
) -> None:
    async with serving() as ask:
        reader, _ = await ask(ASK.replace(b"/who", b"/fails"))
        head, _, body = (await whole(reader)).partition(b"\r\n\r\n")
    told = json.loads(body)
    assert head.startswith(b"HTTP/1.1 500")
    assert b"connection: close" in head.lower()
    assert told["fault"].startswith("flt_")
    assert told["fault"] in told["cure"]
    (line,) = logged()
    assert line["fault"] == told["fault"]
    assert "RuntimeError" in str(line["exception"])
    assert "s3cret" not in str(line)


async def test_a_fault_told_on_a_page_ends_its_connection_too(logged: Callable[[], list[dict[str, object]]]) -> None:
    async with serving() as ask:
        reader, _ = await ask(ASK.replace(b"/who", b"/page/fails"))
        told = await answer(reader)
    assert b"connection: close" in told.lower()
    assert str(logged()[0]["fault"]).startswith("flt_")


async def test_a_fault_in_the_middle_of_an_answer_has_one_too_and_the_answer_is_seen_to_be_cut(
    logged: Callable[[], list[dict[str, object]]],
) -> None:
    async with serving() as ask:
        reader, _ = await ask(ASK.replace(b"/who", b"/breaks-off"))
        assert (await whole(reader)).endswith(b"\r\n\r\n")
    assert str(logged()[0]["fault"]).startswith("flt_")


async def test_what_the_server_says_is_a_line_of_json_too(logged: Callable[[], list[dict[str, object]]]) -> None:
    async with serving() as ask:
        reader, _ = await ask(b"Bearer s3cret-1 is no request\r\n\r\n")
        assert (await whole(reader)).startswith(b"HTTP/1.1 400")
    assert [line["logger"] for line in logged()] == ["uvicorn.error"]
