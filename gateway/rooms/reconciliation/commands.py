"""``gateway reconcile``: match a day both ways; look at its breaks, report, close the month with its sub-commands."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.rooms.reconciliation import CHINESE, Break, BreakFilter, BreakState, Reconciliation, StatementFile
from gateway.rooms.reconciliation.break_commands import explain, list_breaks, yuan
from gateway.rooms.reconciliation.month_commands import close, reopen
from gateway.rooms.reconciliation.options import as_day, payment_channels
from gateway.rooms.reconciliation.profile_command import profile as profile_of_file
from gateway.rooms.reconciliation.profiles import load_profile
from gateway.rooms.reconciliation.report_command import report
from gateway.rooms.reconciliation.statement import Progress as ReadProgress
from gateway.settings import Settings, known
from gateway.terminal.output import Exit, Json, facts, in_words, progress, session, show, spoken, table
from gateway.terminal.running import KeyFile, ask
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem, UnavailableProblem
from gateway.words.money import format_sum, format_yuan
from gateway.words.saying import Sentence, say

if TYPE_CHECKING:
    from gateway.app import App

app = typer.Typer(
    name="reconcile",
    help="Reconcile a day 对账: every payment matched or a named break. Exit code 1 if breaks are open.",
    invoke_without_command=True,
    no_args_is_help=False,
)
app.command()(explain)
app.command()(report)
app.command("breaks")(list_breaks)
app.command("profile")(profile_of_file)
app.command()(close)
app.command()(reopen)


@app.callback()
def reconcile(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option(help="The platform's day, as 2026-06-30; yesterday if none.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Channels that take payments; all if none.")] = None,
    file: Annotated[Path | None, typer.Option(help="A statement, clearing or treasury file.")] = None,
    profile: Annotated[str | None, typer.Option(help="The file's format: NAME of a block statements.NAME.")] = None,
    seen: Annotated[
        str | None, typer.Option(help="Your word on count and sums of a file without totals, as they were shown.")
    ] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Match a day's statement against the books, both ways.

    A file without totals is shown first: count and sums are compared by a person, and confirmed.
    """
    if ctx.invoked_subcommand is not None:
        return
    wanted = day_of(datetime.now(UTC)) - timedelta(days=1) if day is None else as_day(day)
    settings = session(ctx).settings
    chosen = payment_channels(settings, channel or [])
    told = _statement_file(settings, file, profile, seen)
    if told is not None and len(chosen) != 1:
        raise InvalidProblem(say("reconciliation.one_channel"), field="channel")
    if key_file is not None:
        rows = [_ask(settings, key_file, wanted, name, told, profile) for name in chosen]
    else:
        rows = asyncio.run(_run(ctx, wanted, chosen, told))
    if told is not None and told.seen is None and (word := _confirmed(rows[0])) is not None:
        told = replace(told, seen=word)
        if key_file is not None:
            rows = [_ask(settings, key_file, wanted, name, told, profile) for name in chosen]
        else:
            rows = asyncio.run(_run(ctx, wanted, chosen, told))
    ok = not any(row["breaks"] or row["error"] for row in rows)
    differences = [one for row in rows for one in row["open"]]
    beside = [one for row in rows for one in _beside(row)]
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
        *beside,
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
                say("reconciliation.why"),
            ]
            if differences
            else []
        ),
    )
    if not ok:
        raise typer.Exit(Exit.FOUND)


def _confirmed(row: dict[str, Any]) -> str | None:
    """A person's word on a file without totals, asked for at a terminal; None without one."""
    shown = row["unconfirmed"]
    if shown is None or not sys.stdin.isatty():
        return None
    names = ("count", "paid", "refunded", "opening", "closing", "unread", "not_ours")
    progress().print(facts({name: shown[name] for name in names if name in shown}, title=row["error"]))
    return str(shown["seen"]) if typer.confirm(in_words(say("reconciliation.same_there")), err=True) else None


def _beside(row: dict[str, Any]) -> list[Sentence | str]:
    """What a file held beside the lines that were matched."""
    said: list[Sentence | str] = []
    if row["not_ours"]:
        said.append(say("reconciliation.lines_not_ours", number=row["not_ours"], yuan=row["not_ours_amount"]))
    if row["passed_over"]:
        said.append(say("reconciliation.lines_passed_over", number=row["passed_over"]))
    if row["unconfirmed"] is not None:
        said.append(say("reconciliation.compare", seen=row["unconfirmed"]["seen"]))
    return ["", *said, *row["remarks"]] if said or row["remarks"] else []


