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
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import structlog
import uvloop
from load import Load
from measuring import Figures
from sides import Gateway, Systems, numbers

from gateway.demo import story
from gateway.foundation.crypto.envelope import Envelope, installed_keys
from gateway.settings import load
from gateway.words.spelling import number_key
from simulators.testing import Simulation

sys.path.insert(0, str(Path(__file__).parent.parent))
import databases

FEW, MANY, STEP, SLOT, LONG = 5_000, 1_000_000, 100_000, 64, 6_000
ROUNDS, EACH, WEIGHED = 4, 120, 100
WORK = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)"
ID = re.compile(r"[a-z]+_[0-9a-f]{32}")
LEFT_OUT = {"alembic_version", "sqlite_sequence"}


class CaseSystem:
    """Receives webhooks, and takes a payment through its whole life."""

    def __init__(self, gateway: Gateway, simulators: Simulation) -> None:
        self.gateway, self.simulators = gateway, simulators
        self.received = 0

    async def begin(self) -> None:
        """Listen, and say so to the gateway; let the platform call back."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        body = {"authority": story.AUTHORITY, "url": f"http://127.0.0.1:{port}/"}
        headers = {"Idempotency-Key": "bench-endpoint"}
        await self.gateway.ask(self.gateway.request("POST", "/v1/webhook-endpoints", body, **headers))
        url = f"http://127.0.0.1:{self.gateway.port}/callbacks/nontax"
        await asyncio.to_thread(self.simulators.callbacks_to, "nontax", url)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: *(\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
                self.received += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def live(self, count: int) -> list[dict[str, Any]]:
        """So many payments: issued, paid, receipted, and told of."""
        wanted, before = numbers(count), self.received
        issued = await self.gateway.ask(*await self.gateway.prepare(wanted))
        for one in issued:
            await self.simulators.aask("POST", "/nontax/pay", {"code": one["code"]})
        for one in issued:
            while (await self.gateway.ask(self._payment(one)))[0]["status"] != "PAID":
                await asyncio.sleep(0.05)
            headers = {"Idempotency-Key": f"bench-receipt-{one['id']}"}
            path = f"/v1/payments/{one['id']}/receipt"
            await self.gateway.ask(self.gateway.request("POST", path, {}, **headers), expected=(200, 201, 202))
        last = -1
        while self.received - before < count or self.received != last:  # until no more of them come
            last = self.received
            await asyncio.sleep(1)
        return issued

    def _payment(self, payment: dict[str, Any]) -> bytes:
        return self.gateway.request("GET", f"/v1/payments/{payment['id']}")


class Copier:
    """Copies the rows that one payment's life added, as often as wanted."""

    def __init__(self, path: Path) -> None:
        self.books = sqlite3.connect(path)
        self.books.row_factory = sqlite3.Row
        self.tables = [
            name
            for (name,) in self.books.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in LEFT_OUT
        ]

    def counts(self) -> dict[str, int]:
        """The last row of each table."""
        return {
            table: self.books.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0]
            for table in self.tables
        }

    def fill(self, since: dict[str, int], payment: dict[str, Any], count: int) -> None:
        """Add ``count`` payments like the one whose rows were added ``since``."""
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "locking_mode=EXCLUSIVE"):
            self.books.execute(f"PRAGMA {pragma}")
        rows = [
            (table, dict(row))
            for table in self.tables
            for row in self.books.execute(f"SELECT * FROM {table} WHERE rowid > {since[table]} ORDER BY rowid")
        ]
        words = self._words(rows, payment)
        statements = [self._statement(table, row, words) for table, row in rows]
        for first in range(1, count + 1, STEP):
            last = min(first + STEP, count + 1)
            for statement, values in statements:
                self.books.execute(statement, {**values, "first": first, "last": last})
            self.books.commit()
            print(f"\r{last - 1:>10,} payments", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)

    @staticmethod
    def _words(rows: list[tuple[str, dict[str, Any]]], payment: dict[str, Any]) -> dict[str, str]:
        """The payment's own words, each with the SQL of the ``i``-th copy's: as long, and as far apart in time."""
        ids, references = set(), set()
        for _, row in rows:
            ids |= {one for value in row.values() if isinstance(value, str) for one in ID.findall(value)}
            references |= {row[name] for name in ("reference", "nonce", "bank_serial", "key") if row.get(name)}
        ids -= {row["endpoint_id"] for _, row in rows if "endpoint_id" in row}
        ids -= {row["client_id"] for _, row in rows if "client_id" in row}
        words = {payment["code"]: "'99010225309' || printf('%09d', n.i)"}
        words[payment["decision_number"]] = "'批量〔2025〕第' || n.i || '号'"
        words[number_key(payment["decision_number"])] = "'批量(2025)第' || n.i || '号'"
        for place, one in enumerate(sorted(ids)):
            words[one] = f"'{one.partition('_')[0]}_' || printf('%032x', n.i * {SLOT} + {place})"
        for place, one in enumerate(sorted(references - set(words))):
            words[one] = f"printf('B%02d%0{max(len(one) - 3, 10)}d', {place}, n.i)"
        return words

    def _statement(self, table: str, row: dict[str, Any], words: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """The SQL that copies a row, and the values that stay."""
        values: dict[str, Any] = {}
        columns = {}
        for name, value in row.items():
            if table == "event" and name == "seq":
                continue
            text = f":{name}"
            if name == "node" and table == "exchange":
                text = "'copied'"
            elif name == "seq" or name == "event_seq":
                text = f"n.i * {SLOT} + {value % SLOT}"
            elif isinstance(value, str):
                for word, sql in words.items():
                    if value == word:
                        text = sql
                        break
                    if word in value:
                        text = f"replace({text}, '{word}', {sql})"
            columns[name] = text
        for index in self._unique(table):
            if not any("n.i" in columns.get(name, "n.i") or row[name] is None for name in index):
                value = row[index[-1]]
                size = len(value) if isinstance(value, (str, bytes)) else 0
                columns[index[-1]] = (
                    f"printf('%0{size}d', n.i + 1000)" if isinstance(value, str) else f"randomblob({size})"
                )
        for name, text in columns.items():
            if f":{name}" in text:
                value = row[name]
                values[name] = value[:200] if isinstance(value, (str, bytes)) and len(value) > LONG else value
        into = f"INSERT INTO {table} ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in columns)})"
        return f"{into} {WORK} SELECT {', '.join(columns.values())} FROM n", values

    def _unique(self, table: str) -> list[list[str]]:
        """The columns of each index that lets no two rows be the same."""
        indexes = [row["name"] for row in self.books.execute(f"PRAGMA index_list({table})") if row["unique"]]
        return [[row["name"] for row in self.books.execute(f"PRAGMA index_info({name})")] for name in indexes]

    def make_readable(self, envelope: Envelope, model: str, wanted: Iterable[int]) -> list[str]:
        """Ids of copies of the payment ``model`` that can be read: sealed anew for themselves, payers taken away."""
        (copy,) = self.books.execute("SELECT id FROM payment ORDER BY id LIMIT 1").fetchone()
        slot = int(copy.partition("_")[2], 16) % SLOT
        ids = [f"pay_{number * SLOT + slot:032x}" for number in wanted]
        for what in ("token", "bill"):
            (sealed,) = self.books.execute(f"SELECT {what}_sealed FROM payment WHERE id = ?", (model,)).fetchone()
            plain = envelope.open(sealed, f"payment|{what}|{model}")
            changes = [(envelope.seal(plain, f"payment|{what}|{one}"), one) for one in ids]
            self.books.executemany(f"UPDATE payment SET {what}_sealed = ? WHERE id = ?", changes)
        self.books.executemany(
            "UPDATE collection SET payer_sealed = NULL WHERE payment_id = ?", [(one,) for one in ids]
        )
        self.books.commit()
        return ids

    def close(self) -> None:
        """Leave the file as the gateway keeps it."""
        self.books.execute("PRAGMA locking_mode=NORMAL")
        self.books.execute("PRAGMA journal_mode=WAL")
        self.books.close()


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
    copier.fill(since, model, count)
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
