"""``gateway decisions explain``: what is owed of a decision on a day, by which clocks and rows of the law."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.terminal.output import Json, Session, session, show, table
from gateway.words.law import said
from gateway.words.money import format_yuan
from gateway.words.saying import Sentence, Word, say

if TYPE_CHECKING:
    from gateway.rooms.payments.explanation import Explanation


def explain(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority, as in the settings.")],
    number: Annotated[str, typer.Argument(help="The decision number 决定书文号.")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Up to and including this day; else today.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What is owed on a day, the exact sum that a reminder 催告 names, the clocks, and the rows of the law."""
    from gateway.rooms.payments.explanation_routes import ExplanationView

    found = asyncio.run(_explained(session(ctx), authority, number, on))
    human: list[Any] = [say("payments.owed_on", on=found.on, yuan=format_yuan(found.left))]
    if found.due is not None:
        due = say("payments.owed_due", due_on=found.due.on, because=found.due.because)
        human.append(_marked(due, provisional=found.due.provisional))
    human += [one.reason for one in found.warnings]
    rows = [(Word(one.kind), *map(format_yuan, (one.owed, one.paid, one.left))) for one in found.owed]
    human += ["", table(("kind", "owed", say("payments.paid_of_it"), "left"), rows)]
    appeals = [(Word(one.kind or ""), one.party or "", one.since, one.until) for one in found.appeals]
    if appeals:
        human += ["", table(("appeal_kind", say("payments.who_appealed"), "from", "to"), appeals)]
    stretches = [
        (one.payment, format_yuan(one.fine), part.first, part.last, part.days, part.counted, part.why)
        for one in found.claims
        for part in one.surcharge.stretches
    ]
    if stretches:
        human += ["", table(("payment", "fine", "from", "to", "days", "counted", "why"), stretches)]
    terms = ((say(f"payments.term_{one.name}", last_day=one.last_day), one.provisional) for one in found.terms)
    human += ["", *(_marked(one, provisional=provisional) for one, provisional in terms)]
    human += ["", *(said(row) for row in found.rules)]
    show(ExplanationView.of(found, plainly=True).model_dump(mode="json", by_alias=True), as_json, *human)


def _marked(said: Sentence, *, provisional: bool) -> Sentence:
    """A line about a day, with the mark of one that rests on days off which are not published."""
    return say("payments.provisional", said=said) if provisional else said


async def _explained(run: Session, authority: str, number: str, on: datetime | None) -> Explanation:
    from gateway.app import App
    from gateway.rooms.payments import Payments

    async with App.open(run.current) as gateway:
        return await gateway.get(Payments).explanations.of(authority, number, on.date() if on is not None else None)
