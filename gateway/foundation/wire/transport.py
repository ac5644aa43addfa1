"""httpx's API on aiohttp's engine, with exceptions that tell the truth about what left this machine.

Stock httpx collapses when hundreds of slow calls are in flight, and no ready bridge to aiohttp says reliably whether a
request was sent. Here the phase decides, not the class of the engine's exception: until aiohttp reports a usable
connection nothing of the request can have left, afterwards everything may have. So of all that this transport raises,

- ``ConnectError``, ``ConnectTimeout`` and ``PoolTimeout`` mean: provably nothing was sent;
- anything else means: something was sent and no trustworthy answer came.

It follows no redirect, keeps no cookie, reads no environment, never sends a request twice, takes an answer without a
declared length for a broken one (unless it is told that a peer's answers end with the connection: then it marks it),
and stops at the bound of the request, counted after decompression.
"""

from __future__ import annotations

import asyncio
import enum
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from yarl import URL

from gateway.foundation.wire.bounds import Limits
from gateway.foundation.wire.tls import tls_failure, tls_hung_up

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""The exceptions of this transport that prove that nothing left us."""

SocketFactory = Callable[[Any], socket.socket]
_CHUNK: Final = 0x10000


class AnswerTooLargeError(httpx.RemoteProtocolError):
    """The answer, once decompressed, is larger than this transport takes."""


class TlsFailedError(httpx.ConnectError):
    """The handshake failed, so that nothing was sent; the text is for people."""


@dataclass
class Received:
    """What has arrived of an answer so far; ``request.extensions["received"]``, filled even if the call then fails.

    ``framed``: HTTP told where the body ends. Where it did not, the connection ended it, or cut it. ``most``: bytes
    that are taken; none: as many as the transport's limits say.
    """

    most: int | None = None
    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    framed: bool = True

    @cached_property
    def content(self) -> bytes:
        """All of it, once nothing more comes: copied once, for a copy of much keeps the loop for long."""
        return bytes(self.body)


def redirected(status: int, location: str) -> str:
    """A redirect in words, with the place that it names; its query, which may hold a ticket, is left out."""
    place = "".join(letter if letter.isprintable() else "?" for letter in location.partition("?")[0])[:200]
    return f"HTTP {status}, a redirect to {place or 'nowhere'}: perhaps a log-in page, or a firewall's"


class _Phase(enum.Enum):
    """How far a request has come; value: httpx's name of the timeout that runs meanwhile."""

    QUEUED = "pool"
    CONNECTING = "connect"
    WRITING = "write"
    READING = "read"


_TIMED_OUT: dict[_Phase, type[httpx.TimeoutException]] = {
    _Phase.QUEUED: httpx.PoolTimeout,
    _Phase.CONNECTING: httpx.ConnectTimeout,
    _Phase.WRITING: httpx.WriteTimeout,
    _Phase.READING: httpx.ReadTimeout,
}


