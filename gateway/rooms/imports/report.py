"""What became of each line of an import, as a workbook for the people who made the file."""

from __future__ import annotations

import io

import xlsxwriter

from gateway.rooms.imports.service import ImportReport
from gateway.words.saying import Language, say

_HEADS = (("行号", 8), ("结果", 10), ("缴款码", 24), ("原因", 100))


def as_workbook(report: ImportReport) -> bytes:
    """In Chinese, one line a row, in the file's order: its number, what became of it, its code, and one reason."""
    told = {one: say(f"imports.{one}").in_(Language.CHINESE) for one in ("new", "known", "bad", "noted")}
    out = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet, head = book.add_worksheet("导入结果"), book.add_format({"bold": True})
        for column, (name, width) in enumerate(_HEADS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, name, head)
        for number, one in enumerate(report.rows, start=1):
            sheet.write_number(number, 0, one.line)
            for column, text in enumerate((told[one.outcome], one.code, one.reason_in(Language.CHINESE)), start=1):
                sheet.write_string(number, column, text)
        sheet.freeze_panes(1, 0)
    return out.getvalue()
