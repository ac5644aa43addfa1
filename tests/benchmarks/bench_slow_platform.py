"""A platform that takes 200 ms to answer: ``python tests/benchmarks/bench_slow_platform.py`` (about two minutes).

Payments issued per second through the whole gateway at 50 and at 500 in flight, with answers at once and with answers
after 200 ms, interleaved in one run. At 50 in flight the ideal is 250 a second; at 500 the measure is the same run's
rate with answers at once, since there the gateway and not the platform is what limits. A call that ends in doubt though
the platform answered is a false timeout: there must be none. A request answered 202 is followed until its code is
there.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import structlog
import uvloop
from bench_payments import Gateway, numbers

from gateway.demo import story
from simulators.testing import Simulation

ROUNDS, DELAY = 3, 0.2
SIZES = {50: 200, 500: 500}
"""In flight → payments a round."""
SETTINGS = "\n[delivery]\nconcurrency = 500\n"
WHERE = "[channels.nontax]\n"
_keys = itertools.count(1)


async def rate(gateway: Gateway, in_flight: int) -> float:
    """Payments a second, from the first request until the last has its code."""
    wanted = numbers(SIZES[in_flight])
    slots = asyncio.Semaphore(32)

    async def decide(number: str) -> None:
        async with slots:
            await gateway.decide(number)

    await asyncio.gather(*(decide(number) for number in wanted))
    left = iter(wanted)

    async def worker() -> None:
        for number in left:
            body = {"authority": story.AUTHORITY, "decision_number": number}
            headers = {"Idempotency-Key": f"slow-{next(_keys)}"}
            answer = await gateway.http.post("/v1/payments", json=body, headers=headers)
            assert answer.status_code in (201, 202), answer.text
            while answer.json()["status"] == "REQUESTED":
                await asyncio.sleep(0.25)
                answer = await gateway.http.get(f"/v1/payments/{answer.json()['id']}")
            assert answer.json()["status"] == "ISSUED", answer.text

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return len(wanted) / (time.perf_counter() - began)


async def main(folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    simulators = Simulation(folder)
    await asyncio.to_thread(simulators.start)
    gateway = Gateway(folder / "gateway", simulators.ready["systems"], more=SETTINGS)
    words = gateway.settings.read_text(encoding="utf-8")
    gateway.settings.write_text(words.replace(WHERE, f"{WHERE}max_connections = 500\n"), encoding="utf-8")
    try:
        await gateway.begin(connections=500)
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
        print(f"{ROUNDS} interleaved rounds, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end")
        for (in_flight, delay), rates in sorted(found.items()):
            how = f"{in_flight:4} in flight, answers after {delay * 1000:3.0f} ms"
            print(f"{how}: {statistics.median(rates):6.1f}/s ({min(rates):.1f} to {max(rates):.1f})")
        ideal = 50 / DELAY
        share = statistics.median(found[50, DELAY]) / ideal
        print(f"50 in flight, of the ideal {ideal:.0f}/s: {share:.2f}, wanted >= 0.9")
        for in_flight in SIZES:
            ratios = [slow / fast for slow, fast in zip(found[in_flight, DELAY], found[in_flight, 0.0], strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"{in_flight} in flight, of the rate without delay: {spread}, wanted >= 0.9")
        print(f"false timeouts: {doubts}, wanted 0")
    finally:
        if hasattr(gateway, "http"):
            await gateway.end()
        await asyncio.to_thread(simulators.stop)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made)))
