"""The load: HTTP/1.1 over a few kept connections, with as little CPU as Python can do it with.

Stock httpx takes 4 to 6 ms of CPU for a request at 32 in flight, more than what is measured; this takes less than 0.1.
It knows answers with a Content-Length and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What came back, and after how many seconds."""

    status: int
    body: bytes
    seconds: float


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of one request."""
    words = {"Host": "127.0.0.1", **headers}
    if body:
        words |= {"Content-Type": "application/json"} if "Content-Type" not in words else {}
        words["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in words.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport  # uvloop's own is no asyncio.Transport
        self._received = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        head = self._received[:end].lower()
        _, there, rest = head.partition(b"content-length:")
        length = int(rest.partition(b"\r\n")[0]) if there else 0
        if len(self._received) >= end + 4 + length:
            body, self._received = self._received[end + 4 : end + 4 + length], b""
            waiting, self._waiting = self._waiting, None
            waiting.set_result((int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionError("the connection was closed"))

    async def send(self, message: bytes) -> Answer:
        """Send one request and wait for its answer."""
        began = time.perf_counter()
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        status, body = await self._waiting
        return Answer(status, body, time.perf_counter() - began)


Send = Callable[[bytes], Awaitable[Answer]]


class Load:
    """``in_flight`` fresh connections to a port of 127.0.0.1, for one round."""

    def __init__(self, port: int, in_flight: int) -> None:
        self._port, self._in_flight = port, in_flight

    async def __aenter__(self) -> Load:
        loop = asyncio.get_running_loop()
        opened = (loop.create_connection(_Connection, "127.0.0.1", self._port) for _ in range(self._in_flight))
        self._connections = [connection for _, connection in await asyncio.gather(*opened)]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for connection in self._connections:
            connection.transport.close()

    async def send(self, messages: Sequence[bytes], expected: Iterable[int] = (200, 201)) -> list[Answer]:
        """Send all, each connection one after another. AssertionError for an answer of another status."""

        async def one(send: Send, message: bytes) -> Answer:
            answer = await send(message)
            assert answer.status in expected, (answer.status, answer.body[:500].decode(errors="replace"))
            return answer

        return await self.work(messages, one)

    async def work(self, messages: Sequence[bytes], one: Callable[[Send, bytes], Awaitable[Answer]]) -> list[Answer]:
        """Do ``one`` with each message, as many at a time as there are connections."""
        left, done = iter(messages), []

        async def worker(connection: _Connection) -> None:
            for message in left:
                done.append(await one(connection.send, message))

        await asyncio.gather(*(worker(connection) for connection in self._connections))
        return done
