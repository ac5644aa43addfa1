"""``gateway channels``: what is configured, and whether it works."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from gateway.foundation.channels import Channels, Checked
from gateway.foundation.delivery import refused_records, unreadable_records
from gateway.foundation.drift import records as drift_records
from gateway.ports.base import RawExchange
from gateway.settings import Settings, known
from gateway.terminal.login import FromStdin, Identity, Login, asking_as
from gateway.terminal.output import Exit, Json, in_words, progress, session, show, spoken, table
from gateway.terminal.running import KeyFile
from gateway.words.clock import SystemClock, day_of, from_micros, rfc3339
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import Sentence, say

app = typer.Typer(help="Configured channels: list them, or prove with a harmless call that they work.")


@app.callback(invoke_without_command=True)
def list_channels(ctx: typer.Context, as_json: Json = False) -> None:
    """Configured channels: list them, or prove with a harmless call that they work."""
    if ctx.invoked_subcommand is not None:
        return
    settings = session(ctx).settings
    rows: list[dict[str, Any]] = [
        {
            "name": channel.name,
            "adapter": channel.info.name,
            "kind": channel.info.kind,
            "contract": channel.info.contract,
            "url": channel.url,
            "capabilities": sorted(channel.info.capabilities),
            "limits": {
                "rate": channel.keys.rate,
                "burst": channel.keys.burst,
                "concurrency": channel.keys.concurrency,
                "quiet": [str(one) for one in channel.keys.quiet],
                "circuit_failures": channel.keys.circuit_failures,
                "circuit_seconds": channel.keys.circuit_seconds,
            },
            "routes": [
                {"authority": route.authority, "capability": route.capability}
                for route in settings.routes
                if channel.name in route.channels
            ],
        }
        for channel in _open(settings).all()
    ]
    show(
        {"channels": rows},
        as_json,
        table(
            ["channel", "adapter", "contract", "address", "limits", "serves"],
            (
                (
                    row["name"],
                    row["adapter"],
                    row["contract"],
                    row["url"],
                    _limits(row["limits"]),
                    _served(row["routes"]),
                )
                for row in rows
            ),
        ),
    )


@app.command("check")
def check(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Channels to check; all when none is named.")] = None,
    as_json: Json = False,
) -> None:
    """Prove with a harmless call that channels work. Exit code 1 if one does not."""
    results = asyncio.run(check_all(session(ctx).settings, names or ()))
    show(
        {
            "ok": all(one.ok for one in results),
            "channels": [
                {"name": one.channel, "ok": one.ok, "detail": in_words(one.said), "cure": one.cure_in(spoken())}
                for one in results
            ],
        },
        as_json,
        table(
            ["channel", "", "answer", "cure"],
            ((one.channel, _works(one), one.said, one.cure_in(spoken())) for one in results),
        ),
    )
    if not all(one.ok for one in results):
        raise typer.Exit(Exit.FOUND)


@app.command("resume")
def resume(
    ctx: typer.Context,
    name: str,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "credentials are right again",
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Let a channel go again that was stopped because the other side refused our credentials."""
    _must_exist(session(ctx).settings, name)
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        answered = gateway("POST", f"/v1/channels/{name}/resume", {"reason": reason})
    show(answered, as_json, say("channels.goes_again", name=name))


