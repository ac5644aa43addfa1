"""``gateway reconcile``: match a day both ways, explain its breaks, report, close the month."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlencode

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from sqlalchemy import RowMapping

from gateway.foundation.channels import KIND_FOR
from gateway.foundation.crypto.sm import sm3
from gateway.settings import Settings, known
from gateway.terminal.login import Asking, FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Exit, Json, console, progress, session, show, table
from gateway.terminal.running import KeyFile, ask
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem, UnavailableProblem
from gateway.words.money import format_yuan

if TYPE_CHECKING:
    from gateway.app import App
    from gateway.foundation.delivery import Person
    from gateway.rooms.reconciliation import Run
    from gateway.rooms.reconciliation import report as reports
    from gateway.rooms.reconciliation.profiles import Profile

T = TypeVar("T")

app = typer.Typer(
    name="reconcile",
    help="Reconcile a day 对账: every payment matched or a named break. Exit code 1 if breaks are open.",
    invoke_without_command=True,
    no_args_is_help=False,
)

Channel = Annotated[str | None, typer.Option(help="The channel; may be left out where there is only one.")]


@app.callback()
def reconcile(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option(help="The platform's day, as 2026-06-30; yesterday if none.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Channels that take payments; all if none.")] = None,
    file: Annotated[Path | None, typer.Option(help="A statement, clearing or treasury file.")] = None,
    profile: Annotated[str | None, typer.Option(help="The file's format: NAME of a block statements.NAME.")] = None,
    key_file: KeyFile = None,
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
    if key_file is not None:
        rows = [_ask(settings, key_file, wanted, name, file, profile) for name in chosen]
    else:
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
    from gateway.rooms.reconciliation import CHINESE
    from gateway.rooms.reconciliation.explanation import explained

    found = session(ctx).read(lambda conn: explained(conn, break_id, datetime.now(UTC)))
    if found is None:
        raise NotFoundProblem(f"no break {break_id}", cure="`gateway reconcile breaks` lists those that are open.")
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
    from gateway.rooms.reconciliation import report as reports
    from gateway.rooms.reconciliation.balance import month_days

    kinds: dict[str, reports.Kind] = {one: one for one in ("day", "month", "authority", "unit", "ledger", "balance")}
    if kind not in kinds:
        raise InvalidProblem(f"there is no report {kind}", field="kind", cure=known(kind, kinds))
    first, last = month_days(period) if len(period) == 7 else (_day(period), _day(period))
    name = _one_channel(session(ctx).settings, channel)

    async def make() -> tuple[reports.Report, dict[str, Any]]:
        from gateway.app import App

        async with App.open(session(ctx).settings) as gateway:
            made = await gateway.months.report(kinds[kind], name, first, last)
            return made, gateway.months.signed(made)

    session(ctx).read(lambda _: None)
    made, signed = asyncio.run(make())
    if out is None:
        if as_json:
            typer.echo(reports.dump(signed))
            return
        _print(made)
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
    digest = signed["digest"] if out.suffix == ".json" else sm3(out.read_bytes()).hex()
    what = "of the report" if out.suffix == ".json" else "of the file"
    show({"file": str(out), "digest": digest}, as_json, f"{out}  SM3 {what} {digest}")


@app.command("breaks")
def list_breaks(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(help="open, resolved, healed, cleared, or all.")] = "open",
    channel: Channel = None,
    day: Annotated[str | None, typer.Option(help="Of one day, as 2026-06-30.")] = None,
    kind: Annotated[str | None, typer.Option(help="paid_twice, unknown_code, …")] = None,
    assignee: Annotated[str | None, typer.Option(help="Who looks into it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """Breaks 差错 with their age and who looks into them, newest first."""
    from gateway.rooms.reconciliation import CHINESE, BreakKind, records
    from gateway.rooms.reconciliation.report import age_in_days

    kinds = {str(one): one for one in BreakKind}
    if kind is not None and kind not in kinds:
        raise InvalidProblem(f"there is no kind {kind}", field="kind", cure=known(kind, kinds))
    found = session(ctx).read(
        lambda conn: records.search_breaks(
            conn,
            state=None if state == "all" else state,
            channel=channel,
            day=None if day is None else _day(day),
            kind=None if kind is None else kinds[kind],
            assignee=assignee,
            limit=limit,
        )
    )
    now = datetime.now(UTC)
    rows = [
        {
            "id": one.id,
            "day": one.day.isoformat(),
            "channel": one.channel,
            "side": str(one.side),
            "kind": str(one.kind),
            "zh": CHINESE[one.kind],
            "code": one.code,
            "ours": None if one.ours is None else format_yuan(one.ours),
            "theirs": None if one.theirs is None else format_yuan(one.theirs),
            "state": one.state,
            "age_days": age_in_days(one, now),
            "assignee": one.assignee,
        }
        for one in found
    ]
    names = ("id", "day", "zh", "kind", "code", "ours", "theirs", "state", "age_days", "assignee")
    show({"breaks": rows}, as_json, table(names, ([row[name] for name in names] for row in rows)))


@app.command()
def close(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="As 2026-06.")],
    channel: Channel = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Close and freeze a month 月结; its balance statement is signed."""
    name = _one_channel(session(ctx).settings, channel)

    async def act(gateway: App, who: Person) -> dict[str, Any]:
        return _closed(await gateway.months.close(name, month, by=who))

    def over_http(http: Asking) -> dict[str, Any]:
        return _answered(http("POST", "/v1/month-closes", {"channel": name, "month": month}))

    _show_close(as_operator(ctx, Identity(login, password_stdin, key_file), act, over_http), as_json)


