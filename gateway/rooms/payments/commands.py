"""``gateway payments``: what is demanded and paid. Rooms that need payments add verbs of their own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import typer

from gateway.rooms.payments import Payment, PaymentFilter
from gateway.rooms.payments.details import find
from gateway.rooms.payments.surcharge_command import explain
from gateway.terminal.output import Json, Session, facts, head, moment, session, show, table
from gateway.words.money import format_yuan

app = typer.Typer(
    help="Payments 缴款: list them, look at one, see what goes back, import open bills.", no_args_is_help=True
)


@app.command("list")
def list_payments(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="REQUESTED, ISSUED, PAID, EXPIRED, …")] = None,
    authority: Annotated[str | None, typer.Option(help="Of one authority.")] = None,
    code: Annotated[str | None, typer.Option(help="The payment code 缴款码.")] = None,
    decision: Annotated[str | None, typer.Option(help="The decision number 决定书文号.")] = None,
    party: Annotated[str | None, typer.Option(help="The party's whole name 当事人, or its whole number.")] = None,
    in_doubt: Annotated[bool, typer.Option("--in-doubt", help="Only those whose outcome is being found out.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Payments, newest first."""
    narrow = PaymentFilter(
        authorities=None if authority is None else (authority,),
        status=status,
        code=code,
        decision_number=decision,
        in_doubt=True if in_doubt else None,
        limit=limit,
    )
    found = session(ctx).read(find(narrow)) if party is None else asyncio.run(_of_party(session(ctx), narrow, party))
    shown = [_payment(one) for one in found]
    names = ("id", "decision_number", "code", "amount", "status", "settlement", "due_on", "paid_at")
    show({"payments": shown}, as_json, table(names, ([one[name] for name in names] for one in shown)))


async def _of_party(run: Session, narrow: PaymentFilter, party: str) -> list[Payment]:
    """Payments of a party: only an open gateway has the key of the index."""
    from gateway.app import App
    from gateway.rooms.decisions.records import party_indexes
    from gateway.rooms.payments import Payments

    async with App.open(run.current) as gateway:
        found = party_indexes(gateway.base.envelope, party)
        return await gateway.get(Payments).find(replace(narrow, party=found))


@app.command("show")
def show_payment(ctx: typer.Context, payment: str, as_json: Json = False) -> None:
    """One payment by its id or its code: lines, money, refunds and its story."""
    from gateway.rooms.payments.parts import Section, with_sections

    known, theirs = session(ctx).read(with_sections(payment))
    lines = [
        {"kind": one.kind.value, "item_code": one.item_code, "amount": format_yuan(one.amount)} for one in known.lines
    ]
    money = [
        {
            "bank_serial": one.bank_serial,
            "amount": format_yuan(one.amount),
            "paid_at": moment(one.paid_at),
            "source": one.source,
        }
        for one in known.collections
    ]
    events = [{"type": one.type, "at": moment(one.at)} for one in known.timeline]
    sections = [Section("lines", lines), Section("money", money), *theirs, Section("events", events)]
    about = _payment(known.payment)
    human: list[Any] = [facts(about)]
    for one in sections:
        if one.rows:
            names = one.columns or tuple(one.rows[0])
            human += ["", table(names, ([row[column] for column in names] for row in one.rows), title=head(one.name))]
    show({**about, **{one.name: one.rows for one in sections}}, as_json, *human)


app.command("explain")(explain)


def _payment(payment: Payment) -> dict[str, Any]:
    """What may be shown: the bill itself names the payer and stays sealed."""
    return {
        "id": payment.id,
        "authority": payment.authority,
        "decision_number": payment.decision_number,
        "instalment": payment.instalment,
        "channel": payment.channel,
        "status": payment.status.value,
        "settlement": payment.settlement.value,
        "code": payment.code,
        "reason": payment.reason,
        "amount": format_yuan(payment.amount),
        "paid_amount": None if payment.paid_amount is None else format_yuan(payment.paid_amount),
        "valid_until": payment.valid_until_on,
        "due_on": payment.due_on,
        "in_doubt_since": moment(payment.in_doubt_since_at),
        "paid_at": moment(payment.paid_at),
        "created_at": moment(payment.created_at),
    }
