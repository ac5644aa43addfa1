"""What follows from each attempt: the rules of doubt, as a pure function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.delivery.actions import Absent, Done, Doubt, NotYet, Operation, Parked, Rejected
from gateway.foundation.delivery.retry_rules import SECOND, Patience, after_call, after_find
from gateway.ports.base import FindGuarantee
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

NOW = 1_790_000_000_000_000
ANSWER = Cancelled(code="1" * 20)
PATIENCE = Patience()
ERRORS = st.sampled_from(
    [
        NotSentError("refused"),
        BusyError("busy", 7),
        BusyError("busy"),
        OutcomeUnknownError("read timeout"),
        ContractError("wrong amount"),
        DeniedError("401"),
        ValueError("a fault of ours"),
        RejectedError("no", "X1"),
        UnsupportedError("refund"),
        NotYet(3),
    ]
)


def operation(**changes: object) -> Operation:
    values: dict[str, object] = {
        "id": "opn_1",
        "action": "nontax.issue",
        "channel": "nontax",
        "authority": "a",
        "subject": "pay_1",
        "reference": "R1",
        "effectful": True,
        "state": "sending",
        "attempt": 1,
        "tries": 0,
        "sent_at": None,
        "doubt_since_at": None,
        "created_at": NOW,
    }
    return Operation(**(values | changes))  # type: ignore[arg-type]


def call(result: object, op: Operation | None = None, *, now: int = NOW + SECOND, can_find: bool = True):
    return after_call(op or operation(), result, now=now, began=NOW, can_find=can_find, patience=PATIENCE)  # type: ignore[arg-type]


def find(result: object, op: Operation, *, now: int = NOW + SECOND, guarantee: FindGuarantee | None = None):
    return after_find(op, result, now=now, guarantee=guarantee or FindGuarantee(), patience=PATIENCE)  # type: ignore[arg-type]


def test_an_answer_ends_the_operation():
    step = call(ANSWER)
    assert (step.state, step.answer, step.tell) == ("done", ANSWER, Done(ANSWER))


@pytest.mark.parametrize("error", [OutcomeUnknownError("cut"), ContractError("empty"), ValueError("ours")])
def test_an_unknown_outcome_is_never_sent_again_but_asked_about(error):
    step = call(error)
    assert step.state == "uncertain"
    assert isinstance(step.tell, Doubt)
    assert step.sent == NOW
    assert step.doubt_since == NOW + SECOND


def test_without_a_query_doubt_waits_for_a_person():
    step = call(OutcomeUnknownError("cut"), can_find=False)
    assert step.state == "parked"
    assert isinstance(step.tell, Parked)
    assert step.alarm


def test_what_did_not_leave_is_queued_again_and_given_up_after_its_time():
    assert call(NotSentError("refused")).state == "queued"
    late = call(NotSentError("refused"), now=NOW + int((PATIENCE.give_up + 1) * SECOND))
    assert late.state == "parked"


def test_busy_is_retried_when_told():
    assert call(BusyError("busy", 7)).due == NOW + SECOND + 7 * SECOND


def test_a_business_no_is_final_in_the_other_sides_words():
    step = call(RejectedError("无收费权限", "18012"))
    assert (step.state, step.tell) == ("rejected", Rejected("无收费权限", "18012"))


def test_refused_credentials_stop_the_channel():
    step = call(DeniedError("401"))
    assert step.state == "queued"
    assert step.stop_channel == "401"
    assert step.alarm


def test_a_question_without_effect_is_simply_asked_again():
    step = call(OutcomeUnknownError("cut"), operation(effectful=False, reference=None))
    assert step.state == "queued"
    assert step.tell is None


def test_found_is_recorded_as_if_answered():
    step = find(ANSWER, operation(sent_at=NOW, doubt_since_at=NOW))
    assert (step.state, step.tell) == ("done", Done(ANSWER, found=True))


def test_not_found_counts_only_after_the_settle_delay():
    op = operation(sent_at=NOW, doubt_since_at=NOW)
    guarantee = FindGuarantee(settle_seconds=60)
    early = find(None, op, now=NOW + 59 * SECOND, guarantee=guarantee)
    assert early.state == "uncertain"
    assert early.due <= NOW + 60 * SECOND + SECOND
    settled = find(None, op, now=NOW + 60 * SECOND, guarantee=guarantee)
    assert (settled.state, settled.tell) == ("queued", Absent())


def test_not_found_counts_at_once_where_the_channel_is_strongly_consistent():
    op = operation(sent_at=NOW, doubt_since_at=NOW)
    assert find(None, op, now=NOW, guarantee=FindGuarantee(consistent=True)).state == "queued"


@pytest.mark.parametrize("error", [ContradictionError("another amount"), RejectedError("no", "9")])
def test_a_contradiction_waits_for_a_person(error):
    step = find(error, operation(sent_at=NOW, doubt_since_at=NOW))
    assert step.state == "parked"
    assert step.doubt_since == NOW


def test_what_is_no_answer_contradicts_nothing_and_is_asked_for_again_with_an_alarm():
    step = find(UnusableError("unusable XML"), operation(sent_at=NOW, doubt_since_at=NOW))
    assert (step.state, step.alarm, step.doubt_since) == ("uncertain", True, NOW)
    assert step.due > NOW


def test_an_answer_that_breaks_its_contract_is_asked_for_again_from_a_minute_up_to_hours_before_a_person_is_called():
    waits, tries, now = [], 0, NOW
    while True:
        op = operation(sent_at=NOW, doubt_since_at=NOW, tries=tries)
        step = find(ContractError("an element more"), op, now=now)
        if step.state == "parked":
            break
        assert (step.state, step.alarm, step.tries, step.doubt_since) == ("uncertain", True, tries + 1, NOW)
        waits.append((step.due - now) / SECOND)
        tries, now = step.tries, step.due
    assert 60 <= waits[0] <= 90
    assert max(waits) <= 6 * 3600 + 30
    assert 8 <= len(waits) <= 14, "asked some ten times within the day, not ten thousand"
    assert sum(waits) > PATIENCE.doubt_deadline


def test_a_question_whose_answer_breaks_its_contract_is_asked_again_as_slowly():
    op = operation(effectful=False, reference=None, tries=3)
    slow, quick = call(ContractError("an element more"), op), call(UnusableError("cut"), op)
    assert (slow.state, quick.state, slow.alarm) == ("queued", "queued", True)
    assert slow.due - NOW > 8 * 60 * SECOND > quick.due - NOW


def test_doubt_past_its_deadline_waits_for_a_person():
    op = operation(sent_at=NOW, doubt_since_at=NOW)
    now = NOW + int((PATIENCE.doubt_deadline + 1) * SECOND)
    assert find(OutcomeUnknownError("silence"), op, now=now).state == "parked"
    assert find(OutcomeUnknownError("silence"), op, now=NOW + SECOND).state == "uncertain"


@given(error=ERRORS, tries=st.integers(0, 50), elapsed=st.integers(0, 400_000))
def test_a_call_never_leads_back_to_a_call_unless_it_is_known_to_have_had_no_effect(error, tries, elapsed):
    step = call(error, operation(tries=tries), now=NOW + elapsed * SECOND)
    harmless = isinstance(error, NotSentError | BusyError | DeniedError | NotYet)
    assert (step.state == "queued") <= harmless
    assert step.due >= NOW


@given(error=ERRORS | st.none(), tries=st.integers(0, 50), elapsed=st.integers(0, 200_000))
def test_asking_leads_back_to_a_call_only_when_absence_is_proved(error, tries, elapsed):
    op = operation(sent_at=NOW, doubt_since_at=NOW, tries=tries)
    guarantee = FindGuarantee(settle_seconds=120)
    step = find(error, op, now=NOW + elapsed * SECOND, guarantee=guarantee)
    assert (step.state == "queued") == (error is None and elapsed >= 120)
    if step.state in ("uncertain", "parked"):
        assert step.doubt_since == NOW
        assert step.sent == NOW


@given(st.integers(1, 200))
def test_delays_widen_but_stay_bounded(tries):
    delay = PATIENCE.delay(tries)
    assert PATIENCE.first * SECOND <= delay <= (PATIENCE.longest + PATIENCE.first) * SECOND
