"""An effect is carried out once under its key, and its first status is kept with the outcome, in one commit fewer."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.foundation.delivery import Sent
from gateway.foundation.delivery.actions import Done
from gateway.foundation.once import Once
from gateway.foundation.store.tables import idempotency
from gateway.ports.base import FindGuarantee
from gateway.ports.nontax import FindRequest
from gateway.words.errors import ConflictProblem, OutcomeUnknownError, RejectedError


def _bench_module():
    """The engine's bench, which lives in the test beside this one."""
    name = "test_engine_bench"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("test_engine.py"))
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
async def bench(store, tmp_path, monkeypatch):
    """The engine's bench, which counts the units that are stored in ``bench.units``."""
    made = _bench_module().Bench(store, tmp_path, FindGuarantee(settle_seconds=5))
    await made.delivery.start()
    made.units = 0

    def counting(write):
        async def counted(unit):
            made.units += 1
            return await write(unit)

        return counted

    for name in ("write", "write_beside"):
        monkeypatch.setattr(store, name, counting(getattr(store, name)))
    yield made
    await made.delivery.stop()


def once(bench, key="k"):
    return Once("cli_1", "/v1/x", key, b"digest", bench.clock, 201).about("s")


def unit(bench, sent, follows=None):
    """Writes one operation, and says so in ``sent``."""

    def write(conn):
        request = FindRequest(reference=bench.delivery.new_reference("nontax"))
        names = {"action": "test.effect", "channel": "nontax", "authority": "a", "subject": "s"}
        operation = bench.delivery.enqueue(conn, **names, request=request, claim=follows is None, follows=follows)
        sent.append(operation.id)
        return Sent(operation, request)

    return write


async def kept(bench, key="k"):
    """The status that is kept under a key; "nothing" where there is no such key."""
    query = select(idempotency.c.status).where(idempotency.c.key == key)
    found = await bench.store.read(lambda conn: conn.execute(query).first())
    return "nothing" if found is None else found.status


async def test_the_status_is_kept_with_the_outcome_in_two_commits(bench):
    first = once(bench)
    assert await bench.delivery.carry_out(unit(bench, []), first, 5)
    assert (first.status, await kept(bench)) == (201, 201)
    assert bench.units == 2, "the effect with its key, the outcome with its status"


async def test_where_nothing_is_waited_for_the_status_stands_from_the_first(bench):
    first, sent = once(bench), []
    assert not await bench.delivery.carry_out(unit(bench, sent), first, 0)
    assert (first.status, await kept(bench)) == (202, 202)
    await bench.until(sent[0], "done")
    assert await kept(bench) == 202
    assert bench.units == 2


async def test_when_the_wait_runs_out_that_is_the_first_status_and_stays(bench):
    bench.side.hold, first, sent = asyncio.Event(), once(bench), []
    assert not await bench.delivery.carry_out(unit(bench, sent), first, 0.05)
    assert (first.status, await kept(bench)) == (202, 202)
    bench.side.hold.set()
    await bench.until(sent[0], "done")
    assert await kept(bench) == 202


async def test_at_a_stop_who_waits_is_answered_and_the_call_goes_on(bench):
    bench.side.hold, first, sent = asyncio.Event(), once(bench), []
    waiting = asyncio.create_task(bench.delivery.carry_out(unit(bench, sent), first, 60))
    async with asyncio.timeout(20):
        while not sent or not bench.delivery.attempts.under_way(sent[0]):
            await asyncio.sleep(0.01)
        bench.delivery.let_go()
        assert not await waiting
        assert not await bench.delivery.carry_out(unit(bench, []), once(bench, "later"), 60)
    assert (first.status, await kept(bench), await kept(bench, "later")) == (202, 202, 202)
    bench.side.hold.set()
    await bench.until(sent[0], "done")


async def test_what_is_parked_is_pending(bench):
    bench.side.calls, bench.side.finds = [OutcomeUnknownError("reset")], [RejectedError("no permission", "9")]
    first, sent = once(bench), []
    ended = asyncio.create_task(bench.delivery.carry_out(unit(bench, sent), first, 60))
    async with asyncio.timeout(20):
        while not ended.done():
            bench.clock.advance(timedelta(seconds=1))
            bench.delivery.wake()
            await asyncio.sleep(0.01)
    assert not await ended
    assert (first.status, await kept(bench)) == (202, 202)
    assert (await bench.row(sent[0])).state == "parked"


