"""One channel's way out over TCP, for platforms that speak in frames: write one, read until one answers it.

A frame begins with its own length, written as ``Length`` says. What the rest says is the adapter's business: it judges
each frame that comes, and ``PassedOver`` says that one is none of ours. So heartbeats, late answers to others and
frames for somebody else are read over, and contradict nothing.

As over HTTP the phase decides what a failure means: until the first byte is handed to a connection nothing can have
left us (NotSentError), afterwards everything may have (OutcomeUnknownError).

What is kept as evidence: the request and its answer, whole. What was no answer is somebody's rubbish: its first 64 KiB,
how long it was, and its digest; the first KiB once there was much of it and no answer between.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import structlog

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.wire.bounds import apart
from gateway.foundation.wire.recording import ANSWERED
from gateway.foundation.wire.terms import WireTerms
from gateway.foundation.wire.tls import tls_failure
from gateway.ports.base import RawExchange
from gateway.words.clock import to_micros
from gateway.words.errors import NotSentError, OutcomeUnknownError, UnusableError

log = structlog.get_logger(__name__)

T = TypeVar("T")

_SAMPLE = 256
_MOMENT = 0.3

KEPT_BYTES = 64 * 1024
"""How much is kept of what came and was no answer."""

_MUCH_RUBBISH, _KEPT_THEN = 8 * KEPT_BYTES, 1024
"""After so much of it without an answer between, so little is kept each time: asking goes on, disks must not fill."""


@dataclass(frozen=True, slots=True)
class Length:
    """How the decimal number that begins a frame is written: in so many characters, padded behind or before it.

    ``counts_itself``: it counts the whole frame, these characters included; otherwise what follows them.
    """

    digits: int = 8
    align: Literal["left", "right"] = "left"
    pad: Literal[" ", "0"] = " "
    counts_itself: bool = True

    def __post_init__(self) -> None:
        if self.pad == "0" and self.align == "left":
            raise ValueError("zeros behind a number would make it another: pad with zeros on the right-aligned one")

    def announced(self, head: bytes) -> int:
        """The length of the whole frame that begins so. ValueError if this is no length. A bare 0 is an empty frame."""
        if self.pad == "0":
            digits, plain = head, head.isdigit()
        else:
            digits = head.rstrip(b" ") if self.align == "left" else head.lstrip(b" ")
            plain = re.fullmatch(rb"0|[1-9][0-9]*", digits) is not None
        if len(head) != self.digits or not plain:
            raise ValueError(f"{head!r} is not the length of a frame")
        number = int(digits)
        whole = number if self.counts_itself or not number else number + self.digits
        if 0 < whole < self.digits:
            raise ValueError(f"{head!r} is not the length of a frame")
        return whole or self.digits

    def begin(self, rest: bytes) -> bytes:
        """A whole frame from what follows its length. ValueError if it is longer than the length can say."""
        number = str(len(rest) + (self.digits if self.counts_itself else 0))
        if len(number) > self.digits:
            raise ValueError(f"a frame of {number} bytes does not fit {self.digits} digits")
        text = number.ljust(self.digits, " ") if self.align == "left" else number.rjust(self.digits, self.pad)
        return text.encode() + rest


USUAL = Length()


class PassedOver(Exception):
    """A frame that does not answer us and says nothing about us: a heartbeat, a late answer, one for somebody else."""


Explain = Callable[[bytes], "str | None"]
"""Says of the first bytes of a frame that cannot be read which setting does not fit them, if one does not."""

Unasked = Callable[[bytes], Awaitable[bytes | None]]
"""Takes a frame that came unasked on a connection of ours; gives the frame to answer it with, if any."""


@dataclass
class _Progress:
    """How far an exchange has come: the present step, for people, and whether something may have left us."""

    step: str = "waiting for a free connection"
    sent: bool = False


@dataclass
class _Heard:
    """What came during an exchange: frames that were passed over, then the answer, or what there is of one.

    ``most``: bytes that all of it may have.
    """

    most: int
    passed: bytearray = field(default_factory=bytearray)
    frames: int = 0
    why: str = ""
    answer: bytes | None = None

    def passed_over(self, frame: bytes, why: str) -> None:
        """One more frame that is none of ours."""
        self.passed += frame
        self.frames, self.why = self.frames + 1, why


class Line:
    """One connection; ``received`` is what has come of the next frame, so that reading can be broken off any time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = bytearray()
        self.watch: asyncio.Task[None] | None = None

    async def frame(self, length: Length, most: int, silence: float | None) -> bytes:
        """The next frame, with no silence longer than so many seconds.

        Raises EOFError or OSError where it ends, UnusableError for what begins with no length or is too long.
        """
        await self._read(length.digits, silence)
        try:
            whole = length.announced(bytes(self.received[: length.digits]))
        except ValueError as error:
            raise UnusableError(str(error)) from None
        if whole > most:
            raise UnusableError(f"an answer of {whole} bytes exceeds {most}")
        await self._read(whole, silence)
        frame = bytes(self.received[:whole])
        self.received.clear()
        return frame

    async def _read(self, until: int, silence: float | None) -> None:
        while len(self.received) < until:
            async with asyncio.timeout(silence):
                chunk = await self.reader.read(until - len(self.received))
            if not chunk:
                raise EOFError(f"the answer ended after {len(self.received)} bytes")
            self.received += chunk

    async def look_further(self) -> bytes:
        """What has come so far and comes in the next moment: enough to tell people what does not fit."""
        with suppress(OSError, EOFError):
            await self._read(_SAMPLE, _MOMENT)
        return bytes(self.received)

    def hang_up(self) -> None:
        """End the connection: a polite close would wait for a peer that may never say goodbye."""
        if self.watch is not None:
            self.watch.cancel()
        self.writer.transport.abort()