# --- work -----------------------------------------------------------------------------------------------------------


async def _run(ctx: typer.Context, day: date, names: list[str], file: StatementFile | None) -> list[dict[str, Any]]:
    from gateway.app import App

    with session(ctx).changing() as settings:
        async with App.open(settings) as gateway:
            try:
                return [await _one(gateway, name, day, file) for name in names]
            finally:
                await gateway.base.evidence.close()


async def _one(gateway: App, channel: str, day: date, file: StatementFile | None) -> dict[str, Any]:
    """Reconcile a channel's day here, and show how far it is."""
    room, by = gateway.get(Reconciliation), "command line"
    with _watching(in_words(say("reconciliation.running", day=day, channel=channel))) as seen:
        try:
            if file is not None:
                run = await room.run_file(channel, day, file, by=by, progress=seen)
            else:
                run = await room.run(channel, day, by=by, progress=seen)
        except Problem as problem:
            return _nothing(channel, problem)
    wanted = BreakFilter(channel=channel, day_on=day, state=BreakState.OPEN, side=run.side)
    found = await room.breaks.find(wanted, limit=200)
    return {
        "channel": channel,
        "run": run.id,
        "side": str(run.side),
        "provisional": run.provisional,
        "matched": run.matched,
        "amount": format_yuan(run.matched_amount),
        "waiting": run.waiting,
        "breaks": run.breaks,
        "passed_over": run.passed_over,
        "not_ours": run.not_ours,
        "not_ours_amount": format_sum(run.not_ours_amount),
        "remarks": [one.sentence.in_(spoken()) for one in run.remarks],
        "unconfirmed": None,
        "open": [_difference(one) for one in found],
        "error": None,
    }


def _difference(one: Break) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": str(one.kind),
        "zh": CHINESE[one.kind],
        "code": one.code,
        "ours": yuan(one.ours),
        "theirs": yuan(one.theirs),
    }


@contextlib.contextmanager
def _watching(what: str) -> Iterator[ReadProgress]:
    """A bar on the terminal while a statement is read."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=progress(),
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, all_: bar.update(task, completed=done, total=all_)


def _ask(
    settings: Settings, key_file: Path, day: date, channel: str, file: StatementFile | None, profile: str | None
) -> dict[str, Any]:
    """Have the running gateway do it. What it refuses is told like what is refused here."""
    try:
        if file is None or profile is None:
            run = ask(settings, key_file, "POST", "/v1/reconciliations", {"channel": channel, "day": str(day)})
        else:
            about = {"channel": channel, "day": str(day), "profile": profile, "name": file.origin}
            query = urlencode(about if file.seen is None else {**about, "seen": file.seen})
            run = ask(settings, key_file, "POST", f"/v1/statement-files?{query}", file.path.read_bytes())
    except (ConflictProblem, UnavailableProblem) as problem:
        return _nothing(channel, problem)
    where = urlencode({"channel": channel, "day": str(day), "side": run["side"], "state": "open", "limit": 200})
    found = ask(settings, key_file, "GET", f"/v1/breaks?{where}")["items"]
    names = (
        "side",
        "provisional",
        "matched",
        "waiting",
        "breaks",
        "passed_over",
        "not_ours",
        "not_ours_amount",
        "remarks",
    )
    return {
        "channel": channel,
        "run": run["id"],
        **{name: run[name] for name in names},
        "amount": run["matched_amount"],
        "unconfirmed": None,
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
        "passed_over": 0,
        "not_ours": 0,
        "not_ours_amount": format_yuan(0),
        "remarks": [],
        "unconfirmed": problem.extra if problem.type == "statement-unconfirmed" else None,
        "open": [],
        "error": problem.detail_in(spoken()),
    }


def _statement_file(
    settings: Settings, file: Path | None, profile: str | None, seen: str | None
) -> StatementFile | None:
    if file is None and profile is None:
        return None
    if file is None or profile is None:
        raise InvalidProblem(say("reconciliation.file_and_profile"), field="file")
    if profile not in settings.statements:
        raise NotFoundProblem(say("reconciliation.no_block", profile=profile), cure=known(profile, settings.statements))
    if not file.is_file():
        raise NotFoundProblem(say("reconciliation.no_file", file=file), field="file")
    found = load_profile(settings.statements[profile], f"statements.{profile}")
    return StatementFile(file, found, seen=seen)
