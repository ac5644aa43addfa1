"""``gateway operations``: what was meant to leave for external systems, where it stands, and the way on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

import typer

from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.delivery.states import ParkedFor, State
from gateway.foundation.two_persons import FEN
from gateway.rooms.operations.answers import in_fen, in_yuan
from gateway.rooms.operations.service import Operations
from gateway.rooms.operations.strangers import strange
from gateway.settings import known
from gateway.terminal.confirming import Seen, as_lines, word_on
from gateway.terminal.login import FromStdin, Identity, Login, as_operator, asking_as
from gateway.terminal.output import Json, facts, head, in_words, session, show, spoken, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.clock import from_micros, rfc3339
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import Sentence, say

T = TypeVar("T")

app = typer.Typer(
    help="Operations 外呼任务: list them, look at one, send a parked one on its way, end a doubt.", no_args_is_help=True
)

_SHOWN = ("id", "action", "channel", "authority", "subject", "reference", "state", "attempt", "reason", "code")
_MOMENTS = ("due_at", "sent_at", "doubt_since_at", "pending_since_at", "created_at", "updated_at")


@app.command("list")
def list_operations(
    ctx: typer.Context,
    state: Annotated[
        str | None, typer.Option(help="queued, sending, done, rejected, uncertain, pending or parked.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Of one channel.")] = None,
    subject: Annotated[str | None, typer.Option(help="For one record, for example a payment's id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Operations, newest first."""
    wanted = None if state is None else _state(state)
    found = _ask(ctx, lambda ours: ours.find(state=wanted, channel=channel, subject=subject, limit=limit))
    shown = [_plain(one) for one in found]
    nobodys = strange(session(ctx).settings, session(ctx).read)
    show(
        {"operations": shown, "strange": [in_words(one) for one in nobodys]},
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
        *(words for one in nobodys for words in (one, one.cure_in(spoken()))),
    )


@app.command("show")
def show_operation(ctx: typer.Context, operation: str, as_json: Json = False) -> None:
    """One operation with its attempts."""
    try:
        story = _ask(ctx, lambda ours: ours.view(operation))
    except NotFoundProblem:
        raise NotFoundProblem(say("operations.none_called", operation=operation)) from None
    made = [
        {
            **{name: getattr(one, name) for name in ("number", "kind", "node", "outcome", "reason", "exchanges")},
            "started_at": _moment(one.started_at),
            "ended_at": _moment(one.ended_at),
        }
        for one in story.attempts
    ]
    found = {**_plain(story.operation), "attempts": made}
    about = facts(
        {**{name: found[name] for name in found if name not in ("attempts", "code")}, "their_code": found["code"]}
    )
    attempts = table(
        ["attempt", "kind", "started", "outcome", "reason", "exchanges"],
        (
            (one["number"], one["kind"], one["started_at"], one["outcome"], one["reason"], " ".join(one["exchanges"]))
            for one in found["attempts"]
        ),
    )
    show(found, as_json, about, "", attempts)


