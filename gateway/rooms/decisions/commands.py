"""``gateway decisions``: what has happened to a decision, and correcting what was recorded wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from gateway.rooms.decisions import Corrections, Decision, Decisions
from gateway.rooms.decisions.corrections import CorrectionSight
from gateway.rooms.decisions.party import Warned
from gateway.rooms.decisions.told import CODES
from gateway.terminal.confirming import Seen, as_lines, word_on
from gateway.terminal.login import FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Json, head, in_words, session, show, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import Sentence, Word, say

if TYPE_CHECKING:
    pass

app = typer.Typer(
    help="Decisions 行政处罚决定: what has happened to one, corrections, explained clocks.", no_args_is_help=True
)

Authority = Annotated[str, typer.Argument(help="The authority, as in the settings.")]
Number = Annotated[str, typer.Argument(help="The decision number 决定书文号.")]


@app.command("events")
def events(ctx: typer.Context, authority: Authority, number: Number, as_json: Json = False) -> None:
    """What has happened to a decision, with the ids of its events; also what was corrected or voided."""
    import asyncio

    from gateway.app import App

    async def look() -> tuple[dict[str, Any], Sequence[Warned]]:
        async with App.open(session(ctx).current) as gateway:
            decisions = gateway.get(Decisions)
            decision = await decisions.get(authority, number)
            return _told(decision, list(await gateway.get(Corrections).of(decision))), decisions.warnings(decision)

    told, warnings = asyncio.run(look())
    _show(told | {"warnings": [str(one.reason) for one in warnings]}, as_json, *(one.reason for one in warnings))


@app.command("correct")
def correct(
    ctx: typer.Context,
    authority: Authority,
    number: Number,
    event: Annotated[str, typer.Argument(help="The event's id, as `gateway decisions events` shows it.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="What is right, as on=2026-09-17; once for each field.")
    ] = None,
    void: Annotated[bool, typer.Option("--void", help="It never happened 作废.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why; said by the first person.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Agree as the second person 复核.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back what nobody has agreed to.")] = False,
    seen: Seen = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Correct an event 更正, or void it; a second operator agrees where money or a publication leans on it."""
    if [bool(changes), void, confirm, withdraw].count(True) != 1:
        raise InvalidProblem(say("decisions.one_of_four"), field="--set")
    if (reason is None) is not confirm:
        raise InvalidProblem(say("decisions.reason_or_confirm"), field="--reason")
    said = reason or ""

    def word(told: dict[str, Any]) -> str:
        """What is agreed to was looked at."""
        waits = [one for one in told["corrections"] if one["event_id"] == event and one["seen"]]
        old = [one for one in told["events"] if one["id"] == event]
        lines = []
        if waits:
            about = {name: waits[0][name] for name in ("reason", "proposed_by")}
            lines = as_lines({"from": _words(old[0]), "instead": _words(waits[0]["event"]), **about})
        return word_on(waits[0]["seen"] if waits else None, seen, lines, say("decisions.correct_so"))

    def over_http(http: Asking) -> dict[str, Any]:
        path = f"/v1/decisions/{quote(authority, safe='')}/{quote(number, safe='')}"
        view, below = http("GET", path, None), f"{path}/events/{quote(event, safe='')}"
        if confirm:
            return _viewed(http("POST", f"{below}/confirmation", {"seen": word(_viewed(view))}))
        if withdraw:
            return _viewed(http("POST", f"{below}/withdrawal", {"reason": said}))
        if void:
            return _viewed(http("POST", f"{below}/voiding", {"reason": said}))
        asked = {"event": _changed(_viewed(view), event, changes), "reason": said}
        return _viewed(http("POST", f"{below}/correction", asked))

    _show(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


_OF_RECORD = ("id", "in_force", "replaces", "recorded_by", "recorded_at")


def _changed(told: dict[str, Any], event_id: str, changes: list[str] | None) -> dict[str, Any]:
    """The event as it is recorded, with what is said otherwise; an empty value takes a field out."""
    known = next((one for one in told["events"] if one["id"] == event_id), None)
    if known is None:
        raise NotFoundProblem(say("decisions.no_event"))
    event = {name: value for name, value in known.items() if name not in _OF_RECORD and value is not None}
    for change in changes or ():
        name, sign, value = change.partition("=")
        if not sign:
            raise InvalidProblem(say("decisions.no_change", text=change), field="--set")
        event[name.strip()] = value.strip() or None
    return event


def _told(decision: Decision, corrections: list[CorrectionSight]) -> dict[str, Any]:
    return {
        "authority": decision.authority,
        "number": decision.number,
        "events": [
            {
                **one.event.model_dump(mode="json"),
                "id": one.id,
                "in_force": one.ended_by is None,
                "replaces": one.replaces,
                "recorded_by": one.recorded_by,
            }
            for one in decision.recorded
        ],
        "corrections": [
            {
                "id": one.correction.id,
                "event_id": one.correction.event_id,
                "status": one.correction.status.value,
                "event": None if one.event is None else one.event.model_dump(mode="json"),
                "reason": one.correction.reason,
                "proposed_by": one.correction.proposed_name,
                "confirmed_by": one.correction.confirmed_name,
                "seen": one.seen,
            }
            for one in corrections
        ],
    }


def _viewed(view: dict[str, Any]) -> dict[str, Any]:
    return {name: view[name] for name in ("authority", "number", "events", "corrections")}


def _words(event: dict[str, Any] | None) -> str:
    """What an event says, in one line; nothing for one that is voided."""
    if event is None:
        return "–"
    said = [f"{in_words(Word(event['kind']))} {event['on']}"]
    for name, value in event.items():
        if value is not None and name not in (*_OF_RECORD, "kind", "on"):
            said.append(in_words(say(f"decisions.told_{name}", value=CODES.get(name, str)(value))))
    return ", ".join(said)


def _show(told: dict[str, Any], as_json: bool, *below: Sentence) -> None:
    rows = [(one["id"], _words(one), one["in_force"], one["recorded_by"]) for one in told["events"]]
    human: list[Any] = [table(("id", "event", "in_force", "recorded_by"), rows)]
    if told["corrections"]:
        names = ("event_id", "instead", "status", "reason", "proposed_by", "confirmed_by")
        shown = [{**one, "instead": _words(one["event"]), "status": Word(one["status"])} for one in told["corrections"]]
        title = head("corrections")
        human += ["", table(names, ([one[name] for name in names] for one in shown), title=title)]
    show(told, as_json, *human, *below)
