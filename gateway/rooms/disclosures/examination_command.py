"""``gateway disclosures examine``: what publishing a decision would come to at each target. Sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.terminal.output import Json, session, show
from gateway.words.saying import say

if TYPE_CHECKING:
    from gateway.rooms.disclosures.planning import Intent


def examine(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority, as in the settings.")],
    number: Annotated[str, typer.Argument(help="The decision number 决定书文号.")],
    target: Annotated[list[str] | None, typer.Option(help="Only at this target; once for each.")] = None,
    basis: Annotated[
        list[str] | None, typer.Option(help="Upon what it relies, GROUND:CITATION or GROUND@TARGET:CITATION.")
    ] = None,
    override_reason: Annotated[
        str | None, typer.Option(help="Why it is shown although in principle it is not.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What each target would refuse of a decision, before anything is sent to any of them."""
    from gateway.app import App
    from gateway.rooms.disclosures import Disclosures
    from gateway.rooms.disclosures.examination_routes import ExaminationView
    from gateway.rooms.disclosures.judging import Refusal, Wanting
    from gateway.rooms.disclosures.planning import Told, relied_on

    async def ask() -> Sequence[Intent]:
        async with App.open(session(ctx).current) as gateway:
            told = Told(override_reason, relied_on(basis or ()))
            return await gateway.get(Disclosures).examine(authority, number, targets=target, told=told)

    intents = asyncio.run(ask())
    human: list[Any] = []
    for one in intents:
        found, given = one.found, {"target": one.target, "citation": one.found.citation}
        match found:
            case Refusal():
                human.append(say("disclosures.examined_forbidden", **given, reason=found.reason))
            case Wanting():
                human.append(say("disclosures.examined_unfit", **given, number=len(found.fields)))
                human += [say("disclosures.examined_wanting", reason=each) for each in found.fields.values()]
            case _:
                human.append(say("disclosures.examined_fit", **given, by=found.by.on, until=found.until))
    views = [ExaminationView.of(one).model_dump(mode="json") for one in intents]
    show({"targets": views}, as_json, *human)
