"""``gateway audit``: what operators did; list, filter, export, and hold the list against the evidence."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.foundation.access.audit import AuditFilter, AuditRecord, check, find
from gateway.foundation.evidence.command_line import evidence_of
from gateway.terminal.output import Exit, Json, Session, moment, parse_day, session, show, table
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

app = typer.Typer(help="What operators did 操作审计: list, export, verify.", no_args_is_help=True)

_PAGE = 500
_SHOWN = ("at", "operator", "role", "action", "subject", "reason", "status")

Operator = Annotated[str | None, typer.Option(help="A person's id or name.")]
Subject = Annotated[str | None, typer.Option(help="Whom or what it was about: an id, or authority/number.")]
Action = Annotated[str | None, typer.Option(help="A part of what was done.")]
Reads = Annotated[bool, typer.Option("--reads", help="Only unmasked looks at persons.")]
Since = Annotated[str | None, typer.Option(help="First day, for example 2026-11-01.")]
Until = Annotated[str | None, typer.Option(help="Last day.")]


@app.command("list")
def list_acts(
    ctx: typer.Context,
    operator: Operator = None,
    subject: Subject = None,
    action: Action = None,
    reads: Reads = False,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Acts, and unmasked looks at persons, newest first."""
    wanted = replace(_wanted(operator, subject, action, reads, since, until), limit=limit)
    rows = [_told(one) for one in session(ctx).read(lambda conn: find(conn, wanted))]
    show({"acts": rows}, as_json, table(_SHOWN, ([row[name] for name in _SHOWN] for row in rows)))


@app.command("export")
def export(
    ctx: typer.Context,
    to: Annotated[Path, typer.Option("--to", help="The file: .csv for spreadsheets, .jsonl for programs.")],
    operator: Operator = None,
    subject: Subject = None,
    action: Action = None,
    reads: Reads = False,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Write acts into a file, newest first. The file must not be there yet."""
    wanted = _wanted(operator, subject, action, reads, since, until)
    number = write_rows(to, list(AuditRecord.__dataclass_fields__), _all(session(ctx), wanted))
    show({"file": str(to), "acts": number}, as_json, say("audit.exported", number=number, file=to))


@app.command("verify")
def verify(ctx: typer.Context, as_json: Json = False) -> None:
    """Hold the list against the evidence, which says the same; `gateway evidence verify` proves that one."""
    ours = session(ctx)
    evidence = evidence_of(ours.settings)
    wrong = ours.read(lambda conn: check(conn, evidence))
    told = say("audit.as_kept") if not wrong else say("audit.not_as_kept", number=len(wrong), first=wrong[0])
    show({"ok": not wrong, "wrong": wrong}, as_json, told)
    if wrong:
        raise typer.Exit(Exit.FOUND)


def _wanted(
    operator: str | None, subject: str | None, action: str | None, reads: bool, since: str | None, until: str | None
) -> AuditFilter:
    first = None if since is None else micros_of(since, "since")
    end = None if until is None else micros_of(until, "until", timedelta(days=1))
    return AuditFilter(operator, subject, action, "read" if reads else None, first, end)


def write_rows(to: Path, names: Sequence[str], rows: Iterable[dict[str, Any]]) -> int:
    """Write rows into a new file, .csv or .jsonl; how many they were. Raises InvalidProblem."""
    if to.suffix not in (".csv", ".jsonl"):
        raise InvalidProblem(say("audit.kinds"), field="--to")
    number = 0
    try:
        with to.open("x", encoding="utf-8-sig" if to.suffix == ".csv" else "utf-8", newline="") as file:
            sheet = csv.DictWriter(file, names)
            if to.suffix == ".csv":
                sheet.writeheader()
            for row in rows:
                number += 1
                if to.suffix == ".csv":
                    sheet.writerow({name: _cell(value) for name, value in row.items()})
                else:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    except FileExistsError:
        raise InvalidProblem(say("audit.there", file=to), field="--to") from None
    return number


def micros_of(day: str, field: str, later: timedelta = timedelta(0)) -> int:
    """When a day begins here, and ``later``, in microseconds. Raises InvalidProblem."""
    return to_micros(datetime.combine(parse_day(day, field), time.min, SHANGHAI) + later)


def _all(ours: Session, wanted: AuditFilter) -> Iterator[dict[str, Any]]:
    before: str | None = None
    while True:
        page = ours.read(lambda conn, before=before: find(conn, replace(wanted, before=before, limit=_PAGE)))  # type: ignore[misc]
        yield from map(_told, page)
        if len(page) < _PAGE:
            return
        before = page[-1].id


def _told(one: AuditRecord) -> dict[str, Any]:
    return {**asdict(one), "at": moment(one.at)}


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
