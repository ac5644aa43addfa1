"""``gateway webhooks``: endpoints of case systems, what reached them, and sending again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.foundation.delivery.states import DeliveryState
from gateway.settings import known
from gateway.terminal.login import Identity, asking_as
from gateway.terminal.output import Json, session, show, table
from gateway.terminal.running import KeyFile
from gateway.words.clock import from_micros, parse_rfc3339, rfc3339, to_micros
from gateway.words.errors import InvalidProblem
from gateway.words.saying import said_of, say

if TYPE_CHECKING:
    from gateway.foundation.delivery.webhooks import Endpoints

T = TypeVar("T")

app = typer.Typer(help="Webhooks out: endpoints, deliveries, sending again.", no_args_is_help=True)

Endpoint = Annotated[str, typer.Argument(help="An endpoint's id: gateway webhooks list.")]


@app.command("list")
def list_endpoints(ctx: typer.Context, as_json: Json = False) -> None:
    """Endpoints, also those disabled because nothing arrived."""
    names = ("id", "authority", "url", "types", "ordered", "disabled_reason")
    shown = [{name: getattr(one, name) for name in names} for one in _ask(ctx, lambda ours: ours.find())]
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
    wanted = None if state is None else _state(state)
    names = ("event_id", "subject", "state", "attempts", "last_status", "last_error")
    shown = [
        {
            **{name: getattr(one.delivery, name) for name in names},
            "due_at": rfc3339(from_micros(one.delivery.due_at)),
        }
        for one in _ask(ctx, lambda ours: ours.deliveries(endpoint, state=wanted, limit=limit))
    ]
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
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Deliver again: one event, a range, or all that were given up."""
    for moment in (since, until):
        _instant(moment)
    asked = {"event": event, "since": since, "until": until, "failed": failed}
    again = _done(ctx, key_file, "POST", f"/v1/webhook-endpoints/{endpoint}/resend", asked)["deliveries"]
    show({"deliveries": again}, as_json, say("webhooks.leave_again", number=again))


@app.command("enable")
def enable(ctx: typer.Context, endpoint: Endpoint, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Let an endpoint go again that was disabled because nothing arrived."""
    _done(ctx, key_file, "POST", f"/v1/webhook-endpoints/{endpoint}/enabling")
    show({"endpoint": endpoint, "enabled": True}, as_json, say("webhooks.enabled", endpoint=endpoint))


@app.command("secret")
def secret(ctx: typer.Context, endpoint: Endpoint, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Give an endpoint a new signing secret, shown only now. For a day every message bears both signatures."""
    made = _done(ctx, key_file, "POST", f"/v1/webhook-endpoints/{endpoint}/secret")["secret"]
    show({"endpoint": endpoint, "secret": made}, as_json, made, say("webhooks.both_sign"))


def _done(ctx: typer.Context, key_file: Path | None, method: str, path: str, body: object = None) -> Any:
    """Have the gateway do something."""
    with asking_as(ctx, Identity(key_file=key_file)) as gateway:
        return gateway(method, path, body)


def _ask(ctx: typer.Context, question: Callable[[Endpoints], Awaitable[T]]) -> T:
    """Read, also while a gateway runs."""
    from gateway.foundation.delivery.webhooks import Endpoints

    async def run() -> T:
        with session(ctx).store(exclusive=False) as store:
            return await question(Endpoints(store))

    return asyncio.run(run())


def _state(text: str) -> DeliveryState:
    try:
        return DeliveryState(text)
    except ValueError:
        cure = known(text, list(DeliveryState))
        raise InvalidProblem(say("webhooks.no_state", text=text), field="--state", cure=cure) from None


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else to_micros(parse_rfc3339(text))
    except ValueError as problem:
        raise InvalidProblem(said_of(problem), field="--since/--until", cure=say("webhooks.instant")) from None