@pytest.mark.parametrize("parks", [True, False])
async def test_what_ends_just_as_the_wait_runs_out_is_answered_with_the_status_that_was_kept(bench, monkeypatch, parks):
    bench.side.calls = [OutcomeUnknownError("reset")] if parks else []
    bench.side.finds, first, sent = [RejectedError("no permission", "9")], once(bench), []

    async def never_told(operation_id, seconds):
        """The outcome is stored, and the word of it comes too late."""
        await bench.until(operation_id, "parked", "done")

    monkeypatch.setattr(bench.delivery, "settled", never_told)
    monkeypatch.setattr(bench.delivery.attempts, "tell", lambda *_: bench.delivery.wake())
    ended = await bench.delivery.carry_out(unit(bench, sent), first, 5)
    assert (ended, first.status) == ((False, 202) if parks else (True, 201))
    assert await kept(bench) == first.status


async def test_what_ends_elsewhere_is_seen_in_the_ledger_and_its_status_kept_here(bench):
    first, sent = once(bench), []
    bench.delivery.node.wakes.clear()  # this node takes nothing up
    ended = asyncio.create_task(bench.delivery.carry_out(later(bench, sent), first, 5))
    while not sent or (await bench.row(sent[0])) is None:
        await asyncio.sleep(0.01)
    assert await bench.store.write(lambda conn: bench.delivery.cancel(conn, sent[0], "revoked"))
    assert await ended
    assert (first.status, await kept(bench)) == (201, 201)


def later(bench, sent):
    """The same unit, not claimed at birth."""

    def write(conn):
        request = FindRequest(reference=bench.delivery.new_reference("nontax"))
        names = {"action": "test.effect", "channel": "nontax", "authority": "a", "subject": "s"}
        far = bench.delivery.node.now() + 3_600_000_000
        operation = bench.delivery.enqueue(conn, **names, request=request, not_before=far)
        sent.append(operation.id)
        return Sent(operation, request)

    return write


async def test_where_there_is_nothing_to_send_the_status_is_kept_in_the_only_commit(bench):
    first = once(bench)
    assert await bench.delivery.carry_out(lambda _conn: None, first, 5)
    assert (first.status, await kept(bench), bench.units) == (201, 201, 1)


@pytest.mark.both_databases
async def test_the_same_key_twice_at_once_has_one_effect(bench):
    both = await asyncio.gather(
        *(bench.delivery.carry_out(unit(bench, []), once(bench), 5) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["RepeatedProblem", "bool"]
    assert next(one for one in both if isinstance(one, ConflictProblem)).type == "request-in-progress"
    assert len(bench.side.effects) == 1


async def test_a_failed_unit_remembers_no_key(bench):
    def fails(_conn):
        raise ConflictProblem("not now")

    with pytest.raises(ConflictProblem):
        await bench.delivery.carry_out(fails, once(bench), 5)
    assert await kept(bench) == "nothing"
    assert await bench.delivery.carry_out(unit(bench, []), once(bench), 5)


async def test_what_carries_on_the_effect_is_waited_for_too_and_keeps_the_status(bench):
    first, sent, plain = once(bench), [], bench.record

    def record(conn, operation, outcome):
        plain(conn, operation, outcome)
        if isinstance(outcome, Done) and len(sent) == 1:
            unit(bench, sent, follows=operation)(conn)

    bench.delivery.node.actions["test.effect"] = replaced(bench, record)
    assert await bench.delivery.carry_out(unit(bench, sent), first, 5)
    assert len(sent) == 2
    assert [(await bench.row(one)).state for one in sent] == ["done", "done"]
    assert (first.status, await kept(bench)) == (201, 201)
    assert bench.delivery.node.asked_under == {}
    assert bench.delivery.node.followed == {}


def replaced(bench, record):
    """The bench's action with another room behind it."""
    known = bench.delivery.action("test.effect")
    return type(known)(**{**known.__dict__, "record": record})
