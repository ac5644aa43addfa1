"""Authorities 执法机关 on the console: under which codes each works; other rooms say what they know of it."""

from __future__ import annotations

from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.screens import (
    ActPage,
    Code,
    Done,
    Fact,
    Facts,
    Field,
    Filter,
    Form,
    Found,
    Group,
    Head,
    Listing,
    Look,
    Named,
    Note,
    Page,
    Row,
    Screen,
    To,
    Wanted,
)
from gateway.rooms.accounts.acts import ACTS
from gateway.words.saying import say

_NAME: Final = "authorities"
_ACTS: Final = by_name(*ACTS)


async def _find(look: Look, _wanted: Wanted) -> Found:
    word = look.asked.get("name", "").lower()
    rows = [
        Row(one.code, (one.name, Code(one.code), Code(one.uscc), Code(one.unit_code), one.telephone))
        for one in await look.base.access.authorities()
        if word in f"{one.code} {one.name}".lower()
    ]
    return Found(rows, None, len(rows))


async def _one(look: Look, code: str) -> Page:
    one = await look.base.access.authority(code)
    facts: list[Fact] = [
        (Named("uscc"), Code(one.uscc)),
        (Named("unit_code"), Code(one.unit_code)),
        (Named("telephone"), one.telephone),
    ]
    return Page(title=one.name, lead=Code(one.code), blocks=[Facts(None, facts)], acts=["unit", "organ"])


async def _create_form(_look: Look, _id: str) -> Form:
    fields = (
        Field("code", say("accounts.act_code"), hint=say("accounts.act_code_hint")),
        Field("name", Named("name")),
        Field("uscc", Named("uscc")),
        Field("unit_code", Named("unit_code"), required=False),
        Field("telephone", Named("telephone"), required=False, hint=say("accounts.act_telephone_hint")),
    )
    return Form(say("accounts.act_authority_button"), (Note(say("accounts.act_authority_note"), "warn"),), fields)


async def _create(look: Look, _id: str) -> Done:
    asked = look.asked
    made = await look.base.access.create_authority(
        asked["code"], asked["name"], asked["uscc"], asked.get("unit_code") or None, asked.get("telephone") or None
    )
    return Done(to=To(made.name, _NAME, made.code))


AUTHORITIES = Screen(
    name=_NAME,
    title=say("accounts.screen_authorities"),
    scope="accounts:read",
    place=93,
    group=Group.ACCESS,
    lists=Listing(
        filters=(Filter("name", say("accounts.screen_name_or_code"), wide=True),),
        heads=(
            Head(Named("name")),
            Head(say("accounts.act_code")),
            Head(Named("uscc"), small=True),
            Head(Named("unit_code"), small=True),
            Head(Named("telephone"), small=True),
        ),
        find=_find,
        empty=say("accounts.screen_no_authorities"),
        acts=("create",),
    ),
    one=_one,
    acts=(ActPage(name="create", of=_ACTS["create_authority"], form=_create_form, do=_create),),
)
