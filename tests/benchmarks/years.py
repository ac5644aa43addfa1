"""Ten years of a city: ``python tests/benchmarks/years.py [--scale 10] [--years 10]``, or ``make years``.

670,000 penalties a year, one in ``--scale`` of them. Each year is loaded as copies of one payment that the gateway took
through its whole life, settled by a statement (``copying``), spread over the year's days, in an evidence chain that
holds. Then it is the last night of that year: what has aged goes to the archive, the last day is reconciled by a file
of the platform, the evidence of that day is verified, and payments are issued and read over HTTP. At the end stands of
every table whether its size became flat, and of one that grows for good by which rule its rows stay.

Not in it: what nobody pays, refunds, disclosures, seals. Of a receipt's document only the beginning is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import structlog
import uvloop
from copying import CODE, LONG, SLOT, CaseSystem, Copier, Span
from later import leap
from load import Load
from measuring import RESULTS
from sides import HERE, Gateway, numbers

from gateway.app import App
from gateway.demo import story
from gateway.foundation.crypto.envelope import Envelope, installed_keys
from gateway.foundation.crypto.keys import EVIDENCE_KEY
from gateway.foundation.evidence import records, verify
from gateway.foundation.evidence.chain import (
    ANSWERED,
    FIELDS,
    GENESIS,
    body_mac,
    chain_value,
    pack,
    record_key,
    unpack,
)
from gateway.foundation.evidence.compression import compressed
from gateway.foundation.evidence.heads import HeadsWriter
from gateway.foundation.evidence.records import Dictionaries
from gateway.foundation.store.size import size_of
from gateway.foundation.terms import Term
from gateway.ports.base import RawExchange
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.service import Reconciliation, StatementFile
from gateway.rooms.retention.service import Retention
from gateway.settings import load
from gateway.words.clock import SHANGHAI, SystemClock, day_of, from_micros, start_of, to_micros
from gateway.words.saying import Language, worded
from simulators.testing import Simulation

CITY, DAYS = 670_000, 365
GAP = 10_000
"""Numbers of copies left out between two loads, for what the gateway makes meanwhile."""
REQUESTS, READABLE, PAGE = 120, 200, 1000
TAKEN = (200, 201, 202)
"""Of a machine that has much else to do a platform's answer may come too late: 202, after three seconds."""
FIRST_FLAT, STEADY = 3, 1.3
"""From this year on what ages leaves as fast as it comes; what is flat grows by no more than so much until the end."""
CHANNEL = "nontax"
FILE = Profile(
    header=False,
    columns={"code": 1, "bank_serial": 2, "amount": 3, "paid_at": 4, "unit_code": 5},
    amount="fen",
    totals={"mark": "TOTAL", "count": 2, "amount": 3},
)
LARGE = 0.005
"""A table is told of if it has so much of the store."""


@dataclass
class Year:
    """What a year's end shows. Sizes in MB of the database in use; a night's work in seconds of one day's payments.

    ``kb_a_payment``: of what stays for good, the empty tables apart. ``tables``: MB of each, its indexes included.
    """

    year: int
    payments: int
    store_mb: float
    ageing_mb: float
    archive_mb: float
    kb_a_payment: float
    issue_p50_ms: float
    issue_p99_ms: float
    read_p50_ms: float
    read_p99_ms: float
    reconcile_s: float
    evidence_s: float
    night_s: float
    archived: int
    aged_s: float
    load_s: float
    tables: dict[str, float]


COLUMNS = {
    "year": "year",
    "payments": "payments kept",
    "store_mb": "store MB",
    "ageing_mb": "of it what ages MB",
    "archive_mb": "archive MB",
    "kb_a_payment": "KB a payment",
    "issue_p50_ms": "issue p50 ms",
    "issue_p99_ms": "p99",
    "read_p50_ms": "read p50 ms",
    "read_p99_ms": "p99",
    "reconcile_s": "a day reconciled s",
    "evidence_s": "a day's evidence s",
    "night_s": "retention, a night s",
    "archived": "rows archived in the year",
    "aged_s": "in s",
    "load_s": "load s",
}
WANTED_FLAT = (
    *("ageing_mb", "kb_a_payment", "issue_p50_ms", "issue_p99_ms", "read_p50_ms", "read_p99_ms"),
    *("reconcile_s", "evidence_s", "night_s"),
)


