"""What the commands of the two logs share, that of acts and that of what was handed over: days, pages, files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gateway.terminal.output import Session, parse_day
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

Subject = Annotated[str | None, typer.Option(help="Whom or what it was about: an id, or authority/number.")]
Since = Annotated[str | None, typer.Option(help="First day, for example 2026-11-01.")]
Until = Annotated[str | None, typer.Option(help="Last day.")]

_PAGE = 500
R = TypeVar("R")


def between(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """From the beginning of the first day up to the end of the last, in microseconds. Raises InvalidProblem."""
    first = None if since is None else _begins(since, "since")
    end = None if until is None else _begins(until, "until", timedelta(days=1))
    return first, end


def every(ours: Session, find: Callable[[Any, Any], Sequence[R]], wanted: Any) -> Iterator[R]:
    """All records that a filter wants, a page at a time. A filter has ``before``, an id, and ``limit``."""
    page: Sequence[Any] = ()
    while True:
        asked = replace(wanted, before=page[-1].id if page else None, limit=_PAGE)
        page = ours.read(lambda conn, asked=asked: find(conn, asked))  # type: ignore[misc]
        yield from page
        if len(page) < _PAGE:
            return


def write_rows(to: Path, names: Sequence[str], rows: Iterable[dict[str, Any]]) -> int:
    """Write rows into a new file, .csv or .jsonl; how many they were. Raises InvalidProblem."""
    if to.suffix not in (".csv", ".jsonl"):
        raise InvalidProblem(say("audit.kinds"), field="--to")
    number = 0
    try:
        with to.open("x", encoding="utf-8-sig" if to.suffix == ".csv" else "utf-8", newline="") as file:
            sheet = csv.DictWriter(file, names)
            if to.suffix == ".csv":
                sheet.writeheader()
            for row in rows:
                number += 1
                if to.suffix == ".csv":
                    sheet.writerow({name: _cell(value) for name, value in row.items()})
                else:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    except FileExistsError:
        raise InvalidProblem(say("audit.there", file=to), field="--to") from None
    return number


def _begins(day: str, field: str, later: timedelta = timedelta(0)) -> int:
    return to_micros(datetime.combine(parse_day(day, field), time.min, SHANGHAI) + later)


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
