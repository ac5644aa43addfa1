"""In a child with limits: an .xls workbook, its sheets as JSON.

Two cells far apart make calamine allocate all cells between them, a gigabyte in a file of five kilobytes.
"""

from __future__ import annotations

import datetime
import io
import json


def _cell(cell: object) -> str | list[str]:
    """A cell as text; a number as a list of one text, so that it is known as one."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return [repr(cell)]
    if isinstance(cell, datetime.datetime):
        to_second = (cell + datetime.timedelta(milliseconds=500)).replace(microsecond=0)
        return str(to_second if to_second.time() > datetime.time.min else to_second.date())
    return str(cell)


def sheets(content: bytes) -> bytes:
    """The sheets of a workbook as JSON: title, whether it is seen, rows."""
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    told = []
    for sheet in book.sheets_metadata:
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet:
            rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            seen = sheet.visible == python_calamine.SheetVisibleEnum.Visible
            told.append([sheet.name, seen, [[_cell(cell) for cell in row] for row in rows]])
    return json.dumps(told).encode()