class Chain:
    """Makes the copied exchanges a chain of their own that holds, with exact bytes that open and signed heads."""

    node = "copied"

    def __init__(self, gateway: Gateway, places: dict[str, int]) -> None:
        settings = load(gateway.settings)
        with closing(sqlite3.connect(gateway.folder / "gateway.sqlite")) as books:
            (sealed,) = books.execute("SELECT token_sealed FROM payment LIMIT 1").fetchone()
        keys = installed_keys(settings.keys.directory, bytes(sealed))
        self.envelope, self._key = Envelope(keys), keys.secret(EVIDENCE_KEY)
        settings.evidence.heads.mkdir(mode=0o700, exist_ok=True)
        self._heads = HeadsWriter(settings.evidence.heads, self.node, keys)
        self._seq, self._chain = 0, GENESIS
        self._places, self._exact = places, dict[int, tuple[bytes, bytes]]()

    async def learn(self, app: App) -> None:
        """Take the exact bytes of the payment that is copied; of long ones the beginning."""
        for one, place in self._places.items():
            if one.startswith("xch_"):
                kept = await app.base.store.read(lambda conn, one=one: records.kept(conn, one))
                container = await app.base.store.read(
                    lambda conn, kept=kept: kept.container(self.envelope, Dictionaries(conn))
                )
                small = self.envelope.open(bytes(kept.exact_sealed), records._exact_of(one))
                if len(small) > LONG:
                    container = _cut(container)
                    small = compressed(container, None)
                self._exact[place] = container, small

    def link(self, books: sqlite3.Connection) -> int:
        """Link the copies made since the last time; how many exchanges those were."""
        begun, columns = self._seq, ", ".join(FIELDS)
        query = f"SELECT {columns} FROM exchange WHERE node = ? AND seq > ? ORDER BY seq LIMIT {PAGE}"
        last, signed = self._seq, b""
        while rows := [dict(row) for row in books.execute(query, (self.node, last))]:
            last, chains, links, bodies = rows[-1]["seq"], [], [], []
            for row in rows:
                self._seq += 1
                row["seq"] = self._seq
                container, small = self._exact[int(row["id"][-20:], 16) % SLOT]
                key = record_key(self._key, row["id"])
                mac = body_mac(key, container)
                self._chain = chain_value(key, self._chain, row, mac)
                chains.append(self._chain)
                links.append((self._seq, mac, self._chain, row["id"]))
                bodies.append((records.sealed_exact(self.envelope, row["id"], small), row["id"]))
            books.executemany("UPDATE exchange SET seq = ?, body_mac = ?, chain = ? WHERE id = ?", links)
            books.executemany("UPDATE exchange_body SET exact_sealed = ? WHERE exchange_id = ?", bodies)
            signed = self._heads.append(chains, SystemClock().now())
        head = (self.node, self._seq, self._chain, signed, to_micros(SystemClock().now()))
        books.execute("INSERT OR REPLACE INTO chain_head VALUES (?, ?, ?, ?, ?)", head)
        books.commit()
        return self._seq - begun


def _cut(container: bytes) -> bytes:
    """Exact bytes with the beginning of a long answer."""
    exact = unpack(container)
    return pack(
        RawExchange(
            channel=CHANNEL,
            direction="out",
            action="",
            method=exact.method,
            url=exact.url,
            request_headers=exact.request_headers,
            request_body=exact.request_body[:200],
            status=exact.status,
            response_headers=exact.response_headers,
            response_body=exact.response_body[:200],
            outcome=ANSWERED,
            started_at=0,
            ended_at=0,
            sensitive=exact.sensitive,
        )
    )


