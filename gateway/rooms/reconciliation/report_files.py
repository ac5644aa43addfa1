"""Reports written down: a workbook, a CSV file, signed JSON.

No cell of text can become a formula in a spreadsheet, whoever wrote the text. Each names filter, zone, time and person.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from gateway.foundation.crypto.keys import KeyProvider
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.taken_files import ZONE, as_csv, told, wanted
from gateway.rooms.reconciliation.balance import REPORT_KEY, canonical
from gateway.rooms.reconciliation.report import Cell, Report, Shape, Table, as_text
from gateway.words.clock import SHANGHAI, rfc3339

_WIDTHS: Final = {"text": 24, "fen": 16, "number": 10, "day": 12, "time": 20}


def to_csv(report: Report, table: int, by: str) -> str:
    """One table as CSV, made by whom, in the form of all of them (``taken_files``)."""
    chosen = report.tables[table]
    about = told(report.zh, wanted({**report.wanted, "table": chosen.zh}), by, report.made_at, len(chosen.rows))
    rows = (list(_texts(chosen, row)) for row in chosen.rows)
    return "".join(as_csv(about, [column.zh for column in chosen.columns], rows))


def _texts(table: Table, row: Sequence[Cell]) -> Iterable[str]:
    return [as_text(value, column.shape) for column, value in zip(table.columns, row, strict=True)]


def to_json(report: Report, keys: KeyProvider, by: str) -> dict[str, Any]:
    """The report, made by whom, with its SM3 digest and an SM2 signature (DER, standard ID) over ``canonical``."""
    content = {
        "kind": report.kind,
        "title": report.zh,
        "channel": report.channel,
        "first": report.first.isoformat(),
        "last": report.last.isoformat(),
        "authorities": None if report.authorities is None else list(report.authorities),
        "made_at": rfc3339(report.made_at),
        "zone": ZONE,
        "by": by,
        "note": report.note,
        "tables": [
            {
                "title": table.zh,
                "columns": [column.zh for column in table.columns],
                "rows": [list(_texts(table, row)) for row in table.rows],
                "totals": list(_texts(table, table.totals())),
            }
            for table in report.tables
        ],
    }
    body = canonical(content)
    return {
        "report": content,
        "digest": sm3(body).hex(),
        "signature": keys.sign(REPORT_KEY, body).hex(),
        "public_key": keys.public(REPORT_KEY).hex(),
    }


def to_xlsx(report: Report, out: Path | BinaryIO, by: str) -> None:
    """A workbook, made by whom: one sheet a table, headings in Chinese with English below, totals, settings for A4."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(
        str(out) if isinstance(out, Path) else out, {**options, "default_date_format": "yyyy-mm-dd"}
    ) as book:
        font = {"font_name": "Noto Sans CJK SC", "font_size": 10, "valign": "vcenter"}
        line = {"border": 1, "border_color": "#C8CDD3"}
        title = book.add_format({**font, "font_size": 14, "bold": True})
        note = book.add_format({**font, "font_size": 9, "font_color": "#5F6B76"})
        head = book.add_format(
            {**font, **line, "bold": True, "bg_color": "#E8EEF4", "align": "center", "text_wrap": True}
        )
        shapes: dict[Shape, Any] = {
            "text": book.add_format({**font, **line, "text_wrap": True, "indent": 1}),
            "fen": book.add_format({**font, **line, "num_format": "#,##0.00"}),
            "number": book.add_format({**font, **line, "num_format": "0"}),
            "day": book.add_format({**font, **line, "num_format": "yyyy-mm-dd", "align": "center"}),
            "time": book.add_format({**font, **line, "num_format": "yyyy-mm-dd hh:mm:ss", "align": "center"}),
        }
        total = {"bold": True, "bg_color": "#F5F7F9"}
        bold = book.add_format({**font, **line, **total, "indent": 1})
        bold_fen = book.add_format({**font, **line, **total, "num_format": "#,##0.00"})
        bold_number = book.add_format({**font, **line, **total, "num_format": "0"})
        for table in report.tables:
            sheet = book.add_worksheet(table.zh)
            sheet.write_string(0, 0, f"{report.title}  {table.zh}", title)
            only = "" if report.authorities is None else f"  执收单位 {'、'.join(report.authorities)}"
            made = f"编制时间 {as_text(report.made_at, 'time')} +08:00  编制人 {by}{only}  单位:元"
            sheet.write_string(1, 0, f"{made}  {report.note}".rstrip(), note)
            sheet.set_row(0, 26)
            sheet.set_row(3, 30)
            for index, column in enumerate(table.columns):
                sheet.write_string(3, index, f"{column.zh}\n{column.en}", head)
                sheet.set_column(index, index, _width(table, index))
            for number, row in enumerate(table.rows, start=4):
                for index, (column, value) in enumerate(zip(table.columns, row, strict=True)):
                    _write(sheet, number, index, column.shape, value, shapes[column.shape])
            totals = table.totals()
            if any(one is not None for one in totals):
                end = 4 + len(table.rows)
                for index, one in enumerate(totals):
                    if one is None:
                        sheet.write_string(end, index, "合计" if index == 0 else "", bold)
                    elif table.columns[index].shape == "fen":
                        sheet.write_number(end, index, one / 100, bold_fen)
                    else:
                        sheet.write_number(end, index, one, bold_number)
            sheet.freeze_panes(4, 0)
            sheet.set_paper(9)
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(3)
            sheet.set_footer("&C第 &P 页 共 &N 页")


def _width(table: Table, index: int) -> float:
    """As wide as its longest text, a Chinese character counting twice; not wider than a line can be read."""
    shape = table.columns[index].shape
    if shape != "text":
        return _WIDTHS[shape]
    texts = [table.columns[index].zh, table.columns[index].en, *(str(row[index] or "") for row in table.rows[:500])]
    longest = max(sum(2 if ord(char) > 0x2E80 else 1 for char in text) for text in texts)
    return min(max(longest + 3, 9), 44)


def _write(sheet: Any, row: int, index: int, shape: Shape, value: Cell, how: Any) -> None:
    if value is None:
        sheet.write_blank(row, index, None, how)
    elif shape == "fen" and isinstance(value, int):
        sheet.write_number(row, index, value / 100, how)  # below 2**53 fen a double holds the cents exactly
    elif isinstance(value, int):
        sheet.write_number(row, index, value, how)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, index, value.astimezone(SHANGHAI).replace(tzinfo=None), how)
    elif isinstance(value, date):
        sheet.write_datetime(row, index, datetime(value.year, value.month, value.day), how)  # noqa: DTZ001
    else:
        sheet.write_string(row, index, str(value), how)


def dump(told: dict[str, Any]) -> str:
    """Signed JSON as it is written to a file."""
    return json.dumps(told, ensure_ascii=False, indent=1)
