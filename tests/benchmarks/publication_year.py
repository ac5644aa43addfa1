"""A year of publication: ``tests/benchmarks/publication_year.py [--decisions 20000]``, or ``make publication-year``.

What ``tests/publishing_year.py`` lets pass in small for every change, for a whole city: 20,000 penalties over the
changes of law of 2025-12-25, 2026-01-01 and 2026-04-01, holidays and days made up for them, outages for days, days of
decisions that were corrected, revocations. Ends with 1 where a clock was neither kept nor alarmed, where a publication
begins or ends on another day than the table has, or where something was shown that must not be.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import structlog
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from publishing_year import Seen, Year

from gateway.foundation.store import Store, schema

IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where the stores are: the year is about days of the law, and no disk is waited for."""


async def _pass(number: int, seed: int, folder: Path) -> Seen:
    url = f"sqlite:///{folder / 'year.sqlite'}"
    schema.migrate(url)
    store = Store.open(url)
    try:
        return await Year(store, folder).run(number, seed)
    finally:
        store.close()


def office(number: int, seed: int) -> Seen:
    """The year of one office, with a gateway of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        return uvloop.run(_pass(number, seed, Path(folder)))


def main() -> int:
    """Let it pass, and say what it showed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--offices", type=int, default=os.cpu_count() or 1, help="so many gateways beside each other")
    asked = parser.parse_args()
    began, each = time.monotonic(), asked.decisions // asked.offices
    with ProcessPoolExecutor(asked.offices) as pool:
        found = list(pool.map(office, [each] * asked.offices, range(7, 7 + asked.offices)))
    wrong = [one for seen in found for one in seen.wrong]
    told = {
        "decisions": sum(seen.decisions for seen in found),
        "states": dict(sum((seen.states for seen in found), Counter())),
        "late": sum(seen.late for seen in found),
        "warned": sum(seen.warned for seen in found),
        "withdrawn": sum(seen.withdrawn for seen in found),
        "wrong": len(wrong),
        "offices": asked.offices,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, 1),
    }
    print(json.dumps(told, ensure_ascii=False))
    for one in wrong[:50]:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
