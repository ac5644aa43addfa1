"""Books against a statement where a day is too big for Python: the same answer as the pure one, by DuckDB.

Both sides come as files of a narrow form that this module writes and reads. Both are unique by key, ours by the store's
constraint and theirs by the check of the statement; the join proves it. DuckDB has no say in formats, loads no
extension and spills to the given folder instead of taking more memory.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from gateway.ports.nontax import StatementLine
from gateway.rooms.payments.books import Booked, Standing
from gateway.rooms.reconciliation.matching import (
    BreakKind,
    Finding,
    Outcome,
    Question,
    absent,
    judge,
    paid_by,
    wrong_terms,
)

Row = tuple[str, str, int, int]  # code, bank serial, fen, mark

_COLUMNS = "{'code':'VARCHAR','serial':'VARCHAR','amount':'BIGINT','mark':'UTINYINT','row':'UBIGINT'}"
_FORMAT = "auto_detect=false, header=false, delim=',', quote='\"', escape='\"', encoding='utf-8'"
_MEMORY = re.compile(r"[1-9]\d*(MB|GB)")

_OURS = f"read_csv($ours, columns={_COLUMNS}, {_FORMAT})"
_THEIRS = f"read_csv($theirs, columns={_COLUMNS}, {_FORMAT})"

_PLAIN = (Standing.PAYS, Standing.APART)  # an equal amount on the other side settles these

# Rows are numbered from 0: a side whose rows come out of the join more often than it has them met a doubled key.
_JOIN = f"""
select coalesce(count(ours) - max(ours) - 1, 0), coalesce(count(theirs) - max(theirs) - 1, 0),
       count(*) filter (equal), coalesce(sum(amount) filter (equal), 0)::bigint,
       list(struct_pack(ours := ours, theirs := theirs, key := key)) filter (not equal)
from (
    select o.row as ours, t.row as theirs, t.amount as amount, hash(t.code, t.serial) as key,
           coalesce(o.amount = t.amount and o.mark = 0 and t.mark = 0, false) as equal
    from {_OURS} o full outer join {_THEIRS} t on o.code = t.code and o.serial = t.serial
)
"""  # noqa: S608 - constants of this module
_TWICE = f"""
select min(row), max(row) from {_THEIRS} group by code, serial having count(*) > 1 order by min(row) limit 1
"""  # noqa: S608 - constants of this module


class DoubledError(ValueError):
    """A key occurs twice on one side: ``rows``, from 0, are the first and the last of theirs, if it is theirs."""

    def __init__(self, side: str, rows: tuple[int, int] | None = None) -> None:
        super().__init__(f"a key occurs twice in {side}")
        self.rows = rows


@dataclass(frozen=True)
class Comparison:
    """How many rows agree, their amount in fen, and those that do not plainly: their row in each file (from 0)."""

    equal: int
    amount: int
    differences: Sequence[tuple[int | None, int | None]]


def write_side(path: Path, rows: Iterable[Row]) -> int:
    """Write one side: the number of rows. ``mark`` is 0 where an equal amount on the other side settles the row."""
    number = -1
    with open(path, "w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        for number, (code, serial, amount, mark) in enumerate(rows):
            write((code, serial, amount, mark, number))
    return number + 1


def connect(folder: Path, memory: str = "900MB") -> duckdb.DuckDBPyConnection:
    """A database in memory that fetches nothing from anywhere and spills into ``folder``."""
    if not _MEMORY.fullmatch(memory):
        raise ValueError(f"{memory!r} is not an amount of memory such as 800MB")
    return duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
            "memory_limit": memory,
            "temp_directory": str(folder),
        }
    )


def compare_files(ours: Path, theirs: Path, folder: Path, memory: str = "900MB") -> Comparison:
    """Compare two files that ``write_side`` wrote. Raises DoubledError, and duckdb.Error for files of another form."""
    sides = {"ours": str(ours), "theirs": str(theirs)}
    with connect(folder, memory) as db:
        more_ours, more_theirs, equal, amount, differing = db.execute(_JOIN, sides).fetchall()[0]
        differing = differing or []
        alone = [one["key"] for one in differing if one["ours"] is None]
        doubled = more_ours or len(set(alone)) != len(alone)
        if doubled and (twice := db.execute(_TWICE, {"theirs": str(theirs)}).fetchall()):
            raise DoubledError(theirs.name, twice[0])
        if more_theirs:
            raise DoubledError(ours.name)
    return Comparison(equal, amount, [(one["ours"], one["theirs"]) for one in differing])


def match_big(books: Sequence[Booked], lines: Sequence[StatementLine], asked: Question, folder: Path) -> Outcome:
    """What ``outcome(findings(…))`` says, with both sides laid into files below ``folder`` and compared by DuckDB.

    Raises DoubledError when the statement repeats a line.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="reconcile-") as made:
        ours, theirs = Path(made, "ours.csv"), Path(made, "theirs.csv")
        write_side(
            ours,
            (
                (one.code, one.bank_serial, one.amount, int(asked.standings and one.standing not in _PLAIN))
                for one in books
            ),
        )
        paid = [line for line in lines if line.kind == "paid"]
        write_side(
            theirs,
            (
                (
                    line.code,
                    line.bank_serial,
                    line.amount,
                    int(asked.standings and wrong_terms(line, asked) is not None),
                )
                for line in paid
            ),
        )
        told = compare_files(ours, theirs, Path(made))
    differences = [Finding(BreakKind.REFUND_UNMATCHED, None, line) for line in lines if line.kind == "refunded"]
    differing: set[int] = set()
    for our_row, their_row in told.differences:
        booked = None if our_row is None else books[our_row]
        if our_row is not None:
            differing.add(our_row)
        if their_row is not None:
            kind = judge(booked, paid[their_row], asked)
            differences.append(Finding(kind, booked, paid[their_row]))
        elif booked is not None and (kind := absent(booked, asked)) is not None:
            differences.append(Finding(kind, booked, None))
    agreeing = (one for row, one in enumerate(books) if row not in differing)
    return Outcome(told.equal, told.amount, paid_by(agreeing), tuple(differences))
