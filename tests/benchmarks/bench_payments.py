"""What the gateway costs a payment: ``python tests/benchmarks/bench_payments.py [--quick] [--profile FILE]``.

Whole payments over HTTP, with authentication, idempotency, events and evidence, in interleaved rounds of one run:

- the gateway on SQLite (synchronous FULL) and on PostgreSQL (fsync, one node);
- the same gateway with its SQL counted, which tells what one that keeps nothing would take (``counting.py``);
- the floor: a bare application with the same adapter and two FULL commits, nothing else (``floor_app.py``);
- the reference: the direct call as it was in the first version, frozen (``reference_call.py``).

``--quick``, a minute or two, is for use while working: SQLite alone. Printed are medians, with the lowest and the
highest round. Where others use the machine, trust the ratios of CPU of the same round: rates move with the load, which
is printed, and CPU itself grows by up to a half when neighbours fill the caches. A run whose client used more than a
tenth of the gateway's CPU is refused. Figures are kept as JSON in ``.results`` (the last ten of each kind), and what
left the spread of the run before is printed.

``--profile FILE``: py-spy, if it is installed, draws where the gateway's CPU goes meanwhile (a flame graph).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil
import structlog
import uvloop
from counting import PLACE, counted
from measuring import Figures, Sample, refuse_heavy_client
from sides import Floor, Gateway, Reference, Spawned

from simulators.testing import Simulation

sys.path.insert(0, str(Path(__file__).parent.parent))
import databases

IN_FLIGHT, ALONE = 32, 10
Side = Gateway | Floor | Reference


class Payments:
    """The sides of this bench, and their samples."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.sides: dict[str, Side] = {}
        self.samples: dict[str, list[Sample]] = {}
        self.alone: dict[str, list[float]] = {}
        self.counted: list[dict[str, float]] = []

    async def begin(self, quick: bool) -> None:
        """Start every side and warm it."""
        simulators = Simulation(self.folder)
        await asyncio.to_thread(simulators.start)
        self._stack.push_async_callback(asyncio.to_thread, simulators.stop)
        assert simulators.process is not None
        meanwhile, systems = {"simulator": simulators.process.pid}, simulators.ready["systems"]
        sqlite = Gateway(self.folder / "sqlite", systems)
        await self._add("SQLite", sqlite, sqlite.begin(), meanwhile)
        os.environ[PLACE] = str(self.folder / "counted")
        counting = Gateway(self.folder / "counting", systems, counting=True)
        await self._add("SQLite, counted", counting, counting.begin(), meanwhile)
        if not quick:
            server = databases.OwnServer("bench")
            self._stack.callback(server.end)
            postmaster = next(
                one
                for one in psutil.process_iter(["cmdline"])
                if str(server.server.folder / "data") in (one.info["cmdline"] or ())
            )
            postgresql = Gateway(self.folder / "postgresql", systems, server.url)
            await self._add("PostgreSQL", postgresql, postgresql.begin(), meanwhile | {"database": postmaster.pid})
        floor = Floor(self.folder / "floor")
        await self._add("floor", floor, floor.begin(sqlite.settings), meanwhile)
        reference = Reference(self.folder / "reference")
        await self._add("reference", reference, reference.begin(systems), meanwhile)

    async def _add(self, name: str, side: Side, begun: Any, meanwhile: Mapping[str, int]) -> None:
        await begun
        side.processes |= meanwhile
        self._stack.push_async_callback(side.end)
        self.sides[name] = side
        await side.round(64, IN_FLIGHT)

    async def measure(self, rounds: int, each: int) -> None:
        """Interleaved rounds: each side once, then once alone, the order turned every time."""
        for turn in range(rounds):
            for name, side in list(self.sides.items())[:: -1 if turn % 2 else 1]:
                before = counted(self.folder / "counted")
                sample = await side.round(each, IN_FLIGHT)
                self.samples.setdefault(name, []).append(sample)
                if name == "SQLite, counted":
                    after = counted(self.folder / "counted")
                    self.counted.append({what: (after[what] - before[what]) * 1000 / each for what in after})
                else:
                    self.alone.setdefault(name, []).append(await side.alone(ALONE))

    def tell(self, figures: Figures) -> None:
        """All figures."""
        for name, side in self.sides.items():
            self._tell_side(figures, name, side)
        sql = [one["sql"] for one in self.counted]
        whole = [one.milliseconds("gateway") for one in self.samples["SQLite, counted"]]
        figures.add("of it SQL: driver alone, CPU ms a payment", [one["driver"] for one in self.counted])
        figures.add("of it SQL: with what is put around the driver, CPU ms a payment", sql)
        nothing = [1 - share for share in _ratios(sql, whole)]
        figures.add("gateway / one that keeps nothing (CPU without its SQL / CPU)", nothing, ">= 0.75")
        gateway, floor, reference = (
            [one.milliseconds(self.sides[name].server) for one in self.samples[name]]
            for name in ("SQLite", "floor", "reference")
        )
        figures.add("gateway CPU / floor CPU, SQLite", _ratios(gateway, floor), "<= 2.5")
        figures.add("reference call's CPU / gateway CPU, SQLite", _ratios(reference, gateway))
        for name, wanted in (("SQLite", ">= 0.55"), ("PostgreSQL", ">= 0.35")):
            if name not in self.sides:
                continue
            mine, theirs = ([one.rate for one in self.samples[side]] for side in (name, "reference"))
            figures.add(f"rate / reference call's rate, {name}", _ratios(mine, theirs), wanted)
            for other, limit in (("reference", ""), ("floor", "<= 3" if name == "SQLite" else "")):
                added = [one - base for one, base in zip(self.alone[name], self.alone[other], strict=True)]
                figures.add(f"added alone to the {other}, {name}, ms", added, limit)

    def _tell_side(self, figures: Figures, name: str, side: Spawned) -> None:
        samples = self.samples[name]
        if name == "SQLite, counted":
            figures.add(
                f"{name}: CPU ms a payment, stop-watch included", [one.milliseconds("gateway") for one in samples]
            )
            return
        figures.add(f"{name}: payments a second at {IN_FLIGHT} in flight", [one.rate for one in samples])
        for process in samples[0].cpu:
            if process == "client" and side.server == "reference":
                continue
            figures.add(f"{name}: CPU ms a payment, {process}", [one.milliseconds(process) for one in samples])
        if side.server == "gateway":
            refuse_heavy_client(samples, side.server)
        figures.add(f"{name}: ms of one alone", self.alone[name])


def _ratios(of: list[float], to: list[float]) -> list[float]:
    """Round by round."""
    return [one / other for one, other in zip(of, to, strict=True)]


async def main(quick: bool, profile: Path | None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    figures = Figures("payments-quick" if quick else "payments")
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            payments = Payments(Path(folder), stack)
            await payments.begin(quick)
            if profile is not None:
                await profiled(payments.sides["SQLite"], profile)
            await payments.measure(*((6, 64) if quick else (7, 160)))
            payments.tell(figures)
    figures.finish()


async def profiled(side: Side, file: Path) -> None:
    """Have py-spy watch one side while it works."""
    spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert spy, "py-spy is not installed"
    words = [spy, "record", "--gil", "--rate", "400", "--duration", "10", "--format", "speedscope"]
    with subprocess.Popen(  # noqa: ASYNC220 - it starts at once
        [*words, "--output", str(file), "--pid", str(side.process.pid)]
    ) as watching:
        while watching.poll() is None:
            await side.round(128, IN_FLIGHT)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="SQLite alone, three rounds")
    arguments.add_argument("--profile", type=Path, help="where py-spy is to write")
    told = arguments.parse_args()
    uvloop.run(main(told.quick, told.profile))
