"""Who collects for an authority 执收单位, on the page of the authority: as it is today, and from a day on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import day
from gateway.foundation.screens import (
    ActPage,
    Block,
    Code,
    Fact,
    Facts,
    Field,
    Form,
    Head,
    Joins,
    Look,
    Named,
    Note,
    Row,
    Table,
)
from gateway.rooms.payments import IncomeItem, LineKind, Unit
from gateway.rooms.payments.acts import ACTS
from gateway.rooms.payments.units import set_unit, unit_on
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say

_ACTS: Final = by_name(*ACTS)


async def _of_authority(look: Look, authority: str) -> Sequence[Block]:
    unit = await unit_on(look.base, authority, look.today)
    if unit is None:
        return (Note(say("payments.screen_no_unit"), "warn"),)
    facts: list[Fact] = [
        (Named("unit_code"), Code(unit.code)),
        (say("payments.screen_unit_name"), unit.name),
        (say("payments.screen_region"), Code(unit.region)),
    ]
    heads = (Head(say("payments.screen_item_kind")), Head(say("payments.screen_item_code")), Head(Named("name")))
    rows = [Row(None, (Word(kind), Code(item.code), item.name)) for kind, item in unit.items.items()]
    no_items = say("payments.screen_no_items")
    return (Facts(say("payments.screen_unit"), facts), Table(say("payments.screen_items"), heads, rows, no_items))


async def _form(look: Look, authority: str) -> Form:
    owner = await look.base.access.authority(authority)
    known = await unit_on(look.base, authority, look.today) or Unit("", "", "", {})
    fields = [
        Field("since", say("payments.act_unit_since"), "day"),
        Field("region", say("payments.screen_region"), value=known.region),
        Field(
            "unit_code",
            Named("unit_code"),
            required=owner.unit_code is None,
            hint=say("payments.act_unit_own"),
            value=known.code,
        ),
        Field(
            "name",
            say("payments.screen_unit_name"),
            required=False,
            hint=say("payments.act_unit_own"),
            value=known.name,
        ),
    ]
    for kind in LineKind:
        item = known.items.get(kind, IncomeItem("", ""))
        for part, value in (("code", item.code), ("name", item.name)):
            label = say(f"payments.act_item_{part}", kind=Word(kind))
            fields.append(Field(f"{kind}_{part}", label, required=False, value=value))
    return Form(
        say("payments.act_unit_button", name=owner.name), (Note(say("payments.act_unit_note"), "warn"),), fields
    )


async def _set(look: Look, authority: str) -> None:
    asked, since, items = look.asked, day(look, "since"), {}
    for kind in LineKind:
        code, name = asked.get(f"{kind}_code", ""), asked.get(f"{kind}_name", "")
        if bool(code) != bool(name):
            field = f"{kind}_name" if code else f"{kind}_code"
            raise InvalidProblem(say("payments.act_item_whole", kind=Word(kind)), field=field)
        if code:
            items[kind] = IncomeItem(code, name)
    if not items:
        raise InvalidProblem(say("payments.act_item_none"), field=f"{LineKind.FINE}_code")
    assert since is not None
    named = (asked.get("unit_code") or None, asked.get("name") or None)
    await set_unit(look.base, authority, asked["region"], items, since, named)


ON_AUTHORITIES = Joins(
    screen="authorities",
    acts=(ActPage(name="unit", of=_ACTS["set_collecting_unit"], form=_form, do=_set, money=True),),
    blocks=_of_authority,
)
