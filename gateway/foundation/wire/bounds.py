"""What bounds an exchange, over whatever it goes: seconds, connections, bytes, and what is read on the loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

Seconds = Annotated[float, Field(gt=0, le=3600)]


ON_THE_LOOP: Final = 64 * 1024
"""Bytes of an answer that are read where all others wait; more than that takes a thread."""


_made_aside: list[object] = []


async def apart(size: int, read: Callable[..., T], *given: object) -> T:
    """Read ``size`` bytes of what others made: here if that takes a moment, else in a thread."""
    return read(*given) if size <= ON_THE_LOOP else await aside(read, *given)


async def aside(read: Callable[..., T], *given: object) -> T:
    """Make much of what others sent, in a thread: values of a large answer, say.

    Meanwhile nobody collects cycles: the collector holds every thread, and the more so the more there is to walk
    through. What is made here has no cycles; those of others wait for the seconds that it takes.
    """
    _made_aside.append(read)
    gc.disable()
    try:
        return await asyncio.to_thread(read, *given)
    finally:
        _made_aside.remove(read)
        if not _made_aside:
            gc.enable()


class Options(BaseModel):
    """Options of a wire, as they stand in settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Timeouts(Options):
    """Seconds. ``connect`` covers name resolution and TLS, ``read`` the longest silence, ``write`` the longest stall,
    ``pool`` the wait for a free connection, ``total`` everything together."""

    connect: Seconds = 5.0
    read: Seconds = 20.0
    write: Seconds = 10.0
    total: Seconds = 30.0
    pool: Seconds = 5.0

    def as_httpx(self) -> httpx.Timeout:
        """The steps, for httpx."""
        return httpx.Timeout(connect=self.connect, read=self.read, write=self.write, pool=self.pool)


class Limits(Options):
    """``max_connections`` to the channel at a time, the largest answer after decompression in bytes, the largest one to
    the actions that are ``large`` (statements, files), the seconds for which an idle connection is kept (less than what
    peers keep, or a request meets a closing socket), and whether an answer may end with the connection: whoever
    believes it must see that it is whole."""

    max_connections: Annotated[int, Field(ge=1, le=1000)] = 64
    max_response_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 256 * 1024
    max_large_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 16 * 1024 * 1024
    large: frozenset[str] = frozenset()
    keepalive: Annotated[float, Field(ge=0, le=300)] = 4.0
    ends_with_connection: bool = False

    def of(self, action: str) -> int:
        """The largest answer to an action, in bytes."""
        return max(self.max_response_bytes, self.max_large_bytes) if action in self.large else self.max_response_bytes
