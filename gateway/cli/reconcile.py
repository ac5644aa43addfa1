"""``gateway reconcile``: fetch a day's statement and match it both ways."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Exit, Json, progress, session, show, table
from gateway.clock import day_of
from gateway.errors import InvalidProblem, NotFoundProblem, Problem
from gateway.money import format_yuan
from gateway.plugins import KIND_FOR
from gateway.settings import Settings, known

if TYPE_CHECKING:
    from gateway.app import App


def reconcile(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option(help="The platform's day, as 2026-06-30; yesterday if none.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Channels that take payments; all if none.")] = None,
    as_json: Json = False,
) -> None:
    """Reconcile a day 对账: every payment matched or a named break. Exit code 1 if breaks are open."""
    wanted = day_of(datetime.now(UTC)) - timedelta(days=1) if day is None else _day(day)
    rows = asyncio.run(_run(ctx, wanted, channel or []))
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
                    ["break", "kind", "code", "ours", "theirs"],
                    ((one["id"], one["kind"], one["code"], one["ours"], one["theirs"]) for one in differences),
                ),
            ]
            if differences
            else []
        ),
    )
    if not ok:
        raise typer.Exit(Exit.FOUND)


async def _run(ctx: typer.Context, day: date, names: list[str]) -> list[dict[str, Any]]:
    from gateway.app import App

    chosen = _payment_channels(session(ctx).settings, names)
    with session(ctx).changing() as settings, progress().status("Reconciling"):
        async with App.open(settings) as gateway:
            try:
                return [await _one(gateway, name, day) for name in chosen]
            finally:
                await gateway.evidence.close()


async def _one(gateway: App, channel: str, day: date) -> dict[str, Any]:
    try:
        run = await gateway.reconciliation.run(channel, day, by="command line")
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
    found = await gateway.reconciliation.breaks(channel=channel, day=day, state="open", limit=200)
    return {
        "channel": channel,
        "run": run.id,
        "provisional": run.provisional,
        "matched": run.matched,
        "amount": format_yuan(run.matched_amount),
        "waiting": run.waiting,
        "breaks": run.breaks,
        "open": [
            {
                "id": one.id,
                "kind": str(one.kind),
                "code": one.code,
                "ours": None if one.ours is None else format_yuan(one.ours),
                "theirs": None if one.theirs is None else format_yuan(one.theirs),
            }
            for one in found
        ],
        "error": None,
    }


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
