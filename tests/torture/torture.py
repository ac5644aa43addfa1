"""Nothing lost, nothing twice: ``python tests/torture/torture.py --engine embedded|cluster``, or ``make torture``.

Case systems put decisions and ask for payments, and repeat the same Idempotency-Key whenever a connection breaks.
Meanwhile nodes of the gateway die by ``kill -9`` (from outside or at a named crash point), are paused for longer than
their leases. On the cluster engine the PostgreSQL server dies or freezes too, ends sessions, or cannot be heard; a node
loses its name, or its clock is set, and ends by itself. The simulators answer with faults. Then the
faults are cleared, everything must end, and what the simulators know to be true is counted against what was accepted.

The seed fixes which strikes come in which order and which requests meet a fault; processes keep their own time.
Exit status: 0 when nothing was lost or doubled, 1 when something was, 2 when the run itself failed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
sys.path[:0] = [path for path in (str(HERE), str(HERE.parent)) if path not in sys.path]

import databases  # noqa: E402
import httpx  # noqa: E402
import psutil  # noqa: E402
import torture_node  # noqa: E402
from sqlalchemy import Engine, text  # noqa: E402
from sqlalchemy.exc import DBAPIError  # noqa: E402

from gateway.app import App  # noqa: E402
from gateway.demo import story  # noqa: E402
from gateway.demo.installation import free_port, populate, write_settings  # noqa: E402
from gateway.foundation.store import schema  # noqa: E402
from gateway.foundation.store.engine import open_engine  # noqa: E402
from gateway.foundation.store.lock import node_key  # noqa: E402
from gateway.settings import load  # noqa: E402
from simulators.testing import Simulation  # noqa: E402

FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
    "violation": "经营超过保质期的食品",
    "facts": "2026年9月3日检查发现货架上有过期糕点。",
    "basis": "《中华人民共和国食品安全法》第一百二十四条",
    "penalty_kinds": ["罚款"],
    "content": "罚款5000元",
    "fine": "5000.00",
    "decided_on": "2026-09-14",
    "valid_until": "2036-09-14",
    "surcharge_stated": True,
}
LEASE = 1.5
DELIVERY = f"""
[delivery]
ask_after = 0.05
first = 0.05
longest = 0.3
grace = 1
lease = {LEASE}
sweep = 0.4
"""
FAULTS = {  # how often an issue meets each; nothing that would break a platform's declared promises
    "apply_then_silence": 0.05,
    "apply_then_reset": 0.08,
    "silence": 0.04,
    "slow": 0.25,
    "busy": 0.06,
    "error_500": 0.04,
    "truncated": 0.04,
    "empty": 0.03,
    "unknown_status": 0.02,
}
TROUBLES = ("freeze", "line", "sessions", "clock", "name")
"""What befalls a node that shares a server; after the last two it ends by itself."""
KINDS = ("kill", "pause", "postgresql", *TROUBLES)
"""Every strike that is none of a crash point; the last six need the cluster engine."""
NOBODY_DIES = frozenset({"pause", "freeze", "line", "sessions"})
NUMBER = re.compile(r"第(\d+)号")
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(torture_node.PRELOAD)


@dataclass
class Options:
    """``kills`` strikes that end a process; ``seconds`` caps the time in which they are dealt. ``pauses`` and
    ``troubles`` (on the cluster engine) are the shares of strikes that are one.

    ``points``: crash points at which a node dies first of all, one after another. ``order``: strikes (KINDS) that come
    next, each of them whatever time it takes. ``longest``: for how many seconds a server freezes or is not heard at
    most. ``late``: by how many seconds most answers come after their effect, so that calls are overtaken by whoever
    asks about them.
    """

    engine: str = "embedded"
    kills: int = 200
    seed: int = 1
    seconds: float = 1500.0
    sabotage: str | None = None
    clients: int = 6
    end_within: float = 90.0
    pauses: float = 0.1
    stop_when_red: bool = False
    points: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    longest: float = 6.0
    late: float = 0.0
    troubles: float = 0.2


@dataclass
class Result:
    """What was counted. ``lost`` and ``doubled`` name each case in words."""

    kills: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    effects: int = 0
    waiting: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    waits: dict[str, list[float]] = field(default_factory=dict)
    """By node."""
    waits_after: dict[str, list[float]] = field(default_factory=dict)
    """The same by what ended the node, itself or another one."""
    ended_after: float = 0.0
    seconds: float = 0.0
    odd: Counter[str] = field(default_factory=Counter)

    @property
    def deaths(self) -> int:
        """How many strikes ended a process."""
        return sum(count for kind, count in self.kills.items() if kind not in NOBODY_DIES)

    @property
    def red(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.lost or self.doubled)

    def table(self, options: Options) -> str:
        """For people."""
        recovery = sorted(self.recovery)
        rows = {
            "engine": options.engine,
            "seed": options.seed,
            "sabotage": options.sabotage or "none",
            "kills": f"{self.deaths} ("
            + ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
            + ")",
            "accepted": self.accepted,
            "effects": self.effects,
            "waiting for a person": self.waiting,
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "time to recover": f"median {statistics.median(recovery):.2f} s, longest {recovery[-1]:.2f} s"
            if recovery
            else "-",
            "CPU of a start": f"median {statistics.median(self.starts):.2f} s, longest {max(self.starts):.2f} s"
            if self.starts
            else "-",
            "until it is ready": self._told(self.waits),
            "ready after": self._told(self.waits_after),
            "all ended after": f"{self.ended_after:.1f} s without faults",
            "run": f"{self.seconds:.0f} s",
        }
        if self.odd:
            rows["other answers"] = ", ".join(f"{name} x{count}" for name, count in self.odd.items())
        lines = [f"{name:<22}{value}" for name, value in rows.items()]
        return "\n".join(
            lines + [f"  LOST {one}" for one in self.lost[:20]] + [f"  TWICE {one}" for one in self.doubled[:20]]
        )

    @staticmethod
    def _told(waits: dict[str, list[float]]) -> str:
        """Median and longest of each that has any."""
        told = [
            f"{name} {statistics.median(found):.2f} s, longest {max(found):.2f} s"
            for name, found in waits.items()
            if found
        ]
        return "; ".join(told) or "-"


class Node:
    """One process of the gateway under one name, begun again after each death."""

    def __init__(self, folder: Path, settings: Path, name: str, command: str, url: str, sabotage: str | None) -> None:
        self.name, self.command, self.url = name, command, url
        self.settings, self.log, self.out = settings, folder / f"{name}.log", folder / f"{name}.out"
        self.trigger = folder / f"{name}.trigger"
        self.environment = {torture_node.TRIGGER: str(self.trigger)}
        if sabotage:
            self.environment[torture_node.SABOTAGE] = sabotage
        self.process: Any = None
        self.starts: list[float] = []
        """CPU seconds of each start, until it is ready."""
        self.waits: list[float] = []
        """Seconds of each of them by the clock: what others leave behind may hold it up, and costs it no CPU."""

    async def begin(self, seconds: float = 180.0) -> None:
        """Start, and wait until it says that it is ready; again if it dies on the way (its database may be away)."""
        until = time.monotonic() + seconds
        while True:
            self.trigger.unlink(missing_ok=True)
            self.out.unlink(missing_ok=True)
            words = ["-s", str(self.settings), self.command, "--node", self.name, "--json"]
            arguments = (words, str(self.log), str(self.out), self.environment)
            began = time.monotonic()
            self.process = _forks.Process(target=torture_node.run, args=arguments, daemon=True)
            await asyncio.to_thread(self.process.start)
            while self.process.is_alive():
                if self.out.exists() and self.out.read_text().endswith("\n"):
                    with contextlib.suppress(psutil.Error):
                        self.starts.append(sum(psutil.Process(self.process.pid).cpu_times()[:2]))
                        self.waits.append(time.monotonic() - began)
                    return
                await asyncio.sleep(0.02)
                if time.monotonic() > until:
                    self.process.kill()
                    break
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text()[-3000:]}")
            await asyncio.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    async def dead(self, seconds: float) -> bool:
        """Wait for its death."""
        await asyncio.to_thread(self.process.join, seconds)
        return not self.process.is_alive()


class Torture:
    """One run."""

    def __init__(self, options: Options, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.random = random.Random(options.seed)
        self.result = Result()
        self.simulators = Simulation(folder, only="nontax,credit,portal,registry,seal")
        self.nodes: list[Node] = []
        self.postgresql: databases.OwnServer | None = None
        self.lines: list[databases.Line] = []
        """Of each node to the server."""
        self.accepted: dict[str, int] = {}
        """Payment → the decision's serial number, for each 201 or 202."""
        self.accepted_at: list[float] = []
        self.struck_at: list[float] = []
        self.serial = 0
        self.ending = False
        self.url = self.key = ""

    # --- set-up ---------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def site(self) -> AsyncIterator[None]:
        """Simulators, database and nodes; all gone afterwards."""
        await asyncio.to_thread(self.simulators.start)
        try:
            if self.options.engine == "cluster":
                # a killed process is not a power cut: nothing is lost without fsync
                self.postgresql = await asyncio.to_thread(databases.OwnServer, "torture", "-c fsync=off")
            await self._install()
            await asyncio.gather(*(node.begin() for node in self.nodes))
            yield
        finally:
            for node in self.nodes:
                if node.process is not None:
                    with contextlib.suppress(Exception):
                        node.kill()
                        await node.dead(10)
            for line in self.lines:
                line.close()
            if self.postgresql is not None:
                await asyncio.to_thread(self.postgresql.end)
            await asyncio.to_thread(self.simulators.kill)

    async def _install(self) -> None:
        roles = {"embedded": ["serve"], "cluster": ["serve", "serve", "worker"]}[self.options.engine]
        for number, role in enumerate(roles, start=1):
            port = free_port()
            written = write_settings(self.folder, self.simulators.ready["systems"], port)
            words = written.read_text(encoding="utf-8").replace("settle_seconds = 5", "settle_seconds = 0.6")
            times = f"read_timeout = {0.8 + 2 * self.options.late}\ntotal_timeout = {1.5 + 2 * self.options.late}\n"
            words = re.sub(r"(\[channels\.\w+\]\n)", rf"\1{times}", words)
            words = words.replace("[channels.nontax]\n", "[channels.nontax]\ncircuit_seconds = 0.3\n")
            if self.postgresql is not None:
                url = self.postgresql.url
                if self.options.troubles:
                    self.lines.append(databases.Line(self.postgresql.server))
                    url = self.lines[-1].url("torture")
                words = words.replace('"sqlite:///gateway.sqlite"', f'"{url}"\nmay_forget = true')
            file = self.folder / f"gateway-{number}.toml"
            file.write_text(words + DELIVERY, encoding="utf-8")
            file.chmod(0o600)
            url = f"http://127.0.0.1:{port}"
            self.nodes.append(Node(self.folder, file, f"n{number}", role, url, self.options.sabotage))
        settings = load(self.nodes[0].settings)
        self.url = settings.store.location() if self.postgresql is None else self.postgresql.url
        if self.postgresql is None:
            await asyncio.to_thread(schema.migrate, self.url)
        async with App.open(settings) as app:
            self.key, _ = await populate(app)
        if self.options.sabotage == "index":
            with self._database() as engine, engine.begin() as conn:
                conn.execute(text("DROP INDEX uq_payment_live"))

    @contextlib.contextmanager
    def _database(self) -> Iterator[Engine]:
        engine = open_engine(self.url)
        try:
            yield engine
        finally:
            engine.dispose()

    # --- load -----------------------------------------------------------------------------------------------------

    async def case_system(self, http: httpx.AsyncClient) -> None:
        """Decide, ask, and insist, until told to end. Every third demand is asked for twice, under two keys."""
        while not self.ending:
            self.serial += 1
            serial = self.serial
            path = f"/v1/decisions/{story.AUTHORITY}/" + quote(f"望市监罚决字〔2026〕第{serial}号", safe="")
            stored = await self._insist(http, "PUT", path, FACTS, {})
            if stored.status_code not in (200, 201):
                self.result.odd[f"decision {stored.status_code}"] += 1
                continue
            keys = [f"t-{serial}"] + ([f"t-{serial}-twin"] if serial % 3 == 0 else [])
            await asyncio.gather(*(self._pay(http, serial, key) for key in keys))

    async def _pay(self, http: httpx.AsyncClient, serial: int, key: str) -> None:
        body = {"authority": story.AUTHORITY, "decision_number": f"望市监罚决字〔2026〕第{serial}号"}
        answer = await self._insist(http, "POST", "/v1/payments", body, {"Idempotency-Key": key})
        if answer.status_code in (201, 202):
            self.accepted[answer.json()["id"]] = serial
            self.accepted_at.append(time.monotonic())
        elif "payment-exists" not in answer.text:
            self.result.odd[f"payment {answer.status_code}: {answer.text[:120]}"] += 1

    async def _insist(
        self, http: httpx.AsyncClient, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> httpx.Response:
        until, last = time.monotonic() + 300, "nobody answered"
        while True:
            node = random.choice([node for node in self.nodes if node.command == "serve"])
            with contextlib.suppress(httpx.TransportError):
                answer = await http.request(method, node.url + path, json=body, headers=headers)
                busy = answer.status_code == 409 and "progress" in answer.text
                if answer.status_code < 500 and answer.status_code != 429 and not busy:
                    return answer
                last = f"{answer.status_code} {answer.text[:200]}"
            if time.monotonic() > until:
                raise RuntimeError(f"{method} {path}: no answer for five minutes, the last one: {last}")
            await asyncio.sleep(0.05)

    # --- strikes --------------------------------------------------------------------------------------------------

    def drawn(self) -> str:
        """Which strike comes next, by the dice."""
        dice = self.random
        if self.postgresql is not None and dice.random() < 0.08:
            return "postgresql"
        if self.postgresql is not None and dice.random() < self.options.troubles:
            return dice.choice(TROUBLES)
        if dice.random() < self.options.pauses:
            return "pause"
        return dice.choice(torture_node.POINTS) if dice.random() < 0.5 else "kill"

    async def strike(self, kind: str) -> None:
        """One death, one pause, or one trouble. A crash point that nobody passes in time is a kill."""
        if kind in ("postgresql", *TROUBLES):
            if self.postgresql is None:
                raise RuntimeError(f"{kind} needs the cluster engine")
            if kind in TROUBLES:
                await self.trouble(kind, self.postgresql)
                return
            self._note(kind)
            await asyncio.to_thread(self.postgresql.kill)
            await asyncio.to_thread(self.postgresql.start)
            return
        node = self.random.choice(self.nodes)
        if kind == "pause":
            await self._under_way(3)
            self._note(kind)
            os.kill(node.process.pid, signal.SIGSTOP)
            await asyncio.sleep(LEASE + 1.0)
            os.kill(node.process.pid, signal.SIGCONT)
            return
        if kind in torture_node.POINTS:
            node.trigger.write_text(kind)
            if await node.dead(2.0):
                self._note(kind)
                return
        self._note("kill")
        node.kill()
        await node.dead(10)

    async def trouble(self, kind: str, server: databases.OwnServer) -> None:
        """One of TROUBLES. RuntimeError for a node that goes on without its name or with a wrong clock."""
        number = self.random.randrange(len(self.nodes))
        node, line = self.nodes[number], self.lines[number]
        seconds = self.random.uniform(1.0, self.options.longest)
        self._note(kind)
        if kind == "freeze":
            await asyncio.to_thread(server.freeze, seconds)
        elif kind == "line":
            line.hold()
            await asyncio.sleep(seconds)
            line.free()
        elif kind == "sessions":
            self._end_sessions("gateway%")
        else:
            with self._database() as engine, engine.connect() as conn:
                if kind == "clock":
                    os.kill(node.process.pid, signal.SIGUSR1)
                else:
                    lock = text("select pg_advisory_lock(hashtextextended(:key, 0))")
                    conn.execute(text("set idle_in_transaction_session_timeout = 0"))
                    conn.execute(text("set lock_timeout = 0"))
                    taking = asyncio.create_task(asyncio.to_thread(conn.execute, lock, {"key": node_key(node.name)}))
                    await asyncio.sleep(0.5)  # we stand behind it, and before it when it comes again
                    self._end_sessions(f"gateway % {node.name}")
                    await taking
                if not await node.dead(60):
                    raise RuntimeError(f"{node.name} goes on, {kind} or not")

    def _end_sessions(self, name: str) -> None:
        ending = text("select pg_terminate_backend(pid) from pg_stat_activity where application_name like :name")
        with self._database() as engine, engine.connect() as conn, contextlib.suppress(DBAPIError):
            conn.execute(ending.bindparams(name=name))  # ours may be among them

    async def _under_way(self, calls: int) -> None:
        """Wait a moment until so many calls are under way: only those can be overtaken."""
        query = text("select count(*) from operation where state = 'sending'")
        with self._database() as engine, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while True:
                    with engine.connect() as conn:
                        if conn.execute(query).scalar_one() >= calls:
                            return
                    await asyncio.sleep(0.01)

    async def die_at(self, point: str) -> None:
        """One node dies at this point, as soon as it passes it, and is begun again. RuntimeError if it never does."""
        node = self.random.choice(self.nodes)
        node.trigger.write_text(point)
        if not await node.dead(20):
            raise RuntimeError(f"{node.name} never passed {point}")
        self._note(point)
        await node.begin()

    def _note(self, kind: str) -> None:
        self.result.kills[kind] += 1
        self.struck_at.append(time.monotonic())

    async def strikes(self) -> None:
        """As many as wanted, within the time that there is; the dead are begun again."""
        for point in self.options.points:
            await self.die_at(point)
        listed = list(self.options.order)
        until = time.monotonic() + self.options.seconds
        while listed or (self.result.deaths < self.options.kills and time.monotonic() < until):
            await asyncio.sleep(self.random.uniform(0.1, 0.8))
            kind = listed.pop(0) if listed else self.drawn()
            await self.strike(kind)
            dead = [node for node in self.nodes if not node.process.is_alive()]
            await asyncio.gather(*(node.begin() for node in dead))
            self.result.waits_after.setdefault(kind, []).extend(node.waits[-1] for node in dead)
            if sys.stderr.isatty():
                print(f"\r{self.result.kills.total()} strikes, {len(self.accepted)} accepted ", end="", file=sys.stderr)
            if self.options.stop_when_red:
                await asyncio.to_thread(self.count)
                if self.result.doubled:
                    return

    # --- the whole --------------------------------------------------------------------------------------------------

    async def run(self) -> Result:
        """Load and strikes, then quiet, then the count."""
        began = time.monotonic()
        async with self.site():
            planted = [
                {"system": "nontax", "operation": "CreateBill", "kind": kind, "probability": often, "times": 0}
                | {"seed": self.options.seed * 100 + number, "seconds": 0.3 if kind != "busy" else 0.2}
                for number, (kind, often) in enumerate(FAULTS.items())
            ]
            if self.options.late:
                late = {"kind": "slow", "phase": "after_effect", "seconds": self.options.late, "probability": 0.9}
                planted.append({"system": "nontax", "operation": "CreateBill", "times": 0, "seed": 99, **late})
            await asyncio.to_thread(self.simulators.faults, *planted)
            headers = {"Authorization": f"Bearer {self.key}"}
            async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=8) as http:
                load = [asyncio.create_task(self.case_system(http)) for _ in range(self.options.clients)]
                try:
                    await self.strikes()
                finally:
                    self.ending = True
                    await asyncio.to_thread(self.simulators.clear_faults)
                    quiet = time.monotonic()
                    await asyncio.gather(*load)
            await self._ended()
            self.result.ended_after = time.monotonic() - quiet
            await asyncio.to_thread(self.count, True)
        for struck in self.struck_at:
            after = [at for at in self.accepted_at if at > struck]
            if after:
                self.result.recovery.append(after[0] - struck)
        self.result.starts = [one for node in self.nodes for one in node.starts]
        self.result.waits = {node.name: node.waits for node in self.nodes}
        self.result.seconds = time.monotonic() - began
        return self.result

    async def _ended(self) -> None:
        """Wait until nothing is under way any more; what does not end in time is counted as lost."""
        until = time.monotonic() + self.options.end_within
        query = text("select count(*) from operation where state not in ('done','rejected','parked')")
        with self._database() as engine:
            while time.monotonic() < until:
                with engine.connect() as conn:
                    if conn.execute(query).scalar_one() == 0:
                        return
                await asyncio.sleep(0.1)

    def count(self, final: bool = False) -> None:
        """Hold the gateway's books against the simulators' truth. Before the end, only what is twice can be told."""
        truth = self.simulators.ask("GET", "/state", system="nontax")["nontax"].get("bills", {})
        effects = self.simulators.effects("nontax").get("CreateBill", {})
        with self._database() as engine, engine.connect() as conn:
            payments = {row.id: row for row in conn.execute(text("select id, status, code from payment"))}
            operations = list(conn.execute(text("select id, subject, reference, state, reason from operation")))
            issued = Counter(conn.execute(text("select subject from event where type = 'payment.issued'")).scalars())
        result = self.result
        result.accepted, result.effects = len(self.accepted), sum(effects.values())
        lost, twice = [], []
        bills: Counter[int] = Counter()
        for bill in truth.values():
            found = NUMBER.search(json.dumps(bill["asked"], ensure_ascii=False))
            assert found is not None, bill
            bills[int(found[1])] += 1
        twice += [f"reference {name}: {number} effects" for name, number in effects.items() if number > 1]
        twice += [f"decision {serial}: {number} live codes" for serial, number in bills.items() if number > 1]
        twice += [f"payment {name}: issued {number} times" for name, number in issued.items() if number > 1]
        twice += [
            f"operation {one.id}: an outcome was recorded over another: {one.reason}"
            for one in operations
            if one.state == "parked" and issued[one.subject]
        ]
        if final:
            parked = {one.subject for one in operations if one.state == "parked"}
            open_ = {one.subject: one.state for one in operations if one.state not in ("done", "rejected", "parked")}
            result.waiting = len(parked)
            known = {row.code for row in payments.values()}
            for name, serial in self.accepted.items():
                row = payments.get(name)
                if row is None:
                    lost.append(f"payment {name} (decision {serial}): accepted, and not there")
                elif row.status == "ISSUED" and row.code not in truth:
                    lost.append(f"payment {name}: its code {row.code} is not the platform's")
                elif row.status == "REQUESTED" and name not in parked:
                    lost.append(f"payment {name}: neither ended nor waiting, its operation {open_.get(name)}")
            lost += [f"operation of {name} never ended: {state}" for name, state in open_.items()]
            if not parked:
                lost += [f"bill {code} is the platform's, and of no payment" for code in truth if code not in known]
        result.lost, result.doubled = lost, twice


