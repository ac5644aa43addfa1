"""A list as a file: a workbook for people, CSV for machines. Pure.

A spreadsheet takes a code of twenty digits for a number and keeps fifteen of them. So the workbook holds codes as text,
and CSV marks them (``taken_files``).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.foundation import taken_files
from gateway.words.saying import Language, head_in

_AMOUNT = re.compile(r"-?\d{1,10}\.\d{2}")
_WIDEST = 60
LISTS = ("payments", "breaks", "disclosures", "refunds", "exceptions")
"""Which lists are exported, by the last word of their address."""
Row = Mapping[str, Any]


def as_workbook(rows: Sequence[Row], about: Mapping[str, str]) -> bytes:
    """Rows under Chinese heads, amounts as numbers and all else as text; a second sheet says what this is."""
    import xlsxwriter

    names, out = columns(rows), io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet, bold = book.add_worksheet("导出"), book.add_format({"bold": True})
        text, money = book.add_format({"num_format": "@"}), book.add_format({"num_format": "0.00"})
        for column, name in enumerate(names):
            head = head_in(name, Language.CHINESE)
            cells = [_text(row.get(name)) for row in rows]
            sheet.write_string(0, column, head, bold)
            sheet.set_column(column, column, min(_WIDEST, 2 + max(map(len, (head * 2, *cells)))))
            for number, cell in enumerate(cells, start=1):
                if _AMOUNT.fullmatch(cell):
                    sheet.write_number(number, column, float(cell), money)
                elif cell:
                    sheet.write_string(number, column, cell, text)
        sheet.freeze_panes(1, 0)
        told = book.add_worksheet("说明")
        told.set_column(1, 1, _WIDEST)
        for number, (name, value) in enumerate(about.items()):
            told.write_string(number, 0, name, bold)
            told.write_string(number, 1, value)
    return out.getvalue()


def as_csv(rows: Sequence[Row], about: Mapping[str, str]) -> bytes:
    """UTF-8 with its mark; lines that begin with ``##`` say what this is (``taken_files``)."""
    names = columns(rows)
    return "".join(
        taken_files.as_csv(about, names, ([_text(row.get(name)) for name in names] for row in rows))
    ).encode()


def columns(rows: Sequence[Row]) -> list[str]:
    """The names of what the rows hold, in the order in which they first come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def flat(view: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    """A view as one row: what has parts is named by both, lists of records are left out."""
    for name, value in view.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{under}{name}.")
        elif not (isinstance(value, list) and any(isinstance(one, Mapping) for one in value)):
            yield f"{under}{name}", value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(value)
