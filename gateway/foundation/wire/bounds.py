"""What bounds an exchange, over whatever it goes: seconds, connections, bytes."""

from __future__ import annotations

from typing import Annotated

import httpx
from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=3600)]


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
    """``max_connections`` to the channel at a time, the largest answer after decompression in bytes, the seconds for
    which an idle connection is kept (less than what peers keep, or a request meets a closing socket), and whether an
    answer may end with the connection: whoever believes it must see that it is whole."""

    max_connections: Annotated[int, Field(ge=1, le=1000)] = 64
    max_response_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 16 * 1024 * 1024
    keepalive: Annotated[float, Field(ge=0, le=300)] = 4.0
    ends_with_connection: bool = False
