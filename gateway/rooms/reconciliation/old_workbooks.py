"""One sheet of an .xls workbook (BIFF, before 2007) as rows of text cells, read by calamine in a child with limits.

Banks still hand such files out. Which rows are hidden is not told.
"""

from __future__ import annotations

import json
from datetime import date

from gateway.foundation import nursery
from gateway.foundation.sheets import Number, Sheet, SheetRow
from gateway.rooms.reconciliation.old_workbook_child import sheets

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How these files begin."""
_LONGEST = 32 << 20
_COLUMNS = 200
_SECONDS, _MEGABYTES = 60, 700
_LARGEST_TOLD = 256 << 20


def read_old_workbook(content: bytes, name: str | None = None) -> Sheet:
    """The sheet of this name, else the only visible one with cells. ValueError names the sheets, or what is wrong."""
    if len(content) > _LONGEST:
        raise ValueError(f"an .xls workbook of more than {_LONGEST >> 20} MB: save it as XLSX or CSV")
    answer = nursery.ask(sheets, content, seconds=_SECONDS, megabytes=_MEGABYTES, most=_LARGEST_TOLD)
    if answer is None:
        raise ValueError("this .xls workbook cannot be read: save it as XLSX or CSV")
    told = json.loads(answer)
    if name is not None and name not in [title for title, _, _ in told]:
        raise ValueError(f"no sheet {name!r}; there are {'、'.join(title for title, _, _ in told)}")
    chosen = [(title, rows) for title, seen, rows in told if (seen if name is None else title == name)]
    filled = [(title, rows) for title, rows in chosen if any(any(row) for row in rows)]
    if len(filled) > 1:
        raise ValueError(f"several sheets have rows: {'、'.join(title for title, _ in filled)}; say which")
    rows = filled[0][1] if filled else []
    if any(len(row) > _COLUMNS for row in rows[:1]):
        raise ValueError(f"more than {_COLUMNS} columns in a row")
    texts = ([cell if isinstance(cell, str) else Number(cell[0]) for cell in row] for row in rows)
    return Sheet([SheetRow(at, False, cells) for at, cells in enumerate(texts, start=1)], date(1899, 12, 30))
