"""One sheet of an .xls workbook (BIFF, before 2007) as rows of text cells, read by calamine in a child with limits.

Banks still hand such files out. Which rows are hidden is not told.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

from gateway.foundation.sheets import Number, Sheet, SheetRow

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How these files begin."""
_LONGEST = 32 << 20
_COLUMNS = 200
_SECONDS = 120
_CHILD = Path(__file__).with_name("old_workbook_child.py")


def read_old_workbook(content: bytes, name: str | None = None) -> Sheet:
    """The sheet of this name, else the only visible one with cells. ValueError names the sheets, or what is wrong."""
    if len(content) > _LONGEST:
        raise ValueError(f"an .xls workbook of more than {_LONGEST >> 20} MB: save it as XLSX or CSV")
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own file
            [sys.executable, "-I", str(_CHILD)], input=content, capture_output=True, timeout=_SECONDS, check=True
        )
        told = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise ValueError("this .xls workbook cannot be read: save it as XLSX or CSV") from None
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
