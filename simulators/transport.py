"""Misbehaviour below HTTP: answers that hang, drip, break off or end in a reset, and ports that refuse."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OFFER = re.compile(rb"\r\nupgrade *:", re.IGNORECASE)
Address = tuple[Any, ...]


class Connections:
    """Open connections by (client, server) address, so that a request can find its own."""

    def __init__(self) -> None:
        self.transports: dict[tuple[Address, Address], asyncio.Transport] = {}

    def of(self, scope: Scope) -> asyncio.Transport:
        """The connection that a request came on."""
        return self.transports[tuple(scope["client"]), tuple(scope["server"])]

    def at_port(self, port: int) -> list[asyncio.Transport]:
        """Connections to one of our ports."""
        return [transport for (_, server), transport in self.transports.items() if server[1] == port]


def streamed(
    connections: Connections, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Serves a connection without HTTP, and tells ``connections`` of it meanwhile."""
    open_now: dict[Any, Any] = connections.transports

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = (writer.get_extra_info("peername"), writer.get_extra_info("sockname"))
        open_now[place] = writer.transport
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # the other side left
        finally:
            open_now.pop(place, None)
            writer.close()

    return connected


def protocol(connections: Connections) -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol, which also tells ``connections`` what is open."""

    class Noted(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self.client and self.server and self.server[1] is not None:
                connections.transports[tuple(self.client), (self.server[0], self.server[1])] = transport

        def data_received(self, data: bytes) -> None:
            """An offer of another protocol, as Java's own client makes, is passed over: its body would be lost."""
            if self.cycle is None or self.cycle.response_complete:
                head, blank, body = data.partition(b"\r\n\r\n")
                data = _OFFER.sub(b"\r\nx-passed-over:", head) + blank + body
            super().data_received(data)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.client and self.server and self.server[1] is not None:
                connections.transports.pop((tuple(self.client), (self.server[0], self.server[1])), None)

    return Noted


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST instead of FIN."""
    sock: Any = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Act(Response):
    """A way of not answering properly."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self.connections = connections

    async def gone(self, receive: Receive) -> None:
        """Wait until the connection is closed, by whomever."""
        while (await receive())["type"] != "http.disconnect":
            pass


class Silence(Act):
    """No answer: the connection stays open until the other side leaves, or closes after ``seconds``."""

    def __init__(self, connections: Connections, seconds: float | None) -> None:
        super().__init__(connections)
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = self.connections.of(scope)
        try:
            await asyncio.wait_for(self.gone(receive), self.seconds)
        except TimeoutError:
            transport.close()
            await self.gone(receive)


class Reset(Act):
    """The connection ends in RST without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reset(self.connections.of(scope))
        await self.gone(receive)


class Truncated(Act):
    """An answer that announces all its bytes, sends half of them and closes."""

    def __init__(self, connections: Connections, answer: Response) -> None:
        super().__init__(connections)
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self.answer.body)
        await send(
            {"type": "http.response.start", "status": self.answer.status_code, "headers": self.answer.raw_headers}
        )
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        self.connections.of(scope).close()
        await self.gone(receive)


class Drip(Act):
    """An answer that comes byte by byte."""

    def __init__(self, connections: Connections, answer: Response, seconds: float) -> None:
        super().__init__(connections)
        self.answer = answer
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.answer.status_code, "headers": self.answer.raw_headers}
        )
        gone = asyncio.ensure_future(self.gone(receive))
        try:
            for byte in bytes(self.answer.body):
                await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
                await asyncio.wait([gone], timeout=self.seconds)
                if gone.done():
                    return
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
