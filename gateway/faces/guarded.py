"""Connections that hold by themselves: bounds that no proxy in front has to keep for us.

uvicorn waits for a head without end, and takes one of any length. Here a head has a deadline and a size, an answer that
nobody reads ends, and a listener has so many connections and no more: a new one takes the place of whichever has been
idle longest. Bodies are bounded where they are read (``gateway.foundation.http.door``).
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.settings import ServerSettings

_UNREAD_SECONDS = 30.0
_READ_MEANWHILE = 64 * 1024
_OFFER = re.compile(rb"\r\nupgrade *:", re.IGNORECASE)
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class GuardedConfig(uvicorn.Config):
    """uvicorn's settings for one listener: what it logs goes the way of all logs. ``grace``: seconds of a stop."""

    def __init__(self, app: Any, bounds: ServerSettings, grace: float = 20.0) -> None:
        super().__init__(
            app,
            http=Guarded,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=bool(bounds.proxies),
            forwarded_allow_ips=list(bounds.proxies),
            timeout_graceful_shutdown=grace,  # type: ignore[arg-type]  # asyncio waits for parts of a second, too
            timeout_keep_alive=15,
        )
        self.bounds = bounds


class Guarded(HttpToolsProtocol):
    """One connection. ``idle_since``: the loop's time at which it last had nothing to do."""

    def __init__(self, config: uvicorn.Config, *more: Any, **named: Any) -> None:
        super().__init__(config, *more, **named)
        assert isinstance(config, GuardedConfig)
        self._bounds = config.bounds
        self._head: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._unread: asyncio.TimerHandle | None = None
        self.idle_since = self.loop.time()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered here."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head; make room first where there is none."""
        if len(self.connections) >= self._bounds.max_connections:
            idle = [one for one in self.connections if isinstance(one, Guarded) and one.is_idle]
            if not idle:
                transport.abort()
            else:
                min(idle, key=lambda one: one.idle_since).transport.abort()
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        for timer in (self._head, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    # --- heads ------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has grown too long."""
        if self._head is None and self.is_idle:  # also of blanks between requests, which begin nothing
            self._await_head()
        if self._head is not None:
            self._head_bytes += len(data)
            data = _without_offers(data)
        super().data_received(data)
        if self._head is not None and self._head_bytes > self._bounds.max_header_bytes:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A head begins."""
        if self._head is None:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is here. Raises ValueError for one that is too long, which uvicorn answers with 400."""
        assert self._head is not None
        self._head.cancel()
        self._head = None
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._bounds.max_header_bytes:
            raise ValueError(f"a head of {size} bytes")
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Idle again."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head = self.loop.call_later(self._bounds.header_seconds, self._refuse, 408)

    def _refuse(self, status: int) -> None:
        """End the connection; in words where no other answer is under way and something was asked."""
        if not self.is_idle:
            self.transport.abort()
            return
        if self._head_bytes and not self.transport.is_closing():
            reason = _REASONS[status]
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, reason),
            )
        self.transport.close()

    # --- answers that nobody reads ----------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """More is waiting than the system takes: look after it."""
        super().pause_writing()
        self._look_after(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It was read."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _look_after(self, waiting: int) -> None:
        self._unread = self.loop.call_later(_UNREAD_SECONDS, self._still_unread, waiting)

    def _still_unread(self, before: int) -> None:
        """End the connection, unless some of what waited has been read since."""
        now = self.transport.get_write_buffer_size()
        if now > before - _READ_MEANWHILE:
            self.transport.abort()
        else:
            self._look_after(now)


def _without_offers(data: bytes) -> bytes:
    """A head without the offer of another protocol, which nobody has to take up (RFC 9110, 7.8).

    The parser would take what follows for that protocol. Java's own client offers HTTP/2 with its first request.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    return _OFFER.sub(b"\r\nx-offer:", head) + end + body if _OFFER.search(head) else data
