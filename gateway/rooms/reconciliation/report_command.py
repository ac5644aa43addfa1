"""``gateway reconcile report``: a report 报表 at the terminal, or as a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.reconciliation import Months, report_files
from gateway.rooms.reconciliation.balance import month_days
from gateway.rooms.reconciliation.options import Channel, as_day, one_channel
from gateway.rooms.reconciliation.report import Kind, Report, as_text
from gateway.settings import known
from gateway.terminal.output import Json, session, show, table, tell
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
    as_json: Json = False,
) -> None:
    """Write a report 报表 as a workbook, CSV, or signed JSON."""
    kinds: dict[str, Kind] = {one: one for one in ("day", "month", "authority", "unit", "ledger", "balance")}
    if kind not in kinds:
        raise InvalidProblem(say("reconciliation.no_report", kind=kind), field="kind", cure=known(kind, kinds))
    first, last = month_days(period) if len(period) == 7 else (as_day(period), as_day(period))
    name = one_channel(session(ctx).settings, channel)

    async def make() -> tuple[Report, dict[str, Any]]:
        from gateway.app import App

        async with App.open(session(ctx).current) as gateway:
            months = gateway.get(Months)
            made = await months.report(kinds[kind], name, first, last)
            return made, months.signed(made)

    session(ctx).read(lambda _: None)
    made, signed = asyncio.run(make())
    if out is None:
        if as_json:
            typer.echo(report_files.dump(signed))
            return
        _print(made)
        return
    match out.suffix:
        case ".xlsx":
            report_files.to_xlsx(made, out)
        case ".csv":
            for number, one in enumerate(made.tables):
                path = out if number == 0 else out.with_stem(f"{out.stem}-{one.zh}")
                path.write_text(report_files.to_csv(made, number), encoding="utf-8", newline="")
        case ".json":
            out.write_text(report_files.dump(signed), encoding="utf-8")
        case other:
            raise InvalidProblem(
                say("reconciliation.no_format", ending=other or say("reconciliation.no_ending")), field="out"
            )
    digest = signed["digest"] if out.suffix == ".json" else sm3(out.read_bytes()).hex()
    told = say("reconciliation.report_file", file=out, digest=digest)
    if out.suffix == ".json":
        told = say("reconciliation.report_signed", file=out, digest=digest)
    show({"file": str(out), "digest": digest}, as_json, told)


def _print(made: Report) -> None:
    for number, one in enumerate(made.tables):
        rows = [[as_text(cell, col.shape) for cell, col in zip(row, one.columns, strict=True)] for row in one.rows]
        totals = one.totals()
        if rows and any(total is not None for total in totals):
            shown = [as_text(total, col.shape) for total, col in zip(totals, one.columns, strict=True)]
            rows.append(["合计", *shown[1:]])
        head = [] if number else [f"{made.title}  {made.note}".rstrip()]
        tell(*head, "", table([col.zh for col in one.columns], rows, title=f"{one.zh}"))
