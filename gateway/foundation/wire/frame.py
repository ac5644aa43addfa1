"""One channel's way out over TCP, for platforms that speak in frames: connect, write one, read one, hang up.

A frame begins with its own length: eight ASCII characters, a decimal number padded with spaces on the right, which
counts the whole frame, these eight included. What the rest says is the adapter's business.

As over HTTP the phase decides what a failure means: until the first byte is handed to a connection nothing can have
left us (NotSentError), afterwards everything may have (OutcomeUnknownError).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.foundation.wire.channel import Limits, Timeouts, Tls
from gateway.foundation.wire.drift import NoteDrift, no_notes
from gateway.foundation.wire.recording import ANSWERED
from gateway.ports.base import RawExchange, Recorder
from gateway.words.clock import Clock, SystemClock, to_micros
from gateway.words.errors import NotSentError, OutcomeUnknownError, UnusableError

LENGTH = 8
_LENGTH = re.compile(rb"([1-9][0-9]*) *")


def announced(head: bytes) -> int:
    """The length that the first eight bytes of a frame announce. ValueError if they announce none."""
    number = _LENGTH.fullmatch(head)
    if len(head) != LENGTH or number is None or int(number[1]) < LENGTH:
        raise ValueError(f"{head!r} is not the length of a frame")
    return int(number[1])


@dataclass
class _Progress:
    """How far an exchange has come: the present step, for people, and whether something may have left us."""

    step: str = "waiting for a free connection"
    sent: bool = False


class FrameWire:
    """The way out of one channel whose address is ``tcp://host:port``, or ``tls://host:port`` for the same in TLS."""

    schemes = frozenset({"tcp", "tls"})

    def __init__(
        self,
        channel: str,
        base_url: str,
        *,
        recorder: Recorder,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        tls: Tls | None = None,
        sensitive: frozenset[str] = frozenset(),
        clock: Clock | None = None,
        drift: NoteDrift = no_notes,
    ) -> None:
        parts = urlsplit(base_url)
        further = parts.username or parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in self.schemes or not parts.hostname or parts.port is None or further:
            raise ValueError(f"{base_url!r} is not an address of the form tcp://host:port")
        self.channel = channel
        self.base_url = base_url.rstrip("/")
        self.clock = clock or SystemClock()
        self._place = (parts.hostname, parts.port)
        self._timeouts = timeouts or Timeouts()
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(self._limits.max_connections)
        self._tls: ssl.SSLContext | None = (tls or Tls()).context() if parts.scheme == "tls" else None
        self._recorder = recorder
        self._sensitive = sensitive
        self._drift = drift
        self._closed = False

    def passed_over(self, action: str, paths: Iterable[str]) -> None:
        """Note what the other side sent beyond its contract, as ``ChannelWire.passed_over`` does."""
        for path in paths:
            self._drift(self.channel, action, path)

    async def exchange(self, action: str, frame: bytes) -> bytes:
        """Send one frame and give the one that answers it, whole, over a connection of its own; both are recorded.

        Raises NotSentError when nothing left, OutcomeUnknownError when no whole answer came, UnusableError for an
        answer that is no frame or is larger than the channel's limit.
        """
        received = bytearray()
        started_at = to_micros(self.clock.now())
        outcome = ANSWERED
        try:
            return await self._bounded(frame, received)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._recorder(
                RawExchange(
                    channel=self.channel,
                    direction="out",
                    action=action,
                    method="TCP",
                    url=self.base_url,
                    request_headers=(),
                    request_body=frame,
                    status=None,
                    response_headers=(),
                    response_body=bytes(received),
                    outcome=outcome,
                    started_at=started_at,
                    ended_at=to_micros(self.clock.now()),
                    sensitive=self._sensitive,
                )
            )

    async def _bounded(self, frame: bytes, received: bytearray) -> bytes:
        """The exchange within its time, its failures told as what they mean."""
        if self._closed:
            raise NotSentError(f"the channel {self.channel} is closed")
        progress = _Progress()
        try:
            async with asyncio.timeout(self._timeouts.total):
                async with asyncio.timeout(self._timeouts.pool):
                    await self._slots.acquire()
                try:
                    await self._converse(frame, received, progress)
                finally:
                    self._slots.release()
        except (OSError, EOFError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            said = "timed out" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
            meaning = OutcomeUnknownError if progress.sent else NotSentError
            raise meaning(f"{said}, {progress.step}") from error
        return bytes(received)

    async def _converse(self, frame: bytes, received: bytearray, progress: _Progress) -> None:
        progress.step = "connecting"
        async with asyncio.timeout(self._timeouts.connect):
            reader, writer = await asyncio.open_connection(*self._place, ssl=self._tls)
        try:
            progress.step, progress.sent = "writing", True
            writer.transport.set_write_buffer_limits(0)  # so that drain waits until all of it is out of our hands
            writer.write(frame)
            async with asyncio.timeout(self._timeouts.write):
                await writer.drain()
            progress.step = "reading"
            await self._read(reader, received, LENGTH)
            try:
                length = announced(bytes(received))
            except ValueError as error:
                raise UnusableError(str(error)) from None
            if length > self._limits.max_response_bytes:
                raise UnusableError(f"an answer of {length} bytes exceeds {self._limits.max_response_bytes}")
            await self._read(reader, received, length)
        finally:
            writer.transport.abort()  # a polite close would wait for a peer that may never say goodbye

    async def _read(self, reader: asyncio.StreamReader, received: bytearray, until: int) -> None:
        """Read on until so many bytes have arrived, with no silence longer than the read timeout."""
        while len(received) < until:
            async with asyncio.timeout(self._timeouts.read):
                chunk = await reader.read(until - len(received))
            if not chunk:
                raise EOFError(f"the answer ended after {len(received)} bytes")
            received += chunk

    async def close(self) -> None:
        """No exchange begins any more. Connections live no longer than theirs."""
        self._closed = True
