"""Every key changed under load: ``python tests/benchmarks/bench_keys.py [--rows 20000] [--seconds 180]``.

A gateway of its own process holds copies of one payment's rows (``copying``). Payments are issued one after another,
and repeated under their keys; after some time every key is changed, and issuing goes on until each change has ended and
the time is over. Told are the rows moved a second, how long a payment took before and meanwhile, how many requests were
refused, and at the end what is unreadable or lies under an old key.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop
from copying import CaseSystem, Copier, Span
from load import Load, request
from measuring import RESULTS
from sides import Gateway, numbers
from sqlalchemy import select
from years import Chain

from gateway.app import App
from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.evidence import verify
from gateway.foundation.rotation.places import SEALED
from gateway.foundation.store.all_tables import all_tables
from gateway.settings import load
from simulators.testing import Simulation

QUIET_SECONDS, LONGEST_SECONDS = 20.0, 600.0


async def main(folder: Path, rows: int, seconds: float) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    simulators = Simulation(folder)
    await asyncio.to_thread(simulators.start)
    try:
        await measure(Gateway(folder / "gateway", simulators.ready["systems"]), simulators, rows, seconds)
    finally:
        await asyncio.to_thread(simulators.stop)


async def fill(gateway: Gateway, simulators: Simulation, rows: int) -> None:
    """Copies of a payment, until there are so many sealed values; their evidence holds."""
    await gateway.begin()
    life, path = CaseSystem(gateway, simulators), gateway.folder / "gateway.sqlite"
    await life.begin()
    await life.live(1)
    copier = Copier(path)
    since = copier.counts()
    (model,) = await life.live(1)
    await gateway.end()
    copier.learn(since, model)
    chain = Chain(gateway, copier.places)
    async with App.open(load(gateway.settings)) as app:
        await chain.learn(app)
    each = sum(name.endswith(SEALED) for statement, values in copier.statements for name in values)
    span = Span(max(rows // max(each, 1), 1))
    copier.fill(span)
    chain.link(copier.books)
    own_facts(copier, chain.envelope, model["id"])
    own_tokens(copier, chain.envelope, model["id"])
    copier.close()


def own_tokens(copier: Copier, envelope: Envelope, model: str) -> None:
    """Give each copied payment a token of its own: no two have one index."""
    (sealed,) = copier.books.execute("SELECT token_sealed FROM payment WHERE id = ?", (model,)).fetchone()
    copied = copier.books.execute("SELECT id FROM payment WHERE id <> ? AND token_sealed = ?", (model, sealed))
    changes = [
        (envelope.seal(secrets.token_hex(16).encode(), f"payment|token|{one}"), one) for (one,) in copied.fetchall()
    ]
    copier.books.executemany("UPDATE payment SET token_sealed = ? WHERE id = ?", changes)
    copier.books.commit()


def own_facts(copier: Copier, envelope: Envelope, model: str) -> None:
    """Seal the facts of each copied decision for itself: their digest is made again from them."""
    (of,) = copier.books.execute("SELECT decision_id FROM payment WHERE id = ?", (model,)).fetchone()
    for table, key in (("decision", "id"), ("decision_version", "decision_id")):
        (sealed,) = copier.books.execute(f"SELECT facts_sealed FROM {table} WHERE {key} = ?", (of,)).fetchone()
        plain = envelope.open(sealed, f"decision|facts|{of}")
        copied = copier.books.execute(f"SELECT {key} FROM {table} WHERE {key} <> ? AND facts_sealed = ?", (of, sealed))
        ids = [one for (one,) in copied.fetchall()]
        changes = [(envelope.seal(plain, f"decision|facts|{one}"), one) for one in ids]
        copier.books.executemany(f"UPDATE {table} SET facts_sealed = ? WHERE {key} = ?", changes)
    copier.books.commit()


async def operator_key(gateway: Gateway) -> str:
    """A key of somebody who may change keys."""
    async with App.open(load(gateway.settings)) as app:
        made = await app.base.access.create_operator("keys", "张管理", "supervisor", "a long enough password")
        return (await app.base.access.issue_operator_key(made.id, label="bench")).token


class Issuing:
    """Issues payments one after another; a repeat under its key follows each."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.took: list[tuple[float, float]] = []
        self.refused: list[str] = []
        self.stop = False

    async def go(self) -> None:
        async with Load(self.gateway.port, 1) as line:
            while not self.stop:
                (message,) = await self.gateway.prepare(numbers(1))
                for again in (False, True):
                    try:
                        (answer,) = await line.send([message], (200, 201, 202))
                    except AssertionError as refused:
                        self.refused.append(str(refused)[:200])
                    else:
                        if not again:
                            self.took.append((time.monotonic(), answer.seconds * 1000))

    def between(self, first: float, last: float) -> list[float]:
        """Milliseconds of those that ended in this time."""
        return [took for at, took in self.took if first <= at < last]


