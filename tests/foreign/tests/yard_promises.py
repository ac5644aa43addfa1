"""``yard.anlan`` against its simulator over sockets: every promise of the kit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from anlan_yard import contract
from anlan_yard.adapter import AnlanYard
from anlan_yard.port import AdmitRequest
from anlan_yard.suite import YardBench, YardConformance

from gateway.foundation.wire import ChannelWire, Limits, Timeouts, WireTerms
from gateway.ports.base import Incoming, RawExchange, Reply
from gateway.testing.bench import Code
from gateway.testing.simulated import Inbox
from gateway.words.clock import SystemClock
from simulators.testing import Simulation, simulation_process, simulators

__all__ = ["simulation_process", "simulators"]

OPERATIONS = {"admit": "admit", "find": "query", "check": "ready"}


class Bench(YardBench):
    """The adapter, and a hand on the simulator."""

    personal = ("罗巧云",)
    unknown_code = "Y0999"

    def __init__(self, simulators: Simulation) -> None:
        self.simulators = simulators
        self.clock = SystemClock(timedelta(0))
        self.exchanges: list[RawExchange] = []
        known = simulators.credentials("yard")
        self.secrets = (known["secret"],)
        self.codes = [Code(row["code"], row["effect"]) for row in contract.results()]
        wire = ChannelWire(
            "yard",
            simulators.url("yard"),
            WireTerms(
                self.exchanges.append,
                timeouts=Timeouts(connect=5, read=2, write=5, total=6),
                limits=Limits(keepalive=0),
                sensitive=AnlanYard.info.sensitive,
                clock=self.clock,
            ),
        )
        self.adapter = AnlanYard(AnlanYard.Settings(node=known["node"], secret=known["secret"]), wire, self.clock)
        self.inbox = Inbox()

    def vehicle(self, reference: str) -> AdmitRequest:
        return AdmitRequest(
            reference=reference, plate="安A12345", lot="A", driver="罗巧云", seized_on=date(2026, 9, 14)
        )

    async def fault(self, kind: str, method: str, **more: Any) -> None:
        more |= {"seconds": self.busy_seconds} if kind == "busy" else {}
        planted = {"system": "yard", "operation": OPERATIONS[method], "kind": kind, "times": 0, **more}
        await self.simulators.aask("POST", "/faults", planted)

    async def clear(self) -> None:
        await self.simulators.aask("DELETE", "/faults")

    async def effects(self, reference: str) -> int:
        counted = (await self.simulators.aask("GET", "/effects", system="yard")).get("yard", {})
        return sum(by_reference.get(reference, 0) for by_reference in counted.values())

    async def advance(self, seconds: float) -> None:
        self.clock.offset += timedelta(seconds=seconds)
        await self.simulators.aask("POST", "/clock", {"advance_seconds": seconds})

    async def violations(self) -> Sequence[str]:
        entries = (await self.simulators.aask("GET", "/journal", system="yard"))["entries"]
        return [f"{one['operation']}: {one['answer']}" for one in entries if one["outcome"] in ("refused", "broken")]

    async def callback(self, kind: str, about: str) -> Incoming:
        if kind == "again":
            await self.simulators.flush_callbacks("yard")
        else:
            if self.inbox.server is None:
                self.simulators.callbacks_to("yard", await self.inbox.open())
            if kind == "forged":
                await self.simulators.aask("POST", "/faults", {"system": "yard", "kind": "callback_forged"})
            await self.simulators.aask("POST", "/yard/leave", {"reference": about})
        incoming = await self.inbox.next()
        return Incoming(incoming.headers, incoming.body, self.clock.now(), "/callbacks/channel")

    async def acknowledged(self, about: str, answer: Callable[[Incoming], Awaitable[Reply]]) -> bool:
        self.inbox.answer = answer
        await self.simulators.flush_callbacks("yard")
        queued = (await self.simulators.aask("GET", "/callbacks"))["callbacks"]
        for failure in self.inbox.failures:
            raise failure
        return {one["state"] for one in queued if one["key"] == about} == {"acknowledged"}


class TestAnlanYard(YardConformance):
    """Every promise."""

    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[Bench]:
        made = Bench(simulators)
        yield made
        await made.adapter.close()
        if made.inbox.server is not None:
            made.inbox.server.close()