class _Call:
    """One request under way: its phase, and the one timer that bounds both the present step and the whole call."""

    def __init__(self, limits: Mapping[str, float | None], total: float, *, slow_body: bool, https: bool) -> None:
        self._slow_body = slow_body
        self._https = https
        self.phase = _Phase.QUEUED
        self.timer = asyncio.timeout(total)
        self.abort: Callable[[], None] | None = None
        self._limits = limits
        self._now = asyncio.get_running_loop().time
        self._end = self._now() + total
        self._live = False

    def enter(self, phase: _Phase) -> None:
        """The next step begins, with a timeout of its own."""
        self.phase = phase
        self._live = True
        self.progress()

    def connected(self) -> None:
        """The boundary: from here on something may have been sent."""
        self.enter(_Phase.WRITING if self._slow_body else _Phase.READING)

    def progress(self) -> None:
        """Bytes moved: the step's timeout starts again, never past the end of the whole."""
        if self._live and not self.timer.expired():
            limit = self._limits.get(self.phase.value)
            self.timer.reschedule(self._end if limit is None else min(self._end, self._now() + limit))

    def finish(self) -> None:
        """Late signals of the engine no longer touch the timer."""
        self._live = False

    def failure(self, error: Exception) -> httpx.TransportError:
        """What ``error`` means, given how far the request had come."""
        cause = error.__cause__ if isinstance(error, _EngineError) and error.__cause__ else error
        text = f"{type(cause).__name__}: {cause}"
        if isinstance(error, TimeoutError):
            step = "the whole call" if self.timer.when() == self._end else self.phase.value
            return _TIMED_OUT[self.phase](f"timed out: {step}")
        if self.phase in (_Phase.QUEUED, _Phase.CONNECTING) or isinstance(cause, _DirtyConnectionError):
            failed = tls_failure(cause)
            if failed is None and self._https and _hung_up(cause):
                failed = tls_hung_up()
            return TlsFailedError(failed) if failed else httpx.ConnectError(text)
        if isinstance(cause, aiohttp.ClientOSError | ConnectionError | ssl.SSLError):
            text = tls_failure(cause) or text
            return httpx.WriteError(text) if self.phase is _Phase.WRITING else httpx.ReadError(text)
        return httpx.RemoteProtocolError(text)


def _hung_up(error: BaseException) -> bool:
    """Whether the peer ended a connection in its first moments; one that is refused was never begun."""
    cause = getattr(error, "os_error", error)
    return isinstance(cause, ConnectionResetError | ConnectionAbortedError | BrokenPipeError | EOFError)


_CALL: ContextVar[_Call] = ContextVar("call")
"""The request that the present task has under way."""


class _EngineError(Exception):
    """Hides aiohttp's exceptions from aiohttp, which would silently send GET, HEAD, PUT and DELETE again."""


class _DirtyConnectionError(Exception):
    """An idle connection on which the peer has spoken unasked: whatever it said would pass for our answer."""


class _Request(aiohttp.ClientRequest):
    """Looks at the connection before the first byte: aiohttp would take an answer that already lies there for ours."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Write the request, unless the connection is not clean."""
        if conn.protocol is None or conn.protocol.should_close:
            raise _DirtyConnectionError("the peer spoke, or hung up, on an idle connection")
        _CALL.get().connected()
        return await super().send(conn)


class _Connector(aiohttp.TCPConnector):
    """Tells the call when its connection begins to be made: until then it waited for a free one."""

    async def _create_connection(self, *arguments: Any) -> Any:
        _CALL.get().enter(_Phase.CONNECTING)
        return await super()._create_connection(*arguments)


