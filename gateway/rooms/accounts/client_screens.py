"""Case systems 接入系统 on the console: for whom each works, its keys with their last use, and the end of either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.foundation.access import Client, Key, scopes
from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import authorities_seen, names_of
from gateway.foundation.screens import (
    ActPage,
    Choice,
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
    Moment,
    Named,
    Note,
    Page,
    Right,
    Row,
    Screen,
    Tag,
    To,
    Wanted,
)
from gateway.rooms.accounts.acts import ACTS
from gateway.rooms.accounts.new_keys import end_of_day, key_fields, told_key
from gateway.rooms.accounts.screens import keys_table
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

_NAME: Final = "clients"
_ACTS: Final = by_name(*ACTS)
OF_PEOPLE: Final = frozenset(
    ("accounts:people", "accounts:read", "accounts:write", "audit:read", "channels:write", "handovers:read")
) | {"keys:write", "persons:unmask", "seals:grant", "work:assign"}
"""Rights whose routes want a person: a case system's key opens nothing with them."""


async def _find(look: Look, _wanted: Wanted) -> Found:
    access, word = look.base.access, look.asked.get("name", "").lower()
    names, keys = await names_of(look), await access.keys()
    rows = [
        Row(
            one.id,
            (
                one.name,
                _state(one),
                authorities_seen(one.authorities, names),
                sum(key.client_id == one.id and key.revoked_at is None for key in keys),
                Moment(_last_use(one, keys)),
            ),
        )
        for one in await access.clients()
        if word in one.name.lower()
    ]
    return Found(rows, None, len(rows))


def _last_use(client: Client, keys: Sequence[Key]) -> int | None:
    used = (key.last_used_at for key in keys if key.client_id == client.id)
    return max((at for at in used if at is not None), default=None)


def _state(one: Client) -> Tag:
    if one.revoked_at is not None:
        return Tag(say("accounts.screen_disabled"), "bad")
    return Tag(say("accounts.screen_active"), "good")


async def _held(look: Look, client_id: str) -> Client:
    for one in await look.base.access.clients():
        if one.id == client_id:
            return one
    raise NotFoundProblem(say("accounts.no_client", word=client_id))


async def _one(look: Look, client_id: str) -> Page:
    one, keys = await _held(look, client_id), await look.base.access.keys(client_id)
    facts: list[Fact] = [
        (say("accounts.screen_works_for"), authorities_seen(one.authorities, await names_of(look))),
        (Named("disabled_at"), Moment(one.revoked_at)),
    ]
    acts = [] if one.revoked_at is not None else ["key", "revoke"]
    if any(key.revoked_at is None for key in keys):
        acts.insert(acts.index("revoke") if acts else 0, "revoke-key")
    return Page(
        title=one.name, tags=(_state(one),), lead=Code(one.id), blocks=[Facts(None, facts), keys_table(keys)], acts=acts
    )


# --- acts -------------------------------------------------------------------------------------------------------------


async def _create_form(look: Look, _id: str) -> Form:
    known = [Choice(one.code, one.name) for one in await look.base.access.authorities()]
    fields = (
        Field("name", Named("name")),
        Field("authorities", say("accounts.screen_works_for"), "many", choices=known),
    )
    return Form(say("accounts.act_create_client_button"), (Note(say("accounts.act_create_client_note")),), fields)


async def _create(look: Look, _id: str) -> Done:
    made = await look.base.access.create_client(look.asked["name"], look.asked["authorities"].split())
    return Done(to=To(made.name, _NAME, made.id))


async def _new_key_form(look: Look, client_id: str) -> Form:
    one = await _held(look, client_id)
    rights = [Choice(scope, Right(scope)) for scope in scopes() if scope not in OF_PEOPLE]
    label, expires = key_fields()
    fields = (
        label,
        Field("scopes", Named("scopes"), "many", hint=say("accounts.act_scopes_hint"), choices=rights),
        expires,
        Field("test", say("accounts.act_test_key"), "flag"),
    )
    note = Note(say("accounts.act_client_key_note"), "warn")
    return Form(say("accounts.act_key_button", name=one.name), (note,), fields)


async def _issue_key(look: Look, client_id: str) -> Done:
    one, asked = await _held(look, client_id), look.asked
    made = await look.base.access.issue_key(
        one.id,
        asked["scopes"].split(),
        label=asked.get("label", ""),
        expires_at=end_of_day(look),
        test=bool(asked.get("test")),
        once=look.once,
    )
    return Done(page=told_key(one.name, made))


async def _key_form(look: Look, client_id: str) -> Form:
    await _held(look, client_id)
    keys = [one for one in await look.base.access.keys(client_id) if one.revoked_at is None]
    choices = [Choice(one.id, f"{one.id} {one.label}") for one in keys]
    fields = (
        Field("key", Named("key"), "choice", choices=choices, value=keys[0].id if len(keys) == 1 else ""),
        Field("reason", Named("reason"), "area"),
    )
    what = (keys_table(keys), Note(say("accounts.act_revoke_note"), "warn"))
    return Form(say("accounts.act_revoke_button"), what, fields)


async def _revoke_key(look: Look, client_id: str) -> None:
    if look.asked["key"] not in {one.id for one in await look.base.access.keys(client_id)}:
        raise NotFoundProblem(say("access.no_key", key_id=look.asked["key"]))
    await look.base.access.revoke_key(look.asked["key"])


async def _end_form(look: Look, client_id: str) -> Form:
    one = await _held(look, client_id)
    note = Note(say("accounts.act_client_note"), "warn")
    return Form(say("accounts.act_client_button", name=one.name), (note,), (Field("reason", Named("reason"), "area"),))


async def _end(look: Look, client_id: str) -> None:
    await _held(look, client_id)
    await look.base.access.revoke_client(client_id)


CLIENTS = Screen(
    name=_NAME,
    title=say("accounts.screen_clients"),
    scope="accounts:read",
    place=92,
    group=Group.ACCESS,
    lists=Listing(
        filters=(Filter("name", Named("name"), wide=True),),
        heads=(
            Head(Named("name")),
            Head(Named("status")),
            Head(say("accounts.screen_works_for"), small=True),
            Head(say("accounts.screen_live_keys"), number=True),
            Head(Named("last_used_at"), small=True),
        ),
        find=_find,
        empty=say("accounts.screen_no_clients"),
        acts=("create",),
    ),
    one=_one,
    acts=(
        ActPage(name="create", of=_ACTS["create_client"], form=_create_form, do=_create),
        ActPage(name="key", of=_ACTS["issue_client_key"], form=_new_key_form, do=_issue_key, money=True),
        ActPage(name="revoke-key", of=_ACTS["revoke_key"], form=_key_form, do=_revoke_key, danger=True),
        ActPage(name="revoke", of=_ACTS["revoke_client"], form=_end_form, do=_end, danger=True),
    ),
)
