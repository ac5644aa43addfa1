"""How fast two files are compared, against a bare full outer join by DuckDB over the same files in the same run.

    python tests/benchmarks/bench_reconciliation.py [--most 10000000]

Each measurement is a process of its own, so that peak memory is its own. The bare join has the same settings and only
counts; ours also finds doubled keys, classes the differences and says where they are. Printed as well: how fast a
statement file of a million lines is read and checked line by line, and how fast our side leaves the store. The
machine's speed cancels out of the ratio and of the exponent; trust those.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from datetime import time as clock_time
from pathlib import Path

from gateway.rooms.reconciliation import bulk, files
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.statement import window

SIZES = (100_000, 1_000_000, 10_000_000)
DAY = date(2026, 9, 16)
BARE = f"""
select count(*), count(*) filter (o.amount is distinct from t.amount)
from read_csv($ours, columns={bulk._COLUMNS}, {bulk._FORMAT}) o
full outer join read_csv($theirs, columns={bulk._COLUMNS}, {bulk._FORMAT}) t on o.code = t.code and o.serial = t.serial
"""
PROFILES = {}
PROFILES["pipes, GBK"] = Profile(
    encoding="gbk",
    delimiter="|",
    header=False,
    columns={"code": 1, "bank_serial": 2, "amount": 3, "paid_at": 4, "unit_code": 5},
    amount="fen",
    totals={"mark": "TOTAL", "count": 2, "amount": 3},
)
PROFILES["header, backticks, a Chinese column"] = Profile(
    prefix="`",
    columns={"code": "编号", "bank_serial": "流水号", "amount": "金额", "paid_at": "时间", "unit_code": "单位"},
    totals={"lines": 2, "mark": "总单数", "count": 1, "amount": 2},
)


def make(folder: Path, rows: int) -> None:
    """Both sides: every hundred-thousandth amount differs, and the orders are unlike."""
    mixed = f"(i * 7919 % {rows})"
    key = "'99010226' || lpad({0}::varchar, 12, '0'), '2026112251' || lpad({0}::varchar, 10, '0')"
    with bulk.connect(folder) as db:
        for name, number, extra in (("ours", mixed, "0"), ("theirs", "i", "(i % 100000 = 0)::int")):
            db.execute(
                f"copy (select {key.format(number)}, {number} % 100000 + 1 + {extra}, 0, i from range({rows}) t(i)) "
                f"to '{folder / name}.csv' (header false)"
            )


def measured(what: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, "--folder", str(folder)], check=True, capture_output=True
    )
    return dict(json.loads(done.stdout))


def measure(what: str, folder: Path) -> None:
    """In that process."""
    begun = time.perf_counter()
    ours, theirs = folder / "ours.csv", folder / "theirs.csv"
    if what == "bare":
        with bulk.connect(folder) as db:
            found = db.execute(BARE, {"ours": str(ours), "theirs": str(theirs)}).fetchall()[0][1]
    elif what == "ours":
        found = len(bulk.compare_files(ours, theirs, folder).differences)
    else:
        found = len(files.read(folder / "statement.txt", PROFILES[what], DAY, window(DAY, clock_time.min)).lines)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = {"seconds": time.perf_counter() - begun, "cpu": time.process_time(), "peak": peak, "found": found}
    print(json.dumps(told))


def statement(folder: Path, rows: int, name: str) -> None:
    """A statement file as a bank writes it, or as a wallet does."""
    if PROFILES[name].prefix:
        with open(folder / "statement.txt", "w", encoding="utf-8") as file:
            file.write("时间,编号,流水号,单位,姓名,金额\n")
            for i in range(rows):
                file.write(
                    f"`2026-09-16 12:00:00,`99010226{i:012},`2026112251{i:010},`990102001,`罗小满,`{i % 10_000}.05\n"
                )
            total = sum(i % 10_000 * 100 + 5 for i in range(rows))
            file.write(f"总单数,总额\n`{rows},`{total // 100}.{total % 100:02}\n")
        return
    with open(folder / "statement.txt", "w", encoding="gbk", newline="") as file:
        write = csv.writer(file, delimiter="|", lineterminator="\n").writerow
        total = 0
        for i in range(rows):
            total += i % 100_000 + 1
            write((f"99010226{i:012}", f"2026112251{i:010}", i % 100_000 + 1, "2026-09-16 12:00:00", "990102001"))
        write(("TOTAL", rows, total))


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--measure", default="")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.measure, asked.folder)
        return
    times: dict[int, float] = {}
    print("| rows a side | bare join s | ours s | ratio | peak MB |\n|---:|---:|---:|---:|---:|")
    for rows in [size for size in SIZES if size <= asked.most]:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            make(folder, rows)
            bare, ours = measured("bare", folder), measured("ours", folder)
            assert bare["found"] == ours["found"], (bare, ours)
            times[rows] = ours["seconds"]
            ratio = ours["seconds"] / bare["seconds"]
            cells = (f"{rows:,}", *(f"{one:.2f}" for one in (bare["seconds"], ours["seconds"], ratio)))
            print(f"| {' | '.join(cells)} | {ours['peak'] / 1e6:.0f} |", flush=True)
    if len(times) > 1:
        small, big = min(times), max(times)
        print(f"exponent {math.log(times[big] / times[small]) / math.log(big / small):.2f}")
    for name in PROFILES:
        with tempfile.TemporaryDirectory() as made:
            statement(Path(made), 1_000_000, name)
            read = measured(name, Path(made))
            figures = f"{read['seconds']:.1f} s ({read['cpu']:.1f} s of CPU), {read['peak'] / 1e6:.0f} MB"
            print(f"statement of 1,000,000 lines read and checked, {name}: {figures}", flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        begun = time.perf_counter()
        rows = (("99010226" + str(i).zfill(12), str(i), 100, 0) for i in range(1_000_000))
        bulk.write_side(folder / "ours.csv", rows)
        print(f"our side laid into a file: {1_000_000 / (time.perf_counter() - begun):,.0f} rows/s")


if __name__ == "__main__":
    main()