async def torture(options: Options, folder: Path | None = None) -> Result:
    """One run in a folder of its own."""
    if folder is not None:
        return await Torture(options, folder).run()
    with tempfile.TemporaryDirectory(prefix="gateway-torture-", ignore_cleanup_errors=True) as made:
        return await Torture(options, Path(made)).run()


def main() -> int:
    """The command line."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--engine", choices=["embedded", "cluster"], default="embedded")
    given.add_argument("--kills", type=int, default=Options.kills)
    given.add_argument("--seed", type=int, default=Options.seed)
    given.add_argument("--seconds", type=float, default=Options.seconds, help="deal no more strikes after so long")
    given.add_argument("--clients", type=int, default=Options.clients)
    given.add_argument("--pauses", type=float, default=Options.pauses, help="the share of strikes that pause a node")
    given.add_argument(
        "--troubles", type=float, default=Options.troubles, help="the share that is a trouble of the cluster"
    )
    given.add_argument("--sabotage", choices=torture_node.SABOTAGES, help="switch a protection off: it must turn red")
    given.add_argument("--late", type=float, default=Options.late, help="seconds by which most answers come late")
    given.add_argument("--stop-when-red", action="store_true", help="end as soon as something is twice")
    given.add_argument("--keep", type=Path, help="an empty folder to leave logs and database in")
    words = vars(given.parse_args())
    folder = words.pop("keep")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    options = Options(**words)
    result = asyncio.run(torture(options, folder))
    print(result.table(options), flush=True)
    return int(result.red)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
