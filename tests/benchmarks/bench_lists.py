"""Each list of the console over a full store: ``python tests/benchmarks/bench_lists.py [--rows N] [--postgresql]``.

One life with something on every screen (``a_full_house`` of the journeys) is copied, 100,000 times unless said, spread
over a year. Each list is then asked at the server, as its screen asks: whole, by each of its filters, and for a page
further on; so is what waits on 今日待办. The goal is 100 ms for each, what Python does with the rows included.
``--slow`` prints the statements of what took longer, and how the database ran them.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import structlog
import uvloop
from copying import ID, SLOT, Copier, Span
from measuring import Figures
from sqlalchemy import event
from sqlalchemy.pool import Pool

from gateway.app import App
from gateway.faces.console.today import TODAY, today
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.screens import Look, Screen, Wanted
from gateway.foundation.store import copying, schema
from gateway.foundation.store.engine import open_engine
from gateway.words.errors import Problem
from simulators.testing import Simulation

sys.path.insert(0, str(Path(__file__).parent.parent))
import databases

ROWS, TIMES, GOAL = 100_000, 3, 100
UNSEEN = ("exchange", "event_", "idempotency", "kept_")
"""Tables beginning so are on no list: they stay as they are."""


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


async def filled(site: Any, path: Path, rows: int) -> str:
    """Fill the store with so many copies of one life; the password of a supervisor."""
    stories = journey("test_console")
    async with site.running():
        await site.travel("2026-10-12 09:00")
        await site.app.base.access.create_operator("lin", "林溪", "supervisor", stories.PASSWORD)
        copier = Copier(path)
        since = copier.counts()
        await stories.a_full_house(site)
        (payment, *_) = [one for one in (await site.get("/v1/payments"))["items"] if one["status"] == "PAID"]
    copier.tables = [one for one in copier.tables if not one.startswith(UNSEEN)]
    copier.learn(since, payment)
    began = time.monotonic()
    copier.fill(Span(rows, day=-360, days=360))
    copier.close()
    make_readable(copier, rows)
    print(f"{rows:,} lives copied in {time.monotonic() - began:.0f} s")
    return str(stories.PASSWORD)


def make_readable(copier: Copier, rows: int) -> None:
    """Have what is sealed for the one life open for its copies too: their ids tell whose copies they are."""
    models, opened = {place: one for one, place in copier.places.items()}, Envelope.open

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


async def measured(app: App, password: str, figures: Figures, slow: Callable[[], str] | None, engine: str) -> None:
    """Ask each list in each way; one figure a screen, that of its slowest question."""
    _, visit = await app.base.people.sign_in("lin", password, "", "")
    look = Look(visit.who, app.base, app.services)
    for screen in {TODAY: today(app), **app.screens}.values():
        times: dict[str, float] = {}
        if screen.lists is None:
            assert screen.page is not None
            times["page"] = await timed(partial(screen.page, look), slow)
        else:
            async for what, wanted, cursor in asked(screen, look):
                narrowed = replace(look, asked=wanted)
                times[what] = await timed(partial(screen.lists.find, narrowed, Wanted(cursor)), slow)
        worst = max(times, key=lambda one: times[one])
        figures.add(f"{engine}, {screen.name}: {len(times)} ways, slowest {worst}", [times[worst]], f"<= {GOAL}")
        for what, took in times.items():
            if took > GOAL:
                print(f"    {what}: {took:.0f} ms")


async def timed(ask: Callable[[], Any], slow: Callable[[], str] | None) -> float:
    """Milliseconds, the median of several; a filter may refuse a value, which takes no time."""
    took = []
    for _ in range(TIMES):
        if slow is not None:
            statements.clear()
        began = time.perf_counter()
        with suppress(Problem):
            await ask()
        took.append((time.perf_counter() - began) * 1000)
    if slow is not None and statistics.median(took) > GOAL:
        print(slow())
    return statistics.median(took)


async def main(folder: Path, rows: int, postgresql: bool, slow: bool) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    figures, simulators, path = Figures("lists"), Simulation(folder), folder / "gateway.db"
    engine = open_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    with ExitStack() as stack:
        simulators.start()
        stack.callback(simulators.stop)
        site = stack.enter_context(journey("conftest").installed(folder, simulators, f"sqlite:///{path}"))
        password = await filled(site, path, rows)
        told = partial(statements.explained, path) if slow else None
        async with App.open(site.settings, clock=site.clock) as app:
            await measured(app, password, figures, told, "SQLite")
        if postgresql:
            server = databases.OwnServer("bench")
            stack.callback(server.end)
            copying.copy(f"sqlite:///{path}", server.url)
            with psycopg.connect(f"host={server.server.folder} user=postgres dbname=bench", autocommit=True) as books:
                books.execute("VACUUM ANALYZE")
            url = {"store": site.settings.store.model_copy(update={"url": server.url, "may_forget": True})}
            async with App.open(site.settings.model_copy(update=url), clock=site.clock) as app:
                await measured(app, password, figures, None, "PostgreSQL")
    figures.finish()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rows", type=int, default=ROWS)
    arguments.add_argument("--postgresql", action="store_true", help="the same rows there as well")
    arguments.add_argument("--slow", action="store_true", help="statements that take long, with their plans (SQLite)")
    arguments.add_argument("--folder", type=Path, help="keep what was made there")
    told = arguments.parse_args()
    statements = Statements()
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(told.folder or Path(made), told.rows, told.postgresql, told.slow))
