"""What every bench shares: CPU by process, figures with their spread, and a memory of the last ten runs.

CPU is what the kernel counted for a process with all its threads. Other load on the machine lengthens
times and lowers rates at will, and CPU by up to a half (caches, shared cores): trust ratios of CPU of the same round.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).parent / ".results"
KEPT = 10
CLIENT_SHARE = 0.1
"""A client that used more of the server's CPU than this has measured itself."""


def cpu_seconds(pid: int) -> float:
    """CPU that a process and its children, with all their threads, have used so far."""
    family = [pid]
    with suppress(psutil.NoSuchProcess):
        family += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    used = 0.0
    for one in family:
        with suppress(OSError):  # it has just ended
            used += time.clock_gettime(~one << 3 | 2)  # Linux: the CPU clock of another process, in nanoseconds
    return used


@dataclass
class Sample:
    """One round: how many were done in how many seconds, and the CPU seconds of each process meanwhile."""

    count: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds

    def milliseconds(self, process: str) -> float:
        """CPU of one, in milliseconds."""
        return self.cpu[process] * 1000 / self.count


class Window:
    """Measures what happens inside ``with``: ``processes`` are pids by name; ``client`` is this process."""

    def __init__(self, count: int, processes: Mapping[str, int]) -> None:
        self._count, self._processes = count, processes

    def __enter__(self) -> Window:
        self._before = self._now()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        seconds, after = time.perf_counter() - self._began, self._now()
        self.sample = Sample(self._count, seconds, {name: after[name] - self._before[name] for name in after})

    def _now(self) -> dict[str, float]:
        used = {name: cpu_seconds(pid) for name, pid in self._processes.items()}
        return used | {"client": time.process_time()}


def refuse_heavy_client(samples: Iterable[Sample], server: str) -> float:
    """The client's share of the server's CPU. Ends the run when it is more than a tenth."""
    used = list(samples)
    share = sum(one.cpu["client"] for one in used) / sum(one.cpu[server] for one in used)
    if share > CLIENT_SHARE:
        sys.exit(f"refused: the client used {share:.0%} of the CPU of {server}; it would measure itself")
    return share


@dataclass
class Figures:
    """The figures of one run: printed as a table, kept as JSON, compared with the run before."""

    bench: str
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def add(self, name: str, values: Sequence[float], wanted: str = "") -> float:
        """A figure by its rounds. ``wanted`` says the goal as ``>= 0.55`` or ``<= 3``. Returns the median."""
        median = statistics.median(values)
        self.rows[name] = {"median": median, "low": min(values), "high": max(values), "rounds": len(values)}
        verdict = ""
        if wanted:
            sign, number = wanted.split()
            reached = median >= float(number) if sign == ">=" else median <= float(number)
            verdict = f"   wanted {wanted}: {'reached' if reached else 'MISSED'}"
        print(f"{name:<66} {median:9.2f}  ({min(values):.2f} to {max(values):.2f}){verdict}", flush=True)
        return median

    def finish(self) -> None:
        """Say what changed since the last run of the same bench, and keep this one."""
        load = os.getloadavg()[0]
        took = time.monotonic() - self._began
        print(f"{os.cpu_count()} cores, load average {load:.1f} at the end, {took:.0f} s")
        RESULTS.mkdir(exist_ok=True)
        kept = sorted(RESULTS.glob(f"{self.bench}@*.json"))
        if kept:
            self._compare(kept[-1])
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        words = json.dumps({"load": load, "figures": self.rows}, ensure_ascii=False, indent=1)
        (RESULTS / f"{self.bench}@{stamp}.json").write_text(words, encoding="utf-8")
        for old in kept[: max(0, len(kept) + 1 - KEPT)]:
            old.unlink()

    def _compare(self, file: Path) -> None:
        """Figures whose median left the spread of the run before."""
        before = json.loads(file.read_text(encoding="utf-8"))["figures"]
        moved = []
        for name, row in self.rows.items():
            if name in before and not before[name]["low"] <= row["median"] <= before[name]["high"]:
                was, now = before[name]["median"], row["median"]
                moved.append(f"  {name}: {was:.2f} -> {now:.2f} (x{now / was:.2f})")
        print(f"changed since {file.stem.partition('@')[2]}:", *(moved or ["  nothing beyond the spread"]), sep="\n")
