"""Parked work sent on in bulk at the command line: what it would come to, the word of two, the result of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.foundation.delivery.operation_records import Parked
from gateway.foundation.delivery.states import ParkedFor
from gateway.rooms.operations.service import Operations
from gateway.settings import known
from gateway.terminal.confirming import Seen, as_lines, word_on
from gateway.terminal.login import FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Json, facts, session, show, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.clock import parse_rfc3339, rfc3339, to_micros
from gateway.words.days import INSTANT_SENTENCE
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Parked operations that are sent on together: look, confirm, withdraw.", no_args_is_help=True)

Channel = Annotated[str | None, typer.Option(help="In bulk: those of one channel.")]
ActionName = Annotated[str | None, typer.Option(help="In bulk: those of one kind, for example nontax.issue.")]
Why = Annotated[
    str | None, typer.Option("--parked-for", help=f"In bulk: those parked for this: {', '.join(ParkedFor)}.")
]
Since = Annotated[str | None, typer.Option(help="In bulk: parked since then, 2026-11-29T08:00:00+08:00.")]
Until = Annotated[str | None, typer.Option(help="In bulk: parked before then.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="In bulk: only say how many, and the first of them.")]


@dataclass(frozen=True)
class Choice:
    """What was typed to choose parked operations."""

    channel: str | None = None
    action: str | None = None
    parked_for: str | None = None
    since: str | None = None
    until: str | None = None

    def parked(self) -> Parked:
        """The same as the ledger understands it. Raises InvalidProblem that names the option."""
        why = None
        if self.parked_for is not None:
            if self.parked_for not in list(ParkedFor):
                raise InvalidProblem(
                    say("operations.bulk_word", word=self.parked_for),
                    field="--parked-for",
                    cure=known(self.parked_for, list(ParkedFor)),
                )
            why = ParkedFor(self.parked_for)
        since, until = _instant("--since", self.since), _instant("--until", self.until)
        from_, to = (None if one is None else to_micros(one) for one in (since, until))
        return Parked(self.channel, self.action, why, from_, to)

    def body(self) -> dict[str, Any]:
        """The same as the interface takes it."""
        since, until = _instant("--since", self.since), _instant("--until", self.until)
        return {
            "channel": self.channel,
            "action": self.action,
            "parked_for": self.parked_for,
            "parked_since": since and rfc3339(since),
            "parked_until": until and rfc3339(until),
        }


def retry(ctx: typer.Context, choice: Choice, reason: str, who: Identity | None, as_json: bool) -> None:
    """Send on what is chosen, as this operator; None: only say what it would come to."""
    chosen = choice.parked()
    if reason in list(ParkedFor):
        raise InvalidProblem(say("operations.bulk_reason", word=reason), field="--reason")
    if (choice.channel, choice.action, choice.parked_for) == (None, None, None):
        raise InvalidProblem(say("operations.bulk_command"), field="--channel")
    if who is None:
        _show_parked(asyncio.run(_look(ctx, chosen)), as_json)
        return

    def over_http(http: Asking) -> dict[str, Any]:
        return dict(http("POST", "/v1/bulk-retries", {**choice.body(), "reason": reason}))

    _show_bulk(as_operator(ctx, who, over_http), as_json)


@app.command("list")
def list_bulk(
    ctx: typer.Context,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Bulk retries, newest first."""

    def over_http(http: Asking) -> list[dict[str, Any]]:
        return list(http("GET", "/v1/bulk-retries", None)["items"])

    found = as_operator(ctx, Identity(login, password_stdin, key_file), over_http)
    heads = ["bulk_retry", "state", "operations", "channel", "action", "parked_for", "by", "reason"]
    names = ("id", "state", "number", "channel", "action", "parked_for", "proposed_by", "reason")
    show({"bulk_retries": found}, as_json, table(heads, (tuple(one[name] for name in names) for one in found)))


@app.command("show")
def show_bulk(
    ctx: typer.Context,
    bulk: str,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """One bulk retry: what was chosen, how far it has come, and what could not be sent on."""

    def over_http(http: Asking) -> dict[str, Any]:
        items = http("GET", f"/v1/bulk-retries/{bulk}/operations?limit=200", None)["items"]
        return {**http("GET", f"/v1/bulk-retries/{bulk}", None), "operations": items}

    _show_bulk(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


@app.command("confirm")
def confirm(
    ctx: typer.Context,
    bulk: str,
    seen: Seen = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Confirm what another operator has chosen, as you see it; then it is sent on."""

    def word(view: Mapping[str, Any]) -> str:
        return word_on(view["seen"], seen, as_lines(_facts(view)), say("operations.bulk_send_on"))

    def over_http(http: Asking) -> dict[str, Any]:
        said = word(http("GET", f"/v1/bulk-retries/{bulk}", None))
        return dict(http("POST", f"/v1/bulk-retries/{bulk}/confirmation", {"seen": said}))

    _show_bulk(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


@app.command("withdraw")
def withdraw(
    ctx: typer.Context,
    bulk: str,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Take a bulk retry back before it counts."""

    def over_http(http: Asking) -> dict[str, Any]:
        http("DELETE", f"/v1/bulk-retries/{bulk}", None)
        return dict(http("GET", f"/v1/bulk-retries/{bulk}", None))

    _show_bulk(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


async def _look(ctx: typer.Context, chosen: Parked) -> dict[str, Any]:
    """What would be sent on; read, also while a gateway runs."""
    from gateway.rooms.operations.bulk_routes import ParkedView

    with session(ctx).store(exclusive=False) as store:
        return ParkedView.of(await Operations(store).parked(chosen)).model_dump()


def _show_parked(view: Mapping[str, Any], as_json: bool) -> None:
    names = ("channel", "action", "parked_for", "number", "first_parked_at", "last_parked_at")
    kinds = table(
        ["channel", "action", "parked_for", "operations", "first_parked", "last_parked"],
        (tuple(one[name] for name in names) for one in view["kinds"]),
    )
    pair = say("operations.bulk_two" if view["two_persons"] else "operations.bulk_one")
    told = [say("operations.bulk_would", number=view["number"], pair=pair)]
    if view["first"]:
        told.append(say("operations.bulk_first", operations=view["first"]))
    show(view, as_json, kinds, "", *told)


def _facts(view: Mapping[str, Any]) -> dict[str, Any]:
    """A bulk retry by the words that people read."""
    known = {"bulk_retry": view["id"], "state": view["state"].replace("_", " "), "operations": view["number"]}
    known |= {name: view[name] for name in ("channel", "action", "parked_for")}
    known |= {"parked_since": view["parked_since"], "parked_until": view["parked_until"], "reason": view["reason"]}
    known |= {"the_first": " ".join(view["first"]), "by": view["proposed_by"], "confirmed_by": view["confirmed_by"]}
    return known


def _show_bulk(view: Mapping[str, Any], as_json: bool) -> None:
    shown: list[Any] = [facts(_facts(view)), ""]
    if view["state"] == "proposed":
        shown.append(say("operations.bulk_to_confirm", id=view["id"]))
    elif view["state"] != "withdrawn":
        told = {"sent": view["sent_on"], "not_applicable": view["not_applicable"]}
        left = say("operations.bulk_left", left=view["left"], **told)
        shown.append(left if view["left"] else say("operations.bulk_done", **told))
    if refused := [one for one in view.get("operations", ()) if one["result"] == "not_applicable"]:
        shown += ["", table(["operation", "why_not"], ((one["operation"], one["why"]) for one in refused))]
    show(view, as_json, *shown)


def _instant(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise InvalidProblem(INSTANT_SENTENCE, field=option) from None
