"""``gateway reconcile report``: a report 报表 at the terminal, or as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.reconciliation import report_files
from gateway.rooms.reconciliation.balance import month_days
from gateway.rooms.reconciliation.options import Channel, as_day, one_channel
from gateway.rooms.reconciliation.report import KINDS
from gateway.settings import known
from gateway.terminal.login import FromStdin, Identity, Login, asking_as
from gateway.terminal.output import Json, session, show, table, tell
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say


def report(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="day, month, authority, unit, ledger or balance.")],
    period: Annotated[str, typer.Argument(help="A day as 2026-06-30 or a month as 2026-06.")],
    channel: Channel = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it: .xlsx, .csv or .json (signed); the terminal if none.")
    ] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Write a report 报表 as a workbook, CSV, or signed JSON."""
    if kind not in KINDS:
        raise InvalidProblem(say("reconciliation.no_report", kind=kind), field="kind", cure=known(kind, KINDS))
    if len(period) == 7:
        month_days(period)
    else:
        as_day(period)
    if out is not None and out.suffix not in (".xlsx", ".csv", ".json"):
        raise InvalidProblem(
            say("reconciliation.no_format", ending=out.suffix or say("reconciliation.no_ending")), field="out"
        )
    asked = {"channel": one_channel(session(ctx).settings, channel), "period": period}
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        if out is not None and out.suffix == ".xlsx":
            out.write_bytes(_made(gateway, kind, {**asked, "format": "xlsx"}))
            signed = {}
        else:
            signed = gateway("GET", f"/v1/reports/{kind}?{urlencode(asked)}", None)
        if out is not None and out.suffix == ".csv":
            for number, one in enumerate(signed["report"]["tables"]):
                path = out if number == 0 else out.with_stem(f"{out.stem}-{one['title']}")
                path.write_bytes(_made(gateway, kind, {**asked, "format": "csv", "table": number + 1}))
    if out is None:
        if as_json:
            typer.echo(report_files.dump(signed))
            return
        _print(signed["report"])
        return
    if out.suffix == ".json":
        out.write_text(report_files.dump(signed), encoding="utf-8")
        digest, told = signed["digest"], "reconciliation.report_signed"
    else:
        digest, told = sm3(out.read_bytes()).hex(), "reconciliation.report_file"
    show({"file": str(out), "digest": digest}, as_json, say(told, file=out, digest=digest))


def _made(gateway: Asking, kind: str, asked: dict[str, Any]) -> bytes:
    return bytes(gateway("GET", f"/v1/reports/{kind}?{urlencode(asked)}", None))


def _print(made: dict[str, Any]) -> None:
    days = made["first"] if made["first"] == made["last"] else f"{made['first']} 至 {made['last']}"
    for number, one in enumerate(made["tables"]):
        rows = list(one["rows"])
        if rows and any(one["totals"]):
            rows.append(["合计", *one["totals"][1:]])
        head = [] if number else [f"{made['title']}  {made['channel']}  {days}  {made['note']}".rstrip()]
        tell(*head, "", table(one["columns"], rows, title=one["title"]))
