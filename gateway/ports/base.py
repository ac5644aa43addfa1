"""What every door to an external system has: the adapter, what it declares, callbacks, evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from gateway.words.errors import ContractError

_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")

Fen = Annotated[int, Field(ge=0, le=999_999_999_999)]
Key = Literal["reference", "code"]
"""By what a thing is asked about: our reference, or the other side's code."""


class Message(BaseModel):
    """A value that crosses a port: immutable, closed to unknown fields, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


Q = TypeVar("Q", bound="EffectRequest", contravariant=True)
A = TypeVar("A", bound=Message, covariant=True)


def check_word(word: str) -> str:
    """A kind of external system, or a capability: small letters, digits and underlines, a letter first. ValueError."""
    if not _WORD.fullmatch(word):
        raise ValueError(f"{word!r} is not a word of small letters, digits and underlines")
    return word


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
    ``by``: what the query takes where a thing has a reference of ours and a code of theirs; one of them is enough.
    """

    offered: bool = True
    consistent: bool = False
    settle_seconds: float = 120.0
    by: frozenset[Key] = frozenset({"reference", "code"})


@dataclass(frozen=True)
class AdapterInfo:
    """What an adapter declares about itself; ``gateway adapters`` prints it and the conformance kit reads it.

    ``kind`` is the word of the port that it implements, which an installed room declares (``KIND`` of
    ``gateway.ports.nontax`` and so on); the adapter's name begins with it. ValueError for what is not a word.
    ``capabilities`` names the port methods that work. ``sensitive`` names the fields of the wire format (XML local
    names or JSON keys) whose values must not appear in the redacted copy of an exchange. ``encoding`` is the wire's
    character set: text it cannot hold is refused before sending. ``idempotent``: the same reference sent twice has
    one effect there; ``tells_again``: and what answers it the second time is what was told the first time, so that
    what was lost with an answer can be had by sending it again, once the effect is known to have happened. ``schemes``
    are those of the addresses it calls: http and https, or tcp and tls for frames. ``large``: the actions, by the words
    under which they are told to the wire, whose answers hold statements, lists or files; all others are small.
    """

    kind: str
    name: str
    contract: str
    capabilities: frozenset[str]
    reference: ReferenceFormat = field(default_factory=lambda: ReferenceFormat(32))
    find: FindGuarantee = field(default_factory=FindGuarantee)
    sensitive: frozenset[str] = frozenset()
    encoding: str = "utf-8"
    idempotent: bool = True
    tells_again: bool = False
    schemes: frozenset[str] = frozenset({"http", "https"})
    large: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_word(self.kind)


@dataclass(frozen=True)
class Incoming:
    """One message that an external system sent to ``/callbacks/{channel}``: the exact bytes, and when they came.

    ``source`` is the address that it came from, as far as it is known.
    """

    headers: Mapping[str, str]  # names in lower case
    body: bytes
    received_at: datetime
    path: str = ""
    source: str = ""


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


class EffectRequest(Message):
    """What every effect is asked with: ``reference`` is ours, durable before the call, and never used again."""

    reference: str


class Pending(Message):
    """An answer to an effect, or to a question about one: accepted, not ready, and no doubt about it.

    The other side has taken the request under our reference and will carry it out; ``ask_after`` is how many seconds
    later it is worth asking with ``find``, ``words`` what it says of it. Not for "perhaps": an answer that says neither
    yes nor no raises OutcomeUnknownError. A ``find`` that still says pending is not "absent". Where no query is
    offered only a notice can end it; see the notices of each port.
    """

    ask_after: Annotated[float, Field(gt=0, le=30 * 24 * 3600)]
    words: Annotated[str, Field(max_length=200)] = ""


class Refused(Message):
    """An answer to a question about an effect: it was taken, and refused afterwards. Final; nothing came of it.

    Only for the effect's own fate. A question that is itself refused raises RejectedError, which says nothing of it.
    """

    reason: str
    code: str = ""


class Effect(Protocol[Q, A]):
    """A method of a port that changes something on the other side: it answers what was done, or ``Pending``."""

    async def __call__(self, request: Q, /) -> A | Pending:
        """Do it once. Raises the errors of ``gateway.words.errors``."""
        ...


class Notice(Message):
    """What an opened callback says. Each kind of notice is a class of its own; ``kind`` is its word in logs."""

    kind: str


@dataclass(frozen=True)
class OpenedCallback:
    """A callback after authentication: what it says, how to acknowledge it, how to say "not now, send it again".

    ``decrypted``: the text that was encrypted in the message, where one was; evidence keeps it beside the exact bytes.
    """

    notice: Notice
    event_key: str
    nonce: str
    acknowledge: Reply
    retry_later: Reply
    decrypted: bytes = b""


class UnreadableCallbackError(ContractError):
    """An authentic callback whose content breaks the contract: it is kept, and what it is about is asked for.

    ``about``: what could be read of whom it is about, as a notice that a room takes; a hint and no more.
    ``acknowledge``: the contract's words for "received", where there is enough to say them; they are used only where
    ``about`` led to something that can be asked for. ``refuse``: its words for "not understood", used otherwise; where
    there are none the answer is a problem of ours. ``decrypted``: as in ``OpenedCallback``.
    """

    def __init__(
        self,
        reason: str,
        *,
        about: Notice | None = None,
        acknowledge: Reply | None = None,
        refuse: Reply | None = None,
        decrypted: bytes = b"",
    ) -> None:
        super().__init__(reason)
        self.about = about
        self.acknowledge = acknowledge
        self.refuse = refuse
        self.decrypted = decrypted


@dataclass(frozen=True)
class RawExchange:
    """One request and answer as they crossed the wire, handed by ``wire`` to whoever keeps evidence.

    Bodies are exact bytes. ``outcome`` is "answered" or the name of the transport's error. Times in UTC microseconds.
    ``decrypted`` is the text that was encrypted in the request.
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
    decrypted: bytes = b""


class Recorder(Protocol):
    """Takes finished exchanges; never blocks, never raises."""

    def __call__(self, exchange: RawExchange) -> None: ...


JsonObject = dict[str, Any]
