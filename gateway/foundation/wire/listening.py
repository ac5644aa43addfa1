"""Ports of ours, where a platform connects to us and speaks in frames. ``gateway serve`` opens them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.foundation.wire.frame import Length


class ListenSettings(BaseModel):
    """Keys of a channel whose platform connects to us.

    ``listen``: HOST:PORT, port 0 for any. ``listen_cert`` and ``listen_key`` (PEM) make it TLS; ``listen_ca`` names the
    authorities of certificates that callers must show then. ``listen_idle``: seconds of silence after which a
    connection ends. ``listen_connections``: how many there may be at a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: Annotated[str, Field(pattern=r"^.+:[0-9]{1,5}$")] | None = None
    listen_cert: Path | None = None
    listen_key: Path | None = None
    listen_ca: Path | None = None
    listen_idle: Annotated[float, Field(gt=0, le=86400)] = 120.0
    listen_connections: Annotated[int, Field(ge=1, le=1000)] = 64
    min_listen_tls_version: Literal["1.2", "1.3"] = "1.2"

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if (self.listen_cert is None) != (self.listen_key is None):
            raise ValueError("listen_cert and listen_key go together")
        if self.listen_ca is not None and self.listen_cert is None:
            raise ValueError("listen_ca asks callers for certificates, which needs listen_cert and listen_key")
        return self

    def context(self) -> ssl.SSLContext | None:
        """The server's side of TLS, None without. Raises OSError for an unusable file."""
        if self.listen_cert is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        newest = self.min_listen_tls_version == "1.3"
        context.minimum_version = ssl.TLSVersion.TLSv1_3 if newest else ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.listen_cert, self.listen_key)
        if self.listen_ca is not None:
            context.load_verify_locations(cafile=str(self.listen_ca))
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True)
class FrameDoor:
    """How an adapter's platform tells us things in frames: on connections of ours, and on a port where it connects.

    ``pushed`` says whether a frame is such a message; all others (heartbeats, strays) are read over.
    """

    length: Length
    pushed: Callable[[bytes], bool]
    listening: ListenSettings
