"""What every door to an external system has: the adapter, what it declares, callbacks, evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

Fen = Annotated[int, Field(ge=0, le=999_999_999_999)]


class Message(BaseModel):
    """A value that crosses a port: immutable, closed to unknown fields, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class Kind(StrEnum):
    """What an adapter is for; also the first part of its name."""

    NONTAX = "nontax"
    CREDIT = "credit"
    REGISTRY = "registry"
    SEAL = "seal"


@dataclass(frozen=True)
class ReferenceFormat:
    """What the other side accepts as our reference: at most ``length`` characters of ``alphabet``."""

    length: int
    alphabet: str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    prefix: str = ""


@dataclass(frozen=True)
class FindGuarantee:
    """How far "not found" can be trusted.

    ``consistent``: an effect is visible to ``find`` as soon as it happened. Otherwise "not found" counts only
    ``settle_seconds`` after the call. ``offered=False``: there is no query, and doubt waits for a person.
    """

    offered: bool = True
    consistent: bool = False
    settle_seconds: float = 120.0


@dataclass(frozen=True)
class AdapterInfo:
    """What an adapter declares about itself; ``gateway adapters`` prints it and the conformance kit reads it.

    ``capabilities`` names the port methods that work. ``sensitive`` names the fields of the wire format (XML local
    names or JSON keys) whose values must not appear in the redacted copy of an exchange. ``encoding`` is the wire's
    character set: text it cannot hold is refused before sending. ``idempotent``: the same reference sent twice has
    one effect there. ``schemes`` are those of the addresses it calls: http and https, or tcp and tls for frames.
    """

    kind: Kind
    name: str
    contract: str
    capabilities: frozenset[str]
    reference: ReferenceFormat = field(default_factory=lambda: ReferenceFormat(32))
    find: FindGuarantee = field(default_factory=FindGuarantee)
    sensitive: frozenset[str] = frozenset()
    encoding: str = "utf-8"
    idempotent: bool = True
    schemes: frozenset[str] = frozenset({"http", "https"})


@dataclass(frozen=True)
class Incoming:
    """One message that an external system sent to ``/callbacks/{channel}``: the exact bytes, and when they came."""

    headers: Mapping[str, str]  # names in lower case
    body: bytes
    received_at: datetime
    path: str = ""


@dataclass(frozen=True)
class Reply:
    """What to answer an incoming message with, in the other side's format."""

    status: int
    body: bytes
    content_type: str


@runtime_checkable
class Adapter(Protocol):
    """What every adapter has. Built by ``gateway.plugins`` as ``AdapterClass(settings, wire, clock)``:

    ``settings`` an instance of the class's own ``Settings`` model, ``wire`` a
    ``gateway.foundation.wire.ChannelWire`` bound to the channel, ``clock`` a ``gateway.words.clock.Clock``.
    """

    info: ClassVar[AdapterInfo]
    Settings: ClassVar[type[BaseModel]]

    async def check(self) -> str:
        """Prove with a harmless call that the other side is reachable and accepts our credentials.

        Returns one line for people. Raises NotSentError, DeniedError or OutcomeUnknownError.
        """
        ...

    async def close(self) -> None:
        """Let go of everything opened."""
        ...


class Notice(Message):
    """What an opened callback says. Each kind of notice is a class of its own; ``kind`` is its word in logs."""

    kind: str


@dataclass(frozen=True)
class OpenedCallback:
    """A callback after authentication: what it says, how to acknowledge it, how to say "not now, send it again"."""

    notice: Notice
    event_key: str
    nonce: str
    acknowledge: Reply
    retry_later: Reply


@dataclass(frozen=True)
class RawExchange:
    """One request and answer as they crossed the wire, handed by ``wire`` to whoever keeps evidence.

    Bodies are exact bytes. ``outcome`` is "answered" or the name of the transport's error. Times in UTC microseconds.
    """

    channel: str
    direction: Literal["out", "in"]
    action: str
    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: bytes
    status: int | None
    response_headers: tuple[tuple[str, str], ...]
    response_body: bytes
    outcome: str
    started_at: int
    ended_at: int
    sensitive: frozenset[str] = frozenset()


class Recorder(Protocol):
    """Takes finished exchanges; never blocks, never raises."""

    def __call__(self, exchange: RawExchange) -> None: ...


JsonObject = dict[str, Any]
