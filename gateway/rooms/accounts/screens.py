"""Access 账号 on the console: who operates the gateway, with which rights, keys, sessions, and what each has done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.foundation.access import Key, Operator, roles, scopes
from gateway.foundation.access.audit import AuditFilter, AuditRecord
from gateway.foundation.access.keys import one_time_password
from gateway.foundation.access.session_records import Session
from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import authorities_seen, names_of
from gateway.foundation.screens import (
    ActPage,
    Block,
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
    Table,
    Tag,
    To,
    Wanted,
)
from gateway.rooms.accounts import audit_screen
from gateway.rooms.accounts.acts import ACTS
from gateway.rooms.accounts.audit_screen import DEED, deed
from gateway.rooms.accounts.new_keys import end_of_day, key_fields, told_key
from gateway.words.clock import SHANGHAI, from_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import Word, say

_NAME: Final = "access"
_ACTS: Final = by_name(*ACTS)
_SEES: Final = "accounts:read"
_LAST: Final = 20
_ROLES: Final = tuple(
    Choice(role, Word(role)) for role in ("viewer", "operator", "supervisor", "auditor", "administrator")
)


# --- people -----------------------------------------------------------------------------------------------------------


async def _find(look: Look, _wanted: Wanted) -> Found:
    access, role = look.base.access, look.asked.get("role")
    limits, sessions, names = await access.limits(), await look.base.people.sessions(), await names_of(look)
    last = {one.operator_id: one for one in reversed(sessions)}
    word = look.asked.get("name", "").lower()
    rows = [
        Row(
            one.id,
            (
                one.login,
                one.name,
                Word(one.role),
                _state(one),
                authorities_seen(limits.get(one.id), names),
                Moment(last[one.id].used_at) if one.id in last else None,
            ),
        )
        for one in await access.operators()
        if role in (None, one.role) and word in f"{one.login} {one.name}".lower()
    ]
    return Found(rows, None, len(rows))


def _state(one: Operator) -> Tag:
    if one.disabled_at is not None:
        return Tag(say("accounts.screen_disabled"), "bad")
    return (
        Tag(say("accounts.screen_invited"), "wait") if one.password_once else Tag(say("accounts.screen_active"), "good")
    )


async def _held(look: Look, operator_id: str) -> Operator:
    for one in await look.base.access.operators():
        if one.id == operator_id:
            return one
    raise NotFoundProblem(say("access.no_operator", operator_id=operator_id))


async def _one(look: Look, operator_id: str) -> Page:
    one = await _held(look, operator_id)
    limits = (await look.base.access.limits()).get(one.id)
    sessions = [each for each in await look.base.people.sessions() if each.operator_id == one.id]
    keys = await look.base.access.keys(one.id)
    facts: list[Fact] = [
        (Named("login"), Code(one.login)),
        (Named("role"), Word(one.role)),
        (say("console.sees"), authorities_seen(limits, await names_of(look))),
        (Named("disabled_at"), Moment(one.disabled_at)),
    ]
    blocks: list[Block] = [Facts(None, facts), _sessions(sessions), keys_table(keys)]
    if look.may("audit:read"):
        every = To(say("accounts.screen_acts_all"), audit_screen.NAME, asked={"operator": one.id})
        facts.append((say("accounts.screen_acts"), every))
        blocks.append(_acts(await look.base.audit.find(AuditFilter(operator=one.id, limit=_LAST))))
    acts = [] if one.disabled_at is not None else ["key", "password", "forget-code", "disable"]
    if any(key.revoked_at is None for key in keys):
        acts.append("revoke-key")
    if sessions:
        acts.append("end-session")
    return Page(title=one.name, tags=(_state(one),), lead=Code(one.id), blocks=blocks, acts=acts)


def _sessions(found: Sequence[Session]) -> Table:
    heads = (Head(say("accounts.screen_began")), Head(say("accounts.screen_used")), Head(say("accounts.screen_source")))
    rows = [Row(None, (Moment(one.began_at), Moment(one.used_at), Code(one.source))) for one in found]
    return Table(say("accounts.screen_sessions"), heads, rows, say("accounts.screen_no_sessions"))


def keys_table(found: Sequence[Key]) -> Table:
    """Keys with their dates and last use, never their secrets."""
    heads = (
        Head(Named("key")),
        Head(Named("label"), small=True),
        Head(Named("created_at"), small=True),
        Head(Named("last_used_at")),
        Head(Named("expires_at"), small=True),
        Head(Named("status")),
    )
    rows = [
        Row(
            None,
            (
                Code(one.id),
                one.label,
                Moment(one.created_at),
                Moment(one.last_used_at),
                Moment(one.expires_at),
                Tag(say("accounts.screen_revoked"), "bad")
                if one.revoked_at
                else Tag(say("accounts.screen_active"), "good"),
            ),
        )
        for one in found
    ]
    return Table(say("accounts.screen_keys"), heads, rows, say("accounts.screen_no_keys"))


def _acts(found: Sequence[AuditRecord]) -> Table:
    rows = [Row(None, (Moment(one.at), *deed(one))) for one in found]
    note = say("accounts.screen_acts_note", number=_LAST)
    return Table(say("accounts.screen_acts"), (Head(Named("at")), *DEED), rows, say("accounts.screen_no_acts"), note)


# --- acts -------------------------------------------------------------------------------------------------------------


async def _invite_form(look: Look, _id: str) -> Form:
    known = await look.base.access.authorities()
    fields = (
        Field("login", Named("login"), hint=say("accounts.act_login_hint")),
        Field("name", say("accounts.act_name")),
        Field("role", Named("role"), "choice", choices=_ROLES),
        Field(
            "authorities",
            say("console.sees"),
            "many",
            required=False,
            hint=say("accounts.act_sees_hint"),
            choices=[Choice(one.code, one.name) for one in known],
        ),
    )
    return Form(say("accounts.act_invite_button"), (Note(say("accounts.act_invite_note")),), fields)


async def _invite(look: Look, _id: str) -> Done:
    password, asked = one_time_password(), look.asked
    authorities = asked.get("authorities", "").split()
    made = await look.base.access.create_operator(
        asked["login"], asked["name"], asked["role"], password, once=True, authorities=authorities
    )
    return Done(page=_told(made, password))


async def _new_password_form(look: Look, operator_id: str) -> Form:
    one = await _held(look, operator_id)
    return Form(
        say("accounts.act_password_button", login=one.login), (Note(say("accounts.act_password_note"), "warn"),)
    )


async def _new_password(look: Look, operator_id: str) -> Done:
    one, password = await _held(look, operator_id), one_time_password()
    await look.base.access.set_password(one.id, password, once=True)
    return Done(page=_told(one, password))


def _told(one: Operator, password: str) -> Page:
    """The password, shown this once."""
    facts: list[Fact] = [
        (Named("login"), Code(one.login)),
        (Named("role"), Word(one.role)),
        (say("accounts.act_once"), Code(password)),
    ]
    return Page(title=one.name, blocks=[Note(say("accounts.act_told"), "warn"), Facts(None, facts)])


async def _forget_form(look: Look, operator_id: str) -> Form:
    one = await _held(look, operator_id)
    return Form(say("accounts.act_forget_button", login=one.login), (Note(say("accounts.act_forget_note"), "warn"),))


async def _forget(look: Look, operator_id: str) -> None:
    await look.base.access.forget_factor(operator_id)


async def _disable_form(look: Look, operator_id: str) -> Form:
    one = await _held(look, operator_id)
    fields = (Field("reason", Named("reason"), "area"),)
    return Form(
        say("accounts.act_disable_button", login=one.login), (Note(say("accounts.act_disable_note"), "warn"),), fields
    )


async def _disable(look: Look, operator_id: str) -> None:
    await look.base.access.disable_operator(operator_id)


async def _revoke_form(look: Look, operator_id: str) -> Form:
    keys = [one for one in await look.base.access.keys(operator_id) if one.revoked_at is None]
    choices = [Choice(one.id, f"{one.id} {one.label}") for one in keys]
    fields = (
        Field("key", Named("key"), "choice", choices=choices, value=keys[0].id if len(keys) == 1 else ""),
        Field("reason", Named("reason"), "area"),
    )
    return Form(say("accounts.act_revoke_button"), (Note(say("accounts.act_revoke_note"), "warn"),), fields)


async def _revoke(look: Look, operator_id: str) -> None:
    if look.asked["key"] not in {one.id for one in await look.base.access.keys(operator_id)}:
        raise NotFoundProblem(say("access.no_key", key_id=look.asked["key"]))
    await look.base.access.revoke_key(look.asked["key"])


async def _key_form(look: Look, operator_id: str) -> Form:
    one = await _held(look, operator_id)
    note = Note(say("accounts.act_operator_key_note"), "warn")
    return Form(say("accounts.act_key_button", name=one.login), (note,), key_fields())


async def _issue_key(look: Look, operator_id: str) -> Done:
    one = await _held(look, operator_id)
    made = await look.base.access.issue_operator_key(
        one.id, label=look.asked.get("label", ""), expires_at=end_of_day(look), once=look.once
    )
    return Done(page=told_key(one.name, made))


async def _sessions_of(look: Look, operator_id: str) -> list[Session]:
    return [one for one in await look.base.people.sessions() if one.operator_id == operator_id]


async def _end_form(look: Look, operator_id: str) -> Form:
    one = await _held(look, operator_id)
    found = await _sessions_of(look, operator_id)
    choices = [
        Choice(each.id, say("accounts.act_end_choice", began=_at(each.began_at), source=each.source)) for each in found
    ]
    fields = (
        Field("session", say("accounts.act_end_which"), "choice", choices=choices, value=_alone(found)),
        Field("reason", Named("reason"), "area"),
    )
    note = Note(say("accounts.act_end_note"), "warn")
    return Form(say("accounts.act_end_button", login=one.login), (_sessions(found), note), fields)


def _alone(found: Sequence[Session]) -> str:
    return found[0].id if len(found) == 1 else ""


def _at(micros: int) -> str:
    return f"{from_micros(micros).astimezone(SHANGHAI):%m-%d %H:%M}"


async def _end_session(look: Look, operator_id: str) -> None:
    if look.asked["session"] not in {one.id for one in await _sessions_of(look, operator_id)}:
        raise NotFoundProblem(say("access.no_session"))
    await look.base.people.end(look.asked["session"])


SCREEN = Screen(
    name=_NAME,
    title=say("accounts.screen"),
    scope=_SEES,
    place=90,
    group=Group.ACCESS,
    lists=Listing(
        filters=(
            Filter("name", say("accounts.act_name"), wide=True),
            Filter("role", Named("role"), "choice", _ROLES),
        ),
        heads=(
            Head(Named("login")),
            Head(say("accounts.act_name")),
            Head(Named("role")),
            Head(Named("status")),
            Head(say("console.sees"), small=True),
            Head(say("accounts.screen_used"), small=True),
        ),
        find=_find,
        empty=say("accounts.screen_empty"),
        acts=("invite",),
    ),
    one=_one,
    acts=(
        ActPage(
            name="invite",
            of=_ACTS["create_operator"],
            form=_invite_form,
            do=_invite,
            money=True,
            command="operators invite",
        ),
        ActPage(
            name="password", of=_ACTS["set_operator_password"], form=_new_password_form, do=_new_password, money=True
        ),
        ActPage(name="forget-code", of=_ACTS["forget_operator_code"], form=_forget_form, do=_forget, money=True),
        ActPage(name="key", of=_ACTS["issue_operator_key"], form=_key_form, do=_issue_key, money=True),
        ActPage(name="revoke-key", of=_ACTS["revoke_key"], form=_revoke_form, do=_revoke, danger=True),
        ActPage(name="end-session", of=_ACTS["end_operator_session"], form=_end_form, do=_end_session, danger=True),
        ActPage(name="disable", of=_ACTS["disable_operator"], form=_disable_form, do=_disable, danger=True),
    ),
)


# --- rights -----------------------------------------------------------------------------------------------------------


async def _matrix(_look: Look) -> Page:
    """Which role has which right."""
    known = roles()
    heads = (Head(say("accounts.screen_right")), *(Head(Word(role)) for role in known))
    rows = [Row(None, (Right(scope), *("✓" if scope in known[role] else None for role in known))) for scope in scopes()]
    note = say("accounts.screen_rights_note")
    return Page(
        title=say("accounts.screen_rights"), blocks=[Table(say("accounts.screen_matrix"), heads, rows, "", note)]
    )


RIGHTS = Screen(
    name="rights", title=say("accounts.screen_rights"), scope=_SEES, place=91, group=Group.ACCESS, page=_matrix
)
