"""What the transport says of a failed call is true: "not sent" only if nothing left, on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uvloop
from aiohttp.abc import AbstractResolver

from gateway.foundation.wire import Limits
from gateway.foundation.wire.transport import NOT_SENT, AiohttpTransport, AnswerTooLargeError

PATIENT = httpx.Timeout(5)  # where time is not the matter, a busy machine may take its own
SHORT = httpx.Timeout(0.3)
TOTAL = 0.8
CAP = 1024 * 1024
LARGE = bytes(16 * 1024 * 1024)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Runs a test's coroutine function on one of the loops that the gateway may meet."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def on_loop(main: Callable[[], Awaitable[Any]]) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(main(), 60))

    return on_loop


def client(*, hasty: bool = False, **options: Any) -> httpx.AsyncClient:
    """A client on the transport; ``hasty`` with short timeouts and a short deadline."""
    known: dict[str, Any] = {"total": TOTAL if hasty else 5, "limits": Limits(max_response_bytes=CAP)}
    transport = AiohttpTransport(**known | options)
    return httpx.AsyncClient(transport=transport, timeout=SHORT if hasty else PATIENT, trust_env=False)


async def outcome(http: httpx.AsyncClient, method: str, url: str, content: bytes = b"pay once") -> str:
    """The status, or the name of the exception."""
    try:
        return str((await http.request(method, url, content=content)).status_code)
    except httpx.TransportError as error:
        return type(error).__name__


# --- what the peer does -----------------------------------------------------------------------------------------------


async def resets(line: Any) -> None:
    await line.request()
    line.reset()


async def hangs_up(line: Any) -> None:
    await line.request()


async def hangs_up_within_headers(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-")


async def stops_reading(line: Any) -> None:
    line.writer.transport.pause_reading()
    await asyncio.sleep(60)


async def is_silent(line: Any) -> None:
    await line.request()
    await asyncio.sleep(60)


async def hangs_up_in_mid_body(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


async def hangs_up_in_mid_chunk(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf")


async def resets_in_mid_body(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await asyncio.sleep(0.05)
    line.reset()


async def gives_no_length(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nperhaps all of it")


async def talks_garbage(line: Any) -> None:
    await line.request()
    await line.say(b"\x16\x03\x01 this is not HTTP\r\n\r\n")


async def drips(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await line.say(b".")
        await asyncio.sleep(0.05)


async def drips_headers(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\n")
    for number in range(10_000):
        await line.say(b"X-%d: .\r\n" % number)
        await asyncio.sleep(0.05)


async def never_ends(line: Any) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await line.say(b"10000\r\n" + bytes(0x10000) + b"\r\n")


async def redirects(line: Any) -> None:
    while True:
        await line.request()
        await line.answer(head="Location: /elsewhere\nSet-Cookie: track=1; Path=/", status="302 Found")


@pytest.mark.parametrize(
    ("behaviour", "method", "content", "expected"),
    [
        (resets, "POST", b"pay once", "ReadError"),
        (resets, "PUT", b"pay once", "ReadError"),
        (resets, "DELETE", b"", "ReadError"),
        (resets, "GET", b"", "ReadError"),
        (hangs_up, "POST", b"pay once", "RemoteProtocolError"),
        (hangs_up, "GET", b"", "RemoteProtocolError"),
        (hangs_up_within_headers, "POST", b"pay once", "RemoteProtocolError"),
        (stops_reading, "POST", LARGE, "WriteTimeout"),
        (is_silent, "POST", b"pay once", "ReadTimeout"),
        (is_silent, "GET", b"", "ReadTimeout"),
        (hangs_up_in_mid_body, "POST", b"pay once", "RemoteProtocolError"),
        (hangs_up_in_mid_chunk, "POST", b"pay once", "RemoteProtocolError"),
        (resets_in_mid_body, "POST", b"pay once", "RemoteProtocolError"),
        (gives_no_length, "POST", b"pay once", "RemoteProtocolError"),
        (talks_garbage, "POST", b"pay once", "RemoteProtocolError"),
        (drips, "POST", b"pay once", "ReadTimeout"),
        (drips_headers, "POST", b"pay once", "ReadTimeout"),
        (never_ends, "POST", b"pay once", "AnswerTooLargeError"),
        (redirects, "POST", b"pay once", "302"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None if isinstance(value, bytes) else value,
)
@pytest.mark.cases_by_day(12)
def test_a_request_that_left_is_never_called_unsent_and_leaves_once(
    run: Any, peer: Any, behaviour: Any, method: str, content: bytes, expected: str
) -> None:
    async def main() -> None:
        async with peer(behaviour) as platform, client(hasty=expected.endswith("Timeout")) as http:
            assert await outcome(http, method, platform.url, content) == expected
            assert platform.connections == 1
            assert len(platform.requests) == (0 if behaviour is stops_reading else 1)

    run(main)


def test_a_request_that_could_not_be_written_leaves_no_socket_behind(run: Any, peer: Any) -> None:
    async def main() -> None:
        async with peer(stops_reading) as platform, client(hasty=True) as http:
            assert await outcome(http, "POST", platform.url, LARGE) == "WriteTimeout"
            await asyncio.sleep(0.05)
            ours = [c for c in psutil.Process().net_connections("tcp") if c.raddr and c.raddr.port == platform.port]
            assert ours == []

    run(main)


def test_the_slow_drip_ends_at_the_total_deadline_and_not_before(run: Any, peer: Any) -> None:
    async def main() -> None:
        async with peer(drips) as platform, client(hasty=True) as http:
            begun = asyncio.get_running_loop().time()
            with pytest.raises(httpx.ReadTimeout, match="the whole call"):
                await http.post(platform.url)
            assert asyncio.get_running_loop().time() - begun >= TOTAL - 0.01

    run(main)


# --- nothing left us --------------------------------------------------------------------------------------------------


class Names(AbstractResolver):
    """A resolver that fails or hangs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> Any:
        await asyncio.sleep(self._seconds)
        raise OSError("no such name")

    async def close(self) -> None:
        pass


