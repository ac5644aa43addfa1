"""``gateway audit``: what operators did; list, filter, export, and hold the list against the evidence."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.foundation.access.audit import AuditFilter, AuditRecord, check, find
from gateway.foundation.evidence.command_line import evidence_of
from gateway.rooms.accounts.logs import Since, Subject, Until, about_file, between, every, write_rows
from gateway.terminal.output import Exit, Json, moment, session, show, table
from gateway.words.saying import Word, say

app = typer.Typer(help="What operators did 操作审计: list, export, verify.", no_args_is_help=True)

_SHOWN = ("at", "operator", "role", "action", "subject", "reason", "status")

Operator = Annotated[str | None, typer.Option(help="A person's id or name.")]
Action = Annotated[str | None, typer.Option(help="A part of what was done.")]
Reads = Annotated[bool, typer.Option("--reads", help="Only unmasked looks at persons.")]


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
    show({"acts": rows}, as_json, table(_SHOWN, ([_worded(name, row[name]) for name in _SHOWN] for row in rows)))


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
    given = {"operator": operator, "subject": subject, "action": action, "reads": reads, "since": since, "until": until}
    names = list(AuditRecord.__dataclass_fields__)
    number = write_rows(to, about_file("audit", given), names, map(_told, every(session(ctx), find, wanted)))
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
    return AuditFilter(operator, subject, action, "read" if reads else None, *between(since, until))


def _worded(name: str, value: Any) -> Any:
    return Word(value) if name in ("role", "action") else value


def _told(one: AuditRecord) -> dict[str, Any]:
    return {**asdict(one), "at": moment(one.at)}
