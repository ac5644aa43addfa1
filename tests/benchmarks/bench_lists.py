"""Each list of the console over a full store: ``python tests/benchmarks/bench_lists.py [--rows N] [--postgresql]``.

One life with something on every screen (``a_full_house`` of the journeys) is copied, 100,000 times unless said, spread
over a year. Each list is then asked at the server, as its screen asks: whole, by each of its filters, and for a page
further on; so is what waits on 今日待办. The goal is 100 ms for each, what Python does with the rows included.
Printed is the time and the CPU meanwhile, that of PostgreSQL's server included; on a machine in use trust CPU.
``--slow`` prints the statements of what took longer, and how the database ran them.

``--folder`` keeps what was made there, and takes it again the next time; its indexes are made those of the tables.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import psycopg
import structlog
import uvloop
from copying import ID, SLOT, Copier, Span
from measuring import Figures, cpu_seconds
from sqlalchemy import Boolean, Engine, event, text
from sqlalchemy.pool import Pool
from sqlalchemy.schema import CreateIndex

from gateway.app import App
from gateway.faces.console.today import TODAY, today
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.screens import Look, Screen, Wanted
from gateway.foundation.store import months, schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine, unhurried
from gateway.words.clock import SHANGHAI
from gateway.words.errors import Problem
from simulators.testing import Simulation

sys.path.insert(0, str(Path(__file__).parent.parent))
import databases

ROWS, TIMES, GOAL = 100_000, 3, 100
UNSEEN = ("exchange", "event_", "idempotency", "kept_", "webhook_endpoint")
"""Tables beginning so are on no list, or hold what a city has a dozen of: they stay as they are."""


def journey(name: str) -> ModuleType:
    """A module of the journeys, whose folder is on no path."""
    spec = importlib.util.spec_from_file_location(
        f"journeys_{name}", Path(__file__).parents[1] / "journeys" / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PASSWORD = "a-password-of-lin"
MOMENT = datetime(2026, 10, 12, 10, 30, tzinfo=SHANGHAI)


async def filled(site: Any, path: Path, rows: int) -> None:
    """Fill the store with so many copies of one life."""
    stories = journey("test_console")
    async with site.running():
        await site.travel("2026-10-12 09:00")
        await site.app.base.access.create_operator("lin", "林溪", "supervisor", PASSWORD)
        copier = Copier(path)
        since = copier.counts()
        await stories.a_full_house(site)
        (payment, *_) = [one for one in (await site.get("/v1/payments"))["items"] if one["status"] == "PAID"]
    copier.tables = [one for one in copier.tables if not one.startswith(UNSEEN)]
    copier.learn(since, payment)
    began = time.monotonic()
    copier.fill(Span(rows, day=-360, days=360))
    copier.close()
    print(f"{rows:,} lives copied in {time.monotonic() - began:.0f} s")
    path.with_suffix(".json").write_text(json.dumps({"rows": rows, "places": copier.places}))


def taken_again(path: Path, engine: Engine) -> None:
    """Make the indexes of a store that was kept those of the tables as they are now."""
    engine.dispose()
    with engine.begin() as conn:
        wanted = {one.name: one for table in all_tables().tables.values() for one in table.indexes}
        there = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        known = {one.name: one.sql for one in conn.execute(text(there))}
        made = {name: str(CreateIndex(one).compile(engine)) for name, one in wanted.items()}
        for name in known.keys() - {one for one in made if _same(made[one], known.get(one))}:
            conn.execute(text(f"DROP INDEX {name}"))
        for name in made.keys() - {one for one in made if _same(made[one], known.get(one))}:
            print(f"index {name} made anew")
            wanted[name].create(conn)


def _same(one: str, other: str | None) -> bool:
    return other is not None and re.sub(r"[\s\"]+", "", one).lower() == re.sub(r"[\s\"]+", "", other).lower()


def make_readable(path: Path) -> None:
    """Have what is sealed for the one life open for its copies too: their ids tell whose copies they are."""
    kept = json.loads(path.with_suffix(".json").read_text())
    rows, opened = kept["rows"], Envelope.open
    models = {place: one for one, place in kept["places"].items()}

    def model(found: re.Match[str]) -> str:
        number = int(found[0][-20:], 16)
        return models.get(number % SLOT, found[0]) if number < (rows + 2) * SLOT else found[0]

    def open_copy(self: Envelope, sealed: bytes, context: str) -> bytes:
        return opened(self, sealed, ID.sub(model, context))

    Envelope.open = open_copy  # type: ignore[method-assign]


async def asked(screen: Screen, look: Look) -> AsyncIterator[tuple[str, dict[str, str], str | None]]:
    """What a list is asked for: whole, further on, by each filter that there is. Values are those of its rows."""
    assert screen.lists is not None
    yield "whole", {}, None
    found = await screen.lists.find(look, Wanted())
    if found.next is not None:
        yield "second page", {}, found.next
    for one in screen.lists.filters:
        choices = await one.choices(look) if callable(one.choices) else one.choices
        values = [choice.value for choice in choices] or (
            ["2026-03-01"] if one.kind == "day" else ["88.00", "00000000"]
        )
        for value in values:
            yield f"{one.name}={value}", {one.name: value}, None


class Statements:
    """What SQLite is asked, in full, and how it finds that."""

    def __init__(self) -> None:
        self._told: list[str] = []
        event.listen(Pool, "connect", self._connected)

    def _connected(self, raw: Any, _record: Any) -> None:
        if isinstance(raw, sqlite3.Connection):
            raw.set_trace_callback(self._told.append)

    def clear(self) -> None:
        """Begin anew."""
        self._told.clear()

    def explained(self, path: Path) -> str:
        """Each statement since then that takes longer than a tenth of the goal, with its plan."""
        books, lines = sqlite3.connect(path), []
        for statement in dict.fromkeys(one for one in self._told if one.startswith(("SELECT", "WITH"))):
            began = time.perf_counter()
            books.execute(statement).fetchall()
            took = (time.perf_counter() - began) * 1000
            if took > GOAL / 10:
                plan = books.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                lines += [f"      {took:.0f} ms: {' '.join(statement.split())}", *(f"        {row[3]}" for row in plan)]
        return "\n".join(lines)


def taken_over(path: Path, server: databases.OwnServer) -> None:
    """Bring the rows to PostgreSQL, by COPY and unchecked, but for events: no list reads them."""
    engine, here = open_engine(server.url), sqlite3.connect(path)
    address = f"host={server.server.folder} user=postgres dbname=bench"
    tables = [table for table in all_tables().sorted_tables if table.name != "event"]
    with engine.begin() as conn:
        unhurried(conn)
        for table in tables:
            if months.BY_MONTH in table.info:
                column, _ = table.info[months.BY_MONTH]
                rows = here.execute(f"SELECT {column} FROM {table.name}")
                months.make_for(conn, table, ({column: value} for (value,) in rows))
    with psycopg.connect(address) as there:
        there.execute("SET session_replication_role = replica")
        for table in tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            truths = [place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
            with there.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table.name}".encode())
                with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN".encode()) as into:
                    for row in here.execute(f"SELECT {columns} FROM {table.name}"):
                        values = list(row)
                        for place in truths:
                            values[place] = None if row[place] is None else bool(row[place])
                        into.write_row(values)
    with psycopg.connect(address, autocommit=True) as there:
        there.execute("VACUUM ANALYZE")


@dataclass(frozen=True)
class Took:
    """Milliseconds that a question took, and those of CPU that were used meanwhile: medians of several."""

    wall: float
    cpu: float


@dataclass
class Bench:
    """Asks each list in each way. ``slow`` tells statements of what was slow; ``server`` is a database's process."""

    engine: str
    figures: Figures
    slow: Callable[[], str] | None = None
    server: int | None = None

    async def measure(self, app: App) -> None:
        """Two figures a screen, those of its slowest question."""
        _, visit = await app.base.people.sign_in("lin", PASSWORD, "", "")
        look = Look(visit.who, app.base, app.services)
        for screen in {TODAY: today(app), **app.screens}.values():
            took: dict[str, Took] = {}
            if screen.lists is None:
                assert screen.page is not None
                took["page"] = await self._timed(partial(screen.page, look))
            else:
                async for what, wanted, cursor in asked(screen, look):
                    narrowed = replace(look, asked=wanted)
                    took[what] = await self._timed(partial(screen.lists.find, narrowed, Wanted(cursor)))
            self._tell(screen.name, took)

    def _tell(self, screen: str, took: dict[str, Took]) -> None:
        worst = max(took, key=lambda one: took[one].wall)
        dearest = max(took, key=lambda one: took[one].cpu)
        said = f"{self.engine}, {screen}: {len(took)} ways"
        self.figures.add(f"{said}, slowest {worst}", [took[worst].wall], f"<= {GOAL}")
        self.figures.add(f"{said}, most CPU {dearest}", [took[dearest].cpu], f"<= {GOAL}")
        for what, one in took.items():
            if max(one.wall, one.cpu) > GOAL / 2:
                print(f"    {what}: {one.wall:.0f} ms, CPU {one.cpu:.0f}")

    async def _timed(self, ask: Callable[[], Any]) -> Took:
        """A filter may refuse a value, which takes no time."""
        wall, cpu = [], []
        for _ in range(TIMES):
            if self.slow is not None:
                statements.clear()
            used, began = self._cpu(), time.perf_counter()
            with suppress(Problem):
                await ask()
            wall.append((time.perf_counter() - began) * 1000)
            cpu.append((self._cpu() - used) * 1000)
        took = Took(statistics.median(wall), statistics.median(cpu))
        if self.slow is not None and took.cpu > GOAL / 2:
            print(self.slow())
        return took

    def _cpu(self) -> float:
        """Of this process and of the server, whose helpers may have ended meanwhile."""
        if self.server is None:
            return time.process_time()
        ended = psutil.Process(self.server).cpu_times()
        return time.process_time() + cpu_seconds(self.server) + ended.children_user + ended.children_system


