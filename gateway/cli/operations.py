"""``gateway operations``: what was meant to leave for external systems, where it stands, and the way on."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy import Connection, RowMapping

from gateway.cli.output import Json, session, show, table
from gateway.clock import from_micros, rfc3339
from gateway.delivery import Person, ledger
from gateway.errors import InvalidProblem, NotFoundProblem, Problem

if TYPE_CHECKING:
    from gateway.app import App as GatewayApp

app = typer.Typer(
    help="Operations 外呼任务: list them, look at one, send a parked one on its way.", no_args_is_help=True
)

_SHOWN = ("id", "action", "channel", "authority", "subject", "reference", "state", "attempt", "reason", "code")
_MOMENTS = ("due_at", "sent_at", "doubt_since_at", "created_at", "updated_at")


@app.command("list")
def list_operations(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="queued, sending, done, rejected, uncertain or parked.")] = None,
    channel: Annotated[str | None, typer.Option(help="Of one channel.")] = None,
    subject: Annotated[str | None, typer.Option(help="For one record, for example a payment's id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Operations, newest first."""
    rows = session(ctx).read(
        lambda conn: ledger.search(conn, state=state, channel=channel, subject=subject, limit=limit)
    )
    shown = [_plain(row) for row in rows]
    show(
        {"operations": shown},
        as_json,
        table(
            ["operation", "action", "channel", "subject", "state", "updated", "reason"],
            (
                (
                    one["id"],
                    one["action"],
                    one["channel"],
                    one["subject"],
                    one["state"],
                    one["updated_at"],
                    one["reason"],
                )
                for one in shown
            ),
        ),
    )


@app.command("show")
def show_operation(ctx: typer.Context, operation: str, as_json: Json = False) -> None:
    """One operation with its attempts."""

    def query(conn: Connection) -> dict[str, Any]:
        row = ledger.fetch(conn, operation)
        if row is None:
            raise NotFoundProblem(f"there is no operation {operation}", cure="gateway operations list")
        attempts = [
            {
                **{name: one[name] for name in ("number", "kind", "node", "outcome", "reason", "exchanges")},
                "started_at": _moment(one["started_at"]),
                "ended_at": _moment(one["ended_at"]),
            }
            for one in ledger.attempts_of(conn, operation)
        ]
        return {**_plain(row), "attempts": attempts}

    found = session(ctx).read(query)
    facts = table(
        ["", ""], ((name, value) for name, value in found.items() if name != "attempts" and value is not None)
    )
    facts.show_header = False
    attempts = table(
        ["attempt", "kind", "started", "outcome", "reason", "exchanges"],
        (
            (one["number"], one["kind"], one["started_at"], one["outcome"], one["reason"], " ".join(one["exchanges"]))
            for one in found["attempts"]
        ),
    )
    show(found, as_json, facts, "", attempts)


@app.command("retry")
def retry(
    ctx: typer.Context,
    operation: str,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    send: Annotated[
        bool, typer.Option("--send", help="Call at once instead of asking first; refused while the outcome is unknown.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send a parked operation on its way again: the other side is asked first what became of it."""
    from gateway.app import App

    async def run() -> None:
        with session(ctx).changing() as settings:
            async with App.open(settings) as gateway:
                await gateway.delivery.resolve(operation, ask=not send, reason=f"command line: {reason}")

    asyncio.run(run())
    row = session(ctx).read(lambda conn: ledger.fetch(conn, operation))
    assert row is not None
    show(_plain(row), as_json, f"{operation} is {row['state']} again; it leaves when the gateway runs.")


Login = Annotated[str, typer.Option("--login", help="Who you are: an operator's login. Asks for the password.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]


@app.command("resolve")
def resolve(
    ctx: typer.Context,
    operation: str,
    login: Login,
    reason: Annotated[str, typer.Option(help="How you found out, for the record.")],
    happened: Annotated[bool, typer.Option("--happened/--did-not-happen", help="What became of it.")],
    answer: Annotated[
        str | None, typer.Option(help="The other side's answer as JSON, from its own records, if it happened.")
    ] = None,
    password_stdin: FromStdin = False,
    as_json: Json = False,
) -> None:
    """Say what became of an operation that waits for a person; money and codes need another operator to confirm."""
    typed = None
    if answer is not None:
        try:
            typed = json.loads(answer)
        except ValueError:
            typed = None
        if not isinstance(typed, dict):
            raise InvalidProblem("this is no JSON object", field="--answer", cure='For example {"code": "…"}.')

    async def act(gateway: GatewayApp, who: Person) -> None:
        await gateway.resolutions.propose(operation, who, happened=happened, reason=reason, answer=typed)

    _resolved(ctx, operation, login, password_stdin, act, as_json)


@app.command("confirm")
def confirm(
    ctx: typer.Context, operation: str, login: Login, password_stdin: FromStdin = False, as_json: Json = False
) -> None:
    """Confirm what another operator has said became of an operation; then it counts."""

    async def act(gateway: GatewayApp, who: Person) -> None:
        await gateway.resolutions.confirm(operation, who)

    _resolved(ctx, operation, login, password_stdin, act, as_json)


def _resolved(
    ctx: typer.Context,
    operation: str,
    login: str,
    from_stdin: bool,
    act: Callable[[GatewayApp, Person], Awaitable[None]],
    as_json: bool,
) -> None:
    from gateway.app import App

    asked = sys.stdin.readline().rstrip("\r\n") if from_stdin else typer.prompt("Password", hide_input=True, err=True)

    async def run() -> RowMapping:
        with session(ctx).changing() as settings:
            async with App.open(settings) as gateway:
                who = await gateway.access.authenticate_operator(login, asked)
                if who is None:
                    raise Problem("no such operator, or not this password", status=401, type="not-authenticated")
                await act(gateway, Person(who.client_id, who.name, who.role))
                return await gateway.resolutions.of(operation)

    said = asyncio.run(run())
    row = session(ctx).read(lambda conn: ledger.fetch(conn, operation))
    assert row is not None
    words = "it counts" if said["applied"] else "another operator must confirm: gateway operations confirm"
    outcome = "happened" if said["happened"] else "did not happen"
    value = {"operation": operation, "state": row["state"], "happened": bool(said["happened"])}
    show({**value, "applied": bool(said["applied"])}, as_json, f"{operation}: {outcome}; {words}.")


def _plain(row: RowMapping) -> dict[str, Any]:
    """What may be shown: the request itself holds personal data and stays sealed."""
    return {name: row[name] for name in _SHOWN} | {name: _moment(row[name]) for name in _MOMENTS}


def _moment(micros: int | None) -> str | None:
    return None if micros is None else rfc3339(from_micros(micros))
