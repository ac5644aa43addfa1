"""What the rooms tell delivery about an effect, and what delivery tells them about its outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.delivery.states import State
from gateway.foundation.handovers import HandsOver
from gateway.foundation.outcomes import Absent, Accepted, Done, Doubt, Outcome, Parked, Rejected, Unsettled
from gateway.ports.base import Message
from gateway.words.errors import GatewayError

__all__ = [
    "Absent",
    "Accepted",
    "Action",
    "Done",
    "Doubt",
    "NotYet",
    "Operation",
    "Outcome",
    "Parked",
    "Rejected",
    "Sent",
    "Unsettled",
]


class NotYet(GatewayError):
    """A question was answered, but what it waits for has not happened: ask again in ``seconds``."""

    def __init__(self, seconds: float, reason: str = "not decided yet") -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True)
class Operation:
    """One intended effect, or one question, as the ledger knows it. Instants in microseconds."""

    id: str
    action: str
    channel: str
    authority: str
    subject: str
    reference: str | None
    effectful: bool
    state: State
    attempt: int
    tries: int
    sent_at: int | None
    doubt_since_at: int | None
    created_at: int
    pending_since_at: int | None = None
    """Since when the other side has it without being ready."""
    claimed: float = field(default=0.0, compare=False)
    """When this process claimed it, by its monotonic clock: an old claim is looked at again before the call."""


@dataclass(frozen=True)
class Sent:
    """An operation that a unit of work has written, with what it asks for: what is begun once that has committed."""

    operation: Operation
    request: Message


@dataclass(frozen=True)
class Action:
    """How one kind of operation is called, asked about, checked and recorded.

    ``call`` and ``find`` take the adapter and the request and raise only ``ExchangeError``; a question
    (``effectful=False``) may also raise ``NotYet``. Both may answer ``Pending``, and ``find`` ``Refused``; ``find``
    answers None when the other side says that there was no such effect. ``check`` raises ContractError when an answer
    is about something else or another amount. ``record`` runs in the transaction that closes the ledger's row, possibly
    twice: no side effects but SQL. ``two_persons``: where people say what became of it, a second one confirms.
    ``by_hand``: people may give the answer; False where it is a judgement of our own, which nobody can give in our
    place. ``hands_over``: which personal data of natural persons a request gives away, on what basis; pure; None: none.
    ``by_deadline``: its channels send what is due by its last day (``wanted_by``), not by when it was asked for.
    ``not_sent``: told in the transaction that queues an operation again because its call has provably not left us. What
    was called off while the call was under way is cancelled there, or the next try would send it.
    """

    name: str
    request_model: type[Message]
    answer_model: type[Message]
    call: Callable[[Any, Any], Awaitable[Message]]
    record: Callable[[Connection, Operation, Outcome], None]
    find: Callable[[Any, Any], Awaitable[Message | None]] | None = None
    check: Callable[[Any, Any], None] | None = None
    effectful: bool = True
    two_persons: bool = True
    by_hand: bool = True
    hands_over: Callable[[Any], HandsOver | None] | None = None
    by_deadline: bool = False
    not_sent: Callable[[Connection, Operation], None] | None = None
