"""Every answer of the other side has one step that follows: where the operation goes, when, and who is told what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.foundation.delivery.actions import Absent, Accepted, Done, Doubt, NotYet, Operation, Parked, Rejected
from gateway.foundation.delivery.retry_rules import (
    SECOND,
    Patience,
    Step,
    after_call,
    after_find,
    unusable,
    without_question,
)
from gateway.foundation.delivery.states import ParkedFor, State
from gateway.ports.base import FindGuarantee, Pending, Refused
from gateway.ports.nontax import Cancelled
from gateway.words.errors import (
    BusyError,
    ContractError,
    ContradictionError,
    DeniedError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
    UnusableError,
)

HOUR = 3600 * SECOND
NOW = 1_790_000_000 * SECOND
BEGAN = NOW - 3 * SECOND
ANSWER = Cancelled(code="1" * 20)
SENT, SINCE = NOW - 40 * SECOND, NOW - 30 * SECOND


class Exact(Patience):
    """Patience without jitter: a delay says how often it was tried."""

    def delay(self, tries: int) -> int:
        return tries * 1000

    def broken(self, tries: int) -> int:
        return tries * 7000


PATIENCE = Exact(give_up=10 * 3600, question_deadline=5 * 86400, doubt_deadline=6 * 3600, pending_deadline=4 * 3600)
EFFECT = Operation(
    id="opn_1",
    action="nontax.issue",
    channel="nontax",
    authority="a",
    subject="pay_1",
    reference="R1",
    effectful=True,
    state=State.SENDING,
    attempt=1,
    tries=2,
    sent_at=None,
    doubt_since_at=None,
    created_at=NOW - HOUR,
)
QUESTION = replace(EFFECT, effectful=False)


def named(one: Any) -> str:
    """What a case is called."""
    return type(one).__name__ if isinstance(one, Step) else f"{type(one).__name__} {one}"


def queued(due: int, tries: int, label: str, reason: str, **more: Any) -> Step:
    return Step(State.QUEUED, due, tries, label, reason, **more)


def parked(why: ParkedFor, reason: str, **more: Any) -> Step:
    label = why.value.replace("-", " ")
    return Step(State.PARKED, NOW, 0, label, reason, why.value, tell=Parked(reason), alarm=True, **more)


def called(result: Any, operation: Operation = EFFECT, *, can_find: bool = True, began: int = BEGAN) -> Step:
    return after_call(operation, result, now=NOW, began=began, can_find=can_find, patience=PATIENCE)


# --- after a call -------------------------------------------------------------------------------------------------

DONE = Step(State.DONE, NOW, 0, "done", sent=BEGAN, answer=ANSWER, tell=Done(ANSWER))
OLD = {"created_at": NOW - 10 * HOUR - 1}
JUST = {"created_at": NOW - 10 * HOUR}


@pytest.mark.parametrize("operation", [EFFECT, QUESTION], ids=["effect", "question"])
@pytest.mark.parametrize(
    ("result", "step"),
    [
        (ANSWER, DONE),
        (
            RejectedError("no", "X1"),
            Step(State.REJECTED, NOW, 0, "rejected", "no", "X1", sent=BEGAN, tell=Rejected("no", "X1")),
        ),
        (UnsupportedError("refund"), parked(ParkedFor.UNSUPPORTED, "refund")),
        (DeniedError("401"), queued(NOW, 3, "denied", "401", stop_channel="401", alarm=True)),
        (NotSentError("refused"), queued(NOW + 3000, 3, "not sent", "refused")),
        (NotSentError(""), queued(NOW + 3000, 3, "not sent", "NotSentError")),
        (BusyError("busy"), queued(NOW + 3000, 3, "busy", "busy")),
        (BusyError("busy", 7), queued(NOW + 7 * SECOND, 3, "busy", "busy")),
        (BusyError("busy", 0), queued(NOW + SECOND // 20, 3, "busy", "busy")),
        (BusyError("busy", float("inf")), queued(NOW + 300 * SECOND, 3, "busy", "busy")),
        (BusyError("busy", 1e9), queued(NOW + 10 * HOUR, 3, "busy", "busy")),
    ],
    ids=named,
)
def test_what_needs_no_doubt(operation: Operation, result: Any, step: Step) -> None:
    assert called(result, operation) == step


@pytest.mark.parametrize(
    ("result", "reason"), [(NotSentError("refused"), "refused"), (BusyError("busy", 7), "busy")], ids=named
)
def test_what_never_left_us_goes_to_a_person_in_the_end(result: Any, reason: str) -> None:
    assert called(result, replace(EFFECT, **JUST)).state is State.QUEUED
    assert called(result, replace(EFFECT, **OLD)) == parked(ParkedFor.GAVE_UP, f"never left us for 10 h: {reason}")


def test_a_question_that_is_not_decided_is_asked_again_and_goes_to_a_person_in_the_end() -> None:
    told = NotYet(5)
    assert called(told, QUESTION) == queued(NOW + 5 * SECOND, 0, "not yet", str(told))
    late = replace(QUESTION, created_at=NOW - 5 * 24 * HOUR)
    assert called(told, late).state is State.QUEUED
    later = replace(late, created_at=late.created_at - 1)
    assert called(told, later) == parked(ParkedFor.DEADLINE, f"no decision after 5 days: {told}")


@pytest.mark.parametrize(
    ("result", "reason", "pause", "alarm"),
    [
        (OutcomeUnknownError("read timeout"), "read timeout", 3000, False),
        (ContractError("other amount"), "other amount", 21000, True),
        (UnusableError("cut"), "cut", 3000, True),
        (ValueError("ours"), "ValueError: ours", 3000, True),
        (ValueError(), "ValueError: ValueError", 3000, True),
    ],
    ids=named,
)
def test_a_question_without_a_usable_answer_is_asked_again(result: Any, reason: str, pause: int, alarm: bool) -> None:
    assert called(result, QUESTION) == queued(NOW + pause, 3, "unknown", reason, alarm=alarm)
    assert called(result, replace(QUESTION, **JUST)).state is State.QUEUED
    late = called(result, replace(QUESTION, **OLD))
    assert late == parked(ParkedFor.GAVE_UP, f"no usable answer for 10 h: {reason}")


@pytest.mark.parametrize(
    ("result", "reason", "alarm"),
    [
        (OutcomeUnknownError("read timeout"), "read timeout", False),
        (ContractError("other amount"), "other amount", True),
        (ValueError("ours"), "ValueError: ours", True),
        (NotYet(3), str(NotYet(3)), True),
    ],
    ids=named,
)
@pytest.mark.parametrize("since", [None, SINCE])
def test_an_effect_of_unknown_end_is_asked_about_or_goes_to_a_person(
    result: Any, reason: str, alarm: bool, since: int | None
) -> None:
    effect = replace(EFFECT, doubt_since_at=since)
    doubt = {"sent": BEGAN, "doubt_since": since or NOW}
    asked = Step(State.UNCERTAIN, NOW + SECOND, 0, "unknown", reason, tell=Doubt(reason), alarm=alarm, **doubt)
    assert called(result, effect) == asked
    words = f"{reason}; this system offers no query, so a person must find out"
    why = ParkedFor.NO_QUERY.value
    left = Step(State.PARKED, NOW, 0, "unknown", words, why, tell=Parked(words), alarm=True, **doubt)
    assert called(result, effect, can_find=False) == left


def test_a_call_did_not_begin_after_its_end_whatever_was_done_to_the_clock() -> None:
    assert called(ANSWER, began=NOW + HOUR) == replace(DONE, sent=NOW)


# --- what the other side took and has not finished ------------------------------------------------------------------


def test_what_was_taken_is_asked_about_when_the_other_side_said_and_no_later_than_its_deadline() -> None:
    told = Pending(ask_after=9, words="queued there")
    step = called(told)
    assert step == Step(
        State.PENDING, NOW + 9 * SECOND, 0, "accepted", "queued there", sent=BEGAN, pending_since=NOW,
        tell=Accepted("queued there"),
    )  # fmt: skip
    assert called(told, can_find=False) == replace(step, due=NOW + 4 * HOUR)
    assert called(Pending(ask_after=5 * 3600, words="queued there")) == replace(step, due=NOW + 4 * HOUR)
    plain = called(Pending(ask_after=9, words=""))
    assert (plain.reason, plain.tell) == ("accepted, not ready", Accepted("accepted, not ready"))


def test_what_is_taken_already_is_told_once_and_goes_to_a_person_in_the_end() -> None:
    taken = NOW - HOUR
    waiting = replace(EFFECT, pending_since_at=taken)
    again = called(Pending(ask_after=9, words="later"), waiting)
    assert again == Step(
        State.PENDING, NOW + 9 * SECOND, 0, "not ready", "later", sent=BEGAN, pending_since=taken, tell=None
    )
    doubted = called(Pending(ask_after=9, words="later"), replace(waiting, doubt_since_at=SINCE))
    assert doubted.tell == Accepted("later")
    close = replace(EFFECT, pending_since_at=NOW - 4 * HOUR + 1)
    assert called(Pending(ask_after=9, words="later"), close).due == NOW + 1
    late = replace(EFFECT, pending_since_at=NOW - 4 * HOUR)
    over = called(Pending(ask_after=9, words="later"), late)
    assert over == parked(
        ParkedFor.DEADLINE, "taken 4 h ago and still not ready: later", sent=BEGAN, pending_since=NOW - 4 * HOUR
    )


TAKEN = replace(EFFECT, sent_at=SENT, pending_since_at=NOW - HOUR)
STILL = {"sent": SENT, "pending_since": NOW - HOUR}


@pytest.mark.parametrize(
    ("result", "step"),
    [
        (ANSWER, Step(State.DONE, NOW, 0, "ready", sent=SENT, answer=ANSWER, tell=Done(ANSWER))),
        (
            None,
            Step(State.PENDING, NOW + 3000, 3, "not found", "the other side took it, and does not find it", **STILL),
        ),
        (OutcomeUnknownError("cut"), Step(State.PENDING, NOW + 3000, 3, "no answer", "cut", **STILL)),
        (ContractError("odd"), Step(State.PENDING, NOW + 21000, 3, "no answer", "odd", alarm=True, **STILL)),
        (UnusableError("cut"), Step(State.PENDING, NOW + 3000, 3, "no answer", "cut", alarm=True, **STILL)),
        (BusyError("busy", 8), Step(State.PENDING, NOW + 8 * SECOND, 3, "no answer", "busy", **STILL)),
        (BusyError("busy"), Step(State.PENDING, NOW + 3000, 3, "no answer", "busy", **STILL)),
        (
            DeniedError("401"),
            Step(State.PENDING, NOW + 3000, 3, "no answer", "401", stop_channel="401", alarm=True, **STILL),
        ),
        (ContradictionError("other"), parked(ParkedFor.CONTRADICTION, "other", **STILL)),
        (RejectedError("no", "X"), parked(ParkedFor.CONTRADICTION, str(RejectedError("no", "X")), **STILL)),
        (UnsupportedError("find"), parked(ParkedFor.CONTRADICTION, "find", **STILL)),
    ],
    ids=named,
)
def test_what_was_taken_stays_taken_until_the_other_side_says_otherwise(result: Any, step: Step) -> None:
    assert found(result, TAKEN) == step


@pytest.mark.parametrize(
    ("result", "words"), [(None, "the other side took it, and does not find it"), (OutcomeUnknownError("cut"), "cut")]
)
def test_what_was_taken_and_never_ends_goes_to_a_person(result: Any, words: str) -> None:
    late = replace(TAKEN, pending_since_at=NOW - 4 * HOUR)
    said = f"taken 4 h ago and still not ready: {words}"
    assert found(result, late) == parked(ParkedFor.DEADLINE, said, sent=SENT, pending_since=NOW - 4 * HOUR)
    assert found(result, replace(TAKEN, pending_since_at=NOW - 4 * HOUR + 1)).state is State.PENDING


# --- after a question about an effect in doubt ----------------------------------------------------------------------

UNCERTAIN = replace(EFFECT, sent_at=SENT, doubt_since_at=SINCE)
DOUBT = {"sent": SENT, "doubt_since": SINCE}
SLOW = FindGuarantee(offered=True, consistent=False, settle_seconds=60)


def found(result: Any, operation: Operation = UNCERTAIN, guarantee: FindGuarantee = SLOW, **more: Any) -> Step:
    return after_find(operation, result, now=NOW, guarantee=guarantee, patience=PATIENCE, **more)


def uncertain(due: int, label: str, reason: str, **more: Any) -> Step:
    return Step(State.UNCERTAIN, due, 3, label, reason, **DOUBT, **more)


@pytest.mark.parametrize(
    ("result", "step"),
    [
        (ANSWER, Step(State.DONE, NOW, 0, "found", sent=SENT, answer=ANSWER, tell=Done(ANSWER, found=True))),
        (
            Refused(reason="no", code="X1"),
            Step(State.REJECTED, NOW, 0, "refused later", "no", "X1", sent=SENT, tell=Rejected("no", "X1")),
        ),
        (
            Pending(ask_after=9, words="queued there"),
            Step(
                State.PENDING, NOW + 9 * SECOND, 0, "accepted", "queued there", sent=SENT, pending_since=NOW,
                tell=Accepted("queued there"),
            ),
        ),
        (OutcomeUnknownError("cut"), uncertain(NOW + 3000, "no answer", "cut")),
        (ContractError("odd"), uncertain(NOW + 21000, "no answer", "odd", alarm=True)),
        (UnusableError("cut"), uncertain(NOW + 3000, "no answer", "cut", alarm=True)),
        (ValueError("ours"), uncertain(NOW + 3000, "no answer", "ValueError: ours")),
        (BusyError("busy", 8), uncertain(NOW + 8 * SECOND, "no answer", "busy")),
        (BusyError("busy"), uncertain(NOW + 3000, "no answer", "busy")),
        (NotYet(6), uncertain(NOW + 6 * SECOND, "no answer", str(NotYet(6)))),
        (DeniedError("401"), uncertain(NOW + 3000, "no answer", "401", stop_channel="401", alarm=True)),
        (ContradictionError("other"), parked(ParkedFor.CONTRADICTION, "other", **DOUBT)),
        (RejectedError("no", "X"), parked(ParkedFor.CONTRADICTION, str(RejectedError("no", "X")), **DOUBT)),
        (UnsupportedError("find"), parked(ParkedFor.CONTRADICTION, "find", **DOUBT)),
    ],
    ids=named,
)  # fmt: skip
def test_an_answer_about_an_effect_in_doubt(result: Any, step: Step) -> None:
    assert found(result) == step


GONE = Step(State.QUEUED, NOW, 0, "absent", "the other side has no such effect: sent again", tell=Absent())


@pytest.mark.parametrize(
    ("since", "waited", "settle", "due"),
    [
        (NOW - 60 * SECOND, 60.0, 60, None),
        (NOW - 60 * SECOND, float("inf"), 60, None),
        (NOW - 60 * SECOND + 1, float("inf"), 60, NOW + SECOND // 10),
        (NOW - 60 * SECOND, 59.0, 60, NOW + SECOND // 10),
        (SINCE, 30.0, 60, NOW + SECOND // 10),
        (SINCE, 0.0, 0, None),
    ],
)
def test_not_found_is_believed_after_the_settle_delay_by_both_clocks(
    since: int, waited: float, settle: float, due: int | None
) -> None:
    guarantee = FindGuarantee(offered=True, consistent=False, settle_seconds=settle)
    step = found(None, replace(UNCERTAIN, doubt_since_at=since, sent_at=since), guarantee, waited=waited)
    if due is None:
        assert step == GONE
    else:
        reason = "not found, but not yet trusted"
        assert step == Step(State.UNCERTAIN, due, 3, "not found", reason, sent=since, doubt_since=since)


def test_not_found_is_asked_again_when_it_can_be_believed_or_sooner_by_the_usual_delays() -> None:
    slow = Exact(first=1)

    def due(tries: int, waited: float = 30.0, since: int = SINCE) -> int:
        operation = replace(UNCERTAIN, tries=tries, doubt_since_at=since, sent_at=None)
        return after_find(operation, None, now=NOW, guarantee=SLOW, patience=slow, waited=waited).due - NOW

    assert due(999) == 1000 * 1000
    assert due(10**6) == 30 * SECOND
    assert due(10**6, waited=10.0) == 50 * SECOND
    assert due(10**6, waited=float("inf")) == 30 * SECOND
    assert due(0) == SECOND // 10


def test_the_end_of_the_call_counts_where_it_is_later_than_the_doubt() -> None:
    late = replace(UNCERTAIN, sent_at=NOW - 10 * SECOND, doubt_since_at=NOW - HOUR, tries=10**6)
    assert found(None, late).due == NOW + 50 * SECOND


def test_a_strongly_consistent_question_is_believed_at_once() -> None:
    assert found(None, guarantee=FindGuarantee(offered=True, consistent=True), waited=0.0) == GONE


@pytest.mark.parametrize("result", [OutcomeUnknownError("cut"), NotYet(3)], ids=named)
def test_a_doubt_that_stays_goes_to_a_person_by_both_clocks(result: Any) -> None:
    at_last = replace(UNCERTAIN, doubt_since_at=NOW - 6 * HOUR - 1)
    said = f"still in doubt after 6 h: {result}"
    assert found(result, at_last) == parked(ParkedFor.DEADLINE, said, sent=SENT, doubt_since=NOW - 6 * HOUR - 1)
    assert found(result, replace(UNCERTAIN, doubt_since_at=NOW - 6 * HOUR)).state is State.UNCERTAIN
    assert found(result, at_last, age=6 * 3600.0).state is State.UNCERTAIN


def test_a_doubt_whose_beginning_is_not_known_begins_now() -> None:
    step = found(OutcomeUnknownError("cut"), replace(EFFECT, sent_at=None))
    assert (step.sent, step.doubt_since) == (None, NOW)


# --- what only people can find out ----------------------------------------------------------------------------------


def test_without_a_question_a_person_must_find_out() -> None:
    doubt = "it is not known whether this happened, and this system offers no query: a person must find out"
    assert without_question(UNCERTAIN, NOW) == parked(ParkedFor.NO_QUERY, doubt, **DOUBT)
    fresh = without_question(replace(EFFECT, sent_at=SENT), NOW)
    assert fresh == parked(ParkedFor.NO_QUERY, doubt, sent=SENT, doubt_since=NOW)
    both = without_question(replace(TAKEN, doubt_since_at=SINCE), NOW)
    assert (both.reason, both.doubt_since, both.pending_since) == (doubt, SINCE, NOW - HOUR)
    taken = "the other side took it, no notice of its end came, and it offers no query: a person must find out"
    assert without_question(TAKEN, NOW) == parked(ParkedFor.NO_QUERY, taken, **STILL)


def test_a_fault_of_ours_is_told_in_one_line_and_keeps_the_answer() -> None:
    said = "a fault of the gateway: ValueError: first"
    assert unusable(UNCERTAIN, ValueError("first\nsecond"), NOW) == parked(ParkedFor.FAULT, said, **DOUBT)
    kept = unusable(UNCERTAIN, ValueError("first"), NOW, ANSWER)
    assert kept == replace(parked(ParkedFor.FAULT, said, **DOUBT), answer=ANSWER)


# --- patience -------------------------------------------------------------------------------------------------------


def test_delays_double_with_jitter_up_to_the_longest_and_broken_answers_have_longer_ones() -> None:
    patience = Patience(first=2.0, longest=20.0)
    for tries, seconds in ((0, 2), (1, 2), (2, 4), (3, 8), (4, 16), (5, 20), (50, 20)):
        found = patience.delay(tries)
        assert isinstance(found, int)
        assert seconds * SECOND <= found <= min(seconds + 1.0, 21.0) * SECOND, tries
    assert {patience.delay(1) for _ in range(50)} != {2 * SECOND}
    assert 120 * SECOND <= patience.broken(1) <= 180 * SECOND
    assert 240 * SECOND <= patience.broken(2) <= 300 * SECOND
    assert patience.broken(50) >= 20 * 72 * SECOND
    assert [Patience().told(one) for one in (3.0, 0.0, float("nan"))] == [3 * SECOND, SECOND // 20, 300 * SECOND]
