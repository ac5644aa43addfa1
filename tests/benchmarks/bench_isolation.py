"""How much of its throughput a channel keeps while another one hangs: ``python tests/benchmarks/bench_isolation.py``.

Two channels, 5 ms an answer. Seven interleaved pairs: both channels well, then one of them hanging with all its calls
in flight; the share of the well channel's rate that is kept, pair by pair, and their median (wanted: at least 0.9).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog
from sqlalchemy import Connection

from gateway.foundation.channels import Channel
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery import Action, Delivery, DeliverySettings
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store, schema
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.nontax import Cancelled, FindRequest
from gateway.words.clock import SystemClock

PAIRS = 7
SECONDS = 1.5
ANSWER = 0.005


class Side:
    """The other side: answers after a while, or not at all."""

    def __init__(self) -> None:
        self.hanging: asyncio.Event | None = None
        self.answered = 0

    async def call(self, request: FindRequest) -> Cancelled:
        if self.hanging is not None:
            await self.hanging.wait()
        await asyncio.sleep(ANSWER)
        self.answered += 1
        return Cancelled(code=request.reference or "")


async def rate(delivery: Delivery, store: Store, busy: str, side: Side) -> float:
    """Operations a second that end on one channel, 32 in flight."""
    before, began = side.answered, time.perf_counter()

    async def one() -> None:
        while time.perf_counter() - began < SECONDS:
            await send(delivery, store, busy, wait=True)

    await asyncio.gather(*(one() for _ in range(32)))
    return (side.answered - before) / (time.perf_counter() - began)


async def send(delivery: Delivery, store: Store, channel: str, *, wait: bool) -> None:
    request = FindRequest(reference=delivery.new_reference(channel))
    operation = await store.write(
        lambda conn: delivery.enqueue(
            conn, action="bench", channel=channel, authority="a", subject="s", request=request, claim=True
        )
    )
    delivery.begin(operation, request)
    if wait:
        await delivery.settled(operation.id, 30)


async def main(folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    url = f"sqlite:///{folder}/bench.db"
    schema.migrate(url)
    store, clock, keys = Store.open(url), SystemClock(), FileKeys(folder / "keys")
    info = AdapterInfo("nontax", "nontax.bench", "v1", frozenset({"cancel"}))
    sides = {"well": Side(), "ill": Side()}
    channels = {
        name: Channel(name, side, info, FindGuarantee(), "http://x", None)  # type: ignore[arg-type]
        for name, side in sides.items()
    }
    known: Any = SimpleNamespace(get=channels.__getitem__, all=lambda: tuple(channels.values()))
    envelope = Envelope(keys)
    evidence = Evidence(store, keys, envelope, clock, node="bench", heads=folder / "heads")
    delivery = Delivery(store, known, evidence, envelope, clock, DeliverySettings(node="bench"))

    def forget(_conn: Connection, *_: object) -> None:
        """No room behind this bench."""

    delivery.register(Action("bench", FindRequest, Cancelled, call=lambda side, ask: side.call(ask), record=forget))
    await delivery.start()
    shares = []
    for pair in range(1, PAIRS + 1):
        alone = await rate(delivery, store, "well", sides["well"])
        hanging = sides["ill"].hanging = asyncio.Event()
        for _ in range(100):
            await send(delivery, store, "ill", wait=False)
        beside = await rate(delivery, store, "well", sides["well"])
        hanging.set()
        sides["ill"].hanging = None
        while sides["ill"].answered < 100 * pair:
            await asyncio.sleep(0.01)
        shares.append(beside / alone)
        print(f"pair {pair}: {alone:6.0f}/s alone, {beside:6.0f}/s beside a hanging channel: {shares[-1]:.2f}")
    median = statistics.median(shares)
    print(f"median of {PAIRS} interleaved pairs: {median:.2f} ({min(shares):.2f} to {max(shares):.2f}), wanted ≥ 0.90")
    await delivery.stop()
    store.close()
    sys.exit(0 if median >= 0.9 else 1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(main(Path(made)))