@app.command()
def reopen(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="As 2026-06.")],
    reason: Annotated[str | None, typer.Option(help="Why; said by the first person.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Agree as the second person 复核.")] = False,
    channel: Channel = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Open a closed month again: one operator asks with a reason, another one confirms."""
    from gateway.rooms.reconciliation.balance import month_days

    if (reason is None) != confirm:
        raise InvalidProblem("either ask with --reason, or --confirm what somebody else asked", field="--reason")
    name = _one_channel(session(ctx).settings, channel)
    month_days(month)
    nothing = NotFoundProblem(f"{month} is not closed for {name}", cure="gateway reconcile report balance shows it.")

    async def act(gateway: App, who: Person) -> dict[str, Any]:
        row = await gateway.months.closed(name, month)
        if row is None:
            raise nothing
        if reason is not None:
            return _closed(await gateway.months.ask_to_reopen(row["id"], reason, by=who))
        return _closed(await gateway.months.confirm_reopening(row["id"], by=who))

    def over_http(http: Asking) -> dict[str, Any]:
        items = http("GET", f"/v1/month-closes?channel={name}&limit=200", None)["items"]
        row = next((one for one in items if one["month"] == month and one["state"] != "reopened"), None)
        if row is None:
            raise nothing
        path = f"/v1/month-closes/{row['id']}"
        if reason is not None:
            return _answered(http("POST", f"{path}/reopening", {"reason": reason}))
        return _answered(http("POST", f"{path}/confirmation", None))

    _show_close(as_operator(ctx, Identity(login, password_stdin, key_file), act, over_http), as_json)


# --- showing --------------------------------------------------------------------------------------------------------


def _print(made: reports.Report) -> None:
    from gateway.rooms.reconciliation import report as reports

    for number, one in enumerate(made.tables):
        rows = [
            [reports.as_text(cell, col.shape) for cell, col in zip(row, one.columns, strict=True)] for row in one.rows
        ]
        totals = one.totals()
        if rows and any(total is not None for total in totals):
            shown = [reports.as_text(total, col.shape) for total, col in zip(totals, one.columns, strict=True)]
            rows.append(["合计", *shown[1:]])
        made_table = table([col.zh for col in one.columns], rows, title=f"{one.zh}")
        for column, shape in zip(made_table.columns, one.columns, strict=True):
            column.justify = "right" if shape.shape in ("fen", "number") else "left"
        console().print(*([] if number else [f"{made.title}  {made.note}".rstrip()]), "", made_table, sep="\n")


def _closed(row: RowMapping) -> dict[str, Any]:
    figures = row["figures"]
    return {
        "id": row["id"],
        "channel": row["channel"],
        "month": row["month"],
        "state": row["state"],
        "balance": format_yuan(figures["adjusted_books"]),
        "items": len(figures["items"]),
        "digest": bytes(row["digest"]).hex(),
    }


def _answered(view: dict[str, Any]) -> dict[str, Any]:
    same = {name: view[name] for name in ("id", "channel", "month", "state", "digest")}
    return same | {"balance": view["balance"]["adjusted_books"], "items": len(view["balance"]["items"])}


def _show_close(told: dict[str, Any], as_json: bool) -> None:
    words = {
        "closed": "closed and frozen 月结",
        "reopening": "waits for a second person 复核: gateway reconcile reopen --confirm",
        "reopened": "open again",
    }
    show(
        told,
        as_json,
        f"{told['channel']} {told['month']}: {words[told['state']]}",
        f"调节后余额 {told['balance']} 元, 未达账项 {told['items']}, SM3 {told['digest']}",
    )


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
            for name in names:
                task = bar.add_task(f"Reconciling {day} {name}", total=None)

                def read(done: int, all_: int, task: TaskID = task) -> None:
                    bar.update(task, completed=done, total=all_)

                room = gateway.reconciliation
                if file is not None and told is not None:
                    doing = room.run_file(name, day, file, told, by="command line", progress=read)
                else:
                    doing = room.run(name, day, by="command line", progress=read)
                rows.append(await _one(gateway, name, day, doing))
        return rows

    return await _with_app(ctx, every)


def _ask(
    settings: Settings, key_file: Path, day: date, channel: str, file: Path | None, profile: str | None
) -> dict[str, Any]:
    """Have the running gateway do it. What it refuses is told like what is refused here."""
    try:
        if file is None or profile is None:
            run = ask(settings, key_file, "POST", "/v1/reconciliations", {"channel": channel, "day": str(day)})
        else:
            query = urlencode({"channel": channel, "day": str(day), "profile": profile, "name": file.name})
            run = ask(settings, key_file, "POST", f"/v1/statement-files?{query}", file.read_bytes())
    except (ConflictProblem, UnavailableProblem) as problem:
        return _nothing(channel, problem)
    where = urlencode({"channel": channel, "day": str(day), "side": run["side"], "state": "open", "limit": 200})
    found = ask(settings, key_file, "GET", f"/v1/breaks?{where}")["items"]
    names = ("side", "provisional", "matched", "waiting", "breaks")
    return {
        "channel": channel,
        "run": run["id"],
        **{name: run[name] for name in names},
        "amount": run["matched_amount"],
        "open": [
            {"zh": one["kind_zh"], **{name: one[name] for name in ("id", "kind", "code", "ours", "theirs")}}
            for one in found
        ],
        "error": None,
    }


def _nothing(channel: str, problem: Problem) -> dict[str, Any]:
    return {
        "channel": channel,
        "matched": 0,
        "amount": format_yuan(0),
        "waiting": 0,
        "breaks": 0,
        "open": [],
        "error": problem.detail,
    }


async def _with_app(ctx: typer.Context, do: Callable[[App], Awaitable[T]]) -> T:
    from gateway.app import App

    with session(ctx).changing() as settings:
        async with App.open(settings) as gateway:
            try:
                return await do(gateway)
            finally:
                await gateway.evidence.close()


async def _one(gateway: App, channel: str, day: date, doing: Awaitable[Run]) -> dict[str, Any]:
    from gateway.rooms.reconciliation import CHINESE

    try:
        run = await doing
    except Problem as problem:
        return _nothing(channel, problem)
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
    from gateway.rooms.reconciliation.profiles import load_profiles

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