@app.command("reload")
def reload(
    ctx: typer.Context,
    name: str,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "secrets were changed",
    unasked: Annotated[bool, typer.Option("--unasked", help="Do not ask the other side first.")] = False,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Have the running gateway read a channel's secrets anew, on the node that answers. SIGHUP does it for all."""
    _must_exist(session(ctx).settings, name)
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        told = gateway("POST", f"/v1/channels/{name}/reload", {"reason": reason, "ask": not unasked})
    said = say("channels.reloaded_unasked", name=name, node=told["node"])
    if told["answer"] is not None:
        said = say("channels.reloaded", name=name, node=told["node"], answer=told["answer"])
    show(told, as_json, said)


@app.command("drift")
def drift(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One channel; all when none is named.")] = None,
    as_json: Json = False,
) -> None:
    """What channels send beyond their contracts: it is passed over, and noted."""
    ours = session(ctx)
    if name is not None:
        _must_exist(ours.settings, name)
    noted = ours.read(lambda conn: drift_records.all_of(conn, None if name is None else [name]))
    rows = [
        {
            "channel": one.channel,
            "action": one.action,
            "element": one.element,
            "first_seen": rfc3339(from_micros(one.first_seen_at)),
            "last_seen": rfc3339(from_micros(one.last_seen_at)),
            "seen": one.seen,
        }
        for one in noted
    ]
    heads = ["channel", "action", "element", "first_seen", "last_seen", "times"]
    show({"drift": rows}, as_json, table(heads, (tuple(row.values()) for row in rows)))


@app.command("unreadable")
def unreadable(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One channel; all when none is named.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Authentic messages of external systems that could not be read, newest first."""
    ours = session(ctx)
    if name is not None:
        _must_exist(ours.settings, name)
    of = None if name is None else [name]
    rows = [
        {
            "exchange": one.exchange_id,
            "channel": one.channel,
            "authority": one.authority,
            "about": one.subject,
            "reason": one.reason,
            "received_at": rfc3339(from_micros(one.received_at)),
        }
        for one in ours.read(lambda conn: unreadable_records.find(conn, channels=of, limit=limit))
    ]
    heads = ["evidence", "channel", "authority", "asked_about", "reason", "received"]
    show({"callbacks": rows}, as_json, table(heads, (tuple(row.values()) for row in rows)))


@app.command("refused")
def refused(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One channel; all when none is named.")] = None,
    days: Annotated[int, typer.Option(min=1, max=190, help="How far back the numbers go.")] = 7,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Messages that were not authentic: what was kept, newest first, and how many came from where."""
    ours = session(ctx)
    if name is not None:
        _must_exist(ours.settings, name)
    since = day_of(SystemClock().now()) - timedelta(days=days - 1)
    rows = [
        {
            "id": one.id,
            "channel": one.channel,
            "source": one.source,
            "reason": one.reason,
            "digest": one.digest.hex(),
            "length": one.length,
            "received_at": rfc3339(from_micros(one.received_at)),
        }
        for one in ours.read(lambda conn: refused_records.find(conn, channel=name, limit=limit))
    ]
    numbers: list[dict[str, Any]] = [
        asdict(one) for one in ours.read(lambda conn: refused_records.tallies(conn, since))
    ]
    heads = ["channel", "source", "reason", "length", "received"]
    show(
        {"callbacks": rows, "numbers": numbers},
        as_json,
        table(
            heads, ((row["channel"], row["source"], row["reason"], row["length"], row["received_at"]) for row in rows)
        ),
        "",
        table(["on", "source", "came", "kept"], (tuple(row.values()) for row in numbers)),
    )


async def check_all(settings: Settings, names: tuple[str, ...] | list[str] = ()) -> list[Checked]:
    """Check channels side by side. NotFoundProblem for a name that is not configured."""
    for name in names:
        _must_exist(settings, name)
    channels = _open(settings)
    chosen = list(names) or [channel.name for channel in channels.all()]
    with progress().status(in_words(say("channels.asking", number=len(chosen)))):
        try:
            return list(await asyncio.gather(*(channels.check(name) for name in chosen)))
        finally:
            await channels.close()


def _must_exist(settings: Settings, name: str) -> None:
    if name not in settings.channels:
        raise NotFoundProblem(say("channels.none", name=name), cure=known(name, settings.channels))


def _open(settings: Settings) -> Channels:
    return Channels.build(settings, recorder=_forget, clock=SystemClock())


def _works(checked: Checked) -> Sentence:
    return say("channels.works" if checked.ok else "channels.fails")


def _served(routes: list[dict[str, Any]]) -> Sentence:
    """For whom a channel does what."""
    if not routes:
        return say("channels.serves_nobody")
    return say("channels.all_of", parts=[say("channels.serves", **route) for route in routes])


def _limits(bound: dict[str, Any]) -> Sentence:
    said: list[Sentence | str] = []
    if bound["rate"] is not None:
        said.append(f"{bound['rate']:g}/s")
        if bound["burst"] > 1:
            said.append(say("channels.limit_burst", number=bound["burst"]))
    if bound["concurrency"] is not None:
        said.append(say("channels.limit_at_once", number=bound["concurrency"]))
    said += [say("channels.limit_closed", hours=hours) for hours in bound["quiet"]]
    if bound["circuit_failures"]:
        seconds = f"{bound['circuit_seconds']:g}"
        said.append(say("channels.limit_circuit", failures=bound["circuit_failures"], seconds=seconds))
    return say("channels.all_of", parts=said)


def _forget(exchange: RawExchange) -> None:
    """A check by hand is no exchange of the job: no evidence is kept."""
