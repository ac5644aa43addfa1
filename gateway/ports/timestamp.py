"""The door to time stamp services 时间戳服务 (RFC 3161; GB/T 20520)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field

from gateway.ports.base import Adapter, Message

KIND = "timestamp"

DIGEST_OIDS = {"sha256": "2.16.840.1.101.3.4.2.1", "sm3": "1.2.156.10197.1.401"}
"""The object identifiers of the digests that may be stamped."""


class StampRequest(Message):
    """Stamp a digest of 32 bytes. ``nonce``: a fresh random number, by which the answer is known to be ours."""

    algorithm: Literal["sha256", "sm3"] = "sha256"
    digest: Annotated[bytes, Field(min_length=32, max_length=32)]
    nonce: Annotated[int, Field(ge=1, lt=1 << 64)]


class TimeStamp(Message):
    """What a service stamped: the token (DER of a TimeStampToken), and its time. Its signature is not judged yet."""

    token: bytes
    at: datetime


@runtime_checkable
class TimeStampService(Adapter, Protocol):
    """Says that a digest existed at a time. It gets the digest, never the document. To ask has no effect there."""

    async def stamp(self, request: StampRequest) -> TimeStamp:
        """A token over this digest with this nonce. Raises RejectedError in the service's words, BusyError."""
        ...
