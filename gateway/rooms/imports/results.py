"""What both importing commands do at the terminal: read the file, and tell what became of each row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import typer

from gateway.rooms.imports.report import as_workbook
from gateway.rooms.imports.service import ImportReport, RowResult
from gateway.terminal.output import Exit, show, spoken, table
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

_HEADS = {"code": "缴款码", "number": "决定书文号"}


def content_of(file: Path) -> bytes:
    """The file's bytes. Raises InvalidProblem, with why it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidProblem(say("terminal.unreadable_file", file=file, reason=error.strerror), field="file") from error


def tell(
    report: ImportReport,
    report_file: Path | None,
    as_json: bool,
    names: Literal["code", "number"],
    more: Callable[[RowResult], dict[str, Any]] = lambda _: {},
) -> None:
    """Show every row for programs and those with something to say for people; exit code 1 if rows are bad.

    ``report_file``: write the workbook there. ``names``: what a row is known by. ``more``: what programs read besides.
    """
    if report_file is not None:
        report_file.write_bytes(as_workbook(report, _HEADS[names]))
    counts = {name: report.count(name) for name in ("new", "known", "bad")}
    language, said = spoken(), [one for one in report.rows if one.reasons]
    rows = [
        {"line": one.line, "outcome": one.outcome, names: one.code, "reason": one.reason_in(language), **more(one)}
        for one in report.rows
    ]
    show(
        {"written": report.written, **counts, "rows": rows},
        as_json,
        table(
            [say("imports.line"), say("imports.outcome"), say(f"imports.{names}"), say("imports.reason")],
            ((one.line, say(f"imports.{one.outcome}"), one.code, one.reason_in(language)) for one in said),
        )
        if said
        else say("imports.no_bad_rows"),
        say("imports.imported" if report.written else "imports.would_be", **counts),
    )
    if counts["bad"]:
        raise typer.Exit(Exit.FOUND)
