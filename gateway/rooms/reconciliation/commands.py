"""``gateway reconcile``: match a day both ways; look at its breaks, report, close the month with its sub-commands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from gateway.rooms.reconciliation import StatementFile
from gateway.rooms.reconciliation.break_commands import explain, list_breaks
from gateway.rooms.reconciliation.month_commands import close, reopen
from gateway.rooms.reconciliation.options import as_day, payment_channels
from gateway.rooms.reconciliation.profile_command import profile as profile_of_file
from gateway.rooms.reconciliation.profiles import load_profile
from gateway.rooms.reconciliation.report_command import report
from gateway.rooms.reconciliation.totals import TYPED
from gateway.settings import Settings, known
from gateway.terminal.login import Identity, asking_as
from gateway.terminal.output import Exit, Json, in_words, progress, session, show, spoken, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem, UnavailableProblem
from gateway.words.money import format_yuan
from gateway.words.saying import Sentence, say

if TYPE_CHECKING:
    pass

app = typer.Typer(
    name="reconcile",
    help="Reconcile a day 对账: every payment matched or a named break. Exit code 1 if some are open.",
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
    count: Annotated[str | None, typer.Option(help="Of a file without totals: how many lines they told.")] = None,
    paid: Annotated[str | None, typer.Option(help="What was paid in it, in yuan, as the other side told.")] = None,
    refunded: Annotated[str | None, typer.Option(help="What was refunded in it, in yuan; 0 where nothing was.")] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Match a day's statement against the books, both ways.

    A file without totals is believed by its count and sums as the other side tells them, typed in.
    """
    if ctx.invoked_subcommand is not None:
        return
    wanted = day_of(datetime.now(UTC)) - timedelta(days=1) if day is None else as_day(day)
    settings = session(ctx).settings
    chosen = payment_channels(settings, channel or [])
    given = {"count": count, "paid": paid, "refunded": refunded}
    typed = {name: value for name, value in given.items() if value is not None}
    told = _statement_file(settings, file, profile, typed or None)
    if told is not None and len(chosen) != 1:
        raise InvalidProblem(say("reconciliation.one_channel"), field="channel")
    with asking_as(ctx, Identity(key_file=key_file)) as gateway:
        rows = [_one(gateway, wanted, name, told, profile) for name in chosen]
        if told is not None and (asked := _asked_for(rows[0])) is not None:
            rows = [_one(gateway, wanted, name, replace(told, typed=asked), profile) for name in chosen]
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


def _asked_for(row: dict[str, Any]) -> dict[str, str] | None:
    """What the other side has told of a file without totals, asked for at a terminal; None without one."""
    if row["unconfirmed"] is None or not sys.stdin.isatty():
        return None
    progress().print(row["error"], markup=False, highlight=False)
    return {name: typer.prompt(in_words(say(f"reconciliation.act_{name}")), err=True) for name in TYPED}


def _beside(row: dict[str, Any]) -> list[Sentence | str]:
    """What a file held beside the lines that were matched."""
    said: list[Sentence | str] = []
    if row["not_ours"]:
        said.append(say("reconciliation.lines_not_ours", number=row["not_ours"], yuan=row["not_ours_amount"]))
    if row["passed_over"]:
        said.append(say("reconciliation.lines_passed_over", number=row["passed_over"]))
    if row["unconfirmed"] is not None:
        said.append(say("reconciliation.compare"))
    return ["", *said, *row["remarks"]] if said or row["remarks"] else []


# --- work -----------------------------------------------------------------------------------------------------------


def _one(gateway: Asking, day: date, channel: str, file: StatementFile | None, profile: str | None) -> dict[str, Any]:
    """Have a channel's day reconciled. What is refused is told beside what was done of the others."""
    running = progress().status(in_words(say("reconciliation.running", day=day, channel=channel)))
    try:
        with running:
            run = _asked(gateway, day, channel, file, profile)
    except (ConflictProblem, UnavailableProblem) as problem:
        return _nothing(channel, problem)
    where = urlencode({"channel": channel, "day": str(day), "side": run["side"], "state": "open", "limit": 200})
    found = gateway("GET", f"/v1/breaks?{where}", None)["items"]
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


def _asked(gateway: Asking, day: date, channel: str, file: StatementFile | None, profile: str | None) -> dict[str, Any]:
    about = {"channel": channel, "day": str(day)}
    if file is None or profile is None:
        return dict(gateway("POST", "/v1/reconciliations", about))
    about |= {"profile": profile, "name": file.origin} | dict(file.typed or {})
    return dict(gateway("POST", f"/v1/statement-files?{urlencode(about)}", file.path.read_bytes()))


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
    settings: Settings, file: Path | None, profile: str | None, typed: Mapping[str, str] | None
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
    return StatementFile(file, found, typed=typed)
