"""What a full store costs: ``python tests/benchmarks/bench_growth.py [payments]`` (five million unless said otherwise).

p99 of issuing and of reading a payment over HTTP with five million payments in a SQLite store, against the same with
five thousand, in interleaved rounds of one run. The payments come with their decisions, lines, codes, operations,
attempts and events, made by SQL from one that the gateway issued, and count as paid; each 500th has a token of its own,
sealed as the gateway seals it, and these are read. Prints how long the load took and how large the file is.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import structlog
import uvloop
from bench_payments import Gateway, numbers

from gateway.foundation.crypto.envelope import Envelope, installed_keys
from gateway.settings import load
from simulators.testing import Simulation

FEW, MANY, STEP = 5_000, 5_000_000, 250_000
READABLE = 500
ROUNDS, EACH = 4, 120
WORK = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)"
"""The numbers of one step of the load. Ids are made from them: as long as ours and, like ours, in order of time."""


def uid(prefix: str) -> str:
    """SQL for the id of record ``i``, older than any that the gateway makes."""
    return f"'{prefix}_' || printf('%032x', n.i)"


class Loader:
    """Copies one issued payment, with everything that belongs to it, as often as wanted."""

    def __init__(self, path: Path) -> None:
        self.books = sqlite3.connect(path)
        self.books.row_factory = sqlite3.Row
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "locking_mode=EXCLUSIVE"):
            self.books.execute(f"PRAGMA {pragma}")
        self.model = {name: self._rows(name) for name in ("payment", "payment_line", "payment_code", "event")}
        subject = self.model["payment"][0]["id"]
        self.model["decision"] = self._rows("decision")
        self.model["operation"] = self._rows("operation", f"WHERE subject = '{subject}'")
        self.model["attempt"] = self._rows("attempt")
        self.model["event"] = [row for row in self.model["event"] if row["subject"] == subject]

    def _rows(self, table: str, where: str = "") -> list[sqlite3.Row]:
        rows = self.books.execute(f"SELECT * FROM {table} {where}").fetchall()
        assert rows, table
        return rows

    def fill(self, count: int) -> None:
        """Add ``count`` payments."""
        for first in range(1, count + 1, STEP):
            last = min(first + STEP, count + 1)
            self.copy("decision", first, last, id=uid("dec"), number="'批量〔2025〕第' || n.i || '号'")
            code = "'99010225309' || printf('%09d', n.i)"
            self.copy(
                "payment",
                first,
                last,
                id=uid("pay"),
                decision_id=uid("dec"),
                decision_number="'批量〔2025〕第' || n.i || '号'",
                code=code,
                status="'PAID'",
                token_index="randomblob(32)",
            )
            self.copy("payment_line", first, last, payment_id=uid("pay"))
            reference = "'B' || printf('%019d', n.i)"
            paid = {"payment_id": uid("pay"), "reference": reference, "code": code, "state": "'paid'"}
            self.copy("payment_code", first, last, **paid)
            self.copy("operation", first, last, id=uid("opn"), subject=uid("pay"), reference=reference)
            self.copy("attempt", first, last, operation_id=uid("opn"))
            for place, row in enumerate(self.model["event"]):
                self.copy("event", first, last, row, seq="NULL", id=f"{uid('evt')} || '{place}'", subject=uid("pay"))
            print(f"\r{last - 1:>10,} payments", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)

    def copy(self, table: str, first: int, last: int, row: sqlite3.Row | None = None, **other: str) -> None:
        """Rows ``first`` to ``last`` of a table: the model's, but for the columns that ``other`` says in SQL."""
        row = row or self.model[table][0]
        names = list(row.keys())
        columns = [name for name in names if other.get(name) != "NULL"]
        values = {name: row[name] for name in columns if name not in other}
        words = ", ".join(other.get(name, f":{name}") for name in columns)
        statement = f"INSERT INTO {table} ({', '.join(columns)}) {WORK} SELECT {words} FROM n"
        self.books.execute(statement, {**values, "first": first, "last": last})
        self.books.commit()

    def make_readable(self, envelope: Envelope, wanted: Iterable[int]) -> list[str]:
        """Give some payments a token that opens; their ids."""
        ids = [f"pay_{number:032x}" for number in wanted]
        sealed = [(envelope.seal(b"x" * 22, f"payment|token|{one}"), one) for one in ids]
        self.books.executemany("UPDATE payment SET token_sealed = ? WHERE id = ?", sealed)
        self.books.commit()
        return ids

    def close(self) -> None:
        """Leave the file as the gateway keeps it."""
        self.books.execute("PRAGMA locking_mode=NORMAL")
        self.books.execute("PRAGMA journal_mode=WAL")
        self.books.close()


async def filled(folder: Path, simulators: Simulation, count: int) -> tuple[Gateway, list[str], float]:
    """A running gateway whose store holds ``count`` payments; which of them can be read; seconds of the load."""
    gateway = Gateway(folder, simulators.ready["systems"])
    await gateway.begin()
    (number,) = numbers(1)
    await gateway.decide(number)
    await gateway.issue(number)
    await gateway.end()
    settings = load(gateway.settings)
    began = time.monotonic()
    loader = Loader(folder / "gateway.sqlite")
    loader.fill(count)
    took = time.monotonic() - began
    keys = installed_keys(settings.keys.directory, bytes(loader.model["payment"][0]["token_sealed"]))
    ids = loader.make_readable(Envelope(keys), range(1, count + 1, READABLE if count > FEW else 5))
    loader.close()
    await gateway.begin()
    return gateway, ids, took


async def times(gateway: Gateway, ids: list[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of issuing and of reading, one at a time."""
    issued, read = [], []
    for number in numbers(EACH):
        await gateway.decide(number)
        began = time.perf_counter()
        await gateway.issue(number)
        issued.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        answer = await gateway.http.get(f"/v1/payments/{random.choice(ids)}")
        read.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    return issued, read


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


async def main(folder: Path, many: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    simulators = Simulation(folder)
    await asyncio.to_thread(simulators.start)
    running: list[Gateway] = []
    try:
        sides = {}
        for count in (FEW, many):
            gateway, ids, took = await filled(folder / str(count), simulators, count)
            running.append(gateway)
            size = (gateway.folder / "gateway.sqlite").stat().st_size
            print(f"{count:>10,} payments loaded in {took:.0f} s, {size / 1e9:.2f} GB")
            sides[count] = (gateway, ids)
        found: dict[tuple[int, str], list[float]] = {}
        for turn in range(ROUNDS):
            for count in (FEW, many) if turn % 2 else (many, FEW):
                issued, read = await times(*sides[count])
                if turn:  # the first round warms caches
                    found.setdefault((count, "issue"), []).extend(issued)
                    found.setdefault((count, "read"), []).extend(read)
        print(f"{ROUNDS - 1} interleaved rounds of {EACH}, load average {os.getloadavg()[0]:.1f} at the end")
        for what in ("issue", "read"):
            few, full = found[FEW, what], found[many, what]
            words = f"p50 {statistics.median(few):.1f} and {statistics.median(full):.1f} ms"
            ratio = p99(full) / p99(few)
            print(f"{what}: {words}, p99 {p99(few):.1f} and {p99(full):.1f} ms: x{ratio:.2f}, wanted <= 1.5")
    finally:
        for gateway in running:
            await gateway.end()
        await asyncio.to_thread(simulators.stop)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made), int(sys.argv[1]) if sys.argv[1:] else MANY))