def test_a_refused_connection_is_unsent(run: Any) -> None:
    async def main() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            async with client() as http:
                assert await outcome(http, "POST", f"http://127.0.0.1:{closed.getsockname()[1]}") == "ConnectError"

    run(main)


@pytest.mark.parametrize(("seconds", "expected"), [(0, "ConnectError"), (60, "ConnectTimeout")])
def test_a_name_that_does_not_resolve_or_hangs_is_unsent(run: Any, seconds: float, expected: str) -> None:
    async def main() -> None:
        async with client(hasty=seconds > 0, resolver=Names(seconds)) as http:
            assert await outcome(http, "POST", "http://platform.test/") == expected

    run(main)


def test_a_handshake_that_never_comes_is_unsent(run: Any, peer: Any, papers: Any) -> None:
    async def says_nothing(line: Any) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        async with peer(says_nothing) as platform, client(hasty=True) as http:
            assert await outcome(http, "POST", platform.url.replace("http:", "https:")) == "ConnectTimeout"

    run(main)


async def answers(line: Any) -> None:
    while True:
        await line.request()
        await line.answer()


def trusting(authority: Path, identity: Any = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    if identity is not None:
        context.load_cert_chain(identity.cert, identity.key)
    return context


@pytest.mark.parametrize(
    ("version", "client_needed", "trust_stranger", "show_identity", "expected"),
    [
        (None, False, False, False, "200"),
        (None, False, True, False, "TlsFailedError"),
        (ssl.TLSVersion.TLSv1_2, True, False, False, "TlsFailedError"),
        (ssl.TLSVersion.TLSv1_3, True, False, False, "ReadError"),  # the refusal arrives after the request
        (ssl.TLSVersion.TLSv1_2, True, False, True, "200"),
        (ssl.TLSVersion.TLSv1_3, True, False, True, "200"),
    ],
    ids=["plain", "untrusted", "1.2 without ours", "1.3 without ours", "1.2 with ours", "1.3 with ours"],
)
@pytest.mark.cases_by_day(5)
def test_tls_failures_before_the_request_are_unsent_and_later_ones_are_doubt(
    run: Any,
    peer: Any,
    papers: Any,
    version: ssl.TLSVersion | None,
    client_needed: bool,
    trust_stranger: bool,
    show_identity: bool,
    expected: str,
) -> None:
    async def main() -> None:
        served = papers.server_context(client_needed=client_needed, version=version)
        ours = trusting(
            (papers.stranger if trust_stranger else papers.ca).cert, papers.client if show_identity else None
        )
        async with peer(answers, tls=served) as platform, client(ssl_context=ours) as http:
            assert await outcome(http, "POST", platform.url) == expected
            assert len(platform.requests) == (1 if expected == "200" else 0)

    run(main)


def test_a_certificate_for_another_name_is_refused_unsent(run: Any, peer: Any, papers: Any) -> None:
    async def main() -> None:
        async with (
            peer(answers, tls=papers.server_context()) as platform,
            client(ssl_context=trusting(papers.ca.cert)) as http,
        ):
            assert await outcome(http, "POST", f"https://localhost:{platform.port}") == "TlsFailedError"

    run(main)


def test_waiting_for_a_free_connection_has_a_timeout_of_its_own_and_is_unsent(run: Any, peer: Any) -> None:
    async def main() -> None:
        async with peer(is_silent) as platform, client(limits=Limits(max_connections=1)) as http:
            first = asyncio.create_task(http.post(platform.url))
            await platform.arrived.wait()
            with pytest.raises(httpx.PoolTimeout):
                await http.post(platform.url, timeout=SHORT)
            assert len(platform.requests) == 1
            first.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await first

    run(main)


# --- connections that are used again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_a_peer_that_closes_a_reused_connection_leaves_doubt_and_no_second_request(
    run: Any, peer: Any, method: str
) -> None:
    async def closes_on_the_second(line: Any) -> None:
        await line.request()
        await line.answer()
        await line.request()

    async def main() -> None:
        async with peer(closes_on_the_second) as platform, client() as http:
            assert await outcome(http, method, platform.url) == "200"
            assert await outcome(http, method, platform.url) == "RemoteProtocolError"
            assert platform.connections == 1
            assert len(platform.requests) == 2

    run(main)


