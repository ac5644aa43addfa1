"""A delivery over a real store, with one channel and one action; the other side is a script held in the test."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.channels import Channel, ChannelKeys, Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery import (
    Action,
    Delivery,
    DeliverySettings,
    Event,
    Operation,
    Outcome,
    operation_records,
)
from gateway.foundation.delivery.engines import Engine
from gateway.foundation.delivery.events import EventLog
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.evidence import Evidence
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.nontax import Cancelled, FindRequest
from gateway.words.clock import ManualClock
from gateway.words.errors import OutcomeUnknownError

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
        self.fault: Exception | None = None
        self.keys = FileKeys(tmp_path / "keys")
        self.envelope = Envelope(self.keys)
        self.heads = tmp_path / "heads"
        self.keys_of_channel = ChannelKeys(circuit_failures=0)
        info = AdapterInfo("nontax", "nontax.script", "v1", frozenset({"cancel", "find"}), find=guarantee)
        self.channel = Channel("nontax", self.side, info, guarantee, "http://x", None, keys=self.keys_of_channel)  # type: ignore[arg-type]
        self.delivery = self.new_delivery()

    def limit(self, **keys: Any) -> None:
        """Give the channel other limits."""
        object.__setattr__(self.channel, "keys", ChannelKeys(**({"circuit_failures": 0} | keys)))

    def new_delivery(
        self, node: str = "node-1", *, find: bool = True, engine: Engine | None = None, **more: Any
    ) -> Delivery:
        channels = Channels(
            {"nontax": self.channel, "other": replace(self.channel, name="other")},
            {("*", "payments"): ("nontax",), ("b", "payments"): ("other",)},
        )
        evidence = Evidence(self.store, self.keys, self.envelope, self.clock, node=node, heads=self.heads)
        patience = Patience(ask_after=0.01, first=0.01, longest=0.05)
        settings = DeliverySettings(node=node, grace=0.1, patience=patience, **more)
        delivery = Delivery(self.store, channels, evidence, self.envelope, self.clock, settings, engine)
        delivery.register(
            Action(
                "test.effect",
                FindRequest,
                Cancelled,
                call=lambda side, request: side.call(request),
                find=(lambda side, request: side.find(request)) if find else None,
                record=self.record,
            )
        )
        return delivery

    def record(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The room, as forgetful as a list."""
        if self.fault is not None:
            raise self.fault
        self.told.append(outcome)

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
        return await self.store.read(lambda conn: operation_records.fetch(conn, operation_id))

    async def events(self, type: str) -> list[Event]:
        """Events of a type, by authority."""
        told = [one for one in await EventLog(self.store).find(list("abc"), limit=200) if one.type == type]
        return sorted(told, key=lambda one: one.authority)

    async def until(self, operation_id: str, *states: str) -> Any:
        async with asyncio.timeout(60):
            while (row := await self.row(operation_id)).state not in states:
                self.clock.advance(timedelta(seconds=1))
                self.delivery.wake()
                await asyncio.sleep(0.01)
        return row
