"""``gateway reconcile``: match a day both ways, explain its breaks, report, close the month."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.cli.output import Exit, Json, console, progress, session, show, table
from gateway.clock import day_of
from gateway.errors import InvalidProblem, NotFoundProblem, Problem
from gateway.money import format_yuan
from gateway.plugins import KIND_FOR
from gateway.settings import Settings, known

if TYPE_CHECKING:
    from gateway.app import App
    from gateway.reconciliation import Run
    from gateway.reconciliation.profiles import Profile

T = TypeVar("T")

app = typer.Typer(
    name="reconcile",
    help="Reconcile a day 对账: every payment matched or a named break. Exit code 1 if breaks are open.",
    invoke_without_command=True,
    no_args_is_help=False,
)

Channel = Annotated[str | None, typer.Option(help="The channel; may be left out where there is only one.")]
Operator = Annotated[str, typer.Option("--by", help="Who you are: a second person must be another one.")]


@app.callback()
def reconcile(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option(help="The platform's day, as 2026-06-30; yesterday if none.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Channels that take payments; all if none.")] = None,
    file: Annotated[Path | None, typer.Option(help="A statement, clearing or treasury file.")] = None,
    profile: Annotated[str | None, typer.Option(help="The file's format: a block [statements.NAME].")] = None,
    as_json: Json = False,
) -> None:
    """Match a day's statement against the books, both ways."""
    if ctx.invoked_subcommand is not None:
        return
    wanted = day_of(datetime.now(UTC)) - timedelta(days=1) if day is None else _day(day)
    settings = session(ctx).settings
    chosen = _payment_channels(settings, channel or [])
    told = _format(settings, file, profile)
    if told is not None and len(chosen) != 1:
        raise InvalidProblem("a file is of one channel", field="channel", cure="Name it with --channel.")
    rows = asyncio.run(_run(ctx, wanted, chosen, file, told))
    ok = not any(row["breaks"] or row["error"] for row in rows)
    differences = [one for row in rows for one in row["open"]]
    show(
        {"ok": ok, "day": wanted.isoformat(), "channels": rows},
        as_json,
        table(
            ["channel", "matched", "yuan", "waiting", "breaks", ""],
            (
                (row["channel"], row["matched"], row["amount"], row["waiting"], row["breaks"], row["error"])
                for row in rows
            ),
            title=f"{wanted}",
        ),
        *(
            [
                "",
                table(
                    ["break", "kind", "", "code", "ours", "theirs"],
                    (
                        (one["id"], one["kind"], one["zh"], one["code"], one["ours"], one["theirs"])
                        for one in differences
                    ),
                ),
                "",
                "Why: gateway reconcile explain BREAK",
            ]
            if differences
            else []
        ),
    )
    if not ok:
        raise typer.Exit(Exit.FOUND)


@app.command()
def explain(
    ctx: typer.Context, break_id: Annotated[str, typer.Argument(metavar="BREAK")], as_json: Json = False
) -> None:
    """Tell the story of a break in plain words, with its exchanges."""
    from gateway.reconciliation import CHINESE
    from gateway.reconciliation.explanation import explained

    found = session(ctx).read(lambda conn: explained(conn, break_id, datetime.now(UTC)))
    if found is None:
        raise NotFoundProblem(f"no break {break_id}", cure="`gateway reconcile` lists those that are open.")
    about = found.about
    told = {
        "id": about.id,
        "kind": str(about.kind),
        "zh": CHINESE[about.kind],
        "state": about.state,
        "age_days": found.age,
        "assignee": about.assignee,
        "cause": found.cause,
        "proposal": found.proposal,
        "story": list(found.story),
        "exchanges": list(found.exchanges),
    }
    show(
        told,
        as_json,
        f"{about.id}  {CHINESE[about.kind]} {about.kind}  {about.state}  账龄 {found.age} 天",
        f"原因: {found.cause}",
        f"建议: {found.proposal}",
        *(f"  {sentence}" for sentence in found.story),
        *(["交互留痕 (gateway evidence show ID):"] if found.exchanges else []),
        *(f"  {one}" for one in found.exchanges),
    )


@app.command()
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
    from gateway.reconciliation import report as reports
    from gateway.reconciliation.balance import month_days

    kinds: dict[str, reports.Kind] = {one: one for one in ("day", "month", "authority", "unit", "ledger", "balance")}
    if kind not in kinds:
        raise InvalidProblem(f"there is no report {kind}", field="kind", cure=known(kind, kinds))
    first, last = month_days(period) if len(period) == 7 else (_day(period), _day(period))
    name = _one_channel(session(ctx).settings, channel)

    async def make(gateway: App) -> tuple[reports.Report, dict[str, Any]]:
        made = await gateway.reconciliation.report(kinds[kind], name, first, last)
        return made, gateway.reconciliation.signed(made)

    made, signed = asyncio.run(_with_app(ctx, make))
    if out is None:
        if as_json:
            typer.echo(reports.dump(signed))
            return
        for one in made.tables:
            rows = (
                [reports.as_text(cell, col.shape) for cell, col in zip(row, one.columns, strict=True)]
                for row in one.rows
            )
            console().print(table([col.zh for col in one.columns], rows, title=f"{made.title}  {one.zh}"))
        return
    match out.suffix:
        case ".xlsx":
            reports.to_xlsx(made, out)
        case ".csv":
            for number, one in enumerate(made.tables):
                path = out if number == 0 else out.with_stem(f"{out.stem}-{one.zh}")
                path.write_text(reports.to_csv(made, number), encoding="utf-8", newline="")
        case ".json":
            out.write_text(reports.dump(signed), encoding="utf-8")
        case other:
            raise InvalidProblem(f"{other or 'no ending'} is no format", field="out", cure="Use .xlsx, .csv or .json.")
    show({"file": str(out), "digest": signed["digest"]}, as_json, f"{out}  SM3 {signed['digest']}")


