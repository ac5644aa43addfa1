"""Files that people take away: what each says of itself, and what a spreadsheet would spoil in them. Pure.

A spreadsheet that opens CSV takes a code of twenty digits for a number and keeps fifteen of them. So ``#`` stands in
CSV before whatever consists of twelve digits or more, would be taken for a formula, or begins with ``#`` itself: a
reader takes one ``#`` away. Lines that begin with ``##`` stand before the heads and say what the file is.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.words.clock import rfc3339

ZONE = "+08:00 (Asia/Shanghai)"
BOM = "\ufeff"
_MARKED = re.compile(r"[#=+@\t\r].*|-(?!\d+(\.\d+)?\Z).*|\d{12,}", re.DOTALL)
_CODES = {"代码 codes": "a value that begins with # is text: take one # away"}


def told(what: str, wanted: str, by: str, at: datetime, rows: int | None = None) -> dict[str, str]:
    """What a file says of itself: which list, by which filter, how many rows, in which zone, when and who."""
    known = {
        "列表 list": what,
        "筛选 filter": wanted or "无 none",
        "行数 rows": None if rows is None else str(rows),
        "时区 zone": ZONE,
        "导出时间 at": rfc3339(at),
        "导出人 by": by,
    }
    return {name: value for name, value in known.items() if value is not None}


def wanted(filters: Mapping[str, Any]) -> str:
    """A filter in one line: what narrows nothing is left out."""
    return ", ".join(f"{name}={value}" for name, value in filters.items() if value not in (None, "", False))


def as_csv(about: Mapping[str, str], heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a CSV file, which end as RFC 4180 says, behind the mark of UTF-8."""
    yield BOM
    for name, value in {**about, **_CODES}.items():
        yield f"## {name}: {' '.join(value.split())}\r\n"
    yield _line(heads)
    for row in rows:
        yield _line([marked(cell) for cell in row])


def as_lines_of_json(about: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Lines of JSON: the first is one object whose only member ``export`` says what the file is."""
    yield _json({"export": {name.rpartition(" ")[2]: value for name, value in about.items()}})
    for row in rows:
        yield _json(row)


def marked(cell: str) -> str:
    """A cell of CSV that no spreadsheet cuts or takes for a formula."""
    return f"#{cell}" if _MARKED.fullmatch(cell) else cell


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