async def main(folder: Path, rows: int, postgresql: bool, slow: bool) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    figures, simulators, path = Figures("lists"), Simulation(folder), folder / "gateway.db"
    engine, again = open_engine(f"sqlite:///{path}"), path.with_suffix(".json").exists()
    if again:
        taken_again(path, engine)
    else:
        schema.upgrade(engine)
    engine.dispose()
    with ExitStack() as stack:
        simulators.start()
        stack.callback(simulators.stop)
        site = stack.enter_context(journey("conftest").installed(folder, simulators, f"sqlite:///{path}"))
        if not again:
            await filled(site, path, rows)
        make_readable(path)
        site.clock.offset = MOMENT - datetime.now(UTC)
        async with App.open(site.settings, clock=site.clock) as app:
            await Bench("SQLite", figures, partial(statements.explained, path) if slow else None).measure(app)
        if postgresql:
            server = databases.OwnServer("bench")
            stack.callback(server.end)
            taken_over(path, server)
            url = {"store": site.settings.store.model_copy(update={"url": server.url, "may_forget": True})}
            async with App.open(site.settings.model_copy(update=url), clock=site.clock) as app:
                await Bench("PostgreSQL", figures, None, server.pid).measure(app)
    figures.finish()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rows", type=int, default=ROWS)
    arguments.add_argument("--postgresql", action="store_true", help="the same rows there as well")
    arguments.add_argument("--slow", action="store_true", help="statements that take long, with their plans (SQLite)")
    arguments.add_argument("--folder", type=Path, help="keep what was made there, and take it again")
    told = arguments.parse_args()
    statements = Statements()
    with tempfile.TemporaryDirectory() as made:
        if told.folder is not None:
            told.folder.mkdir(exist_ok=True)
        uvloop.run(main(told.folder or Path(made), told.rows, told.postgresql, told.slow))
