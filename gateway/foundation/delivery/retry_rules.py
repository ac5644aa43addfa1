"""What follows from an attempt: one pure function of the operation, what happened, and the time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tenacity import RetryCallState, wait_exponential_jitter

from gateway.foundation.delivery.actions import (
    Absent,
    Accepted,
    Done,
    Doubt,
    NotYet,
    Operation,
    Outcome,
    Parked,
    Rejected,
)
from gateway.foundation.delivery.states import ParkedFor, State
from gateway.ports.base import FindGuarantee, Message, Pending, Refused
from gateway.words.errors import (
    BusyError,
    ContractError,
    ContradictionError,
    DeniedError,
    ExchangeError,
    NotSentError,
    RejectedError,
    UnsupportedError,
    UnusableError,
)

SECOND = 1_000_000
SHORTEST = 0.05
SLOWER_FIRST, SLOWER_LONGEST = 60, 72
"""How many times slower an answer that breaks its contract is asked for again: after a minute, at last every six hours
(by default). A platform that has changed is put right in hours, not in seconds."""


@dataclass(frozen=True)
class Patience:
    """How long to wait and when to give a thing to a person. Seconds.

    ``ask_after``: from the start of doubt to the first question. ``first`` and ``longest``: the delays between tries,
    doubling with jitter. ``doubt_deadline``: doubt older than this is parked. ``give_up``: an operation that never
    left us for so long is parked. ``question_deadline``: a question still unanswered after so long is parked.
    ``pending_deadline``: what the other side took and has not finished after so long is parked.
    """

    ask_after: float = 1.0
    first: float = 1.0
    longest: float = 300.0
    doubt_deadline: float = 24 * 3600.0
    give_up: float = 72 * 3600.0
    question_deadline: float = 60 * 24 * 3600.0
    pending_deadline: float = 48 * 3600.0

    def delay(self, tries: int) -> int:
        """Microseconds to wait after the ``tries``-th failure in a row (from 1)."""
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = max(1, tries)
        wait = wait_exponential_jitter(multiplier=self.first, max=self.longest, jitter=self.first / 2)
        return int(wait(state) * SECOND)

    def broken(self, tries: int) -> int:
        """The same after an answer that breaks its contract."""
        first, longest = self.first * SLOWER_FIRST, self.longest * SLOWER_LONGEST
        return replace(self, first=first, longest=longest).delay(tries)

    def told(self, seconds: float) -> int:
        """Microseconds to wait when the other side named a time; what makes no sense is bounded."""
        sensible = seconds if math.isfinite(seconds) else self.longest
        return int(min(max(sensible, SHORTEST), self.give_up) * SECOND)


@dataclass(frozen=True)
class Step:
    """Where the operation goes: the ledger's next values, what the room is told, and whether the channel stops."""

    state: State
    due: int
    tries: int
    label: str
    reason: str | None = None
    code: str | None = None
    sent: int | None = None
    doubt_since: int | None = None
    pending_since: int | None = None
    answer: Message | None = None
    tell: Outcome | None = None
    stop_channel: str | None = None
    alarm: bool = False


