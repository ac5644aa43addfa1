"""``gateway reconcile breaks`` and ``explain``: what differs, and the story of one difference."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from gateway.rooms.reconciliation import BreakKind, BreakState
from gateway.rooms.reconciliation.options import Channel, as_day
from gateway.settings import known
from gateway.terminal.login import FromStdin, Identity, Login, asking_as
from gateway.terminal.output import Json, show, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import Word, say

_PAGE = 200


def explain(
    ctx: typer.Context,
    break_id: Annotated[str, typer.Argument(metavar="BREAK")],
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Tell the story of a break in plain words, with its exchanges."""
    path = f"/v1/breaks/{quote(break_id, safe='')}"
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        try:
            found = gateway("GET", f"{path}/explanation", None)
        except NotFoundProblem as problem:
            raise NotFoundProblem(say("reconciliation.no_break_called", id=break_id)) from problem
        about = gateway("GET", path, None)["difference"]
    told = {
        "id": about["id"],
        "kind": about["kind"],
        "zh": about["kind_zh"],
        "state": about["state"],
        "age_days": found["age_days"],
        "assignee": about["assignee"],
        **{name: found[name] for name in ("cause", "proposal", "story", "exchanges")},
    }
    kind, state = BreakKind(about["kind"]), BreakState(about["state"])
    show(
        told,
        as_json,
        say("reconciliation.break_head", id=about["id"], kind=kind, state=state, age=found["age_days"]),
        say("reconciliation.break_cause", cause=found["cause"]),
        say("reconciliation.break_proposal", proposal=found["proposal"]),
        *(f"  {sentence}" for sentence in found["story"]),
        *([say("reconciliation.break_exchanges")] if found["exchanges"] else []),
        *(f"  {one}" for one in found["exchanges"]),
    )


def list_breaks(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(help="open, resolved, healed, cleared, or all.")] = "open",
    channel: Channel = None,
    day: Annotated[str | None, typer.Option(help="Of one day, as 2026-06-30.")] = None,
    kind: Annotated[str | None, typer.Option(help="paid_twice, unknown_code, …")] = None,
    assignee: Annotated[str | None, typer.Option(help="Who looks into it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Breaks 差错 with their age and who looks into them, newest first."""
    kinds = {str(one): one for one in BreakKind}
    if kind is not None and kind not in kinds:
        raise InvalidProblem(say("reconciliation.no_kind", kind=kind), field="kind", cure=known(kind, kinds))
    states = {str(one): one for one in BreakState}
    if state not in (*states, "all"):
        raise InvalidProblem(
            say("reconciliation.no_state", state=state), field="state", cure=known(state, [*states, "all"])
        )
    wanted = {
        "channel": channel,
        "day": None if day is None else str(as_day(day)),
        "kind": kind,
        "state": None if state == "all" else state,
        "assignee": assignee,
    }
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        found = _pages(gateway, {name: value for name, value in wanted.items() if value is not None}, limit)
    same = ("id", "day", "channel", "side", "kind", "code", "ours", "theirs", "state", "age_days", "assignee")
    rows = [{**{name: one[name] for name in same}, "zh": one["kind_zh"]} for one in found]
    names = ("id", "day", "zh", "kind", "code", "ours", "theirs", "state", "age_days", "assignee")
    cells = ([Word(row[name]) if name == "state" else row[name] for name in names] for row in rows)
    show({"breaks": rows}, as_json, table(names, cells) if rows else say("acts.nothing"))


def _pages(gateway: Asking, wanted: dict[str, str], most: int) -> list[dict[str, Any]]:
    """So many breaks, a page at a time."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while len(found) < most:
        asked = {**wanted, **cursor, "limit": min(_PAGE, most - len(found))}
        page = gateway("GET", f"/v1/breaks?{urlencode(asked)}", None)
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    return found
