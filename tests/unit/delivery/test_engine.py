"""The engine on a real store: claims, doubt, fences, restarts. The other side is a script held in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.clock import ManualClock, to_micros
from gateway.crypto.envelope import Envelope
from gateway.crypto.keys import FileKeys
from gateway.delivery import (
    Absent,
    Action,
    Delivery,
    DeliverySettings,
    Done,
    Doubt,
    Outcome,
    Parked,
    Rejected,
    ledger,
    limits,
)
from gateway.delivery.next_step import Patience
from gateway.errors import ConflictProblem, DeniedError, NotSentError, OutcomeUnknownError, RejectedError
from gateway.evidence import Evidence
from gateway.plugins import Channel, ChannelKeys
from gateway.ports import AdapterInfo, Cancelled, FindGuarantee, FindRequest, Kind

START = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)


@dataclass
class OtherSide:
    """A platform as a script: what each call and each question meets, and the effects it has had."""

    calls: list[Any] = field(default_factory=list)
    finds: list[Any] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    asked: int = 0
    hold: asyncio.Event | None = None

    async def call(self, request: FindRequest) -> Cancelled:
        step = self.calls.pop(0) if self.calls else "ok"
        if self.hold is not None:
            self.effects.append(request.reference or "")
            await self.hold.wait()
        if step == "ok" or step == "effect then silence":
            self.effects.append(request.reference or "")
        if step == "effect then silence":
            raise OutcomeUnknownError("read timeout")
        if isinstance(step, BaseException):
            raise step
        return Cancelled(code=request.reference or "")

    async def find(self, request: FindRequest) -> Cancelled | None:
        self.asked += 1
        step = self.finds.pop(0) if self.finds else "truth"
        if isinstance(step, BaseException):
            raise step
        return Cancelled(code=request.reference or "") if request.reference in self.effects and step else None


class Bench:
    """A delivery over a store, with one channel and one action."""

    def __init__(self, store: Any, tmp_path: Any, guarantee: FindGuarantee) -> None:
        self.store = store
        self.clock = ManualClock(START)
        self.side = OtherSide()
        self.told: list[Outcome] = []
        self.keys = FileKeys(tmp_path / "keys")
        self.envelope = Envelope(self.keys)
        self.heads = tmp_path / "heads"
        self.keys_of_channel = ChannelKeys(circuit_failures=0)
        info = AdapterInfo(Kind.NONTAX, "nontax.script", "v1", frozenset({"cancel", "find"}), find=guarantee)
        self.channel = Channel("nontax", self.side, info, guarantee, "http://x", None, keys=self.keys_of_channel)  # type: ignore[arg-type]
        self.delivery = self.new_delivery()

    def new_delivery(self) -> Delivery:
        channels = SimpleNamespace(get=lambda name: self.channel, all=lambda: (self.channel,))
        evidence = Evidence(self.store, self.keys, self.envelope, self.clock, node="node-1", heads=self.heads)
        patience = Patience(ask_after=0.01, first=0.01, longest=0.05)
        settings = DeliverySettings(grace=0.1, patience=patience)
        delivery = Delivery(self.store, channels, evidence, self.envelope, self.clock, settings)  # type: ignore[arg-type]
        delivery.register(
            Action(
                "test.effect",
                FindRequest,
                Cancelled,
                call=lambda side, request: side.call(request),
                find=lambda side, request: side.find(request),
                record=lambda conn, operation, outcome: self.told.append(outcome),
            )
        )
        return delivery

    async def send(self, claim: bool = True) -> str:
        request = FindRequest(reference=self.delivery.new_reference("nontax"))
        operation = await self.store.write(
            lambda conn: self.delivery.enqueue(
                conn,
                action="test.effect",
                channel="nontax",
                authority="a",
                subject="s",
                request=request,
                claim=claim,
            )
        )
        self.delivery.begin(operation, request)
        return operation.id

    async def row(self, operation_id: str) -> Any:
        return await self.store.read(lambda conn: ledger.fetch(conn, operation_id))

    async def until(self, operation_id: str, *states: str) -> Any:
        async with asyncio.timeout(10):
            while (row := await self.row(operation_id))["state"] not in states:
                self.clock.advance(timedelta(seconds=1))
                self.delivery.wake()
                await asyncio.sleep(0.01)
        return row


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


async def test_an_effect_whose_answer_was_lost_is_found_and_not_repeated(bench):
    bench.side.calls = ["effect then silence"]
    operation = await bench.send()
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1
    assert [type(outcome) for outcome in bench.told] == [Doubt, Done]
    assert bench.told[-1].found


async def test_a_lost_request_is_sent_again_only_once_its_absence_is_settled(bench):
    bench.side.calls = [OutcomeUnknownError("reset")]
    operation = await bench.send()
    row = await bench.until(operation, "done")
    assert len(bench.side.effects) == 1
    assert [type(outcome) for outcome in bench.told] == [Doubt, Absent, Done]
    assert row["updated_at"] - row["created_at"] >= 5_000_000


async def test_what_never_left_is_retried_until_it_does(bench):
    bench.side.calls = [NotSentError("refused")] * 3
    operation = await bench.send()
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1
    assert bench.side.asked == 0
    attempts = await bench.store.read(lambda conn: ledger.attempts_of(conn, operation))
    assert [one["outcome"] for one in attempts] == ["not sent"] * 3 + ["done"]


async def test_a_refusal_is_final(bench):
    bench.side.calls = [RejectedError("无收费权限", "18012")]
    operation = await bench.send()
    assert await bench.delivery.settled(operation, 5) == "rejected"
    assert bench.told == [Rejected("无收费权限", "18012")]


async def test_refused_credentials_stop_the_channel_until_somebody_lets_it_go(bench):
    bench.side.calls = [DeniedError("401")]
    first = await bench.send()
    async with asyncio.timeout(5):
        while not await bench.store.read(limits.stopped_channels):
            await asyncio.sleep(0.01)
    second = await bench.send(claim=False)
    bench.clock.advance(timedelta(minutes=10))
    bench.delivery.wake()
    assert await bench.delivery.settled(second, 0.3) is None
    await bench.delivery.resume_channel("nontax")
    await bench.until(first, "done")
    await bench.until(second, "done")


async def test_a_contradiction_is_parked_and_can_only_be_asked_about(bench):
    bench.side.calls = ["effect then silence"]
    bench.side.finds = [RejectedError("no permission", "9")]
    operation = await bench.send()
    await bench.until(operation, "parked")
    with pytest.raises(ConflictProblem, match="never sent again"):
        await bench.delivery.resolve(operation, ask=False, reason="try again")
    await bench.delivery.resolve(operation, ask=True, reason="permission was given")
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1


async def test_a_call_cut_by_a_stop_becomes_doubt_and_the_next_life_finds_out(bench):
    bench.side.hold = asyncio.Event()
    operation = await bench.send()
    async with asyncio.timeout(5):
        while not bench.side.effects:
            await asyncio.sleep(0.01)
    await bench.delivery.stop()
    assert (await bench.row(operation))["state"] == "uncertain"
    bench.side.hold = None
    bench.delivery = bench.new_delivery()
    await bench.delivery.start()
    await bench.until(operation, "done")
    assert len(bench.side.effects) == 1


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


async def test_an_attempt_that_was_overtaken_changes_nothing(bench):
    bench.side.hold = asyncio.Event()
    operation = await bench.send()
    async with asyncio.timeout(5):
        while not bench.side.effects:
            await asyncio.sleep(0.01)
    now = to_micros(bench.clock.now())
    await bench.store.write(lambda conn: len(ledger.release_expired(conn, now=now, node="node-1")))
    bench.side.hold.set()
    bench.side.hold = None
    await bench.until(operation, "done")
    attempts = await bench.store.read(lambda conn: ledger.attempts_of(conn, operation))
    assert "done (fenced)" in [one["outcome"] for one in attempts]
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
    reference = row["reference"].encode()
    assert reference not in bytes(row["request_sealed"])
