"""The engine on a real store: claims, doubt, fences, restarts. The other side is a script held in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from delivery_bench import START, Bench
from sqlalchemy import Connection, insert, select, update
from structlog.testing import capture_logs

from gateway.foundation.access.tables import authority as authority_table
from gateway.foundation.delivery import (
    Absent,
    Done,
    Doubt,
    NotYet,
    Parked,
    Rejected,
    limits,
    operation_records,
    pumps,
)
from gateway.foundation.delivery.attempts import Attempt
from gateway.foundation.delivery.states import State
from gateway.foundation.delivery.tables import (
    operation as operation_table,
)
from gateway.ports.base import FindGuarantee
from gateway.ports.nontax import Cancelled, FindRequest
from gateway.words.clock import to_micros
from gateway.words.errors import (
    ConflictProblem,
    ContractError,
    ContradictionError,
    DeniedError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
)


@pytest.fixture
async def bench(store, tmp_path) -> AsyncIterator[Bench]:
    made = Bench(store, tmp_path, FindGuarantee(settle_seconds=5))
    await made.delivery.start()
    yield made
    await made.delivery.stop()


@pytest.mark.parametrize("claim", [True, False])
async def test_one_call_is_enough_when_all_is_well(bench, claim):
    operation = await bench.send(claim)
    assert await bench.delivery.settled(operation, 5) == "done"
    assert len(bench.side.effects) == 1
    assert [type(outcome) for outcome in bench.told] == [Done]
    assert bench.side.asked == 0


async def test_a_resting_pump_sees_what_is_stored_without_a_word_and_what_becomes_due(bench, monkeypatch):
    monkeypatch.setattr(pumps, "REST_SECONDS", 3600.0)
    bench.side.calls = [NotSentError("refused"), "ok"]
    request = FindRequest(reference=bench.delivery.new_reference("nontax"))
    words = {"action": "test.effect", "channel": "nontax", "authority": "a", "subject": "s", "request": request}
    await rested(bench)
    operation = await bench.store.write(lambda conn: bench.delivery.enqueue(conn, **words))
    async with asyncio.timeout(60):
        while bench.side.calls != ["ok"]:
            await asyncio.sleep(0.01)
        await rested(bench)
        bench.clock.advance(timedelta(hours=1))  # the moment of the next attempt is over; nobody wakes the pump
        while (await bench.row(operation.id)).state != "done":
            await asyncio.sleep(0.01)


async def rested(bench: Bench) -> None:
    """Until the pump has looked, found nothing to do, and trusts that where it may."""
    resting = bench.delivery.pumps._rests
    resting.clear()
    async with asyncio.timeout(60):
        while "nontax" not in resting:
            bench.delivery.wake()
            await asyncio.sleep(0.01)


@pytest.mark.both_databases
async def test_an_effect_whose_answer_was_lost_is_found_and_not_repeated(bench):
    bench.side.calls = ["effect then silence"]
    operation = await bench.send()
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1
    assert [type(outcome) for outcome in bench.told] == [Doubt, Done]
    assert bench.told[-1].found


async def test_what_went_well_at_once_is_no_line_at_level_info_and_every_trouble_and_its_end_is_one(bench):
    with capture_logs() as lines:
        await bench.delivery.settled(await bench.send(), 5)
        bench.side.calls = [RejectedError("无收费权限", "18012")]
        await bench.delivery.settled(await bench.send(), 5)
        bench.side.calls = ["effect then silence"]
        await bench.until(await bench.send(), "done")
        async with asyncio.timeout(30):
            while len(told := [line for line in lines if "fenced" in line]) < 4:
                await asyncio.sleep(0.01)
    assert [line["state"] for line in told] == ["done", "rejected", "uncertain", "done"]
    assert [line["log_level"] for line in told] == ["debug", "info", "info", "info"]


async def test_a_lost_request_is_sent_again_only_once_its_absence_is_settled(bench):
    bench.side.calls = [OutcomeUnknownError("reset")]
    operation = await bench.send()
    row = await bench.until(operation, "done")
    assert len(bench.side.effects) == 1
    assert [type(outcome) for outcome in bench.told] == [Doubt, Absent, Done]
    assert row.updated_at - row.created_at >= 5_000_000


async def test_a_clock_that_is_set_forward_makes_no_absence_count_sooner(bench):
    """The request may still be on its way: before absence is believed, the settle delay must really have passed."""
    bench.side.calls = [OutcomeUnknownError("reset")]
    operation = await bench.send()
    async with asyncio.timeout(60):
        while (await bench.row(operation)).state != "uncertain":
            await asyncio.sleep(0.01)
    bench.clock.set(bench.clock.now() + timedelta(days=1))
    for _ in range(20):
        bench.delivery.wake()
        await asyncio.sleep(0.02)
        bench.clock.advance(timedelta(milliseconds=100))
    assert bench.side.asked > 1
    assert bench.side.effects == []
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1


async def test_after_a_restart_the_settle_delay_begins_again(bench):
    bench.side.calls = [OutcomeUnknownError("reset")]
    operation = await bench.send()
    async with asyncio.timeout(60):
        while (await bench.row(operation)).state != "uncertain":
            await asyncio.sleep(0.01)
    await bench.delivery.stop()
    bench.clock.set(bench.clock.now() + timedelta(days=1))  # who knows what clock the new machine has
    bench.delivery = bench.new_delivery()
    await bench.delivery.start()
    async with asyncio.timeout(60):
        while bench.side.asked < 2:
            bench.delivery.wake()
            bench.clock.advance(timedelta(milliseconds=20))
            await asyncio.sleep(0.02)
    assert bench.side.effects == []
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1


async def test_what_a_clock_far_ahead_has_written_is_due_again_once_the_clock_is_right(bench):
    bench.clock.set(START + timedelta(days=365))
    bench.side.calls = [NotSentError("refused"), OutcomeUnknownError("reset")]
    never_left, doubtful = await bench.send(), await bench.send()
    async with asyncio.timeout(60):
        for operation, state in ((never_left, "queued"), (doubtful, "uncertain")):
            while (await bench.row(operation)).state != state:
                await asyncio.sleep(0.01)
    bench.clock.set(START)
    await bench.delivery.sweep()
    for operation in (never_left, doubtful):
        await bench.until(operation, "done")
    assert len(bench.side.effects) == 2
    assert bench.clock.now() < START + timedelta(days=1)


async def test_what_never_left_is_retried_until_it_does(bench):
    bench.side.calls = [NotSentError("refused")] * 3
    operation = await bench.send()
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1
    assert bench.side.asked == 0
    attempts = await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))
    assert [one.outcome for one in attempts] == ["not sent"] * 3 + ["done"]


async def test_a_refusal_is_final(bench):
    bench.side.calls = [RejectedError("无收费权限", "18012")]
    operation = await bench.send()
    assert await bench.delivery.settled(operation, 5) == "rejected"
    assert bench.told == [Rejected("无收费权限", "18012")]


async def test_refused_credentials_stop_the_channel_until_somebody_lets_it_go(bench):
    bench.side.calls = [DeniedError("401")]
    first = await bench.send()
    async with asyncio.timeout(60):
        while not await bench.store.read(limits.stopped_channels):
            await asyncio.sleep(0.01)
    second = await bench.send(claim=False)
    bench.clock.advance(timedelta(minutes=10))
    bench.delivery.wake()
    assert await bench.delivery.settled(second, 0.3) is None
    await bench.delivery.waiting.resume_channel("nontax")
    await bench.until(first, "done")
    await bench.until(second, "done")


async def test_that_a_channel_was_stopped_is_told_once_to_every_authority_that_it_serves(bench):
    def authorities(conn: Connection) -> None:
        for code in ("a", "b", "c"):
            conn.execute(insert(authority_table).values(code=code, name=code, uscc=code, created_at=1))

    await bench.store.write(authorities)
    bench.side.hold, bench.side.calls = asyncio.Event(), [DeniedError("401"), DeniedError("403")]
    await bench.send()
    await bench.send()
    bench.side.hold.set()
    async with asyncio.timeout(60):
        while len(bench.delivery.attempts) or not await bench.store.read(limits.stopped_channels):
            await asyncio.sleep(0.01)
    told = await bench.events("channel.stopped")
    assert [(one.authority, one.subject) for one in told] == [("a", "nontax"), ("c", "nontax")]
    assert told[0].data["reason"] in ("401", "403")


async def test_that_an_operation_waits_for_a_person_is_told_with_what_it_is_for(bench):
    heard: list[str] = []
    bench.delivery.events.subscribe("operation.parked", lambda _conn, event: heard.append(event.subject))
    bench.side.calls, bench.side.finds = ["effect then silence"], [RejectedError("no permission", "9")]
    operation = await bench.send()
    await bench.until(operation, "parked")
    (told,) = await bench.events("operation.parked")
    assert heard == ["s"]
    assert (told.authority, told.subject) == ("a", "s")
    assert told.data == {
        "operation": operation,
        "action": "test.effect",
        "channel": "nontax",
        "reason": (await bench.row(operation)).reason,
    }
    await bench.delivery.waiting.send_on(operation, ask=True, reason="permission was given")
    await bench.until(operation, "done")
    assert len(await bench.events("operation.parked")) == 1


async def test_a_contradiction_is_parked_and_can_only_be_asked_about(bench):
    bench.side.calls = ["effect then silence"]
    bench.side.finds = [RejectedError("no permission", "9")]
    operation = await bench.send()
    await bench.until(operation, "parked")
    with pytest.raises(ConflictProblem, match="never sent again"):
        await bench.delivery.waiting.send_on(operation, ask=False, reason="try again")
    await bench.delivery.waiting.send_on(operation, ask=True, reason="permission was given")
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1


async def test_a_platform_that_answers_rightly_again_heals_what_it_had_broken(bench):
    bench.side.calls = ["effect then silence"]
    bench.side.finds = [ContractError("an element more"), ContractError("an element more")]
    operation = await bench.send()
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1
    assert await bench.events("operation.parked") == []


async def test_a_call_cut_by_a_stop_becomes_doubt_and_the_next_life_finds_out(bench):
    bench.side.hold = asyncio.Event()
    operation = await bench.send()
    async with asyncio.timeout(60):
        while not bench.side.effects:
            await asyncio.sleep(0.01)
    await bench.delivery.stop()
    assert (await bench.row(operation)).state == "uncertain"
    bench.side.hold = None
    bench.delivery = bench.new_delivery()
    await bench.delivery.start()
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1


@pytest.mark.both_databases
async def test_a_lease_of_a_dead_process_becomes_doubt_never_a_second_call(bench):
    request = FindRequest(reference="DEAD1")
    operation = await bench.store.write(
        lambda conn: bench.delivery.enqueue(
            conn, action="test.effect", channel="nontax", authority="a", subject="s", request=request, claim=True
        )
    )
    bench.side.effects.append("DEAD1")  # it was sent, and then the process died
    await bench.delivery.stop()
    bench.delivery = bench.new_delivery()
    await bench.delivery.start()
    await bench.until(operation.id, "done")
    assert bench.side.effects == ["DEAD1"]
    assert [type(outcome) for outcome in bench.told] == [Doubt, Done]


@pytest.mark.both_databases
async def test_an_attempt_that_was_overtaken_changes_nothing(bench):
    bench.side.hold = asyncio.Event()
    operation = await bench.send()
    async with asyncio.timeout(60):
        while not bench.side.effects:
            await asyncio.sleep(0.01)
    now = to_micros(bench.clock.now())
    await bench.store.write(lambda conn: len(operation_records.release_expired(conn, now=now, node="node-1")))
    bench.side.hold.set()
    bench.side.hold = None
    await bench.until(operation, "done")
    attempts = await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))
    assert "done (fenced)" in [one.outcome for one in attempts]
    assert [type(outcome) for outcome in bench.told] == [Done]


async def test_doubt_past_its_deadline_waits_visibly_for_a_person(bench):
    bench.side.calls = ["effect then silence"]
    bench.side.finds = [OutcomeUnknownError("silence")] * 500
    operation = await bench.send()
    await bench.until(operation, "uncertain")
    bench.clock.advance(timedelta(hours=25))
    bench.delivery.wake()
    await bench.until(operation, "parked")
    assert isinstance(bench.told[-1], Parked)


async def test_the_request_is_not_readable_in_the_database(bench):
    operation = await bench.send()
    row = await bench.row(operation)
    reference = row.reference.encode()
    assert reference not in bytes(row.request_sealed)


# --- as a hostile world would have it ---------------------------------------------------------------------------------


async def under_way(bench: Bench) -> str:
    """An operation whose call is out and does not come back until ``hold`` is set."""
    bench.side.hold = asyncio.Event()
    operation = await bench.send()
    async with asyncio.timeout(60):
        while not bench.side.effects:
            await asyncio.sleep(0.01)
    return operation


async def test_an_effect_that_cannot_be_asked_about_is_never_called_again(bench):
    await bench.delivery.stop()
    bench.delivery = bench.new_delivery(find=False)
    await bench.delivery.start()
    operation = await under_way(bench)
    await bench.delivery.stop()
    assert (await bench.row(operation)).state == "parked"
    await bench.store.write(
        lambda conn: (
            conn.execute(update(operation_table).values(state="uncertain")).rowcount
        )  # as a lost lease leaves it
    )
    bench.side.hold = None
    bench.delivery = bench.new_delivery(find=False)
    await bench.delivery.start()
    row = await bench.until(operation, "parked")
    assert row.doubt_since_at is not None
    assert len(bench.side.effects) == 1
    with pytest.raises(ConflictProblem, match="offers no query"):
        await bench.delivery.waiting.send_on(operation, ask=True, reason="again")


async def test_a_waiter_hears_of_what_ended_elsewhere(bench):
    bench.side.calls = [NotSentError("refused")] * 500
    operation = await bench.send()
    await bench.until(operation, "queued")
    waiting = asyncio.create_task(bench.delivery.settled(operation, 10))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        while not await bench.store.write(lambda conn: bench.delivery.cancel(conn, operation, "not wanted")):
            await asyncio.sleep(0.01)
    assert await asyncio.wait_for(waiting, 60) == "rejected"


async def test_a_claim_that_grew_old_is_looked_at_again_before_the_call(bench):
    request = FindRequest(reference="OLD1")
    operation = await bench.store.write(
        lambda conn: bench.delivery.enqueue(
            conn, action="test.effect", channel="nontax", authority="a", subject="s", request=request, claim=True
        )
    )
    await bench.store.write(
        lambda conn: conn.execute(update(operation_table).values(attempt=operation_table.c.attempt + 1)).rowcount
    )
    bench.delivery.begin(replace(operation, claimed=operation.claimed - 60), request)
    assert await bench.delivery.settled(operation.id, 0.3) is None
    assert bench.side.effects == []


@pytest.mark.both_databases
async def test_a_lease_is_renewed_while_its_call_is_under_way_and_ends_when_nobody_renews_it(bench):
    await bench.delivery.stop()
    bench.delivery = bench.new_delivery(lease=2.0, sweep=60)
    await bench.delivery.start()
    operation = await under_way(bench)
    ends = select(operation_table.c.lease_until_at).where(operation_table.c.id == operation)
    first = await bench.store.read(lambda conn: conn.execute(ends).scalar_one())
    async with asyncio.timeout(60):
        while await bench.store.read(lambda conn: conn.execute(ends).scalar_one()) < first + 1_000_000:
            await asyncio.sleep(0.05)
    assert await bench.delivery.sweep() == 0
    await bench.delivery.leases.stop()  # as if the process were gone
    async with asyncio.timeout(60):
        while not await bench.delivery.sweep():
            await asyncio.sleep(0.05)
    assert isinstance(bench.told[0], Doubt)
    bench.side.hold.set()
    bench.side.hold = None
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 2  # the script counts its own waiting as an effect, then the call it answered


async def test_every_attempt_is_logged_once_with_its_number_the_cut_ones_too(bench):
    operation = await under_way(bench)
    now = to_micros(bench.clock.now())
    await bench.store.write(lambda conn: len(operation_records.release_expired(conn, now=now, node="node-1")))
    cut = await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))
    assert [(one.number, one.outcome) for one in cut] == [(1, "cut")]
    bench.side.hold.set()
    bench.side.hold = None
    await bench.until(operation, "done")
    async with asyncio.timeout(60):
        while True:
            attempts = await bench.store.read(lambda conn: operation_records.attempts_of(conn, operation))
            if attempts[0].outcome != "cut":
                break
            await asyncio.sleep(0.01)
    assert attempts[0].outcome == "done (fenced)"
    assert [one.number for one in attempts] == [1, 2]


async def test_an_outcome_that_the_room_cannot_take_is_parked_where_people_see_it(bench):
    bench.fault = AssertionError("a fault of the room")
    operation = await bench.send()
    row = await bench.until(operation, "parked")
    assert "a fault of the room" in row.reason
    assert row.doubt_since_at is not None
    assert row.answer_sealed is not None
    bench.fault = None
    await bench.delivery.waiting.send_on(operation, ask=True, reason="repaired")
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1


async def test_a_request_that_cannot_be_read_is_parked_and_nothing_is_sent(bench):
    await bench.delivery.stop()
    operation = await bench.send(claim=False)
    await bench.store.write(lambda conn: conn.execute(update(operation_table).values(request_sealed=b"junk")).rowcount)
    bench.delivery = bench.new_delivery()
    await bench.delivery.start()
    await bench.until(operation, "parked")
    assert bench.side.effects == []


async def test_an_effect_is_not_called_again_because_its_answer_said_not_yet(bench):
    bench.side.calls = [NotYet(1)]
    operation = await bench.send()
    await bench.until(operation, "done")
    assert isinstance(bench.told[0], Doubt)


async def test_what_is_accepted_while_stopping_is_not_called_any_more(bench):
    await bench.delivery.stop()
    operation = await bench.send()
    assert (await bench.row(operation)).state == "queued"
    assert bench.side.effects == []


async def test_in_the_hours_of_settlement_nothing_leaves_and_everybody_is_told_until_when(bench):
    await bench.delivery.stop()
    bench.limit(quiet=("09:00-11:00",))  # START is 10:00 in Shanghai
    bench.delivery = bench.new_delivery()
    await bench.delivery.start()
    operation = await bench.send()
    assert (await bench.row(operation)).state == "queued"
    async with asyncio.timeout(60):
        while "closed until" not in ((await bench.row(operation)).reason or ""):
            bench.delivery.wake()
            await asyncio.sleep(0.01)
    row = await bench.row(operation)
    assert row.due_at == to_micros(START + timedelta(hours=1))
    assert "2026-09-16T11:00" in row.reason
    assert bench.side.effects == []
    bench.clock.advance(timedelta(hours=1))
    await bench.until(operation, "done")


async def test_an_open_circuit_keeps_calls_back_and_a_probe_closes_it(bench):
    bench.limit(circuit_failures=2, circuit_seconds=1.0)
    bench.side.calls = [NotSentError("refused")] * 500
    first = await bench.send()
    async with asyncio.timeout(60):
        while bench.delivery.conditions.of("nontax").clear:
            bench.clock.advance(timedelta(seconds=1))
            bench.delivery.wake()
            await asyncio.sleep(0.01)
    bench.side.calls.clear()
    second = await bench.send()
    assert (await bench.row(second)).attempt == 0
    await bench.until(first, "done")
    await bench.until(second, "done")
    assert (await bench.store.read(lambda conn: limits.condition(conn, "nontax"))).clear


@pytest.mark.both_databases
async def test_the_rate_bounds_calls_over_all_nodes(bench):
    bench.limit(rate=20)
    other = bench.new_delivery("node-2")
    await other.start()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(12):
        bench.delivery, other = other, bench.delivery
        await bench.send(claim=number % 2 == 0)
    async with asyncio.timeout(60):
        while len(bench.side.effects) < 12:
            bench.clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0.01)
    assert loop.time() - began >= 11 / 20
    await other.stop()


@pytest.mark.both_databases
async def test_concurrency_is_counted_over_all_nodes(bench):
    if bench.store.dialect == "sqlite":
        pytest.skip("one process")
    await bench.delivery.stop()  # a look at the ledger that began under other limits must not go on
    bench.limit(concurrency=3)
    bench.delivery, other = bench.new_delivery("node-1"), bench.new_delivery("node-2")
    await bench.delivery.start()
    await other.start()
    bench.side.hold = asyncio.Event()
    operations = []
    for _ in range(8):
        bench.delivery, other = other, bench.delivery
        operations.append(await bench.send())
    async with asyncio.timeout(60):
        while len(bench.side.effects) < 3:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    assert len(bench.side.effects) == 3
    bench.side.hold.set()
    for operation in operations:
        await bench.until(operation, "done")
    await other.stop()


async def test_what_belongs_to_a_room_that_is_gone_waits_until_the_room_is_back(store, tmp_path):
    bench = Bench(store, tmp_path, FindGuarantee(settle_seconds=5))
    mine = await bench.send(claim=False)
    known = bench.delivery.node.actions.pop("test.effect")
    assert [str(one) for one in await bench.delivery.waiting.strange()] == [
        "operations test.effect: 1 wait for a room that is not installed"
    ]
    await bench.delivery.start()
    try:
        bench.clock.advance(timedelta(hours=1))
        bench.delivery.wake()
        await bench.delivery.pumps.take(mine)
        await bench.delivery.sweep()
        assert await bench.delivery.settled(mine, 0.3) is None
        assert ((await bench.row(mine)).state, (await bench.row(mine)).attempt) == ("queued", 0)
        bench.delivery.node.actions["test.effect"] = known
        bench.delivery.wake()
        await bench.until(mine, "done")
        assert await bench.delivery.waiting.strange() == []
        assert len(bench.side.effects) == 1
    finally:
        await bench.delivery.stop()


@pytest.mark.parametrize("was", [State.QUEUED, State.UNCERTAIN])
async def test_what_the_core_itself_finds_different_is_a_contradiction_and_not_only_a_broken_answer(was):
    def other(_request: Any, _answer: Any) -> None:
        raise ContractError("asked for 200.00, the answer says 2.00")

    async def answers(_adapter: Any, _request: Any) -> Cancelled:
        return Cancelled(code="1" * 20)

    nothing: Any = SimpleNamespace(adapter=None, authority="a", keys=SimpleNamespace(simulator=False))
    attempt = Attempt(nothing, nothing, nothing, nothing, nothing, was)
    action: Any = SimpleNamespace(call=answers, find=answers, check=other, effectful=True)
    with pytest.raises(ContradictionError, match=r"says 2\.00"):
        await attempt._exchange(action, nothing, nothing)


@pytest.mark.parametrize("was", [State.QUEUED, State.UNCERTAIN])
@pytest.mark.parametrize(("authority", "simulator"), [("test-a", False), ("a", True)])
async def test_a_sandbox_never_reaches_a_real_channel_nor_the_real_a_simulators(was, authority, simulator):
    """The last look, just before the call: settings may have changed while the operation waited."""

    async def never(_adapter: Any, _request: Any) -> None:
        raise AssertionError("somebody was called")

    nothing: Any = SimpleNamespace(adapter=None, authority=authority, keys=SimpleNamespace(simulator=simulator))
    attempt = Attempt(nothing, nothing, nothing, nothing, nothing, was)
    action: Any = SimpleNamespace(call=never, find=never, check=None, effectful=True)
    with pytest.raises(UnsupportedError, match="sandboxes"):
        await attempt._exchange(action, nothing, nothing)
