"""What the commands of the two logs share, that of acts and that of what was handed over: days, pages, files."""

from __future__ import annotations

import getpass
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gateway.foundation import taken_files
from gateway.foundation.taken_files import told, wanted
from gateway.terminal.output import Session, parse_day
from gateway.words.clock import SHANGHAI, SystemClock, to_micros
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


def write_rows(to: Path, about: Mapping[str, str], names: Sequence[str], rows: Iterable[dict[str, Any]]) -> int:
    """Write rows into a new file, .csv or .jsonl, which begins with what it is; how many they were.

    Raises InvalidProblem.
    """
    if to.suffix not in (".csv", ".jsonl"):
        raise InvalidProblem(say("audit.kinds"), field="--to")
    counted = itertools.count()

    def each() -> Iterator[dict[str, Any]]:
        for row in rows:
            next(counted)
            yield row

    if to.suffix == ".csv":
        lines = taken_files.as_csv(about, names, ([_text(row.get(name)) for name in names] for row in each()))
    else:
        lines = taken_files.as_lines_of_json(about, each())
    try:
        with to.open("x", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except FileExistsError:
        raise InvalidProblem(say("audit.there", file=to), field="--to") from None
    return next(counted)


def about_file(what: str, filters: Mapping[str, Any]) -> dict[str, str]:
    """What a file says of itself that is written at this machine, by whoever works there."""
    return told(what, wanted(filters), f"os:{getpass.getuser()}", SystemClock().now())


def _begins(day: str, field: str, later: timedelta = timedelta(0)) -> int:
    return to_micros(datetime.combine(parse_day(day, field), time.min, SHANGHAI) + later)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