class FrameWire:
    """The way out of one channel whose address is ``tcp://host:port``, or ``tls://host:port`` for the same in TLS.

    ``length``: how its frames begin. ``keep``: connections stay open for the next exchange, one at a time each; what
    comes on them unasked is given to ``unasked`` where somebody listens. ``explain``: what does not fit in a frame that
    cannot be read. Adapter and faces set these.
    """

    schemes = frozenset({"tcp", "tls"})

    def __init__(self, channel: str, base_url: str, terms: WireTerms) -> None:
        parts = urlsplit(base_url)
        further = parts.username or parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in self.schemes or not parts.hostname or parts.port is None or further:
            raise ValueError(f"{base_url!r} is not an address of the form tcp://host:port")
        self.channel = channel
        self.base_url = base_url.rstrip("/")
        self.clock = terms.clock
        self.length = USUAL
        self.keep = False
        self.explain: Explain | None = None
        self.unasked: Unasked | None = None
        self._place = (parts.hostname, parts.port)
        self._timeouts = terms.timeouts
        self._limits = terms.limits
        self._slots = asyncio.Semaphore(self._limits.max_connections)
        self._tls: ssl.SSLContext | None = terms.tls.context() if parts.scheme == "tls" else None
        self._recorder = terms.recorder
        self._sensitive = terms.sensitive
        self._drift = terms.drift
        self._idle: list[Line] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._rubbish = 0
        self._calls = 0
        self._closed = False

    async def exchange(self, action: str, frame: bytes, judge: Callable[[bytes], T]) -> T:
        """Send one frame, read until ``judge`` takes one for its answer, and give what it made of it; all is recorded.

        ``judge`` raises PassedOver for a frame that is none of ours, and an ExchangeError for an answer that cannot be
        used. Raises NotSentError when nothing left, OutcomeUnknownError when no whole answer came, UnusableError for
        what is no frame, is larger than the channel's limit, or was passed over with nothing behind it.
        """
        heard, line = _Heard(self._limits.of(action)), list[Line]()
        self._calls += 1
        try:
            with self._recorded(action, frame, heard, line):
                return await self._bounded(frame, judge, heard, line)
        finally:
            self._calls -= 1

    @property
    def busy(self) -> bool:
        """Whether an exchange is under way, or a frame that came unasked is being taken."""
        return self._calls > 0 or bool(self._telling)

    async def _bounded(self, frame: bytes, judge: Callable[[bytes], T], heard: _Heard, used: list[Line]) -> T:
        """The exchange within its time, its failures told as what they mean."""
        if self._closed:
            raise NotSentError(f"the channel {self.channel} is closed")
        progress = _Progress()
        try:
            async with asyncio.timeout(self._timeouts.total):
                async with asyncio.timeout(self._timeouts.pool):
                    await self._slots.acquire()
                try:
                    return await self._converse(frame, judge, heard, used, progress)
                finally:
                    self._slots.release()
        except (OSError, EOFError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            said = "timed out" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
            said = tls_failure(error) or said
            if heard.frames:
                raise UnusableError(
                    f"{said}, {progress.step}, after {heard.frames} frames that do not answer us: {heard.why}"
                ) from error
            meaning = OutcomeUnknownError if progress.sent else NotSentError
            raise meaning(f"{said}, {progress.step}") from error

    async def _converse(
        self, frame: bytes, judge: Callable[[bytes], T], heard: _Heard, used: list[Line], progress: _Progress
    ) -> T:
        progress.step = "connecting"
        line = await self._kept() or await self._connect()
        used.append(line)
        whole = False
        try:
            progress.step, progress.sent = "writing", True
            line.writer.write(frame)
            async with asyncio.timeout(self._timeouts.write):
                await line.writer.drain()
            progress.step = "reading"
            while True:
                most = heard.most - len(heard.passed)
                try:
                    came = await line.frame(self.length, most, self._timeouts.read)
                except (UnusableError, OSError, EOFError) as error:
                    if (reason := await self._misfit(line)) is not None:
                        raise UnusableError(f"{error}: {reason}") from error
                    raise
                try:
                    answer = await apart(len(came), judge, came)
                except PassedOver as reason:
                    heard.passed_over(came, str(reason))
                    self._tell(line, came)
                except BaseException:
                    heard.answer = came
                    raise
                else:
                    heard.answer, whole = came, True
                    return answer
        finally:
            if whole and self.keep and not self._closed:
                self._idle.append(line)
                line.watch = asyncio.create_task(self._watch(line))
            else:
                line.hang_up()

    async def _misfit(self, line: Line) -> str | None:
        """Which setting does not fit what came, if one does not."""
        return None if self.explain is None or not line.received else self.explain(await line.look_further())

    def passed_over(self, action: str, paths: Iterable[str]) -> None:
        """Note what the other side sent beyond its contract, as ``ChannelWire.passed_over`` does."""
        for path in paths:
            self._drift(self.channel, action, path)

    # --- connections ------------------------------------------------------------------------------------------------

    async def _connect(self) -> Line:
        async with asyncio.timeout(self._timeouts.connect):
            line = Line(*await asyncio.open_connection(*self._place, ssl=self._tls))
        line.writer.transport.set_write_buffer_limits(0)  # so that drain waits until all of it is out of our hands
        return line

    async def _kept(self) -> Line | None:
        """A connection that was left open and still is, as far as anybody can tell."""
        while self._idle:
            line = self._idle.pop()
            if line.watch is not None:
                line.watch.cancel()
                await asyncio.wait({line.watch})
                if line.watch.cancelled() and not line.reader.at_eof() and not line.writer.is_closing():
                    return line
            line.hang_up()
        return None

    async def _watch(self, line: Line) -> None:
        """Hear what comes on an idle connection, until it is used or ends."""
        with suppress(OSError, EOFError, UnusableError):
            while True:
                self._tell(line, await line.frame(self.length, KEPT_BYTES, None))

    def _tell(self, line: Line, frame: bytes) -> None:
        """Give somebody a frame that came unasked, and the other side what he answers; nobody waits for that."""
        if self.unasked is None:
            return

        async def tell(unasked: Unasked) -> None:
            if (reply := await unasked(frame)) is not None and not line.writer.is_closing():
                line.writer.write(reply)

        task = asyncio.create_task(tell(self.unasked))
        self._telling.add(task)
        task.add_done_callback(self._told)

    def _told(self, task: asyncio.Task[None]) -> None:
        self._telling.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("a frame that came unasked could not be taken", channel=self.channel, exc_info=fault)

    # --- evidence ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _recorded(self, action: str, frame: bytes, heard: _Heard, used: list[Line]) -> Iterator[None]:
        """Around one exchange. Whatever happens is recorded, cancellation included."""
        started_at = to_micros(self.clock.now())
        outcome = ANSWERED
        try:
            yield
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            whole = heard.answer if outcome == ANSWERED and heard.answer is not None else b""
            rest = bytes(heard.passed)
            if not whole:
                rest += heard.answer or (bytes(used[0].received) if used else b"")
            headers, kept = shortened(rest, KEPT_BYTES if self._rubbish < _MUCH_RUBBISH else _KEPT_THEN)
            self._rubbish = 0 if whole else self._rubbish + len(kept)
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
                    response_headers=headers,
                    response_body=kept + whole,
                    outcome=outcome,
                    started_at=started_at,
                    ended_at=to_micros(self.clock.now()),
                    sensitive=self._sensitive,
                )
            )

    async def close(self) -> None:
        """No exchange begins any more, and connections that are kept end."""
        self._closed = True
        while self._idle:
            self._idle.pop().hang_up()


def shortened(content: bytes, most: int = KEPT_BYTES) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """What is kept of bytes that are no message: the first so many, and of longer ones the length and SM3 digest."""
    if len(content) <= most:
        return (), content
    return (("X-Length", str(len(content))), ("X-SM3", sm3(content).hex())), content[:most]
