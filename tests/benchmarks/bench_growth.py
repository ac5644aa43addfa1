"""What a full store costs: ``python tests/benchmarks/bench_growth.py [--payments N]`` (one million unless said).

p99 of issuing and of reading a payment over HTTP with so many payments in a SQLite store, against the same with five
thousand, in interleaved rounds of one run; and what a payment takes of the disk, on SQLite and on PostgreSQL.

The payments come with everything a payment brings: one is made by the gateway as life makes it (decision, key of
idempotency, operation, exchange and its exact bytes, events, webhooks, the platform's callback, the collection, the
receipt), and each row that this added to any table is copied as often as wanted, its own words replaced. So a room
that writes more weighs more here, without a change of this file. Only what is longer than LONG (a receipt's document,
the exchange that brought it) is cut: nobody reads it again, and a million would need 50 GB.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path

import psycopg
import structlog
import uvloop
from copying import CaseSystem, Copier, Span
from load import Load
from measuring import Figures
from sides import Gateway, Systems, numbers

from gateway.foundation.crypto.envelope import Envelope, installed_keys
from gateway.settings import load
from simulators.testing import Simulation

sys.path.insert(0, str(Path(__file__).parent.parent))
import databases

FEW, MANY = 5_000, 1_000_000
ROUNDS, EACH, WEIGHED = 4, 120, 100


async def filled(folder: Path, simulators: Simulation, count: int) -> tuple[Gateway, list[str], float]:
    """A running gateway whose store holds ``count`` payments; which can be read; seconds of the load."""
    gateway = Gateway(folder, simulators.ready["systems"])
    await gateway.begin()
    life = CaseSystem(gateway, simulators)
    await life.begin()
    await life.live(1)  # what only the first one brings
    path = folder / "gateway.sqlite"
    copier = Copier(path)
    since = copier.counts()
    copier.books.close()
    (model,) = await life.live(1)
    await gateway.end()
    began = time.monotonic()
    copier = Copier(path)
    copier.learn(since, model)
    copier.fill(Span(count))
    took = time.monotonic() - began
    (sealed,) = copier.books.execute("SELECT token_sealed FROM payment WHERE id = ?", (model["id"],)).fetchone()
    keys = installed_keys(load(gateway.settings).keys.directory, bytes(sealed))
    sample = random.sample(range(1, count + 1), 1000)
    ids = copier.make_readable(Envelope(keys), model["id"], sample)
    copier.close()
    await gateway.begin()
    return gateway, ids, took


async def weighed(gateway: Gateway, simulators: Simulation, size: Callable[[], int]) -> tuple[float, float]:
    """Bytes that a payment adds to the database until it is issued, and by its whole life."""
    await gateway.begin()
    life = CaseSystem(gateway, simulators)
    await gateway.ask(*await gateway.prepare(numbers(50)))
    before = size()
    await gateway.ask(*await gateway.prepare(numbers(5 * WEIGHED)))
    issued = (size() - before) / (5 * WEIGHED)
    await life.begin()
    await life.live(10)
    before = size()
    await life.live(WEIGHED)
    await gateway.end()
    return issued, (size() - before) / WEIGHED


def sqlite_size(gateway: Gateway) -> int:
    """Bytes of the file, what waits beside it included."""
    with sqlite3.connect(gateway.folder / "gateway.sqlite") as books:
        books.execute("PRAGMA wal_checkpoint(PASSIVE)")
        what = ("page_count", "freelist_count", "page_size")
        pages, free, page = (books.execute(f"PRAGMA {one}").fetchone()[0] for one in what)
    return int(pages - free) * int(page)


def postgresql_size(server: databases.OwnServer) -> int:
    """Bytes of the database, packed."""
    with psycopg.connect(f"host={server.server.folder} user=postgres dbname=bench", autocommit=True) as books:
        books.execute("VACUUM")
        (size,) = books.execute("SELECT pg_database_size('bench')").fetchone() or (0,)
    return int(size)


async def times(gateway: Gateway, ids: list[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of issuing and of reading, one at a time."""
    messages = await gateway.prepare(numbers(EACH))
    async with Load(gateway.port, 1) as load:
        issued = await load.send(messages)
        reads = [gateway.request("GET", f"/v1/payments/{random.choice(ids)}") for _ in range(EACH)]
        read = await load.send(reads)
    return [one.seconds * 1000 for one in issued], [one.seconds * 1000 for one in read]


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


async def grown(folder: Path, simulators: Simulation, many: int, stack: AsyncExitStack, figures: Figures) -> None:
    """The times with few payments and with many."""
    sides = {}
    for count in (FEW, many):
        gateway, ids, took = await filled(folder / str(count), simulators, count)
        stack.push_async_callback(gateway.end)
        size = (gateway.folder / "gateway.sqlite").stat().st_size
        print(f"{count:>10,} payments copied in {took:.0f} s, {size / 1e9:.2f} GB, {size / count:.0f} bytes each")
        sides[count] = (gateway, ids)
    found: dict[tuple[int, str], list[list[float]]] = {}
    for turn in range(ROUNDS):
        for count in (FEW, many) if turn % 2 else (many, FEW):
            issued, read = await times(*sides[count])
            if turn:  # the first round warms caches
                found.setdefault((count, "issue"), []).append(issued)
                found.setdefault((count, "read"), []).append(read)
    for what in ("issue", "read"):
        few, full = found[FEW, what], found[many, what]
        for count, values in ((FEW, few), (many, full)):
            figures.add(f"{what}, {count:,} payments: p50 ms", [statistics.median(one) for one in values])
            figures.add(f"{what}, {count:,} payments: p99 ms", [p99(one) for one in values])
        figures.add(f"{what}: p99 of all, {many:,} to {FEW:,}", [p99([*chain(*full)]) / p99([*chain(*few)])], "<= 1.3")


async def main(folder: Path, many: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    figures, simulators = Figures("growth"), Simulation(folder)
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(simulators.start)
        stack.push_async_callback(asyncio.to_thread, simulators.stop)
        await weights(folder, simulators.ready["systems"], simulators, figures)
        if many:
            await grown(folder, simulators, many, stack, figures)
    figures.finish()


async def weights(folder: Path, systems: Systems, simulators: Simulation, figures: Figures) -> None:
    """What a payment takes of the disk, on both engines."""
    light = Gateway(folder / "light", systems)
    found = {"SQLite": await weighed(light, simulators, lambda: sqlite_size(light))}
    server = databases.OwnServer("bench")
    try:
        heavy = Gateway(folder / "heavy", systems, server.url)
        found["PostgreSQL"] = await weighed(heavy, simulators, lambda: postgresql_size(server))
    finally:
        server.end()
    for engine, (issued, lived) in found.items():
        figures.add(f"bytes a payment, issued, with its decision and evidence, {engine}", [issued], "<= 7168")
        figures.add(f"bytes a payment, paid, receipted and told of, {engine}", [lived])


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--payments", type=int, default=MANY, help="0: only what a payment weighs")
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made), told.payments))