@app.command("parked")
def parked(
    ctx: typer.Context,
    channel: Annotated[str | None, typer.Option(help="Of one channel.")] = None,
    action: Annotated[str | None, typer.Option(help="Of one kind, for example nontax.issue.")] = None,
    parked_for: Annotated[
        str | None, typer.Option("--parked-for", help=f"Parked for this: {', '.join(ParkedFor)}.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Parked since then, 2026-11-29T08:00:00+08:00.")] = None,
    until: Annotated[str | None, typer.Option(help="Parked before then.")] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """What is parked, by channel, kind and reason: what a job of the kind retry with this choice would send on."""
    asked = {"channel": channel, "action": action, "parked_for": parked_for}
    asked |= {"parked_since": since, "parked_until": until}
    with asking_as(ctx, Identity(key_file=key_file)) as gateway:
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        view = gateway("GET", f"/v1/parked-operations?{query}", None)
    heads = ["channel", "action", "parked_for", "operations", "first_parked", "last_parked"]
    kinds = table(heads, (tuple(one.values()) for one in view["kinds"]))
    pair = say("operations.would_two" if view["two_persons"] else "operations.would_one")
    told = [say("operations.would_send_on", number=view["number"], pair=pair)]
    if view["first"]:
        told.append(say("operations.the_first", operations=view["first"]))
    show(view, as_json, kinds, "", *told)


@app.command("retry")
def retry(
    ctx: typer.Context,
    operation: str,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    send: Annotated[
        bool, typer.Option("--send", help="Call at once instead of asking first; refused while the outcome is unknown.")
    ] = False,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Send a parked operation on its way again: the other side is asked first what became of it.

    Many at once are a job: gateway jobs start retry.
    """
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as http:
        now = http("POST", f"/v1/operations/{operation}/retry", {"ask": not send, "reason": reason})
    show(now, as_json, say("operations.again_now", operation=operation, state=State(now["state"])))


# --- doubt ended by people --------------------------------------------------------------------------------------------


@app.command("resolution")
def resolution(
    ctx: typer.Context,
    operation: str,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """The evidence side by side: what was asked, what came back, and what somebody has said about it."""
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        view = gateway("GET", _path(operation), None)
    _show_resolution(view, as_json)


@app.command("resolve")
def resolve(
    ctx: typer.Context,
    operation: str,
    reason: Annotated[str, typer.Option(help="How you found out, for the record.")],
    happened: Annotated[bool, typer.Option("--happened/--did-not-happen", help="What became of it.")],
    answer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A member of the other side's answer from its own records, sums in yuan; repeat. Or all as JSON.",
        ),
    ] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Say what became of an operation that waits for a person; money and codes need another operator to confirm."""
    whole = _object(answer[0]) if answer and answer[0].lstrip().startswith("{") else None
    members = _members(answer or []) if whole is None else {}

    def over_http(http: Asking) -> dict[str, Any]:
        outcome = "happened" if happened else "did_not_happen"
        typed = whole
        if members:  # what the request says already need not be typed, as at the console
            typed = http("GET", _path(operation), None)["known"] | members
        return dict(http("POST", _path(operation), {"outcome": outcome, "reason": reason, "answer": typed}))

    view = as_operator(ctx, Identity(login, password_stdin, key_file), over_http)
    _show_resolution(view, as_json, evidence=False)


@app.command("confirm")
def confirm(
    ctx: typer.Context,
    operation: str,
    seen: Seen = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Confirm what another operator has said became of an operation, as you see it; then it counts."""

    def word(view: Mapping[str, Any]) -> str:
        return word_on(view["seen"], seen, as_lines(_facts(view)), say("operations.is_it_so"))

    def over_http(http: Asking) -> dict[str, Any]:
        said = word(http("GET", _path(operation), None))
        return dict(http("POST", f"/v1/operations/{operation}/confirmation", {"seen": said}))

    view = as_operator(ctx, Identity(login, password_stdin, key_file), over_http)
    _show_resolution(view, as_json, evidence=False)


@app.command("withdraw")
def withdraw(
    ctx: typer.Context,
    operation: str,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Take back what was said became of an operation, before it counts."""

    def over_http(http: Asking) -> dict[str, Any]:
        http("DELETE", _path(operation), None)
        return dict(http("GET", _path(operation), None))

    view = as_operator(ctx, Identity(login, password_stdin, key_file), over_http)
    _show_resolution(view, as_json, evidence=False)


def _member(name: str) -> str:
    """A member by its name, with the word for it."""
    word = head(name)
    return name if word == name.replace("_", " ") else f"{name} {word}"


def _object(text: str) -> dict[str, Any]:
    """An answer as JSON, sums in fen as the route takes it. Raises InvalidProblem."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidProblem(say("operations.no_object"), field="--answer")
    return found


def _members(typed: Sequence[str]) -> dict[str, Any]:
    """Members of an answer as people type them. Raises InvalidProblem for what names none, or is no amount."""
    found: dict[str, Any] = {}
    for one in typed:
        name, equals, value = one.partition("=")
        if not equals:
            raise InvalidProblem(say("operations.no_member", text=one), field="--answer")
        try:
            found[name.strip()] = in_fen(name.strip(), json.loads(value) if value[:1] in ("{", "[") else value.strip())
        except ValueError:
            wrong = say("console.no_amount") if name.strip() in FEN else say("operations.no_object")
            raise InvalidProblem(wrong, field=f"--answer {name.strip()}") from None
    return found


def _path(operation: str) -> str:
    return f"/v1/operations/{operation}/resolution"


def _facts(view: Mapping[str, Any]) -> dict[str, Any]:
    """The operation, and what is said about it, by the words that people read."""
    known = {name: view[name] for name in ("operation", "action", "channel", "authority", "subject", "reference")}
    known |= {"state": view["state"], "why": view["why"]}
    if view["outcome"] is not None:
        known["said"] = in_words(say(f"operations.it_{view['outcome']}"))
        known["because"] = view["reason"]
        if view["answer"] is not None:
            known["answer"] = json.dumps(in_yuan("", view["answer"]), ensure_ascii=False)
        known["by"] = f"{view['proposed_name'] or view['proposed_by']}, {view['proposed_at']}"
        if view["confirmed_by"] is not None:
            known["confirmed_by"] = f"{view['confirmed_name'] or view['confirmed_by']}, {view['confirmed_at']}"
    if view["rerun"] is not None:
        known["sent_again_as"] = view["rerun"]
    return known


def _show_resolution(view: Mapping[str, Any], as_json: bool, *, evidence: bool = True) -> None:
    """The operation, what is said about it, what follows, and on demand its exchanges one beside the other."""
    listed = facts(_facts(view))
    shown: list[Any] = [listed, "", _next(view)]
    if view["members"] and view["outcome"] is None:
        shown.append(say("operations.answer_members", members=", ".join(map(_member, view["members"]))))
        known = [f"{name}={value}" for name, value in in_yuan("", view["known"]).items()]
        shown += [say("operations.answer_known", known=", ".join(known))] if known else []
    if evidence:
        for one in view["evidence"]:
            came = one["outcome"] if one["status"] is None else f"{one['outcome']} {one['status']}"
            sides = table(["we_sent", "they_answered"], [(_body(one["request"]), _body(one["response"]))])
            sides.even = True
            tried = {"number": one["attempt"], "kind": one["kind"], "started": one["started_at"], "came": came}
            shown += ["", say("operations.attempt", **tried), sides]
            shown += [say("operations.all_of_it", exchange=one["exchange"])]
        if not view["evidence"]:
            shown += ["", say("operations.no_exchange")]
    show(view, as_json, *shown)


def _body(message: str) -> str:
    """What was said, without the head, an element a line."""
    head, apart, body = message.partition("\n\n")
    return (body if apart else head).replace("><", ">\n<") or in_words(say("operations.nothing"))


def _next(view: Mapping[str, Any]) -> Sentence:
    """What a person can do now."""
    name = view["operation"]
    if view["applied"]:
        return say("operations.counts")
    if view["outcome"] is not None:
        return say("operations.to_confirm", operation=name)
    if view["state"] in ("parked", "uncertain", "pending"):
        pair = say("operations.another_confirms" if view["two_persons"] else "operations.counts_at_once")
        return say("operations.to_resolve", pair=pair, operation=name)
    return say("operations.nothing_to_say", state=State(view["state"]))


def _ask(ctx: typer.Context, question: Callable[[Operations], Awaitable[T]]) -> T:
    """Read, also while a gateway runs."""

    async def run() -> T:
        with session(ctx).store(exclusive=False) as store:
            return await question(Operations(store))

    return asyncio.run(run())


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise InvalidProblem(
            say("operations.no_state", text=text), field="--state", cure=known(text, list(State))
        ) from None


def _plain(found: OperationRecord) -> dict[str, Any]:
    """What may be shown: the request itself holds personal data and stays sealed."""
    return {name: getattr(found, name) for name in _SHOWN} | {name: _moment(getattr(found, name)) for name in _MOMENTS}


def _moment(micros: int | None) -> str | None:
    return None if micros is None else rfc3339(from_micros(micros))
