"""What the kit needs to know and to be able to do: the adapter, and a hand on the system that it talks to.

The other side is a simulator, or a provider's sandbox with something in front of it that misbehaves on demand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.ports.base import Incoming, RawExchange, Reply
from gateway.words.clock import Clock

FaultKind = Literal[
    "refuse",  # the port refuses connections
    "silence",  # no effect and no answer
    "apply_then_silence",  # the effect, and no answer
    "apply_then_reset",  # the effect, and the connection breaks
    "busy",  # the contract's effect-free refusal for load, with ``busy_seconds`` to wait
    "answer_code",  # the result code ``code=``, signed and framed as the contract says, without effect
    "error_500",  # a page of HTML from whatever stands in between
    "malformed",  # an answer that does not parse
    "empty",  # a success without a body
    "truncated",  # an answer that is cut
    "bad_signature",  # an answer whose signature does not verify
    "wrong_amount",  # a true answer but for its amounts
    "wrong_code",  # a true answer but for whom it is about: another bill, record or submission
    "unknown_status",  # a true answer but for a status that no table has
    "status",  # a true answer but for the status of what it is about, which is the other side's word ``code=``
    "wrong_totals",  # a statement whose totals are not those of its lines
    "wrong_digest",  # a file other than the one whose digest was announced
    "second_file",  # an archive that holds a further file of the same kind
]
CallbackKind = Literal["new", "again", "forged"]
Meaning = Literal["ok", "pending", "absent", "rejected", "busy", "denied", "unknown"]


@dataclass(frozen=True)
class Code:
    """One row of the contract's table of result codes, and what it means for whoever asked.

    ``denied`` is about credentials, ``busy`` and ``rejected`` are effect-free, ``unknown`` says nothing about effects.
    """

    code: str
    meaning: Meaning


class Bench(ABC):
    """An adapter at work. A fresh one for each test; nothing of an earlier test shows in it.

    ``exchanges`` is what the recorder of the adapter's ``ChannelWire`` was handed, in order; ``clock`` the adapter's.
    ``secrets`` are the credentials it was built with, ``personal`` the ID numbers, phones, accounts and names of
    natural persons in the sample requests: neither may be readable in evidence. ``codes`` is the whole table of result
    codes, ``unknown_code`` one that it lacks. The adapter's read timeout should be short: silence is waited for.
    """

    adapter: Any
    exchanges: Sequence[RawExchange]
    clock: Clock
    secrets: Sequence[str]
    personal: Sequence[str]
    codes: Sequence[Code]
    unknown_code: str
    #: Seconds that a busy answer names; None where the contract has no place for them.
    busy_seconds: float | None = 7.0
    #: Whether the contract has answers signed.
    answers_signed: bool = True
    #: Whether the contract's callbacks are signed; those about payments must be.
    callbacks_signed: bool = True
    #: Seconds after which a callback is too old to be believed; None where none tells when it was signed.
    callbacks_last: float | None = 300.0

    def asks(self, exchange: RawExchange) -> bool:
        """Whether an exchange is a question, which has no effect and may be put as often as one likes."""
        return exchange.method in ("GET", "HEAD")

    def content(self, exchange: RawExchange) -> bytes:
        """What a request says, without what is new in each: nonces, message ids, times, signatures."""
        return exchange.request_body

    @abstractmethod
    async def fault(self, kind: FaultKind, method: str, **more: Any) -> None:
        """From now on, until ``clear``, what the port method ``method`` sends meets this fault."""

    @abstractmethod
    async def clear(self) -> None:
        """No faults from now on."""

    @abstractmethod
    async def effects(self, reference: str) -> int:
        """How many effects the other side has had under our reference."""

    @abstractmethod
    async def advance(self, seconds: float) -> None:
        """Move ``clock`` and the other side's clock on together."""

    @abstractmethod
    async def violations(self) -> Sequence[str]:
        """What the machine-readable contract says against the requests that the adapter has sent so far."""

    async def callback(self, kind: CallbackKind, about: str) -> Incoming:
        """Let the other side tell something: that ``about`` was paid, decided or sealed.

        "new": let it happen and be told. "again": the same event told again, as its retries would, not acknowledged
        yet. "forged": let it happen, and give what somebody without the key would send about it.
        """
        raise NotImplementedError(f"{type(self).__name__}.callback: the adapter declares open_callback")

    async def acknowledged(self, about: str, answer: Callable[[Incoming], Awaitable[Reply]]) -> bool:
        """Let the other side tell once more about ``about``: whether it takes what ``answer`` makes of its message for
        an acknowledgement."""
        raise NotImplementedError(f"{type(self).__name__}.acknowledged: the adapter declares open_callback")
