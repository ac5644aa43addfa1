"""Forms about cash: taken, ashore, handed in; and one bill for many, whose count and sum are seen before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final

from pydantic import ValidationError

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.screens import (
    Block,
    Choice,
    Code,
    Done,
    Due,
    Fact,
    Facts,
    Field,
    Form,
    Head,
    Look,
    Named,
    Note,
    Row,
    Table,
    To,
    Yuan,
)
from gateway.rooms.cash import records
from gateway.rooms.cash.records import CashTaken
from gateway.rooms.cash.service import Cash, CashInput, RemittanceInput
from gateway.rooms.cash.states import CashGround
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.saying import Sentence, say
from gateway.words.wrong import reason_of

Seen = Callable[[Look, str], Awaitable[CashTaken]]
SHOWN: Final = 150
"""So much cash is offered for one bill at a time, what must be at the bank first before the rest."""


def _sum(parts: Sequence[CashTaken]) -> str:
    return f"{sum(one.amount for one in parts) / 100:,.2f}"


def _wrong(error: ValidationError) -> InvalidProblem:
    first = error.errors()[0]
    return InvalidProblem(reason_of(first), field=str(first["loc"][0]) if first["loc"] else None)


# --- taken ------------------------------------------------------------------------------------------------------------


async def take_form(look: Look, _id: str) -> Form:
    """What was taken, by whom, for which decision, against which receipt."""
    mine = [one for one in await look.base.access.authorities() if one.code in look.who.authorities]
    only = mine[0].code if len(mine) == 1 else ""
    fields = (
        Field(
            "authority", Named("authority"), "choice", value=only, choices=[Choice(one.code, one.name) for one in mine]
        ),
        Field("decision_number", Named("decision_number")),
        Field("amount", Named("amount"), "amount"),
        Field("ground", Named("ground"), "choice", choices=[Choice(one.value, one) for one in CashGround]),
        Field("explanation", Named("explanation"), "area", required=False, hint=say("cash.form_explanation")),
        Field("receipt_number", Named("receipt_number"), hint=say("cash.form_receipt")),
        Field("officer", Named("officer")),
        Field("taken_on", Named("taken_on"), "day", value=look.today.isoformat()),
        Field("on_water", Named("on_water"), "flag", required=False),
        Field("ashore_on", Named("ashore_on"), "day", required=False, hint=say("cash.form_ashore")),
    )
    return Form(say("cash.form_take"), (Note(say("cash.form_take_note")),), fields)


async def take(look: Look, _id: str) -> Done:
    """Record it. Raises InvalidProblem with the field that is wrong."""
    names = ("authority", "decision_number", "ground", "receipt_number", "officer", "taken_on")
    told = {name: look.asked[name] for name in names}
    amount = look.asked["amount"].replace(",", "")
    told["amount"] = amount if "." in amount else f"{amount}.00"
    given = {name: look.asked[name] for name in ("explanation", "ashore_on") if look.asked.get(name)}
    try:
        ask = CashInput.model_validate({**told, **given, "on_water": bool(look.asked.get("on_water"))})
    except ValidationError as error:
        raise _wrong(error) from None
    look.require_seen(ask.authority, "decision")
    return Done(To("", "cash", await look.get(Cash).take(ask, once=look.once)))


# --- ashore, handed in ------------------------------------------------------------------------------------------------


def _about(one: CashTaken) -> Facts:
    facts: list[Fact] = [
        (Named("decision_number"), one.decision_number),
        (Named("amount"), Yuan(one.amount)),
        (Named("receipt_number"), Code(one.receipt_number)),
        (Named("taken_on"), one.taken_on),
        (Named("hand_in_due_on"), Due(one.hand_in_due_on, True, one.due_provisional, one.authority)),
    ]
    return Facts(None, facts)


def _on(look: Look) -> Field:
    return Field("on", Named("on"), "day", value=look.today.isoformat())


def _day(look: Look) -> date:
    try:
        return date.fromisoformat(look.asked["on"])
    except ValueError:
        raise InvalidProblem(say("console.no_day"), field="on") from None


async def land_form(seen: Seen, look: Look, cash_id: str) -> Form:
    """On which day it came ashore."""
    one = await seen(look, cash_id)
    return Form(say("cash.form_land"), (_about(one), Note(say("cash.form_land_note"))), (_on(look),))


async def land(seen: Seen, look: Look, cash_id: str) -> None:
    """The days to hand it in begin."""
    await seen(look, cash_id)
    await look.get(Cash).landed(cash_id, _day(look), once=look.once)


async def hand_in_form(seen: Seen, look: Look, cash_id: str) -> Form:
    """On which day the officer handed it in."""
    one = await seen(look, cash_id)
    button = say("cash.form_hand_in", yuan=_sum([one]))
    return Form(button, (_about(one), Note(say("cash.form_hand_in_note"))), (_on(look),))


async def hand_in(seen: Seen, look: Look, cash_id: str) -> None:
    """The days to pay the bank begin."""
    await seen(look, cash_id)
    await look.get(Cash).hand_in(cash_id, _day(look), once=look.once)


# --- one bill for many ------------------------------------------------------------------------------------------------


async def remit_form(look: Look, cash_id: str) -> Form:
    """Which cash: all that waits at first, one alone where one comes from its page; then what was chosen, once more."""
    waits = await _waiting(look)
    chosen = _chosen(look, waits)
    offered = [one for one in waits if one.id == cash_id] if cash_id.startswith("csh_") else waits
    known = {one.code: one.name for one in await look.base.access.authorities()}
    several = len({one.authority for one in waits}) > 1
    choices = [Choice(one.id, _line(one, known.get(one.authority, one.authority) if several else "")) for one in waits]
    field = Field("cash", say("cash.form_which"), "many", value=" ".join(one.id for one in offered), choices=choices)
    if chosen is None:
        more = [Note(say("cash.form_more", shown=SHOWN), "warn")] if len(waits) == SHOWN else []
        note = say("cash.form_remit_note" if waits else "cash.form_none_waits")
        return Form(say("cash.form_remit_look"), (Note(note), *more), (field,), reviewed=True)
    button = say("cash.form_remit", number=len(chosen), yuan=_sum(chosen))
    return Form(button, _bill(chosen, known), (field,), seen=_mark(chosen), reviewed=True)


async def remit(look: Look, _id: str) -> Done:
    """Ask for the bill over what was seen. Raises ConflictProblem where that is not so any more."""
    chosen = _chosen(look, await _waiting(look)) or []
    if not chosen or look.asked.get("seen") != _mark(chosen):
        raise ConflictProblem(say("cash.form_changed"), type="changed-since-seen")
    ask = RemittanceInput(authority=chosen[0].authority, cash=tuple(one.id for one in chosen))
    return Done(To("", "payments", await look.get(Cash).remit(ask, once=look.once)))


async def _waiting(look: Look) -> Sequence[CashTaken]:
    mine = [one for one in look.who.authorities if look.asked.get("authority") in (None, one)]
    return await look.base.store.read(lambda conn: records.waiting(conn, mine, SHOWN))


def _chosen(look: Look, waits: Sequence[CashTaken]) -> Sequence[CashTaken] | None:
    """What was chosen; None where nothing was. Raises ConflictProblem, InvalidProblem for two authorities."""
    if not look.asked.get("cash"):
        return None
    ids = set(look.asked["cash"].split())
    found = [one for one in waits if one.id in ids]
    if len(found) != len(ids):
        raise ConflictProblem(say("cash.form_changed"), type="changed-since-seen", field="cash")
    if len({one.authority for one in found}) > 1:
        raise InvalidProblem(say("cash.form_one_authority"), field="cash")
    return found


def _line(one: CashTaken, authority: str) -> Sentence:
    told = {"number": one.decision_number, "receipt": one.receipt_number, "yuan": _sum([one])}
    told["due"] = str(one.bank_due_on).replace("-", "\N{NON-BREAKING HYPHEN}")
    if authority:
        return say("cash.form_line_of", authority=authority, **told)
    return say("cash.form_line", **told)


def _bill(chosen: Sequence[CashTaken], known: dict[str, str]) -> Sequence[Block]:
    """What one bill will be for: how many, how much, by when, and each decision's part."""
    first = chosen[0]  # what must be at the bank first stands first
    facts: list[Fact] = [
        (Named("authority"), known.get(first.authority, first.authority)),
        (say("cash.form_number"), len(chosen)),
        (say("cash.form_sum"), Yuan(sum(one.amount for one in chosen))),
        (Named("bank_due_on"), Due(first.bank_due_on, True, first.due_provisional, first.authority)),
    ]
    heads = (
        Head(Named("decision_number")),
        Head(Named("receipt_number"), small=True),
        Head(Named("amount"), number=True),
    )
    rows = [Row(None, (one.decision_number, Code(one.receipt_number), Yuan(one.amount))) for one in chosen]
    return Facts(None, facts), Table(say("cash.screen_parts"), heads, rows, "")


def _mark(parts: Sequence[CashTaken]) -> str:
    """Another one for other cash, or another state of it."""
    return sm3("|".join(sorted(f"{one.id} {one.amount} {one.updated_at}" for one in parts)).encode()).hex()