async def measure(gateway: Gateway, simulators: Simulation, rows: int, seconds: float) -> None:
    await fill(gateway, simulators, rows)
    token = await operator_key(gateway)
    await gateway.begin()
    issuing = [Issuing(gateway) for _ in range(2)]
    working = [asyncio.create_task(one.go()) for one in issuing]
    begun = time.monotonic()
    await asyncio.sleep(QUIET_SECONDS)
    bearer = {"Authorization": f"Bearer {token}"}
    ring = request("GET", "/v1/own-keys", bearer)
    names = sorted({one["name"] for one in (await gateway.ask(ring))[0]["items"]})
    for name in names:
        headers = bearer | {"Idempotency-Key": f"bench-{name}"}
        await gateway.ask(request("POST", f"/v1/own-keys/{name}/rotation", headers), expected=(202,))
    changed = time.monotonic()
    ended: dict[str, float] = {}
    moved: dict[str, int] = {}
    while time.monotonic() - begun < LONGEST_SECONDS:
        for one in (await gateway.ask(ring))[0]["items"]:
            name = one["name"]
            if one["number"] == 2:
                moved[name] = one["moved"]
            over = one["state"] == "retired" or (name == "evidence-mac" and one["state"] == "old")
            if one["number"] == 1 and over:
                ended.setdefault(name, time.monotonic() - changed)
        if len(ended) == len(names) and time.monotonic() - begun > seconds:
            break
        await asyncio.sleep(0.5)
    finished = time.monotonic()
    for one in issuing:
        one.stop = True
    await asyncio.gather(*working)
    await gateway.end()
    before = [took for one in issuing for took in one.between(begun, changed)]
    during = [took for one in issuing for took in one.between(changed, changed + max(ended.values(), default=0.0))]
    refused = [said for one in issuing for said in one.refused]
    wrong, looked = await unreadable(gateway)
    told: dict[str, Any] = {
        "seconds": finished - begun,
        "ended_after_s": {name: round(at, 1) for name, at in sorted(ended.items())},
        "moved": moved,
        "rows_a_second": {n: round(moved[n] / ended[n], 1) for n in ended if moved.get(n)},
        "issued": sum(len(one.took) for one in issuing),
        "refused": refused,
        "issue_ms_before": quartiles(before),
        "issue_ms_meanwhile": quartiles(during),
        "values_looked_at": looked,
        "unreadable_or_under_an_old_key": wrong,
        "load": os.getloadavg()[0],
    }
    print(json.dumps(told, indent=1))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "keys.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    assert sorted(ended) == names, "a change has not ended"
    assert not refused
    assert not wrong


def quartiles(some: list[float]) -> dict[str, float]:
    """How many, median and 99th percentile."""
    if len(some) < 2:
        return {"number": len(some)}
    p99 = statistics.quantiles(some, n=100)[98]
    return {"number": len(some), "p50": round(statistics.median(some), 1), "p99": round(p99, 1)}


async def unreadable(gateway: Gateway) -> tuple[list[str], int]:
    """Sealed values under another key than the current one, or whose data key does not open; and how many there are."""
    async with App.open(load(gateway.settings)) as app:
        envelope, current = app.base.envelope, app.base.keys.current()
        wrong, looked = list[str](), 0
        for table in all_tables().sorted_tables:
            for column in (one for one in table.c if one.name.endswith(SEALED)):
                query = select(column).where(column.is_not(None))
                for value in await app.base.store.read(lambda conn, query=query: conn.execute(query).scalars().all()):
                    looked += 1
                    try:
                        if envelope.key_id(bytes(value)) != current or not envelope.has_key_of(bytes(value)):
                            wrong.append(f"{table.name}.{column.name}")
                    except EnvelopeError:
                        wrong.append(f"{table.name}.{column.name}")
        report = await app.base.store.read(partial(verify, verifier=app.base.evidence.verifier()))
        if report.first_problem is not None:
            wrong.append(f"evidence: {report.first_problem.detail}")
        return sorted(set(wrong)), looked


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rows", type=int, default=20_000, help="sealed values, about")
    arguments.add_argument("--seconds", type=float, default=180.0, help="at least so long")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as made:
        uvloop.run(main(Path(made), chosen.rows, chosen.seconds))
