"""Nothing leaves without a record: what stands around the transport and keeps every exchange.

A failed exchange is kept too, with whatever part of an answer had arrived. Bodies are exact bytes; an answer that came
compressed is kept as decompressed, and its ``Content-Encoding`` header is left out accordingly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from gateway.foundation.wire.transport import Received
from gateway.ports.base import RawExchange, Recorder
from gateway.words.clock import Clock, to_micros

ANSWERED = "answered"


class Recording:
    """Tells ``recorder`` of each exchange of one channel."""

    def __init__(self, channel: str, sensitive: frozenset[str], recorder: Recorder, clock: Clock) -> None:
        self._channel = channel
        self._sensitive = sensitive
        self._recorder = recorder
        self._clock = clock

    @contextmanager
    def of(
        self, action: str, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Iterator[Received]:
        """Around one exchange, which fills what is given. Whatever happens is recorded, cancellation included."""
        received = Received()
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
                    response_body=bytes(received.body),
                    outcome=outcome,
                    started_at=started_at,
                    ended_at=to_micros(self._clock.now()),
                    sensitive=self._sensitive,
                )
            )


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
            request.extensions["received"] = received
            return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._inner.aclose()


def text_of(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Headers as text, byte for byte."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
