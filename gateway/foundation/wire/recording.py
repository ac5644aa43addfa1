"""Nothing leaves without a record: the layer between httpx's client and the transport that keeps every exchange.

A failed exchange is kept too, with whatever part of an answer had arrived. Bodies are exact bytes; an answer that came
compressed is kept as decompressed, and its ``Content-Encoding`` header is left out accordingly.
"""

from __future__ import annotations

import httpx

from gateway.foundation.wire.transport import Received
from gateway.ports.base import RawExchange, Recorder
from gateway.words.clock import Clock, to_micros

ANSWERED = "answered"


class RecordingTransport(httpx.AsyncBaseTransport):
    """Passes requests to ``inner`` and tells ``recorder`` of each; the action is ``request.extensions["action"]``."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, channel: str, sensitive: frozenset[str], recorder: Recorder, clock: Clock
    ) -> None:
        self._inner = inner
        self._channel = channel
        self._sensitive = sensitive
        self._recorder = recorder
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and record whatever happens, cancellation included."""
        body = await request.aread()
        started_at = to_micros(self._clock.now())
        outcome = ANSWERED
        try:
            return await self._inner.handle_async_request(request)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            received = request.extensions.get("received") or Received()
            self._recorder(
                RawExchange(
                    channel=self._channel,
                    direction="out",
                    action=request.extensions.get("action", request.method),
                    method=request.method,
                    url=str(request.url),
                    request_headers=_text(request.headers.raw),
                    request_body=body,
                    status=received.status,
                    response_headers=_text(received.headers),
                    response_body=bytes(received.body),
                    outcome=outcome,
                    started_at=started_at,
                    ended_at=to_micros(self._clock.now()),
                    sensitive=self._sensitive,
                )
            )

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._inner.aclose()


def _text(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
