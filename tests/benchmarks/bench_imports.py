"""What it costs to bring decisions in from a file, beside plainly validating the same rows with pydantic.

    python tests/benchmarks/bench_imports.py [--rows 10000]

CPU time of this process with all its threads: the ratio to validation is the figure to trust. Rows are
JSON Lines, published at two targets, over SQLite; then the same file again, as after an interruption.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from disclosure_room import FACTS, ORGAN, Room
from sqlalchemy import insert

from gateway.foundation.access.tables import authority
from gateway.foundation.store import Store, schema
from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.imports.decisions import DecisionBatches


def _row(number: int) -> str:
    told = {"authority": "A1", "decision_number": f"安望市监罚决〔2026〕{number}号", **FACTS}
    return json.dumps(told, ensure_ascii=False)


def _validating(rows: list[str]) -> float:
    """Seconds of CPU to parse and validate the rows, and nothing else."""
    begun = time.process_time()
    for one in rows:
        told = json.loads(one)
        del told["authority"], told["decision_number"]
        DecisionFacts.model_validate(told, strict=False)
    return time.process_time() - begun


async def _measure(count: int, folder: Path) -> None:
    rows = [_row(number) for number in range(count)]
    url = f"sqlite:///{folder / 'imports.sqlite'}"
    schema.migrate(url)
    store = Store.open(url)
    room = Room(store, folder)
    owner = {"code": "A1", "name": ORGAN.name, "uscc": ORGAN.code, "created_at": 1}
    await store.write(lambda conn: conn.execute(insert(authority), owner).rowcount)
    await room.organs.set("A1", ORGAN, date(2020, 1, 1))
    batches = DecisionBatches(room.base, room.decisions, room.disclosures)
    content = "\n".join(rows).encode()
    await batches.run("\n".join(map(_row, range(count, count + 50))).encode(), by="bench", publish=True)  # warm
    plain = _validating(rows)
    print(f"validate with pydantic     {count / plain:>8,.0f} rows/s")
    for words, dry in (("judge (dry run)", True), ("judge and write", False), ("the same again", False)):
        begun, cpu = time.perf_counter(), time.process_time()
        report = await batches.run(content, by="bench", dry_run=dry, publish=True)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - begun
        assert report.count("bad") == 0
        print(f"{words:<27}{count / cpu:>8,.0f} rows/s of CPU, {cpu / plain:.0f} x validation; {seconds:.1f} s in all")
    await room.evidence.close()
    store.close()


def main() -> None:
    """Measure and print, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(parser.parse_args().rows, Path(folder)))


if __name__ == "__main__":
    main()
