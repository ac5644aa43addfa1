"""Rows and SQL stay where records are kept: faces, commands and routes know no table, and rows leave as records."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from sources import every, texts

Imports = ast.Import | ast.ImportFrom


def knows_sql(node: Imports) -> bool:
    """Whether SQLAlchemy is imported, be it for types only."""
    names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return getattr(node, "level", 0) == 0 and any(name.partition(".")[0] == "sqlalchemy" for name in names)


def names_rows(node: Imports) -> bool:
    """Whether SQLAlchemy's type of a row is imported."""
    return knows_sql(node) and any(one.name.rpartition(".")[2] in ("RowMapping", "Row") for one in node.names)


def imports() -> Iterator[tuple[str, Imports]]:
    """Every import of the gateway, with its module."""
    return chain(every(ast.Import), every(ast.ImportFrom))


def is_face(path: str) -> bool:
    """Faces, commands and routes: what only translates."""
    stem = Path(path).stem
    return path.startswith(("faces/", "cli/")) or stem.endswith(("routes", "command", "commands"))


def keeps_rows(path: str) -> bool:
    """Where rows may be seen: records, and the store itself."""
    return "records" in Path(path).stem or path.startswith("foundation/store/")


def test_faces_commands_and_routes_know_no_table() -> None:
    assert {path for path, node in imports() if is_face(path) and knows_sql(node)} == set()


def test_rows_are_seen_by_records_and_the_store_alone() -> None:
    assert {path for path, node in imports() if not keeps_rows(path) and names_rows(node)} == set()


@pytest.mark.parametrize(
    ("source", "sql", "rows"),
    [
        ("import sqlalchemy", True, False),
        ("import sqlalchemy.exc as wrong", True, False),
        ("def f():\n    from sqlalchemy.exc import OperationalError", True, False),
        ("if TYPE_CHECKING:\n    from sqlalchemy import RowMapping", True, True),
        ("from sqlalchemy.engine import Row as Payment", True, True),
        ("from gateway.rooms.payments.records import Payment", False, False),
        ("from gateway.foundation.screens import Row", False, False),
        ("'import sqlalchemy'", False, False),
    ],
)
def test_what_breaks_the_rules_would_be_noticed(source: str, sql: bool, rows: bool) -> None:
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, Imports)]
    assert (any(map(knows_sql, found)), any(map(names_rows, found))) == (sql, rows)


def test_which_files_are_meant() -> None:
    paths = texts()
    assert {Path(path).name for path in paths if is_face(path)} > {"routes.py", "commands.py", "serve.py", "pages.py"}
    assert "rooms/reconciliation/month_commands.py" in filter(is_face, paths)
    assert not is_face("rooms/payments/service.py")
    assert keeps_rows("rooms/reconciliation/report_records.py")
    assert not keeps_rows("rooms/payments/service.py")
