"""What the indexes behind the lists cost the way of a payment: ``python tests/benchmarks/bench_indexes.py [--quick]``.

Whole payments: two gateways on SQLite, one without these indexes, each issue and take money for as many payments, in
turn and in turned order; the figure is the ratio of CPU of the same round. A per cent is less than what rounds differ
by, so the same statements are also played into a file without anything else, with and without each index in turn:
``--store`` names a file that ``bench_lists.py --folder`` has filled, of which a copy is taken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvloop
from measuring import Figures, cpu_seconds
from sides import Gateway, numbers

from gateway.foundation.store import schema
from gateway.settings import load
from gateway.words.identifiers import new_id
from simulators.testing import Simulation

IN_FLIGHT, TOGETHER, RESTING = 32, 10, 0.004
LISTS = (
    *("ix_payment_unpaid", "ix_payment_settled", "ix_payment_amount", "ix_payment_paid_otherwise"),
    *("ix_payment_created", "ix_operation_for_people", "ix_operation_parked_for", "ix_operation_doubted"),
)
"""Those that only lists read."""
SINGLY: dict[str, Sequence[str]] = {
    **{one: (one,) for one in (*LISTS[:3], "ix_payment_created", "ix_payment_due", "ix_operation_unfinished")},
    "those of what waits for people, and of what was paid otherwise": (LISTS[3], *LISTS[5:]),
    "all that only lists read": LISTS,
}
BEFORE = {
    "ix_payment_due as it was, for ix_payment_due and ix_payment_unpaid": (
        ("ix_payment_due", "ix_payment_unpaid"),
        "CREATE INDEX was_due ON payment (due_look_on, authority, status, due_on, id) "
        "WHERE status in ('REQUESTED', 'ISSUED', 'EXPIRED')",
    ),
    "ix_operation_unfinished as it was": (
        ("ix_operation_unfinished",),
        "CREATE INDEX was_unfinished ON operation (state, channel, id, authority, code) "
        "WHERE state in ('queued','sending','uncertain','pending','parked')",
    ),
}
"""What stood there on 29 November, to compare with."""


class Side:
    """A gateway whose payments are issued and paid."""

    def __init__(self, folder: Path, simulators: Simulation, without: Sequence[str]) -> None:
        self.gateway, self.simulators, self.without = Gateway(folder, simulators.ready["systems"]), simulators, without

    async def begin(self) -> None:
        """Start it, its indexes taken away before."""
        settings = load(self.gateway.settings)
        await asyncio.to_thread(schema.migrate, settings.store.location())
        with closing(sqlite3.connect(self.gateway.folder / "gateway.sqlite")) as books:
            for one in self.without:
                books.execute(f"DROP INDEX {one}")
        await self.gateway.begin()

    async def round(self, count: int) -> float:
        """CPU milliseconds a payment, from the demand until it is paid."""
        url = f"http://127.0.0.1:{self.gateway.port}/callbacks/nontax"
        await asyncio.to_thread(self.simulators.callbacks_to, "nontax", url)
        wanted = await self.gateway.prepare(numbers(count))
        await self._rest()
        used = cpu_seconds(self.gateway.process.pid)
        issued = await self.gateway.ask(*wanted)
        used -= await self._rest()
        paid = [{"code": one["code"], "serial": f"bench-{one['code']}"} for one in issued]
        for one in paid:
            await self.simulators.aask("POST", "/nontax/pay", {**one, "callback": False})
        used += await self._rest()
        for one in paid:
            await self.simulators.aask("POST", "/nontax/tell", one)
        assert not await self.simulators.flush_callbacks("nontax")
        return (await self._rest() - used) * 1000 / count

    async def _rest(self) -> float:
        """Until the gateway has nothing to do any more; the CPU that it has used so far."""
        used = cpu_seconds(self.gateway.process.pid)
        while True:
            await asyncio.sleep(0.25)
            now = cpu_seconds(self.gateway.process.pid)
            if now - used < RESTING:
                return now
            used = now


async def whole(folder: Path, figures: Figures, rounds: int, each: int) -> None:
    """Payments over HTTP, with and without."""
    simulators = Simulation(folder)
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(simulators.start)
        stack.push_async_callback(asyncio.to_thread, simulators.stop)
        sides = {"with": Side(folder / "with", simulators, ()), "without": Side(folder / "without", simulators, LISTS)}
        for side in sides.values():
            await side.begin()
            stack.push_async_callback(side.gateway.end)
            await side.round(each)
        found: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(rounds):
            for name, side in list(sides.items())[:: -1 if turn % 2 else 1]:
                found[name].append(await side.round(each))
    for name, values in found.items():
        figures.add(f"a payment issued and paid, {name}: CPU ms", values)
    ratios = [one / other for one, other in zip(found["with"], found["without"], strict=True)]
    figures.add("the same, with to without", ratios, "<= 1.03")


class Played:
    """The statements of payments' lives on a file of its own, ten lives a commit."""

    def __init__(self, path: Path) -> None:
        self.books = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-64000"):
            self.books.execute(f"PRAGMA {pragma}")
        self._payment = self._row("payment", "code IS NOT NULL AND decision_id IS NOT NULL")
        self._operation = self._row("operation", "action = 'nontax.issue' AND resolution_id IS NULL")
        self._number = 0

    def _row(self, table: str, which: str) -> dict[str, Any]:
        found = self.books.execute(f"SELECT * FROM {table} WHERE {which} LIMIT 1")
        return dict(zip((one[0] for one in found.description), found.fetchone(), strict=True))

    @contextmanager
    def without(self, names: Sequence[str], instead: str = "") -> Iterator[None]:
        """The same file without these indexes, and with another one."""
        question = f"SELECT sql FROM sqlite_master WHERE name IN ({', '.join('?' * len(names))})"
        made = [sql for (sql,) in self.books.execute(question, names)]
        for one in names:
            self.books.execute(f"DROP INDEX {one}")
        if instead:
            self.books.execute(instead)
        self._settle()
        yield
        if instead:
            self.books.execute(f"DROP INDEX {instead.split()[2]}")
        for one in made:
            self.books.execute(one)
        self._settle()

    def _settle(self) -> None:
        self.books.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def lives(self, count: int) -> float:
        """CPU microseconds of one."""
        began = time.process_time()
        for _ in range(count // TOGETHER):
            self._ten()
        used = (time.process_time() - began) * 1e6 / (count // TOGETHER * TOGETHER)
        self._settle()
        return used

    def _ten(self) -> None:
        lives = [self._fresh() for _ in range(TOGETHER)]
        for step in (self._asked, self._issued, self._served, self._paid):
            self.books.execute("BEGIN IMMEDIATE")
            for one in lives:
                step(*one)
            self.books.execute("COMMIT")

    def _fresh(self) -> tuple[str, str, int]:
        self._number += 1
        return new_id("pay"), new_id("opn"), self._number

    def _asked(self, payment: str, operation: str, number: int) -> None:
        now = time.time_ns() // 1000
        amount = random.randrange(1, 50_000) * 100
        fresh = {"id": payment, "decision_id": None, "status": "REQUESTED", "settlement": "none", "code": None}
        fresh |= {"amount": amount, "paid_amount": None, "paid_at": None, "due_on": None, "due_look_on": None}
        fresh |= {"token_index": os.urandom(32), "in_doubt_since_at": None, "created_at": now, "updated_at": now}
        self._insert("payment", self._payment | fresh)
        called = {"id": operation, "subject": payment, "reference": f"P{os.getpid():x}{number:012}", "code": None}
        called |= {"state": "sending", "lease_until_at": now, "doubt_since_at": None, "pending_since_at": None}
        self._insert("operation", self._operation | called | {"created_at": now, "updated_at": now, "due_at": now})

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        self.books.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", list(row.values()))

    def _issued(self, payment: str, operation: str, number: int) -> None:
        self.books.execute("UPDATE operation SET state = 'done', lease_until_at = NULL WHERE id = ?", (operation,))
        code = f"7{os.getpid():07}{number:012}"
        self.books.execute("UPDATE payment SET status = 'ISSUED', code = ? WHERE id = ?", (code, payment))

    def _served(self, payment: str, _operation: str, _number: int) -> None:
        served = "UPDATE payment SET due_on = '2026-12-15', due_look_on = '2026-12-12' WHERE id = ?"
        self.books.execute(served, (payment,))

    def _paid(self, payment: str, _operation: str, _number: int) -> None:
        paid = "status = 'PAID', settlement = 'pending', paid_amount = amount, paid_at = updated_at, due_look_on = NULL"
        self.books.execute(f"UPDATE payment SET {paid} WHERE id = ?", (payment,))


def played(store: Path, figures: Figures, rounds: int, each: int) -> None:
    """Statements alone: what a life takes with all indexes, and how much of it is each one's."""
    file = Played(store)
    variants = {name: (names, "") for name, names in SINGLY.items()} | BEFORE
    taken: dict[str, list[float]] = {name: [] for name in variants}
    base = []
    file.lives(each)
    for _ in range(rounds):
        for name, (names, instead) in variants.items():
            one = [file.lives(each)]
            with file.without(names, instead):
                other = file.lives(each)
            one.append(file.lives(each))
            base += one
            taken[name].append(statistics.mean(one) - other)
    figures.add("statements of a life on SQLite alone: CPU microseconds", base)
    for name, values in taken.items():
        figures.add(f"of it {name}", values)


async def main(folder: Path, store: Path | None, rounds: int, each: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    figures = Figures("indexes")
    if store is not None:
        shutil.copyfile(store, folder / "played.db")
        played(folder / "played.db", figures, rounds, each * 10)
        (folder / "played.db").unlink()
    await whole(folder, figures, rounds, each)
    figures.finish()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="fewer rounds")
    arguments.add_argument("--store", type=Path, help="a full store of bench_lists.py, for the statements alone")
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made), told.store, *((2, 32) if told.quick else (8, 64))))
