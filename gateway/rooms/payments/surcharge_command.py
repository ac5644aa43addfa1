"""``gateway payments explain``: how a surcharge came about, day range by day range."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.terminal.output import Json, Session, session, show, table
from gateway.words.law import said
from gateway.words.money import format_yuan
from gateway.words.saying import say

if TYPE_CHECKING:
    from gateway.rooms.payments.surcharge import Surcharge


def explain(
    ctx: typer.Context,
    payment: str,
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Up to and including this day; else the day of payment, or today."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The surcharge 加处罚款 on a payment's fine, explained from the decision's events. PAYMENT is an id or a code."""
    found = asyncio.run(_accrued(session(ctx), payment, on))
    stretches = [
        {
            "from": str(one.first),
            "to": str(one.last),
            "days": one.days,
            "counted": one.counted,
            "base": format_yuan(one.base),
            "why": one.why,
        }
        for one in found.stretches
    ]
    summary = {
        "on": str(found.on),
        "days": found.days,
        "amount": format_yuan(found.amount),
        "capped": found.capped,
        "reduced_by": format_yuan(found.reduced_by),
    }
    words = [say("payments.surcharge_to", on=found.on, days=found.days, amount=summary["amount"])]
    if found.capped:
        words.append(say("payments.surcharge_capped"))
    if found.reduced_by:
        words.append(say("payments.surcharge_reduced", yuan=summary["reduced_by"]))
    names = ("from", "to", "days", "counted", "base", "why")
    human: list[Any] = [table(names, ([one[name] for name in names] for one in stretches))]
    human.append(say("payments.surcharge", parts=words))
    human += [said(row) for row in found.rules]
    if not stretches:
        human = [say("payments.surcharge_none")]
    rules = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in found.rules]
    show({**summary, "stretches": stretches, "rules": rules}, as_json, *human)


async def _accrued(run: Session, word: str, on: datetime | None) -> Surcharge:
    from gateway.app import App
    from gateway.rooms.payments import Payments

    async with App.open(run.current) as gateway:
        payments = gateway.get(Payments)
        payment = await payments.by_id_or_code(word)
        return await payments.accrued(payment.id, on.date() if on is not None else None)
