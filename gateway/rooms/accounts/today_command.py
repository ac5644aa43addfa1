"""``gateway today``: what waits for a person in every room, and the list behind each count."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from gateway.terminal.login import FromStdin, Identity, Login, asking_as
from gateway.terminal.output import Json, show, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import Sentence, say


def today(
    ctx: typer.Context,
    number: Annotated[
        int | None, typer.Argument(min=1, help="The number before what waits: lists exactly what is counted there.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the next page of that list begins.")] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Tell what waits for a person 今日待办, by its last day; with a number the list behind it."""
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        waiting = gateway("GET", "/v1/today", None)
        if number is not None:
            _list(gateway, waiting["items"], number, cursor, as_json)
            return
    human: list[Any] = [say("console.today_lead", day=waiting["day"])]
    heads: list[Sentence | str] = ["", *(say(f"console.today_{one}") for one in ("what", "number", "due", "see"))]
    rows = [(place, *_row(place, one)) for place, one in enumerate(waiting["items"], start=1)]
    for whose in dict.fromkeys(one["whose"] for one in waiting["items"]):
        those = [row for row, one in zip(rows, waiting["items"], strict=True) if one["whose"] == whose]
        human += ["", table(heads, those, title=say(f"console.today_{whose}"))]
    show(waiting, as_json, *human, *([] if rows else [say("console.today_none")]))


def _row(place: int, one: dict[str, Any]) -> tuple[Any, ...]:
    number = say("console.today_most", number=one["number"]) if one["at_least"] else one["number"]
    due = "" if one["due"] is None else f"{one['due']} {one['left']}"
    return one["what"], number, due, one["command"] or f"gateway today {place}"


def _list(gateway: Asking, waiting: list[dict[str, Any]], number: int, cursor: str | None, as_json: bool) -> None:
    """Exactly what is counted at a number. Raises NotFoundProblem where nothing waits under it."""
    if number > len(waiting):
        raise NotFoundProblem(say("console.today_no_number", number=number), field="number")
    chosen = waiting[number - 1]
    if chosen["list"] is None:
        show(chosen, as_json, chosen["what"], say("console.today_instead", command=chosen["command"]))
        return
    asked = {"at": chosen["list"]} | ({} if cursor is None else {"cursor": cursor})
    found = gateway("GET", f"/v1/today/list?{urlencode(asked)}", None)
    rows = [([] if one["id"] is None else [one["id"]]) + one["cells"] for one in found["rows"]]
    identified = any(one["id"] is not None for one in found["rows"])
    named: list[Sentence | str] = (["id"] if identified else []) + found["heads"]
    human: list[Sentence | Any] = [table(named, rows, title=f"{chosen['what']} ({found['title']})")]
    if found["commands"]:
        human += ["", say("console.today_commands"), *found["commands"]]
    if found["next"] is not None:
        human += ["", say("acts.more", cursor=found["next"])]
    show(found, as_json, *human)
