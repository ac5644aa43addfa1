"""``gateway evidence verify`` at work: parts of the chains checked here, or by several processes at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from gateway.foundation.crypto.keys import HEAD_KEY
from gateway.foundation.crypto.rings import own_keys
from gateway.foundation.evidence import Evidence, Report, Verifier, checkpoints, command_line
from gateway.foundation.evidence import records as evidence_records
from gateway.foundation.evidence.checkpoints import Checkpoint
from gateway.foundation.evidence.heads import HeadsError
from gateway.foundation.evidence.verification import Finding, Part
from gateway.terminal.output import Session
from gateway.words.clock import SystemClock

APART = 20_000
"""Up to so many records one process is faster than beginning others."""
_PART = 25_000
"""About so many records make a part: what is told of as progress, and what a process takes at a time."""

Told = Callable[[int, int], None]
"""Hears how many records were checked, and how many there are."""


@dataclass(frozen=True)
class Wanted:
    """What is to be verified. ``seen``: signed heads that somebody else kept. ``since``: begin at the last checkpoint.

    ``jobs``: processes; 0: as many as there are cores, where that is worth it.
    """

    heads: Path | None = None
    second: Path | None = None
    seen: Path | None = None
    since: bool = False
    jobs: int = 0


def verified(ours: Session, wanted: Wanted, told: Told) -> tuple[Report, Checkpoint | None]:
    """What verification found, and the checkpoint at which it began.

    One that finds nothing leaves a checkpoint, where the folder of heads is the gateway's own and can be written.
    Raises what ``Verifier.rolled_back`` raises.
    """
    evidence = evidence_of(ours, wanted.second)
    verifier, keys = evidence.verifier(wanted.heads), own_keys(ours.settings.keys)
    begun = None
    try:
        begun = checkpoints.last(verifier.heads, keys.publics(HEAD_KEY)) if wanted.since else None
    except HeadsError as error:
        return Report(first_problem=Finding("", 0, "heads", str(error))), None
    if rolled_back := verifier.rolled_back(wanted.seen):
        return Report(first_problem=rolled_back), begun
    sizes = verifier.sizes()
    counts = ours.read(evidence_records.counts)
    total = sum(counts.values()) - (begun.records if begun else 0)
    number = max(1, total // _PART)
    parts = verifier.parts(sizes, counts.keys(), number, begun.since if begun else {})
    jobs = wanted.jobs or (os.cpu_count() or 1 if total > APART else 1)
    report = _here(ours, verifier, parts, total, told) if jobs == 1 else _apart(ours, wanted, parts, jobs, total, told)
    if report.ok and wanted.heads is None:
        checkpoints.keep(verifier.heads, keys, verifier.trusted(sizes), SystemClock().now())
    return report, begun


def _here(ours: Session, verifier: Verifier, parts: list[Part], total: int, told: Told) -> Report:
    done = 0

    def moved(number: int) -> None:
        nonlocal done
        done += number
        told(done, total)

    return sum((ours.read(lambda conn, part=part: verifier.check(conn, part, moved)) for part in parts), Report())  # type: ignore[misc]


def _apart(ours: Session, wanted: Wanted, parts: list[Part], jobs: int, total: int, told: Told) -> Report:
    """Several processes, each with a connection of its own."""
    reports: dict[int, Report] = {}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        under_way = {pool.submit(_one, ours.file, wanted, part): at for at, part in enumerate(parts)}
        for done in as_completed(under_way):
            reports[under_way[done]] = done.result()
            told(sum(one.exchanges for one in reports.values()), total)
    return sum((reports[at] for at in sorted(reports)), Report())


def _one(file: Path | None, wanted: Wanted, part: Part) -> Report:
    ours = Session(file)
    verifier = evidence_of(ours, wanted.second).verifier(wanted.heads)
    return ours.read(lambda conn: verifier.check(conn, part))


def evidence_of(ours: Session, second: Path | None = None) -> Evidence:
    """The evidence over keys that must be there: making new ones could prove nothing."""
    return command_line.evidence_of(ours.settings, second)