class City:
    """The gateway of the simulation, with one payment to copy."""

    def __init__(self, folder: Path, simulators: Simulation, scale: int, requests: int) -> None:
        self.folder, self.simulators, self.requests = folder, simulators, requests
        self.gateway = Gateway(folder / "city", simulators.ready["systems"])
        self.path = self.gateway.folder / "gateway.sqlite"
        self.a_year = max(CITY // scale, 2)
        self.a_day = max(round(self.a_year / DAYS), 1)
        self.ids: list[str] = []
        self._day = 0

    def leap(self, day: int) -> None:
        """It is so many days later than the model's day, here and on the platform; a gateway started next follows."""
        leap(day)
        self.gateway.start = [str(HERE / "later.py"), str(day)]
        if day > self._day:
            self.simulators.clock(advance_seconds=(day - self._day) * 86_400)
        self._day = day

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[App]:
        """The gateway in this process, delivering nothing."""
        async with App.open(load(self.gateway.settings)) as app:
            yield app
            await app.base.evidence.sign_head()

    async def begin(self) -> None:
        """Take one payment through its whole life, the statement that settles it included, and learn its rows."""
        self.leap(0)
        await self.gateway.begin()
        life = CaseSystem(self.gateway, self.simulators)
        await life.begin()
        await life.live(1)  # what only the first one brings
        copier = Copier(self.path)
        since = copier.counts()
        copier.books.close()
        (self.model,) = await life.live(1)
        await self.gateway.end()
        today = day_of(SystemClock().now())
        async with self.opened() as app:
            await self.reconcile(app, today, self.model["code"])
        await self.tell()
        copier = Copier(self.path)
        copier.learn(since, self.model)
        self.statements, self.places = copier.statements, copier.places
        self.rows = len(copier.statements)
        copier.books.close()
        self.chain = Chain(self.gateway, copier.places)
        async with self.opened() as app:
            self.terms = {table.name: term for term in app.get(Retention).terms for table in term.tables}
            self._empty = sum(self.staying(self.sizes()).values())
            await self.chain.learn(app)

    async def tell(self) -> None:
        """Deliver the webhooks of what was settled: events stay while an older one is still to be told.

        Where no requests are measured, they are as if they had been: a gateway costs more than all else here.
        """
        if not self.requests:
            self._ask("UPDATE webhook_delivery SET state = 'delivered', delivered_at = due_at WHERE state = 'queued'")
            return
        await self.gateway.begin()
        while self._ask("SELECT count(*) FROM webhook_delivery WHERE state = 'queued'"):
            await asyncio.sleep(0.2)
        await self.gateway.end()

    def fill(self, span: Span, *, settled: bool) -> None:
        """Add copies with their evidence; some of them can be read. ``settled``: by the statement of their day."""
        copier = Copier(self.path)
        copier.statements, copier.places = self.statements, self.places
        copier.fill(span)
        if not settled:
            day = (str(day_of(SystemClock().now() - timedelta(days=1))),)
            mine = "(SELECT id FROM statement WHERE day_on = ?)"
            copier.books.execute(f"DELETE FROM statement_line WHERE statement_id IN {mine}", day)
            for table in ("reconciliation_run", "statement"):
                copier.books.execute(f"DELETE FROM {table} WHERE day_on = ?", day)
            codes = (f"{CODE}{span.base:09}", f"{CODE}{span.base + span.count - 1:09}")
            copier.books.execute("UPDATE payment SET settlement = 'pending' WHERE code BETWEEN ? AND ?", codes)
        self.chain.link(copier.books)
        some = random.sample(range(span.base, span.base + span.count), min(READABLE, span.count))
        self.ids += copier.make_readable(self.chain.envelope, self.model["id"], some)
        copier.close()

    async def reconcile(self, app: App, day: date, code: str = "%") -> float:
        """Reconcile a day by the file that the platform would have given; in seconds. Everything must match."""
        begins, ends = (to_micros(start_of(one)) for one in (day, day + timedelta(days=1)))
        lines = await app.base.store.read(
            lambda conn: conn.exec_driver_sql(
                "SELECT code, bank_serial, amount, paid_at FROM collection"
                " WHERE paid_at >= ? AND paid_at < ? AND code LIKE ?",
                (begins, ends, code),
            ).all()
        )
        assert lines, f"nothing was paid on {day}"
        file = self.folder / "statement.txt"
        with file.open("w", encoding="utf-8") as out:
            for one, serial, amount, at in lines:
                paid_at = f"{from_micros(at).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
                out.write(f"{one},{serial},{amount},{paid_at},{story.UNIT_CODE}\n")
            out.write(f"TOTAL,{len(lines)},{sum(line[2] for line in lines)}\n")
        began = time.perf_counter()
        run = await app.get(Reconciliation).run_file(CHANNEL, day, StatementFile(file, FILE), by="years")
        took = time.perf_counter() - began
        assert (run.matched, run.breaks) == (len(lines), 0), run
        return took

    async def year(self, year: int) -> Year:
        """Load a year, and measure its last night."""
        base = year * GAP + (year - 1) * self.a_year
        last = DAYS * year
        began = time.perf_counter()
        self.leap(last)
        but_one = self.a_year - self.a_day
        self.fill(Span(but_one, base, last - DAYS + 1, DAYS - 1), settled=True)
        load_s = time.perf_counter() - began
        async with self.opened() as app:
            began = time.perf_counter()
            retention = app.get(Retention)
            archived = sum(done.written for done in await retention.run(again=True))
            await retention.nightly(datetime(2026, 1, 2, tzinfo=UTC))  # gives back what is free now
            aged_s = time.perf_counter() - began
            await check_evidence(app)
        self.leap(last + 1)
        self.fill(Span(self.a_day, base + but_one, last, 1), settled=False)
        async with self.opened() as app:
            evidence_s = await check_evidence(app)
            reconcile_s = await self.reconcile(app, day_of(SystemClock().now() - timedelta(days=1)))
            began = time.perf_counter()
            await app.get(Retention).nightly(datetime(2026, 1, 2, tzinfo=UTC))
            night_s = time.perf_counter() - began
            size = await app.base.store.read(size_of)
        await self.tell()
        issued = read = [0.0, 0.0]
        if self.requests:
            with self.put_back():
                issued, read = await self.times()
        kept = self._ask("SELECT count(*) FROM payment")
        sizes = self.sizes()
        staying = sum(self.staying(sizes).values())
        return Year(
            year=year,
            payments=kept,
            store_mb=(size.all - size.free) / 1e6,
            ageing_mb=(sum(sizes.values()) - staying) / 1e6,
            archive_mb=sum(one.stat().st_size for one in (self.gateway.folder / "archive").rglob("*.*")) / 1e6,
            kb_a_payment=(staying - self._empty) / kept / 1e3,
            issue_p50_ms=statistics.median(issued),
            issue_p99_ms=statistics.quantiles(issued, n=100)[98],
            read_p50_ms=statistics.median(read),
            read_p99_ms=statistics.quantiles(read, n=100)[98],
            reconcile_s=reconcile_s,
            evidence_s=evidence_s,
            night_s=night_s,
            archived=archived,
            aged_s=aged_s,
            load_s=load_s,
            tables={name: of / 1e6 for name, of in sorted(sizes.items())},
        )

    async def times(self) -> tuple[list[float], list[float]]:
        """Milliseconds of issuing and of reading, one at a time, after some that warm what is cold."""
        await self.gateway.begin()
        each, warm = self.requests, self.requests // 10
        messages = await self.gateway.prepare(numbers(each + warm))
        reads = [self.gateway.request("GET", f"/v1/payments/{one}") for one in random.choices(self.ids, k=each)]
        async with Load(self.gateway.port, 1) as line:
            issued = (await line.send(messages, TAKEN))[warm:]
            await line.send(reads[:warm])
            read = await line.send(reads)
        await self.gateway.end()
        return [one.seconds * 1000 for one in issued], [one.seconds * 1000 for one in read]

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """What is issued to measure, nobody ever pays: afterwards store and heads are as they were before."""
        heads = load(self.gateway.settings).evidence.heads
        self._ask("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy2(self.path, self.folder / "store")
        shutil.copytree(heads, self.folder / "heads")
        yield
        for beside in ("-wal", "-shm"):
            self.path.with_name(self.path.name + beside).unlink(missing_ok=True)
        os.replace(self.folder / "store", self.path)
        shutil.rmtree(heads)
        (self.folder / "heads").rename(heads)

    async def whole(self) -> tuple[float, int]:
        """Seconds of verifying all the evidence, and how many records that are."""
        async with self.opened() as app:
            began = time.perf_counter()
            report = await app.base.store.read(partial(verify, verifier=app.base.evidence.verifier()))
            assert report.ok, report.first_problem
            return time.perf_counter() - began, report.exchanges

    def sizes(self) -> dict[str, int]:
        """Bytes of each table's pages and of those of its indexes."""
        query = "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s USING (name) WHERE d.aggregate = 1"
        with closing(sqlite3.connect(self.path)) as books:
            return dict(books.execute(f"{query} GROUP BY s.tbl_name"))

    def staying(self, sizes: dict[str, int]) -> dict[str, int]:
        """Those of them whose rows have no term."""
        return {name: of for name, of in sizes.items() if name not in self.terms or self.terms[name].days is None}

    def _ask(self, query: str, *values: Any) -> int:
        with closing(sqlite3.connect(self.path)) as books:
            found = books.execute(query, values).fetchone()
            books.commit()
            return int(found[0]) if found else 0


async def check_evidence(app: App) -> float:
    """The nightly check of what came since the last checkpoint; in seconds."""
    (check,) = [duty for _, room in app.rooms for duty in room.comes_round if duty.name == "evidence check"]
    began = time.perf_counter()
    await check.do(SystemClock().now())
    took = time.perf_counter() - began
    (evidence,) = [alive for room, alive in app.rooms if room.name == "evidence"]
    notes = await evidence.notes() if evidence.notes else ()
    assert not notes, notes
    return took


def thirds(years: list[Year]) -> tuple[list[Year], list[Year]]:
    """The last third of the years, and as many from the third one on; nothing of too few."""
    some = max((len(years) - FIRST_FLAT + 1) // 3, 1)
    return (years[FIRST_FLAT - 1 :][:some], years[-some:]) if len(years) >= FIRST_FLAT + some else ([], [])


def verdicts(years: list[Year]) -> Iterator[str]:
    """Of each figure whether it is flat: the mean of the last third of the years to that of as many from the third."""
    early, late = thirds(years)
    for name in WANTED_FLAT if early else ():
        first, last = (statistics.mean(getattr(one, name) for one in part) for part in (early, late))
        if not first:
            continue  # it was not measured
        ratio = last / first
        yield f"{name:<16} {'flat' if ratio <= STEADY else 'GROWS'}: {first:.3f} -> {last:.3f}, x{ratio:.2f}"


def by_table(years: list[Year], terms: Mapping[str, Term]) -> Iterator[str]:
    """Of each large table its size early and late, whether it is flat, and how long its rows stay by which rule.

    A payment's share is what the table grew by from the first year to the last.
    """
    first, last = years[0], years[-1]
    early, late = thirds(years)
    yield "| table | MB, first year | MB, last year | | bytes a payment | days | rule |"
    yield "|---|---:|---:|---|---:|---:|---|"
    for name, size in sorted(last.tables.items(), key=itemgetter(1), reverse=True):
        if size < LARGE * last.store_mb:
            continue
        was, now = (statistics.mean(one.tables[name] for one in part or [last]) for part in (early, late))
        flat, term = now <= was * STEADY, terms.get(name)
        share = (size - first.tables.get(name, 0.0)) * 1e6 / max(last.payments - first.payments, 1)
        told = ("" if not early else "flat" if flat else "grows", "" if flat and early else f"{share:,.0f}")
        days, why = ("", "") if term is None else (term.days or "for good", worded(term.why, Language.ENGLISH))
        yield f"| `{name}` | {first.tables.get(name, 0.0):.2f} | {size:.2f} | {told[0]} | {told[1]} | {days} | {why} |"


def line(year: Year) -> str:
    """A row of the table."""
    values = (getattr(year, name) for name in COLUMNS)
    cells = (f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" for value in values)
    return f"| {' | '.join(cells)} |"


async def main(folder: Path, scale: int, number: int, requests: int, report: Path | None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began, simulators = time.monotonic(), Simulation(folder)
    await asyncio.to_thread(simulators.start)
    try:
        city = City(folder, simulators, scale, requests)
        await city.begin()
        print(f"1:{scale}, {city.a_year:,} payments a year, {city.a_day:,} a day, {city.rows} rows each")
        print(f"| {' | '.join(COLUMNS.values())} |\n|{'---:|' * len(COLUMNS)}")
        years = []
        for one in range(1, number + 1):
            years.append(await city.year(one))
            print(line(years[-1]), flush=True)
        seconds, exchanges = await city.whole()
    finally:
        await asyncio.to_thread(simulators.stop)
    print(f"the whole evidence, {exchanges:,} records, verified by one process in {seconds:.1f} s")
    print(*verdicts(years), sep="\n")
    print(*by_table(years, city.terms), sep="\n")
    load_now, took = os.getloadavg()[0], time.monotonic() - began
    print(f"{os.cpu_count()} cores, load average {load_now:.1f} at the end, {took:.0f} s")
    told = {"scale": scale, "load": load_now, "seconds": took, "whole_evidence_s": seconds, "exchanges": exchanges}
    RESULTS.mkdir(exist_ok=True)
    file = report or RESULTS / f"years@{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_text(json.dumps({**told, "years": [asdict(one) for one in years]}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--scale", type=int, default=10, help="one payment for so many of the city's")
    arguments.add_argument("--years", type=int, default=10)
    arguments.add_argument("--json", type=Path, help="where the figures go as JSON")
    arguments.add_argument("--requests", type=int, default=REQUESTS, help="so many are issued and read a year, or none")
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made), told.scale, told.years, told.requests, told.json))