async def _never_resend(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except Exception as error:
        raise _EngineError from error


class _Body(aiohttp.Payload):
    """A large request body that reports its progress, because aiohttp has no write timeout."""

    _value: bytes

    def __init__(self, value: bytes, call: _Call) -> None:
        super().__init__(value, headers={}, content_type="application/octet-stream")
        self._size = len(value)
        self._call = call

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Hand the body over piece by piece; the read timeout starts when the last piece is out of our hands."""
        transport = getattr(writer, "transport", None)
        self._call.abort = transport.abort if transport is not None else None
        view = memoryview(self._value)
        for start in range(0, len(view), _CHUNK):
            await writer.write(view[start : start + _CHUNK])
            self._call.progress()
        await writer.drain()
        if self._call.phase is _Phase.WRITING:
            self._call.enter(_Phase.READING)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        """The same; the length is always ours."""
        await self.write(writer)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """An ``httpx.AsyncBaseTransport`` over one aiohttp session, which belongs to the loop of its first request.

    Step timeouts are httpx's own (``connect`` includes name resolution and TLS, ``read`` is the longest silence);
    ``total`` bounds the whole call in seconds and may be set per request as ``extensions["total"]``. Where ``limits``
    let an answer end with the connection, it is marked.
    """

    def __init__(
        self,
        *,
        total: float = 60.0,
        limits: Limits | None = None,
        ssl_context: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        socket_factory: SocketFactory | None = None,
        dns_cache: bool = True,
    ) -> None:
        self._total = total
        self._limits = limits or Limits()
        self._connector_options: dict[str, Any] = {
            "limit": self._limits.max_connections,
            "keepalive_timeout": self._limits.keepalive,
            "ssl": ssl_context or True,
            "resolver": resolver,
            "socket_factory": socket_factory,
            "use_dns_cache": dns_cache,
        }
        self._session: aiohttp.ClientSession | None = None
        self.calls = 0
        """That are under way."""

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(**self._connector_options),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                request_class=_Request,
                trust_env=False,
            )
        return self._session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request once. Raises httpx's transport errors with the meaning given above."""
        body = await request.aread()
        received: Received = request.extensions.setdefault("received", Received())
        await self.exchange(
            request.method,
            URL(str(request.url), encoded=True),
            [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
            body,
            received,
            limits=request.extensions.get("timeout", {}),
            total=request.extensions.get("total", self._total),
        )
        return httpx.Response(received.status or 0, headers=received.headers, content=received.content)

    async def exchange(
        self,
        method: str,
        url: URL,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        received: Received,
        *,
        limits: Mapping[str, float | None],
        total: float,
    ) -> None:
        """Send one request once, with these headers and no others; what arrives is put into ``received``.

        ``limits``: seconds of each step, by httpx's names. Raises as ``handle_async_request`` does.
        """
        # A body that fits into the system's buffers is out of our hands at once; only a larger one can be kept waiting.
        slow = len(body) > _CHUNK
        call = _Call(limits, total, slow_body=slow, https=url.scheme == "https")
        token = _CALL.set(call)
        answer: aiohttp.ClientResponse | None = None
        self.calls += 1
        try:
            async with call.timer:
                call.enter(_Phase.QUEUED)
                answer = await self._open_session().request(
                    method,
                    url,
                    headers=[(name, value) for name, value in headers if name.lower() != "transfer-encoding"],
                    data=_Body(body, call) if slow else body or None,
                    allow_redirects=False,
                    middlewares=() if method == "POST" else (_never_resend,),  # a POST it sends once
                )
                call.enter(_Phase.READING)
                await self._receive(call, answer, received)
        except BaseException as error:
            if answer is not None:
                answer.close()
            if call.abort is not None and call.phase is _Phase.WRITING:
                call.abort()  # a polite close would wait for a peer that no longer reads
            if not isinstance(error, Exception) or isinstance(error, httpx.TransportError):
                raise
            raise call.failure(error) from error
        finally:
            self.calls -= 1
            call.finish()
            _CALL.reset(token)

    async def _receive(self, call: _Call, answer: aiohttp.ClientResponse, received: Received) -> None:
        """Read the whole answer into ``received``; what is not provably complete is an error."""
        most = received.most or self._limits.max_response_bytes
        received.status = answer.status
        inflated = "Content-Encoding" in answer.headers
        gone = {b"content-encoding", b"content-length", b"transfer-encoding"} if inflated else {b"transfer-encoding"}
        received.headers = [(name, value) for name, value in answer.raw_headers if name.lower() not in gone]
        async for chunk in answer.content.iter_any():
            call.progress()
            received.body += chunk
            if len(received.body) > most:
                raise AnswerTooLargeError(f"the answer exceeds {most} bytes")
        framed = "Content-Length" in answer.headers or "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
        if not framed and answer.method != "HEAD" and answer.status not in (204, 304):
            if 300 <= answer.status < 400:
                raise httpx.RemoteProtocolError(redirected(answer.status, answer.headers.get("Location", "")))
            if not self._limits.ends_with_connection:
                raise httpx.RemoteProtocolError("the answer declares no length: its end cannot be told from a cut")
            received.framed = False

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()
