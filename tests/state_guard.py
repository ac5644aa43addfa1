"""Watches every statement of a test run: a state changes through its life and nowhere else.

A statement of the gateway that sets the column of a life must carry that life's name in its execution option ``life``,
as what ``Life.statement`` makes does. Statements of tests themselves set scenes and are let through.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event

from gateway.foundation.lives import LIVES
from gateway.foundation.store import prepared

TESTS = str(Path(__file__).parent)
BETWEEN = (str(Path(sqlalchemy.__file__).parent), prepared.__file__)
"""Whose frames stand between the watch and whoever had the statement executed."""

NOT_YET = {
    "payments": "payments are being moved to their lives",
    "payment codes": "the same",
    "exceptions": "the same",
    "settlement": "the same",
}
"""Lives whose columns are still set elsewhere, with the reason. Nothing may be added."""

_SETS = re.compile(r"(?:^UPDATE (\w+)|^INSERT INTO (\w+).* DO UPDATE) SET (.*?)(?: WHERE .*)?$", re.DOTALL)
_COLUMN = re.compile(r"(?:^|, )(\w+) ?=")

wrong: list[str] = []
"""What was done past a life since somebody last looked."""


def watch() -> None:
    """Watch every engine that there is or will be."""
    event.listen(Engine, "before_cursor_execute", _look)


def passed_by(statement: str, life: str | None) -> list[str]:
    """The lives whose columns a statement sets that was made for ``life``, or for none."""
    found = _SETS.match(statement)
    if found is None:
        return []
    table, columns = found[1] or found[2], set(_COLUMN.findall(found[3]))
    return [
        one.name for one in LIVES.values() if one.table.name == table and one.column in columns and one.name != life
    ]


def _look(_conn: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    if " SET " not in statement:
        return
    past = [name for name in passed_by(statement, context.execution_options.get("life")) if name not in NOT_YET]
    if past and not (asker := _asker()).startswith(TESTS):
        wrong.append(f"{asker} sets what only the life of {' and '.join(past)} may: {statement}")
        raise AssertionError(wrong[-1])


def _asker() -> str:
    """The file and line that had the statement executed."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(BETWEEN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
