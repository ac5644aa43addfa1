"""What other work costs: ``python tests/benchmarks/bench_operations.py [--quick]`` (about a minute).

CPU of the gateway for one submit of a disclosure (asked for, sent to its two targets, rested), one callback taken, one
cached read of an entity and one view of a decision, on SQLite, 16 in flight. Beside each stands what its rows alone
need: the CPU inside the database driver (``counting.py``), and a request that does nothing (``/healthz``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
import uvloop
from counting import PLACE, counted
from load import Load
from measuring import Figures, cpu_seconds
from sides import Gateway, numbers

from gateway.demo import story
from simulators.testing import Simulation

IN_FLIGHT, RESTING, USCC = 16, 0.004, "92990102MA0WA4562J"
Round = Callable[[int], Awaitable[dict[str, float]]]


class Operations:
    """One gateway whose SQL is counted, and what is done with it."""

    def __init__(self, folder: Path, simulators: Simulation) -> None:
        self.simulators, self.counted = simulators, folder / "counted"
        os.environ[PLACE] = str(self.counted)
        self.gateway = Gateway(folder / "gateway", simulators.ready["systems"], counting=True)

    async def begin(self) -> None:
        """Start, and fetch the entity that is read."""
        await self.gateway.begin()
        (found,) = await self.gateway.ask(self._entity())
        today = date.today()  # noqa: DTZ011 - any day will do
        self._facts: dict[str, Any] = story.facts(today, found["record"])

    def rounds(self) -> dict[str, Round]:
        """What is measured, by its name."""
        return {
            "a request that does nothing": self._nothing,
            "cached read of an entity": self._read,
            "view of a decision": self._view,
            "callback taken": self._callback,
            "submit of a disclosure": self._submit,
        }

    async def _nothing(self, count: int) -> dict[str, float]:
        return await self._measured([self.gateway.request("GET", "/healthz")] * count)

    def _entity(self) -> bytes:
        return self.gateway.request("GET", f"/v1/entities/{USCC}?authority={story.AUTHORITY}")

    async def _read(self, count: int) -> dict[str, float]:
        return await self._measured([self._entity()] * count)

    async def _view(self, count: int) -> dict[str, float]:
        wanted = numbers(count)
        await self.gateway.ask(*await self.gateway.prepare(wanted))
        paths = (f"/v1/decisions/{story.AUTHORITY}/{quote(number, safe='')}" for number in wanted)
        return await self._measured([self.gateway.request("GET", path) for path in paths])

    async def _submit(self, count: int) -> dict[str, float]:
        wanted = numbers(count)
        await self.gateway.ask(*(self.gateway.decision(number, **self._facts) for number in wanted))
        return await self._measured([self._publish(number) for number in wanted])

    def _publish(self, number: str) -> bytes:
        body = {"authority": story.AUTHORITY, "decision_number": number}
        key = f"bench-{number.encode().hex()}"
        return self.gateway.request("POST", "/v1/disclosures", body, **{"Idempotency-Key": key})

    async def _callback(self, count: int) -> dict[str, float]:
        issued = await self.gateway.ask(*await self.gateway.prepare(numbers(count)))
        url = f"http://127.0.0.1:{self.gateway.port}/callbacks/nontax"
        await asyncio.to_thread(self.simulators.callbacks_to, "nontax", url)
        paid = [{"code": one["code"], "serial": f"bench-{one['code']}"} for one in issued]
        for one in paid:
            await self.simulators.aask("POST", "/nontax/pay", {**one, "callback": False})
        await self._rest()
        before = self._now()
        for one in paid:
            await self.simulators.aask("POST", "/nontax/tell", one)
        assert not await self.simulators.flush_callbacks("nontax")
        await self._rest()
        used = self._since(before, count)
        shown = await self.gateway.ask(*(self.gateway.request("GET", f"/v1/payments/{one['id']}") for one in issued))
        assert {one["status"] for one in shown} == {"PAID"}
        return used

    async def _measured(self, messages: list[bytes]) -> dict[str, float]:
        await self._rest()
        before = self._now()
        async with Load(self.gateway.port, IN_FLIGHT) as load:
            await load.send(messages, (200, 201, 202))
        await self._rest()
        return self._since(before, len(messages))

    async def _rest(self) -> None:
        """Until the gateway has nothing to do any more."""
        used = cpu_seconds(self.gateway.process.pid)
        while True:
            await asyncio.sleep(0.25)
            now = cpu_seconds(self.gateway.process.pid)
            if now - used < RESTING:
                return
            used = now

    def _now(self) -> dict[str, float]:
        return {"gateway": cpu_seconds(self.gateway.process.pid), **counted(self.counted)}

    def _since(self, before: dict[str, float], count: int) -> dict[str, float]:
        return {name: (value - before[name]) * 1000 / count for name, value in self._now().items()}


async def main(folder: Path, rounds: int, each: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    figures, simulators = Figures("operations"), Simulation(folder)
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(simulators.start)
        stack.push_async_callback(asyncio.to_thread, simulators.stop)
        operations = Operations(folder, simulators)
        stack.push_async_callback(operations.gateway.end)
        await operations.begin()
        found: dict[str, list[dict[str, float]]] = {}
        for turn in range(rounds + 1):  # the first one warms
            for name, work in operations.rounds().items():
                used = await work(each)
                if turn:
                    found.setdefault(name, []).append(used)
        for name, samples in found.items():
            for process in ("gateway", "sql", "driver"):
                what = {"gateway": "CPU ms", "sql": "of it SQL", "driver": "of that the driver alone: its rows"}[
                    process
                ]
                figures.add(f"{name}: {what}", [one[process] for one in samples])
    figures.finish()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="fewer rounds")
    quick = arguments.parse_args().quick
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made), *((2, 32) if quick else (5, 64))))
