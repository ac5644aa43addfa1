"""A platform that takes 200 ms to answer: ``python tests/benchmarks/bench_slow_platform.py`` (about two minutes).

Payments issued per second through the whole gateway at 50 and at 500 in flight, with answers at once and with answers
after 200 ms, interleaved in one run. At 50 in flight the ideal is 250 a second; at 500 the measure is the same run's
rate with answers at once, since there the gateway and not the platform is what limits. A call that ends in doubt though
the platform answered is a false timeout: there must be none. A request answered 202 is followed until its code is
there.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from pathlib import Path

import structlog
import uvloop
from load import Answer, Load, Send
from measuring import Figures, Window
from sides import Gateway, numbers

from simulators.testing import Simulation

ROUNDS, DELAY = 3, 0.2
SIZES = {50: 200, 500: 500}
"""In flight → payments a round."""
SETTINGS = "\n[delivery]\nconcurrency = 500\n"
WHERE = "[channels.nontax]\n"


async def rate(gateway: Gateway, in_flight: int) -> float:
    """Payments a second, from the first request until the last has its code."""
    messages = await gateway.prepare(numbers(SIZES[in_flight]))

    async def until_issued(send: Send, message: bytes) -> Answer:
        answer = await send(message)
        while (told := json.loads(answer.body))["status"] == "REQUESTED":
            await asyncio.sleep(0.25)
            answer = await send(gateway.request("GET", f"/v1/payments/{told['id']}"))
        assert told["status"] == "ISSUED", told
        return answer

    async with Load(gateway.port, in_flight) as load:
        with Window(len(messages), gateway.processes) as window:
            await load.work(messages, until_issued)
    return window.sample.rate


async def main(folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    figures, simulators = Figures("slow-platform"), Simulation(folder)
    await asyncio.to_thread(simulators.start)
    gateway = Gateway(folder / "gateway", simulators.ready["systems"], more=SETTINGS)
    words = gateway.settings.read_text(encoding="utf-8")
    gateway.settings.write_text(words.replace(WHERE, f"{WHERE}max_connections = 500\n"), encoding="utf-8")
    try:
        await gateway.begin()
        await rate(gateway, 50)
        found: dict[tuple[int, float], list[float]] = {}
        for turn in range(ROUNDS):
            for in_flight in SIZES:
                for delay in (0.0, DELAY) if turn % 2 else (DELAY, 0.0):
                    await simulators.aask("DELETE", "/faults")
                    if delay:
                        slow = {"system": "nontax", "operation": "CreateBill", "kind": "slow", "seconds": delay}
                        await simulators.aask("POST", "/faults", [{**slow, "times": 0}])
                    found.setdefault((in_flight, delay), []).append(await rate(gateway, in_flight))
        with sqlite3.connect(gateway.folder / "gateway.sqlite") as books:
            (doubts,) = books.execute("SELECT count(*) FROM event WHERE type = 'payment.in_doubt'").fetchone()
        for (in_flight, delay), rates in sorted(found.items()):
            figures.add(f"payments a second, {in_flight} in flight, answers after {delay * 1000:.0f} ms", rates)
        shares = [one * DELAY / 50 for one in found[50, DELAY]]
        figures.add("share of the ideal 250 a second, 50 in flight", shares, ">= 0.75")
        for in_flight in SIZES:
            ratios = [slow / fast for slow, fast in zip(found[in_flight, DELAY], found[in_flight, 0.0], strict=True)]
            figures.add(f"share of the rate with answers at once, {in_flight} in flight", ratios, ">= 0.9")
        figures.add("false timeouts", [doubts], "<= 0")
        figures.finish()
    finally:
        if hasattr(gateway, "process"):
            await gateway.end()
        await asyncio.to_thread(simulators.stop)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made)))
