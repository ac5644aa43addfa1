"""What became of each line of an import, as a workbook for the people who made the file."""

from __future__ import annotations

import io

import xlsxwriter

from gateway.rooms.imports.service import ImportReport
from gateway.words.saying import Language, say, worded

_HEADS = (("行号", 8), ("结果", 10), ("缴款码", 24), ("原因", 100))


def as_workbook(report: ImportReport, code: str = "缴款码") -> bytes:
    """In Chinese, in the file's order, one reason a line: the row's number, what became of it, its code, and why.

    ``code``: what names a row. A row with several reasons has several lines, so that each can be ticked off.
    """
    told = {one: say(f"imports.{one}").in_(Language.CHINESE) for one in ("new", "known", "bad", "noted")}
    out = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet, head = book.add_worksheet("导入结果"), book.add_format({"bold": True})
        for column, (name, width) in enumerate(_HEADS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, code if name == "缴款码" else name, head)
        lines = [(one, worded(why, Language.CHINESE)) for one in report.rows for why in one.reasons or ("",)]
        for number, (one, why) in enumerate(lines, start=1):
            sheet.write_number(number, 0, one.line)
            for column, text in enumerate((told[one.outcome], one.code, why), start=1):
                sheet.write_string(number, column, text)
        sheet.freeze_panes(1, 0)
    return out.getvalue()