@app.command()
def close(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="As 2026-06.")],
    by: Operator,
    channel: Channel = None,
    reopen: Annotated[
        str | None, typer.Option(help="Open it again: the reason from the first person, confirm from the second.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Close and freeze a month 月结, or open it again with a reason and a second person."""
    name = _one_channel(session(ctx).settings, channel)

    async def act(gateway: App) -> dict[str, Any]:
        room = gateway.reconciliation
        if reopen is not None:
            state = await room.reopen_month(name, month, None if reopen == "confirm" else reopen, by=by)
            return {"channel": name, "month": month, "state": state}
        found = await room.close_month(name, month, by=by)
        return {"channel": name, "month": month, "state": "closed", **found.figures()}

    told = asyncio.run(_with_app(ctx, act))
    words = {
        "closed": "closed and frozen 月结",
        "reopening": "waits for a second person 复核",
        "reopened": "open again",
    }
    human = [f"{name} {month}: {words[told['state']]}"]
    if "adjusted_books" in told:
        human.append(f"余额 {format_yuan(told['adjusted_books'])} 元, 未达账项 {len(told['items'])}")
    show(told, as_json, *human)


# --- work -----------------------------------------------------------------------------------------------------------


async def _run(
    ctx: typer.Context, day: date, names: list[str], file: Path | None, told: Profile | None
) -> list[dict[str, Any]]:
    async def every(gateway: App) -> list[dict[str, Any]]:
        rows = []
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=progress(),
            transient=True,
        ) as bar:
            task = bar.add_task(f"Reconciling {day}", total=len(names))
            for name in names:
                bar.update(task, description=f"Reconciling {day} {name}")
                if file is not None and told is not None:
                    doing = gateway.reconciliation.run_file(name, day, file, told, by="command line")
                else:
                    doing = gateway.reconciliation.run(name, day, by="command line")
                rows.append(await _one(gateway, name, day, doing))
                bar.advance(task)
        return rows

    return await _with_app(ctx, every)


async def _with_app(ctx: typer.Context, do: Callable[[App], Awaitable[T]]) -> T:
    from gateway.app import App

    with session(ctx).changing() as settings:
        async with App.open(settings) as gateway:
            try:
                return await do(gateway)
            finally:
                await gateway.evidence.close()


async def _one(gateway: App, channel: str, day: date, doing: Awaitable[Run]) -> dict[str, Any]:
    from gateway.reconciliation import CHINESE

    try:
        run = await doing
    except Problem as problem:
        return {
            "channel": channel,
            "matched": 0,
            "amount": format_yuan(0),
            "waiting": 0,
            "breaks": 0,
            "open": [],
            "error": problem.detail,
        }
    found = await gateway.reconciliation.breaks(channel=channel, day=day, state="open", side=run.side, limit=200)
    return {
        "channel": channel,
        "run": run.id,
        "side": str(run.side),
        "provisional": run.provisional,
        "matched": run.matched,
        "amount": format_yuan(run.matched_amount),
        "waiting": run.waiting,
        "breaks": run.breaks,
        "open": [
            {
                "id": one.id,
                "kind": str(one.kind),
                "zh": CHINESE[one.kind],
                "code": one.code,
                "ours": None if one.ours is None else format_yuan(one.ours),
                "theirs": None if one.theirs is None else format_yuan(one.theirs),
            }
            for one in found
        ],
        "error": None,
    }


def _format(settings: Settings, file: Path | None, profile: str | None) -> Profile | None:
    if file is None and profile is None:
        return None
    from gateway.reconciliation.profiles import load_profiles

    if file is None or profile is None:
        raise InvalidProblem("--file and --profile belong together", field="file")
    if profile not in settings.statements:
        raise NotFoundProblem(f"no block [statements.{profile}]", cure=known(profile, settings.statements))
    if not file.is_file():
        raise NotFoundProblem(f"there is no file {file}", field="file")
    return load_profiles({profile: settings.statements[profile]})[profile]


def _one_channel(settings: Settings, name: str | None) -> str:
    chosen = _payment_channels(settings, [name] if name else [])
    if len(chosen) != 1:
        raise InvalidProblem(
            "several channels take payments", field="channel", cure=f"Name one of {', '.join(chosen)}."
        )
    return chosen[0]


def _payment_channels(settings: Settings, names: list[str]) -> list[str]:
    """The named channels, or every one whose adapter speaks to a non-tax platform."""
    kind = KIND_FOR["payments"]
    taking = [name for name, one in settings.channels.items() if one.adapter.partition(".")[0] == kind]
    for name in names:
        if name not in taking:
            raise NotFoundProblem(f'no channel "{name}" takes payments', cure=known(name, taking))
    return names or taking


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidProblem(f"{text} is not a day", field="day", cure="Write it as 2026-06-30.") from None
