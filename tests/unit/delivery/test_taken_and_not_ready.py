"""What the other side has taken and not finished: no doubt, no second call, asked when it said, ended by its notice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from delivery_bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.channels import ChannelKeys
from gateway.foundation.delivery import Absent, Accepted, Done, Doubt, Operation, Parked, Rejected, operation_records
from gateway.foundation.delivery.retry_rules import SECOND, Patience, Step, after_call, after_find, without_question
from gateway.foundation.delivery.states import State
from gateway.ports.base import FindGuarantee, Message, Pending, Refused
from gateway.ports.nontax import Cancelled
from gateway.words.clock import to_micros
from gateway.words.errors import (
    BusyError,
    ConflictProblem,
    ContractError,
    ContradictionError,
    DeniedError,
    NotSentError,
    OutcomeUnknownError,
    UnusableError,
)

NOW = 1_790_000_000_000_000
PATIENCE = Patience()
DEADLINE = int(PATIENCE.pending_deadline * SECOND)


# --- the rules --------------------------------------------------------------------------------------------------------


def operation(**changes: Any) -> Operation:
    """An effect that is being called, or asked about."""
    values: dict[str, Any] = {
        "id": "opn_1",
        "action": "nontax.issue",
        "channel": "nontax",
        "authority": "a",
        "subject": "pay_1",
        "reference": "R1",
        "effectful": True,
        "state": State.SENDING,
        "attempt": 1,
        "tries": 0,
        "sent_at": None,
        "doubt_since_at": None,
        "created_at": NOW,
    }
    return Operation(**(values | changes))


def call(result: Any, *, can_find: bool = True) -> Step:
    return after_call(operation(), result, now=NOW + SECOND, began=NOW, can_find=can_find, patience=PATIENCE)


def find(result: Any, op: Operation, *, now: int = NOW + SECOND, guarantee: FindGuarantee | None = None) -> Step:
    return after_find(op, result, now=now, guarantee=guarantee or FindGuarantee(), patience=PATIENCE)


def taken(**changes: Any) -> Operation:
    """An operation that the other side took at NOW."""
    return operation(sent_at=NOW, pending_since_at=NOW, **changes)


def test_what_was_taken_is_no_doubt_and_is_asked_about_when_the_other_side_said():
    step = call(Pending(ask_after=90, words="受理中"))
    assert (step.state, step.label, step.reason, step.alarm) == ("pending", "accepted", "受理中", False)
    assert step.due == NOW + SECOND + 90 * SECOND
    assert (step.doubt_since, step.pending_since, step.sent) == (None, NOW + SECOND, NOW)
    assert step.tell == Accepted("受理中")


def test_without_a_query_only_its_notice_or_a_person_ends_it():
    step = call(Pending(ask_after=5), can_find=False)
    assert (step.state, step.due) == ("pending", NOW + SECOND + DEADLINE)
    assert without_question(taken(), NOW + DEADLINE).state == "parked"


def test_it_is_told_once_that_it_was_taken_and_doubt_ends_with_it():
    assert find(Pending(ask_after=5), taken()).tell is None
    in_doubt = operation(sent_at=NOW, doubt_since_at=NOW)
    step = find(Pending(ask_after=5), in_doubt)
    assert (step.state, step.doubt_since) == ("pending", None)
    assert isinstance(step.tell, Accepted)


@given(
    st.sampled_from(
        [None, NotSentError("refused"), BusyError("busy", 7), OutcomeUnknownError("cut"), UnusableError("x")]
    ),
    st.integers(0, DEADLINE - 1),
    st.booleans(),
)
def test_neither_silence_nor_not_found_makes_doubt_of_what_was_taken_or_sends_it_again(
    result: Any, later: int, consistent: bool
) -> None:
    step = find(result, taken(), now=NOW + later, guarantee=FindGuarantee(consistent=consistent, settle_seconds=0))
    assert (step.state, step.doubt_since, step.pending_since, step.tell) == ("pending", None, NOW, None)
    assert step.due > NOW + later


@pytest.mark.parametrize("result", [None, Pending(ask_after=5), OutcomeUnknownError("cut")])
def test_after_its_time_a_person_is_told(result):
    step = find(result, taken(), now=NOW + DEADLINE)
    assert (step.state, step.label, step.pending_since) == ("parked", "deadline", NOW)
    assert isinstance(step.tell, Parked)


def test_the_next_question_never_waits_beyond_that_time():
    assert find(Pending(ask_after=3600), taken(), now=NOW + DEADLINE - SECOND).due == NOW + DEADLINE


def test_the_answer_ends_it_and_is_not_called_found_after_doubt():
    assert find(Cancelled(code="1"), taken()).tell == Done(Cancelled(code="1"))


@pytest.mark.parametrize("op", [taken(), operation(sent_at=NOW, doubt_since_at=NOW)])
def test_that_it_was_refused_afterwards_is_final(op):
    step = find(Refused(reason="无此项目", code="18014"), op)
    assert (step.state, step.code, step.tell) == ("rejected", "18014", Rejected("无此项目", "18014"))


def test_an_answer_about_something_else_goes_to_a_person_and_credentials_stop_the_channel():
    assert find(ContradictionError("another amount"), taken()).state == "parked"
    assert find(ContractError("a code that no table has"), taken()).state == "pending"
    step = find(DeniedError("401"), taken())
    assert (step.state, step.stop_channel) == ("pending", "401")


# --- the engine -------------------------------------------------------------------------------------------------------


class Later:
    """A platform that takes everything and finishes when it is told to."""

    def __init__(self, bench: Bench, ask_after: float = 60) -> None:
        self.bench, self.ask_after = bench, ask_after
        self.taken: list[str] = []
        self.ready: Message | None = None
        self.asked = 0
        self.hold: asyncio.Event | None = None
        self.find_hold: asyncio.Event | None = None
        object.__setattr__(bench.channel, "adapter", self)

    async def call(self, request: Any) -> Any:
        self.taken.append(request.reference)
        if self.hold is not None:
            await self.hold.wait()
        return Pending(ask_after=self.ask_after)

    async def find(self, request: Any) -> Any:
        self.asked += 1
        if self.find_hold is not None:
            await self.find_hold.wait()
        return self.ready or Pending(ask_after=self.ask_after)

    async def tell(self, operation_id: str, answer: Message) -> Operation | None:
        """The notice."""
        reference = (await self.bench.row(operation_id)).reference
        delivery = self.bench.delivery
        return await self.bench.store.write(
            lambda conn: delivery.answered(conn, "test.effect", "nontax", reference, answer)
        )


@pytest.fixture
async def bench(store, tmp_path):
    made = Bench(store, tmp_path, FindGuarantee(settle_seconds=0, consistent=True))
    object.__setattr__(made.channel, "keys", ChannelKeys(circuit_failures=1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()


async def pending(bench: Bench, operation: str) -> Any:
    async with asyncio.timeout(30):
        while (row := await bench.row(operation)).state != "pending":
            await asyncio.sleep(0.005)
    return row


async def test_it_is_asked_after_the_time_that_was_said_and_never_called_again(bench):
    side = Later(bench, ask_after=60)
    operation = await bench.send()
    row = await pending(bench, operation)
    assert row.due_at == to_micros(bench.clock.now()) + 60 * SECOND
    bench.clock.advance(timedelta(seconds=59))
    bench.delivery.wake()
    assert await bench.delivery.settled(operation, 0.2) is None
    assert side.asked == 0
    side.ready = Cancelled(code="1")
    bench.clock.advance(timedelta(seconds=2))
    bench.delivery.wake()
    await bench.until(operation, "done")
    assert (len(side.taken), side.asked) == (1, 1)
    assert bench.told == [Accepted("accepted, not ready"), Done(Cancelled(code="1"))]
    assert bench.delivery.conditions.of("nontax").clear
    attempts = await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))
    assert [(one.kind, one.outcome) for one in attempts] == [("call", "accepted"), ("find", "ready")]


async def test_a_notice_ends_it_at_once_and_only_once(bench):
    side = Later(bench)
    operation = await bench.send()
    await pending(bench, operation)
    for _ in range(2):
        known = await side.tell(operation, Cancelled(code="1"))
        assert known is not None
    row = await bench.row(operation)
    assert (row.state, row.pending_since_at, side.asked) == ("done", None, 0)
    assert bench.told[1:] == [Done(Cancelled(code="1"))]


async def test_a_notice_that_comes_before_our_answer_counts_and_the_answer_comes_too_late(bench):
    side = Later(bench)
    side.hold = asyncio.Event()
    operation = await bench.send()
    async with asyncio.timeout(30):
        while not side.taken:
            await asyncio.sleep(0.005)
    await side.tell(operation, Cancelled(code="1"))
    assert (await bench.row(operation)).state == "done"
    side.hold.set()
    assert await bench.delivery.settled(operation, 10) == "done"
    async with asyncio.timeout(30):
        while not (made := await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))):
            await asyncio.sleep(0.005)
    assert made[0].outcome == "accepted (fenced)"
    assert bench.told == [Done(Cancelled(code="1"))]


async def test_a_hint_that_comes_before_our_answer_is_not_forgotten(bench):
    side = Later(bench, ask_after=3600)
    side.hold, side.ready = asyncio.Event(), Cancelled(code="1")
    operation = await bench.send()
    async with asyncio.timeout(30):
        while not side.taken:
            await asyncio.sleep(0.005)
    await bench.store.write(lambda conn: bench.delivery.hurry(conn, "nontax", reference=side.taken[0]))
    side.hold.set()
    async with asyncio.timeout(30):
        while (await bench.row(operation)).state != "done":
            await asyncio.sleep(0.01)
    assert side.asked == 1


async def test_a_refusal_by_notice_is_final(bench):
    side = Later(bench)
    operation = await bench.send()
    await pending(bench, operation)
    await side.tell(operation, Refused(reason="无此项目", code="18014"))
    row = await bench.row(operation)
    assert (row.state, row.code, bench.told[-1]) == ("rejected", "18014", Rejected("无此项目", "18014"))


async def test_a_notice_that_the_room_does_not_take_ends_nothing_and_has_the_other_side_asked(bench):
    side = Later(bench)
    operation = await bench.send()
    await pending(bench, operation)
    bench.fault = ContractError("that code is another payment's")
    await side.tell(operation, Cancelled(code="1"))
    row = await bench.row(operation)
    assert (row.state, row.due_at) == ("pending", to_micros(bench.clock.now()))


async def test_a_notice_for_another_kind_of_effect_or_another_reference_is_nobodys(bench):
    side = Later(bench)
    operation = await bench.send()
    reference = (await pending(bench, operation)).reference
    for action, under in (("other", reference), ("test.effect", "R0")):
        told = await bench.store.write(
            lambda conn, action=action, under=under: bench.delivery.answered(
                conn, action, "nontax", under, Cancelled(code="1")
            )
        )
        assert told is None
    assert side.asked == 0


@pytest.mark.parametrize("asking", [False, True])
async def test_killed_at_any_moment_it_is_still_taken_and_is_asked_about(bench, asking):
    """A death while it waits, or while it is asked about, makes no doubt of it."""
    side = Later(bench, ask_after=1)
    operation = await bench.send()
    await pending(bench, operation)
    if asking:
        side.find_hold = asyncio.Event()
        bench.clock.advance(timedelta(seconds=2))
        bench.delivery.wake()
        async with asyncio.timeout(30):
            while not side.asked:
                await asyncio.sleep(0.005)
        assert (await bench.row(operation)).state == "sending"
    await bench.delivery.pumps.stop()
    await bench.delivery.leases.stop()
    dead, bench.delivery = bench.delivery, bench.new_delivery()
    if side.find_hold is not None:
        side.find_hold, hold = None, side.find_hold
    side.ready = Cancelled(code="1")
    now, everybody = to_micros(bench.clock.now()), operation_records.EVERYBODY
    await bench.store.write(lambda conn: operation_records.release_expired(conn, now=now, node=everybody))
    freed = await bench.row(operation)
    assert (freed.state, freed.doubt_since_at) == ("pending", None)
    await bench.delivery.start()
    row = await bench.until(operation, "done")
    assert row.doubt_since_at is None
    assert not [one for one in bench.told if isinstance(one, Doubt | Absent)]
    assert len(side.taken) == 1
    if asking:
        hold.set()
    await dead.stop()


async def test_a_person_has_it_asked_again_and_never_sent_again(bench):
    side = Later(bench)
    operation = await bench.send()
    await pending(bench, operation)
    bench.clock.advance(timedelta(seconds=PATIENCE.pending_deadline + 1))
    bench.delivery.wake()
    await bench.until(operation, "parked")
    with pytest.raises(ConflictProblem) as refused:
        await bench.delivery.waiting.send_on(operation, ask=False, reason="again")
    assert refused.value.type == "operation-in-doubt"
    side.ready = Cancelled(code="1")
    await bench.delivery.waiting.send_on(operation, ask=True, reason="they say that it is done")
    await bench.until(operation, "done")
    assert len(side.taken) == 1


async def test_asked_again_it_has_its_time_anew(bench):
    side = Later(bench)
    operation = await bench.send()
    await pending(bench, operation)
    bench.clock.advance(timedelta(seconds=PATIENCE.pending_deadline + 1))
    bench.delivery.wake()
    await bench.until(operation, "parked")
    await bench.delivery.waiting.send_on(operation, ask=True, reason="they are slow")
    asked = side.asked
    async with asyncio.timeout(30):
        while side.asked == asked:
            await asyncio.sleep(0.005)
    assert (await pending(bench, operation)).doubt_since_at is None
