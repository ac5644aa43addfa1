"""Nothing leaves without a record: what stands around the transport and keeps every exchange.

A failed exchange is kept too, with whatever part of an answer had arrived. Bodies are exact bytes; an answer that came
compressed is kept as decompressed, and its ``Content-Encoding`` header is left out accordingly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import httpx
from yarl import URL

from gateway.foundation.wire.bounds import Limits
from gateway.foundation.wire.transport import AiohttpTransport, Received
from gateway.ports.base import RawExchange, Recorder
from gateway.words.clock import Clock, to_micros

ANSWERED = "answered"
AGENT: Final = {"User-Agent": "enforcement-gateway", "Accept-Encoding": "identity"}
ALWAYS: Final = (("Accept", "*/*"), ("Connection", "keep-alive"), *AGENT.items())
"""What every request says, by httpx or without."""


_ALSO_HIDDEN: ContextVar[frozenset[str]] = ContextVar("also_hidden", default=frozenset())


@contextmanager
def also_hiding(names: frozenset[str]) -> Iterator[None]:
    """In exchanges of this block the readable copy hides these fields too, beside those of the channel."""
    token = _ALSO_HIDDEN.set(_ALSO_HIDDEN.get() | names)
    try:
        yield
    finally:
        _ALSO_HIDDEN.reset(token)


class Recording:
    """Tells ``recorder`` of each exchange of one channel; ``limits`` say how much is taken of an answer."""

    def __init__(
        self,
        channel: str,
        sensitive: frozenset[str],
        recorder: Recorder,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._channel = channel
        self._sensitive = sensitive
        self._recorder = recorder
        self._clock = clock

    @contextmanager
    def of(
        self, action: str, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Iterator[Received]:
        """Around one exchange, which fills what is given. Whatever happens is recorded, cancellation included."""
        received = Received(self._limits.of(action))
        started_at = to_micros(self._clock.now())
        outcome = ANSWERED
        try:
            yield received
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._recorder(
                RawExchange(
                    channel=self._channel,
                    direction="out",
                    action=action,
                    method=method,
                    url=url,
                    request_headers=tuple(headers),
                    request_body=body,
                    status=received.status,
                    response_headers=text_of(received.headers),
                    response_body=received.content,
                    outcome=outcome,
                    started_at=started_at,
                    ended_at=to_micros(self._clock.now()),
                    sensitive=self._sensitive | _ALSO_HIDDEN.get(),
                )
            )


class Poster:
    """Posts bytes over a transport, every exchange recorded: nothing else stands between us and the wire."""

    def __init__(self, transport: AiohttpTransport, recording: Recording, steps: httpx.Timeout, total: float) -> None:
        self._transport = transport
        self._recording = recording
        self._limits = steps.as_dict()
        self._total = total

    async def post(self, action: str, url: URL, content: bytes, headers: Mapping[str, str]) -> Received:
        """Post once, with these headers and those that every request has. Raises httpx's transport errors."""
        given = {name.lower() for name in headers}
        sent = (
            ("Host", url.host_port_subcomponent or ""),
            *((name, value) for name, value in ALWAYS if name.lower() not in given),
            *headers.items(),
            ("Content-Length", str(len(content))),
        )
        with self._recording.of(action, "POST", str(url), sent, content) as received:
            await self._transport.exchange("POST", url, sent, content, received, limits=self._limits, total=self._total)
        return received


class RecordingTransport(httpx.AsyncBaseTransport):
    """Passes requests to ``inner`` and records each; the action is ``request.extensions["action"]``."""

    def __init__(self, inner: httpx.AsyncBaseTransport, recording: Recording) -> None:
        self._inner = inner
        self._recording = recording

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and record whatever happens."""
        action = request.extensions.get("action", request.method)
        body = await request.aread()
        headers = text_of(request.headers.raw)
        with self._recording.of(action, request.method, str(request.url), headers, body) as received:
            received.most = request.extensions.get("most", received.most)
            request.extensions["received"] = received
            return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._inner.aclose()


def text_of(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Headers as text, byte for byte."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