def after_call(
    operation: Operation, result: Message | BaseException, *, now: int, began: int, can_find: bool, patience: Patience
) -> Step:
    """What follows from a call. ``began``: when it started; ``now``: when it ended (microseconds)."""
    began = min(began, now)  # somebody may have set the clock back meanwhile
    if isinstance(result, Pending):
        return _pending(replace(operation, sent_at=began), result, now=now, can_ask=can_find, patience=patience)
    if isinstance(result, Message):
        return Step(State.DONE, now, 0, "done", sent=began, answer=result, tell=Done(result))
    reason = _words(result)
    if isinstance(result, NotYet) and not operation.effectful:
        if now - operation.created_at > patience.question_deadline * SECOND:
            days = patience.question_deadline / 86400
            return _park(now, ParkedFor.DEADLINE, f"no decision after {days:.0f} days: {reason}", operation)
        return Step(State.QUEUED, now + patience.told(result.seconds), 0, "not yet", reason)
    if isinstance(result, RejectedError):
        told = Rejected(result.reason, result.code)
        return Step(State.REJECTED, now, 0, "rejected", result.reason, result.code, sent=began, tell=told)
    if isinstance(result, UnsupportedError):
        return _park(now, ParkedFor.UNSUPPORTED, reason, operation)
    tries = operation.tries + 1
    if isinstance(result, DeniedError):
        return Step(State.QUEUED, now, tries, "denied", reason, stop_channel=reason, alarm=True)
    if isinstance(result, NotSentError | BusyError):
        if now - operation.created_at > patience.give_up * SECOND:
            return _park(
                now, ParkedFor.GAVE_UP, f"never left us for {patience.give_up / 3600:.0f} h: {reason}", operation
            )
        told_when = result.retry_after if isinstance(result, BusyError) else None
        delay = patience.delay(tries) if told_when is None else patience.told(told_when)
        label = "busy" if isinstance(result, BusyError) else "not sent"
        return Step(State.QUEUED, now + delay, tries, label, reason)
    alarm = isinstance(result, ContractError) or not _expected(result)
    if not operation.effectful:
        if now - operation.created_at > patience.give_up * SECOND:
            return _park(
                now, ParkedFor.GAVE_UP, f"no usable answer for {patience.give_up / 3600:.0f} h: {reason}", operation
            )
        again = now + _pause(result, operation, patience)
        return Step(State.QUEUED, again, tries, "unknown", reason, alarm=alarm)
    since = operation.doubt_since_at or now
    if not can_find:
        words = f"{reason}; this system offers no query, so a person must find out"
        return Step(
            State.PARKED,
            now,
            0,
            "unknown",
            words,
            ParkedFor.NO_QUERY.value,
            sent=began,
            doubt_since=since,
            tell=Parked(words),
            alarm=True,
        )
    return Step(
        State.UNCERTAIN,
        now + int(patience.ask_after * SECOND),
        0,
        "unknown",
        reason,
        sent=began,
        doubt_since=since,
        tell=Doubt(reason),
        alarm=alarm,
    )