def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next_one(run: Any, peer: Any) -> None:
    async def speaks_unasked(line: Any) -> None:
        await line.request()
        await line.answer(b"first")
        if line.peer.connections > 1:
            return
        await asyncio.sleep(0.05)
        await line.answer(b"somebody else's")
        spoken.set()
        await line.request()
        await line.answer(b"second")

    async def main() -> None:
        nonlocal spoken
        spoken = asyncio.Event()
        async with peer(speaks_unasked) as platform, client() as http:
            assert (await http.post(platform.url)).content == b"first"
            await spoken.wait()
            await asyncio.sleep(0.05)
            assert await outcome(http, "GET", platform.url, b"") == "ConnectError"
            assert len(platform.requests) == 1
            assert (await http.post(platform.url)).content == b"first"
            assert platform.connections == 2

    spoken: asyncio.Event
    run(main)


def test_connections_are_reused_and_the_engine_keeps_no_cookie(run: Any, peer: Any) -> None:
    async def main() -> None:
        async with peer(redirects) as platform:
            transport = AiohttpTransport()  # without httpx's client, which has a jar of its own
            for _ in range(3):
                request = httpx.Request("POST", platform.url, content=b"x")
                assert (await transport.handle_async_request(request)).status_code == 302
            assert platform.connections == 1
            assert not any(b"cookie" in request.lower() for request in platform.requests)
            await transport.aclose()

    run(main)


def test_a_caller_that_hangs_up_closes_the_connection_at_once(run: Any, peer: Any) -> None:
    async def notices(line: Any) -> None:
        await line.request()
        await line.reader.read()
        line.peer.hung_up.set()

    async def main() -> None:
        async with peer(notices) as platform, client() as http:
            call = asyncio.create_task(http.post(platform.url))
            await platform.arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(platform.hung_up.wait(), 60)

    run(main)


# --- what arrives -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """300 MB of nothing."""
    return gzip.compress(bytes(300 * 1024 * 1024), compresslevel=1)


def test_a_gzip_bomb_is_refused_before_it_is_in_memory(run: Any, peer: Any, bomb: bytes) -> None:
    async def explodes(line: Any) -> None:
        await line.request()
        await line.answer(bomb, head="Content-Encoding: gzip")

    async def main() -> None:
        async with peer(explodes) as platform, client() as http:
            tracemalloc.start()
            try:
                assert await outcome(http, "POST", platform.url) == "AnswerTooLargeError"
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert peak < 24 * CAP

    run(main)


def test_a_compressed_answer_arrives_plain_once_and_without_its_encoding(run: Any, peer: Any) -> None:
    async def compresses(line: Any) -> None:
        await line.request()
        await line.answer(gzip.compress("罚款".encode() * 100), head="Content-Encoding: gzip\nX-Kept: 1")

    async def main() -> None:
        async with peer(compresses) as platform, client() as http:
            response = await http.post(platform.url)
            assert response.text == "罚款" * 100
            assert "Content-Encoding" not in response.headers
            assert response.headers["X-Kept"] == "1"
            assert response.headers["Content-Length"] == str(len(response.content))

    run(main)


def test_what_is_sent_is_exactly_what_httpx_composed(run: Any, peer: Any) -> None:
    async def main() -> None:
        async with peer(answers) as platform, client() as http:
            request = http.build_request(
                "PUT", f"{platform.url}/a%2Fb?q=%E7%BD%9A", content=LARGE[:200_000], headers={"X-Case": "kept"}
            )
            await http.send(request)
            head, _, body = platform.requests[0].partition(b"\r\n\r\n")
            assert head.split(b"\r\n")[0] == b"PUT /a%2Fb?q=%E7%BD%9A HTTP/1.1"
            assert sorted(head.split(b"\r\n")[1:]) == sorted(b": ".join(pair) for pair in request.headers.raw)
            assert body == LARGE[:200_000]

    run(main)


def test_an_answer_without_body_needs_no_length(run: Any, peer: Any) -> None:
    async def says_done(line: Any) -> None:
        await line.request()
        await line.say(b"HTTP/1.1 204 No Content\r\n\r\n")
        await line.request()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    async def main() -> None:
        async with peer(says_done) as platform, client() as http:
            assert await outcome(http, "POST", platform.url) == "204"
            assert await outcome(http, "HEAD", platform.url, b"") == "200"
            assert platform.connections == 1

    run(main)


def test_what_arrived_before_a_failure_can_be_kept_as_evidence(run: Any, peer: Any) -> None:
    async def main() -> None:
        async with peer(hangs_up_in_mid_body) as platform, client() as http:
            request = http.build_request("POST", platform.url)
            with pytest.raises(httpx.RemoteProtocolError):
                await http.send(request)
            received = request.extensions["received"]
            assert (received.status, bytes(received.body)) == (200, b"half")

    run(main)


def test_only_three_exceptions_claim_that_nothing_was_sent() -> None:
    assert set(NOT_SENT) == {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout}
    assert not issubclass(AnswerTooLargeError, NOT_SENT)
