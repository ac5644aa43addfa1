"""``gateway disclosures text``: a full text as the public would read it, and a person's word that they may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.rooms.disclosures.full_text import Choices
from gateway.terminal.login import FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Json, show, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    pass

_PLACES = ("place", "kind", "becomes")


def full_text(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority, as in the settings.")],
    number: Annotated[str, typer.Argument(help="The decision number 决定书文号.")],
    names: Annotated[
        list[str] | None, typer.Option("--name", help="A third person to be masked; again for each.")
    ] = None,
    minors: Annotated[list[str] | None, typer.Option("--minor", help="A minor to be masked; again for each.")] = None,
    keep: Annotated[list[str] | None, typer.Option("--keep", help="A place that stays as it is, as 12-30.")] = None,
    confirm: Annotated[
        str | None, typer.Option("--confirm", help="The seen of the preview: confirm exactly it.")
    ] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Show what is hidden in a decision's full text before the public reads it, or confirm what was shown."""
    choices = Choices(names=tuple(names or ()), minors=tuple(minors or ()), keep=tuple(map(_place, keep or ())))

    def over_http(http: Asking) -> dict[str, Any]:
        asked = {"authority": authority, "decision_number": number, **choices.model_dump(mode="json")}
        if confirm is None:
            return dict(http("POST", "/v1/full-texts/preview", asked))
        return dict(http("POST", "/v1/full-texts/confirmation", asked | {"seen": confirm}))

    _show(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


def _place(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    if not (start.isdecimal() and end.isdecimal()):
        raise InvalidProblem(say("disclosures.no_place", text=text), field="--keep")
    return int(start), int(end)


def _show(told: dict[str, Any], as_json: bool) -> None:
    places = [(f"{one['start']}-{one['end']}", one["words"], one["becomes"]) for one in told["findings"]]
    stands = (
        say("disclosures.text_stands", by=told["confirmed_by"], at=told["confirmed_at"][:19].replace("T", " "))
        if told["stands"]
        else say("disclosures.text_open", seen=told["seen"])
    )
    head = say("disclosures.text_head", number=told["decision_number"], places=len(places))
    show(told, as_json, head, "", _marked(told), "", table(_PLACES, places), "", stands)


def _marked(told: dict[str, Any]) -> str:
    """The text as it would be public, with 【】 around what stands instead of something else."""
    text, pieces, at, moved = str(told["text"]), [], 0, 0
    for one in told["findings"]:
        start = one["start"] + moved
        end = start + len(one["becomes"])
        pieces += [text[at:start], "【", text[start:end], "】"]
        moved += len(one["becomes"]) - (one["end"] - one["start"])
        at = end
    return "".join((*pieces, text[at:]))
