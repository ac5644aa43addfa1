"""``gateway webhooks``: endpoints of case systems, what reached them, and sending again."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from gateway.terminal.output import Json, session, show, table
from gateway.words.clock import from_micros, parse_rfc3339, rfc3339, to_micros
from gateway.words.errors import InvalidProblem

app = typer.Typer(help="Webhooks out: endpoints, deliveries, sending again.", no_args_is_help=True)

Endpoint = Annotated[str, typer.Argument(help="An endpoint's id: gateway webhooks list.")]


@app.command("list")
def list_endpoints(ctx: typer.Context, as_json: Json = False) -> None:
    """Endpoints, also those disabled because nothing arrived."""
    from gateway.foundation.delivery.webhooks import endpoints_of

    rows = [dict(row) for row in session(ctx).read(lambda conn: endpoints_of(conn, None))]
    shown = [
        {name: row[name] for name in ("id", "authority", "url", "types", "ordered", "disabled_reason")} for row in rows
    ]
    show(
        {"endpoints": shown},
        as_json,
        table(
            ["endpoint", "authority", "address", "ordered", "disabled"],
            ((one["id"], one["authority"], one["url"], one["ordered"], one["disabled_reason"]) for one in shown),
        ),
    )


@app.command("deliveries")
def deliveries(
    ctx: typer.Context,
    endpoint: Endpoint,
    state: Annotated[str | None, typer.Option(help="queued, delivered or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """What went to an endpoint, newest event first, and how often it was tried."""
    from gateway.foundation.delivery.webhooks import deliveries_of

    rows = session(ctx).read(lambda conn: deliveries_of(conn, endpoint, state=state, limit=limit))
    shown = [
        {
            **{name: row[name] for name in ("event_id", "subject", "state", "attempts", "last_status", "last_error")},
            "due_at": rfc3339(from_micros(row["due_at"])),
        }
        for row in rows
    ]
    names = ("event_id", "subject", "state", "attempts", "last_status", "last_error")
    show(
        {"deliveries": shown},
        as_json,
        table(
            ["event", "record", "state", "attempts", "answered", "problem"],
            (tuple(one[name] for name in names) for one in shown),
        ),
    )


@app.command("resend")
def resend(
    ctx: typer.Context,
    endpoint: Endpoint,
    event: Annotated[str | None, typer.Option(help="One event.")] = None,
    since: Annotated[str | None, typer.Option(help="Events from this instant on, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="Events before this instant, RFC 3339.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
    as_json: Json = False,
) -> None:
    """Deliver again: one event, a range, or all that were given up."""
    from gateway.app import App

    async def run() -> int:
        with session(ctx).changing() as settings:
            async with App.open(settings) as gateway:
                return await gateway.webhooks.resend(
                    endpoint, event=event, since=_instant(since), until=_instant(until), failed=failed
                )

    again = asyncio.run(run())
    show({"deliveries": again}, as_json, f"{again} deliveries leave again when the gateway runs.")


@app.command("enable")
def enable(ctx: typer.Context, endpoint: Endpoint, as_json: Json = False) -> None:
    """Let an endpoint go again that was disabled because nothing arrived."""
    from gateway.app import App

    async def run() -> None:
        with session(ctx).changing() as settings:
            async with App.open(settings) as gateway:
                await gateway.webhooks.enable(endpoint)

    asyncio.run(run())
    show({"endpoint": endpoint, "enabled": True}, as_json, f"{endpoint} has what waits for it again.")


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else to_micros(parse_rfc3339(text))
    except ValueError as problem:
        raise InvalidProblem(str(problem), field="--since/--until", cure="2026-09-16T10:00:00+08:00") from None
