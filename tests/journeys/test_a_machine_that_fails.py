"""The machine under the gateway fails while it works: its disk, its clock, its database.

Each time: what cannot be stored is refused and not begun, readiness says why, what was accepted ends well without
anybody's help once the machine is well again, nothing is sent twice, and nothing that was cut is called failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.foundation.evidence import verify

CLIENTS = 6


class Load:
    """Case systems that decide and ask for payments all the time, and repeat what was not answered."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.accepted: set[str] = set()
        self.seen: Counter[str] = Counter()
        self.serial = 0
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]

    async def end(self) -> None:
        """Ask for no more, and let each end what it is at."""
        self._ending = True
        await asyncio.gather(*self._tasks)

    async def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.02)

    @property
    def refused(self) -> int:
        return sum(count for name, count in self.seen.items() if name.startswith("503"))

    async def _client(self) -> None:
        while not self._ending:
            self.serial = serial = self.serial + 1
            number = f"望市监罚决字〔2026〕第{serial}号"
            await self._insist("PUT", self.site.path(number), self.site.facts(), {})
            key = {"Idempotency-Key": f"load-{serial}"}
            answer = await self._insist("POST", "/v1/payments", self.site.demand(number), key)
            self.accepted.add(answer.json()["id"])

    async def _insist(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        """Until it is answered with a 2xx. 503 says that nothing is known to be stored, 409 that it is being served."""
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await self.site.http.request(method, path, json=body, headers=headers)
                    if answer.status_code < 300:
                        return answer
                    problem = str(answer.json().get("type", "")).rpartition(":")[2]
                    self.seen[f"{answer.status_code} {problem}"] += 1
                    assert answer.status_code in (503, 409), answer.text
                await asyncio.sleep(0.05)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks does not wait for the platform."""
    from gateway.rooms.payments import Payments

    monkeypatch.setitem(Payments.request.__kwdefaults__, "wait", 0.2)


async def readiness(site: Any) -> tuple[int, str]:
    answer = await site.http.get("/readyz")
    return answer.status_code, " ".join(answer.json()["problems"])


async def ready_again(site: Any, seconds: float = 20.0) -> str:
    """What readiness says once it is well."""
    async with asyncio.timeout(seconds):
        while (now := await readiness(site))[0] != 200:
            await asyncio.sleep(0.05)
    return now[1]


async def all_is_well(load: Load, *, sweeping: bool = False) -> None:
    """Every payment that was accepted, or stored though its caller could not be told, has one code and one effect.

    ``sweeping``: the ledger is swept all the while, as it is each minute: what is under way during one sweep is
    looked at by the next.
    """
    site = load.site
    async with asyncio.timeout(40):
        while True:
            if sweeping:
                await site.app.base.delivery.sweep()
            known: dict[str, dict[str, Any]] = {}
            path: str | None = "/v1/payments?limit=200"
            while path is not None:
                page = await site.get(path)
                known |= {one["id"]: one for one in page["items"]}
                path = f"/v1/payments?limit=200&cursor={page['next']}" if page["next"] else None
            if all(one["status"] == "ISSUED" and one["in_doubt_since"] is None for one in known.values()):
                break
            await asyncio.sleep(0.1)
    assert load.accepted <= set(known), "accepted and lost"
    assert len({one["code"] for one in known.values()}) == len(known)
    assert site.effects("CreateBill") == [1] * len(known)
    (bills,) = [state["bills"] for state in [(await site.simulators.aask("GET", "/state", system="nontax"))["nontax"]]]
    assert {one["code"] for one in known.values()} == set(bills)
    told = [one["type"] for one in (await site.get("/v1/events?limit=200"))["items"]]
    assert "payment.rejected" not in told


# --- the disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_impatient")
async def test_a_full_disk_refuses_new_work_says_so_and_what_was_accepted_ends_well(site):
    load = Load(site)
    load.begin()
    await load.until(lambda: len(load.accepted) >= 10)
    assert (await readiness(site))[0] == 200

    def pragma(words: str) -> Callable[[Any], Any]:
        return lambda conn: conn.exec_driver_sql(f"PRAGMA {words}").scalar()

    pages = await site.app.base.store.write(pragma("page_count"))
    await site.app.base.store.write(pragma(f"max_page_count = {pages + 6}"))
    await load.until(lambda: load.refused >= 20)
    assert set(load.seen) <= {"503 storage-full", "503 unavailable", "409 request-in-progress"}, load.seen
    status, why = await readiness(site)
    assert (status, "disk is full" in why) == (503, True), why
    assert (await site.http.get("/v1/payments")).status_code == 200
    accepted = len(load.accepted)
    await asyncio.sleep(0.3)
    assert len(load.accepted) <= accepted + CLIENTS

    await site.app.base.store.write(pragma("max_page_count = 1000000"))
    await ready_again(site)
    await load.until(lambda: len(load.accepted) >= accepted + 10)
    await load.end()
    await all_is_well(load)
    report = await site.app.base.store.read(partial(verify, verifier=site.app.base.evidence.verifier()))
    assert report.ok, report


@pytest.mark.nightly
async def test_a_limit_of_the_files_size_is_met_and_survived(served):
    site, pid = served.site, served.process.pid
    load = Load(site)
    load.begin()
    await load.until(lambda: len(load.accepted) >= 5)
    log = os.stat(site.settings.store.location().removeprefix("sqlite:///") + "-wal")
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.st_size // 2, hard))
    await load.until(lambda: load.refused >= 10)
    status, why = await readiness(site)
    assert (status, why.startswith("database:")) == (503, True), why
    assert served.process.poll() is None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    await ready_again(site)
    accepted = len(load.accepted)
    await load.until(lambda: len(load.accepted) >= accepted + 5)
    await load.end()
    await all_is_well(load)
    verified = await asyncio.to_thread(served.run, "evidence", "verify", "--json")
    assert json.loads(verified.stdout)["ok"], verified.stdout


# --- the database server ----------------------------------------------------------------------------------------------


@pytest.fixture
def own_server() -> Iterator[Any]:
    """A PostgreSQL server that nobody else uses."""
    spec = importlib.util.spec_from_file_location("own_databases", Path(__file__).parents[1] / "databases.py")
    module = sys.modules["own_databases"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shared = os.environ.get(module.FOLDER)
    server = module.OwnServer("machine", "-c fsync=off")  # a server that is killed loses nothing: no power is cut
    try:
        yield server
    finally:
        server.end()
        if shared is not None:
            os.environ[module.FOLDER] = shared


@pytest.mark.nightly
@pytest.mark.usefixtures("_impatient")
async def test_a_postgresql_that_is_killed_and_started_again_under_load(tmp_path, simulators, own_server, open_site):
    async with open_site(tmp_path, simulators, own_server.url) as site:
        load = Load(site)
        load.begin()
        await load.until(lambda: len(load.accepted) >= 5)
        for _ in range(2):
            await asyncio.to_thread(own_server.kill)
            refused = load.refused
            await load.until(lambda refused=refused: load.refused > refused)
            status, why = await readiness(site)
            assert (status, why.startswith("database:")) == (503, True), why
            await asyncio.to_thread(own_server.start)
            await ready_again(site)
            accepted = len(load.accepted)
            await load.until(lambda accepted=accepted: len(load.accepted) >= accepted + 5)
        await load.end()
        await all_is_well(load)
        assert (await site.app.base.store.read(partial(verify, verifier=site.app.base.evidence.verifier()))).ok


# --- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_impatient")
async def test_a_clock_that_is_set_under_load_is_told_and_harms_nothing(site):
    """As far as messages may be apart, five minutes, nobody has to do anything."""
    site.fault("apply_then_silence", "CreateBill", probability=0.3, times=0, seed=1, seconds=0.1)
    site.fault("silence", "CreateBill", probability=0.2, times=0, seed=2, seconds=0.1)
    load = Load(site)
    load.begin()
    for minutes in (4, -8, 6):
        accepted = len(load.accepted)
        await load.until(lambda accepted=accepted: len(load.accepted) >= accepted + 8)
        site.clock.jump(timedelta(minutes=minutes))
        status, notes = await readiness(site)
        assert (status, "the clock was set by" in notes) == (200, True), notes
    await load.end()
    site.simulators.clear_faults()
    await all_is_well(load, sweeping=True)


@pytest.mark.usefixtures("_impatient")
async def test_a_clock_a_day_ahead_stops_the_channel_and_once_it_is_right_people_let_it_go(site):
    site.fault("apply_then_silence", "CreateBill", nth=4, seconds=0.1)
    load = Load(site)
    load.begin()
    await load.until(lambda: len(load.accepted) >= 6)
    site.clock.jump(timedelta(days=1))
    accepted = len(load.accepted)
    await load.until(lambda: len(load.accepted) >= accepted + CLIENTS)  # accepted, and not sent
    await load.end()
    _, notes = await readiness(site)
    assert "the clock was set by +86400 s" in notes
    assert "channel nontax is stopped" in notes
    assert max(site.effects("CreateBill")) == 1

    site.clock.jump(-timedelta(days=1))
    await site.app.base.delivery.sweep()  # as it does every minute
    await site.app.base.delivery.waiting.resume_channel("nontax")
    for one in (await site.get("/v1/operations?state=parked"))["items"]:
        await site.post(f"/v1/operations/{one['id']}/retry", {"reason": "时钟已校正"})
    await all_is_well(load, sweeping=True)
    assert "clock" not in await ready_again(site)


# --- the end of the process -------------------------------------------------------------------------------------------


async def test_readiness_turns_red_before_anything_is_stopped(site):
    site.app.stopping = True
    assert await readiness(site) == (503, "stopping")
    site.app.stopping = False
