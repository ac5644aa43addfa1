"""Rows and SQL stay where records are kept: faces, commands and routes know no table, and rows leave as records."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def sources() -> dict[str, str]:
    """The text of every module of the gateway, by its path."""
    files = (ROOT / "gateway").rglob("*.py")
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}


def knows_sql(source: str) -> bool:
    """Whether a module imports SQLAlchemy, be it for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
    return any(name.partition(".")[0] == "sqlalchemy" for name in found)


def names_rows(source: str) -> bool:
    """Whether a module names SQLAlchemy's type of a row."""
    return any(
        isinstance(node, ast.alias) and node.name.rpartition(".")[2] in ("RowMapping", "Row")
        for node in ast.walk(ast.parse(source))
    )


def is_face(path: str) -> bool:
    """Faces, commands and routes: what only translates."""
    stem = Path(path).stem
    return path.startswith(("gateway/faces/", "gateway/cli/")) or stem.endswith(("routes", "command", "commands"))


def keeps_rows(path: str) -> bool:
    """Where rows may be seen: records, and the store itself."""
    return "records" in Path(path).stem or path.startswith("gateway/foundation/store/")


def test_faces_commands_and_routes_know_no_table() -> None:
    assert {path for path, source in sources().items() if is_face(path) and knows_sql(source)} == set()


def test_rows_are_seen_by_records_and_the_store_alone() -> None:
    assert {path for path, source in sources().items() if not keeps_rows(path) and names_rows(source)} == set()


@pytest.mark.parametrize(
    ("source", "sql", "rows"),
    [
        ("import sqlalchemy", True, False),
        ("import sqlalchemy.exc as wrong", True, False),
        ("def f():\n    from sqlalchemy.exc import OperationalError", True, False),
        ("if TYPE_CHECKING:\n    from sqlalchemy import RowMapping", True, True),
        ("from sqlalchemy.engine import Row as Payment", True, True),
        ("from gateway.rooms.payments.records import Payment", False, False),
        ("'import sqlalchemy'", False, False),
    ],
)
def test_what_breaks_the_rules_would_be_noticed(source: str, sql: bool, rows: bool) -> None:
    assert (knows_sql(source), names_rows(source)) == (sql, rows)


def test_which_files_are_meant() -> None:
    paths = sources()
    assert {Path(path).name for path in paths if is_face(path)} > {"routes.py", "commands.py", "serve.py", "pages.py"}
    assert "gateway/rooms/reconciliation/month_commands.py" in filter(is_face, paths)
    assert not is_face("gateway/rooms/payments/service.py")
    assert keeps_rows("gateway/rooms/reconciliation/report_records.py")
    assert not keeps_rows("gateway/rooms/payments/service.py")
