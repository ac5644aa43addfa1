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
import sys
import tempfile
import time
from pathlib import Path

import structlog
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from publishing_year import Seen, Year

from gateway.foundation.store import Store, schema


async def _pass(number: int, folder: Path) -> Seen:
    url = f"sqlite:///{folder / 'year.sqlite'}"
    schema.migrate(url)
    store = Store.open(url)
    try:
        return await Year(store, folder).run(number)
    finally:
        store.close()


def main() -> int:
    """Let it pass, and say what it showed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=20_000)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seen = uvloop.run(_pass(asked.decisions, Path(folder)))
    told = vars(seen) | {"wrong": len(seen.wrong), "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(told, ensure_ascii=False))
    for one in seen.wrong[:50]:
        print(one, file=sys.stderr)
    return 1 if seen.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