def after_find(
    operation: Operation,
    result: Message | BaseException | None,
    *,
    now: int,
    guarantee: FindGuarantee,
    patience: Patience,
    waited: float = math.inf,
    age: float = math.inf,
) -> Step:
    """What follows from asking the other side about an effect in doubt, or about one that it took and has not finished.

    ``waited``: seconds that have really passed since the one who asks knows of the doubt, whatever was done to the
    civil clock meanwhile: "not found" is believed no sooner than the settle delay by both. ``age``: how old the doubt
    is, in the same sense.
    """
    sent, since = operation.sent_at, operation.doubt_since_at or now
    if isinstance(result, Pending):
        return _pending(operation, result, now=now, can_ask=True, patience=patience)
    if isinstance(result, Refused):
        told = Rejected(result.reason, result.code)
        return Step(State.REJECTED, now, 0, "refused later", result.reason, result.code, sent=sent, tell=told)
    if operation.doubt_since_at is None and operation.pending_since_at is not None:
        return _after_asking_again(operation, result, now=now, patience=patience)
    if isinstance(result, Message):
        return Step(State.DONE, now, 0, "found", sent=sent, answer=result, tell=Done(result, found=True))
    if result is None:
        # Doubt begins when the call ended: until then the request may have been on its way.
        settled_at = max(sent or 0, since) + int(guarantee.settle_seconds * SECOND)
        left = guarantee.settle_seconds - waited
        if guarantee.consistent or (now >= settled_at and left <= 0):
            return Step(State.QUEUED, now, 0, "absent", "the other side has no such effect: sent again", tell=Absent())
        settled_at = max(settled_at, now + int(max(0.0, left) * SECOND))
        again = min(settled_at, now + patience.delay(operation.tries + 1))
        return Step(
            State.UNCERTAIN,
            max(again, now + SECOND // 10),
            operation.tries + 1,
            "not found",
            "not found, but not yet trusted",
            sent=sent,
            doubt_since=since,
        )
    reason = _words(result)
    if isinstance(result, ContradictionError | RejectedError | UnsupportedError):
        return _park(now, ParkedFor.CONTRADICTION, reason, operation)
    if now - since > patience.doubt_deadline * SECOND and age > patience.doubt_deadline:
        hours = patience.doubt_deadline / 3600
        return _park(now, ParkedFor.DEADLINE, f"still in doubt after {hours:.0f} h: {reason}", operation)
    stop = reason if isinstance(result, DeniedError) else None
    told_when = result.retry_after if isinstance(result, BusyError) else None
    if isinstance(result, NotYet):
        told_when = result.seconds
    return Step(
        State.UNCERTAIN,
        now + (_pause(result, operation, patience) if told_when is None else patience.told(told_when)),
        operation.tries + 1,
        "no answer",
        reason,
        sent=sent,
        doubt_since=since,
        stop_channel=stop,
        alarm=stop is not None or isinstance(result, ContractError),
    )


def _pause(result: object, operation: Operation, patience: Patience) -> int:
    """Microseconds until the same question is asked again: longer where its answer breaks the contract."""
    tries, broken = operation.tries + 1, isinstance(result, ContractError) and not isinstance(result, UnusableError)
    return patience.broken(tries) if broken else patience.delay(tries)


def _pending(operation: Operation, told: Pending, *, now: int, can_ask: bool, patience: Patience) -> Step:
    """The other side took it and is not ready. Asked when it said; where it cannot be asked, only a notice ends it."""
    first = operation.pending_since_at is None
    since = operation.pending_since_at or now
    words = told.words or "accepted, not ready"
    until = since + int(patience.pending_deadline * SECOND)
    if now >= until and not first:
        return _overdue(operation, now, words, patience)
    return Step(
        State.PENDING,
        min(now + patience.told(told.ask_after), until) if can_ask else until,
        0,
        "accepted" if first else "not ready",
        words,
        sent=operation.sent_at,
        pending_since=since,
        tell=Accepted(words) if first or operation.doubt_since_at is not None else None,
    )


def _after_asking_again(
    operation: Operation, result: Message | BaseException | None, *, now: int, patience: Patience
) -> Step:
    """What follows from asking about what the other side took, when it does not say "not ready" again.

    "Not found" proves nothing of what it has taken: many platforms find only what is finished. Nor does silence.
    """
    if isinstance(result, Message):
        return Step(State.DONE, now, 0, "ready", sent=operation.sent_at, answer=result, tell=Done(result))
    reason = "the other side took it, and does not find it" if result is None else _words(result)
    if isinstance(result, ContradictionError | RejectedError | UnsupportedError):
        return _park(now, ParkedFor.CONTRADICTION, reason, operation)
    since = operation.pending_since_at or now
    if now - since >= patience.pending_deadline * SECOND:
        return _overdue(operation, now, reason, patience)
    told = result.retry_after if isinstance(result, BusyError) else None
    stop = reason if isinstance(result, DeniedError) else None
    return Step(
        State.PENDING,
        now + (_pause(result, operation, patience) if told is None else patience.told(told)),
        operation.tries + 1,
        "not found" if result is None else "no answer",
        reason,
        sent=operation.sent_at,
        pending_since=since,
        stop_channel=stop,
        alarm=stop is not None or isinstance(result, ContractError),
    )


def _overdue(operation: Operation, now: int, words: str, patience: Patience) -> Step:
    hours = patience.pending_deadline / 3600
    return _park(now, ParkedFor.DEADLINE, f"taken {hours:.0f} h ago and still not ready: {words}", operation)


def without_question(operation: Operation, now: int) -> Step:
    """What follows when an effect has no known end and the other side cannot be asked: only people can find out."""
    if operation.pending_since_at is not None and operation.doubt_since_at is None:
        words = "the other side took it, no notice of its end came, and it offers no query: a person must find out"
        return _park(now, ParkedFor.NO_QUERY, words, operation)
    words = "it is not known whether this happened, and this system offers no query: a person must find out"
    return _park(now, ParkedFor.NO_QUERY, words, replace(operation, doubt_since_at=operation.doubt_since_at or now))


def unusable(operation: Operation, fault: BaseException, now: int, answer: Message | None = None) -> Step:
    """What follows from a fault of ours: the operation cannot be read, or its outcome cannot be recorded."""
    words = _words(fault).partition("\n")[0]  # further lines are for the log
    return replace(_park(now, ParkedFor.FAULT, f"a fault of the gateway: {words}", operation), answer=answer)


def _park(now: int, why: ParkedFor, reason: str, operation: Operation) -> Step:
    return Step(
        State.PARKED,
        now,
        0,
        why.value.replace("-", " "),
        reason,
        why.value,
        sent=operation.sent_at,
        doubt_since=operation.doubt_since_at,
        pending_since=operation.pending_since_at,
        tell=Parked(reason),
        alarm=True,
    )


def _expected(error: BaseException) -> bool:
    return isinstance(error, ExchangeError)


def _words(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if _expected(error) or isinstance(error, NotYet) else f"{type(error).__name__}: {text}"
