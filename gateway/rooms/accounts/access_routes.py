"""Who there is, over HTTP: authorities, case systems and their keys, operators. Commands and pages ask the same.

A key or a person that is refused here is refused within two seconds everywhere: by every node, and in every session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from gateway.foundation import rooms
from gateway.foundation.access import Access, Authority, Client, IssuedKey, Key, Operator, Principal, scopes
from gateway.foundation.http.authorization import operator
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Ask, Page, View, instant
from gateway.settings import known
from gateway.words.days import Instant
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import Sentence, say

router = APIRouter(prefix="/v1", tags=["access"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(operator("accounts:read"))]
Writer = Annotated[Principal, Depends(operator("accounts:write"))]
Assigner = Annotated[Principal, Depends(operator("work:assign"))]
OfPeople = Annotated[Principal, Depends(operator("accounts:people"))]
T = TypeVar("T")


class AuthorityAsk(Ask):
    """An enforcement body 执法机关: ``code`` identifies it everywhere and cannot be changed."""

    code: str = Field(max_length=40)
    name: str = Field(max_length=200)
    uscc: str = Field(max_length=18)
    unit_code: str | None = Field(default=None, max_length=40, description="as a collecting unit 执收单位编码")
    telephone: str | None = Field(default=None, max_length=40, description="shown to parties")


class AuthorityView(View):
    """One enforcement body 执法机关."""

    code: str
    name: str
    uscc: str
    unit_code: str | None
    telephone: str | None

    @classmethod
    def of(cls, one: Authority) -> AuthorityView:
        """From its record."""
        return cls.showing(one)


class ClientAsk(Ask):
    """A case system 接入系统 and the authorities it works for."""

    name: str = Field(max_length=200)
    authorities: list[str] = Field(min_length=1, max_length=500)


class ClientView(View):
    """One case system 接入系统. ``revoked_at``: from then on all its keys are refused."""

    id: str
    name: str
    authorities: list[str]
    revoked_at: str | None

    @classmethod
    def of(cls, one: Client) -> ClientView:
        """From its record."""
        return cls.showing(one, authorities=list(one.authorities), revoked_at=instant(one.revoked_at))


class EndedSessionView(View):
    """A session of a person that is over."""

    id: str
    operator: str
    source: str
    began_at: str


class SessionView(View):
    """Where a person is signed in at the console now. ``used_at``: to the minute."""

    id: str
    operator: str
    login: str
    source: str
    began_at: str
    used_at: str


class KeyAsk(Ask):
    """What a key is for, and until when."""

    label: str = Field(default="", max_length=200)
    expires_at: Instant | None = None


class ClientKeyAsk(KeyAsk):
    """The same, and what it may do; every scope where none is named. ``test``: in sandboxes (``test-…``) only."""

    scopes: list[str] = Field(default=[], max_length=100)
    test: bool = False


class KeyView(View):
    """One key as it is kept: everything but its secret."""

    id: str
    owner: str
    client_id: str | None
    operator_id: str | None
    label: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    test: bool

    @classmethod
    def of(cls, one: Key) -> KeyView:
        """From its record."""
        times = ("created_at", "expires_at", "revoked_at", "last_used_at")
        told = {name: instant(getattr(one, name)) for name in times}
        return cls.showing(one, owner=one.client_id or one.operator_id or "", scopes=list(one.scopes), **told)


class IssuedKeyView(View):
    """A new key. ``key`` is shown this once and kept nowhere."""

    id: str
    key: str

    @classmethod
    def of(cls, made: IssuedKey) -> IssuedKeyView:
        """From what was made."""
        return cls(id=made.id, key=made.token)


class OperatorAsk(Ask):
    """A person who operates the gateway 操作员, and whose records are seen: all where none is named.

    ``once``: the password is good for one sign-in at the console, where another one is chosen.
    """

    login: str = Field(max_length=60)
    name: str = Field(max_length=200)
    role: str = Field(default="operator", max_length=20)
    password: str = Field(max_length=200)
    authorities: list[str] = Field(default=[], max_length=500)
    once: bool = False


class PasswordAsk(Ask):
    """A new password; the login is unlocked with it."""

    password: str = Field(max_length=200)


class OperatorView(View):
    """One person who operates the gateway 操作员."""

    id: str
    login: str
    name: str
    role: str
    disabled_at: str | None

    @classmethod
    def of(cls, one: Operator) -> OperatorView:
        """From its record."""
        return cls.showing(one, disabled_at=instant(one.disabled_at))


# --- authorities ------------------------------------------------------------------------------------------------------


@router.get("/authorities", response_model=Page[AuthorityView])
async def list_authorities(base: Base, _: Reader) -> Page[AuthorityView]:
    """Every authority, by code."""
    return Page(items=[AuthorityView.of(one) for one in await base.access.authorities()], next=None)


@router.post("/authorities", status_code=201, response_model=AuthorityView, responses=responses(409, 413))
async def create_authority(base: Base, _: Writer, ask: AuthorityAsk) -> AuthorityView:
    """Record an authority."""
    return AuthorityView.of(await base.access.create_authority(**ask.model_dump()))


# --- case systems and their keys --------------------------------------------------------------------------------------


@router.get("/clients", response_model=Page[ClientView])
async def list_clients(base: Base, _: Reader) -> Page[ClientView]:
    """Every case system, by name."""
    return Page(items=[ClientView.of(one) for one in await base.access.clients()], next=None)


@router.post("/clients", status_code=201, response_model=ClientView, responses=responses(404, 409, 413))
async def create_client(base: Base, _: Writer, ask: ClientAsk) -> ClientView:
    """Record a case system and the authorities it works for."""
    return ClientView.of(await base.access.create_client(ask.name, ask.authorities))


@router.post("/clients/{client}/revocation", response_model=ClientView, responses=responses(404))
async def revoke_client(base: Base, _: Writer, client: str) -> ClientView:
    """Refuse a case system, by its id or name, and all its keys from now on. Again changes nothing."""
    held = await _client(base.access, client)
    await base.access.revoke_client(held.id)
    return ClientView.of(await _client(base.access, held.id))


@router.post("/clients/{client}/keys", status_code=201, response_model=IssuedKeyView, responses=responses(404, 413))
async def issue_client_key(base: Base, _: Writer, client: str, ask: ClientKeyAsk) -> IssuedKeyView:
    """Make a key for a case system, by its id or name. It is shown this once."""
    held = await _client(base.access, client)
    chosen = ask.scopes or scopes()
    made = await base.access.issue_key(held.id, chosen, label=ask.label, expires_at=ask.expires_at, test=ask.test)
    return IssuedKeyView.of(made)


@router.get("/keys", response_model=Page[KeyView])
async def list_keys(base: Base, _: Reader, owner: Annotated[str | None, Query(max_length=40)] = None) -> Page[KeyView]:
    """Keys of a case system or an operator, or all, without their secrets; oldest first."""
    return Page(items=[KeyView.of(one) for one in await base.access.keys(owner)], next=None)


@router.post("/keys/{key_id}/revocation", response_model=KeyView, responses=responses(404))
async def revoke_key(base: Base, _: Writer, key_id: str) -> KeyView:
    """Refuse a key from now on, everywhere within two seconds. Again changes nothing."""
    await base.access.revoke_key(key_id)
    return next(KeyView.of(one) for one in await base.access.keys() if one.id == key_id)


# --- operators --------------------------------------------------------------------------------------------------------


@router.get("/operators", response_model=Page[OperatorView])
async def list_operators(base: Base, _: Reader) -> Page[OperatorView]:
    """Every operator, by login."""
    return Page(items=[OperatorView.of(one) for one in await base.access.operators()], next=None)


@router.post("/operators", status_code=201, response_model=OperatorView, responses=responses(409, 413))
async def create_operator(base: Base, _: OfPeople, ask: OperatorAsk) -> OperatorView:
    """Record a person who operates the gateway."""
    return OperatorView.of(await base.access.create_operator(**ask.model_dump()))


@router.put("/operators/{login}/password", response_model=OperatorView, responses=responses(404, 413))
async def set_operator_password(base: Base, _: OfPeople, login: str, ask: PasswordAsk) -> OperatorView:
    """Give an operator a new password, and unlock the login."""
    held = await _operator(base.access, login)
    await base.access.set_password(held.id, ask.password)
    return OperatorView.of(held)


@router.post("/operators/{login}/revocation", response_model=OperatorView, responses=responses(404))
async def disable_operator(base: Base, _: OfPeople, login: str) -> OperatorView:
    """Refuse an operator and all the operator's keys and sessions from now on. Again changes nothing."""
    await base.access.disable_operator((await _operator(base.access, login)).id)
    return OperatorView.of(await _operator(base.access, login))


@router.post("/operators/{login}/forgotten-code", response_model=OperatorView, responses=responses(404))
async def forget_operator_code(base: Base, _: OfPeople, login: str) -> OperatorView:
    """Take an operator's one-time codes away, as after a lost telephone; they are set up anew."""
    held = await _operator(base.access, login)
    await base.access.forget_factor(held.id)
    return OperatorView.of(held)


@router.post("/operators/{login}/keys", status_code=201, response_model=IssuedKeyView, responses=responses(404, 413))
async def issue_operator_key(base: Base, _: OfPeople, login: str, ask: KeyAsk) -> IssuedKeyView:
    """Make a key with which an operator uses the API, within the operator's role. It is shown this once."""
    held = await _operator(base.access, login)
    return IssuedKeyView.of(await base.access.issue_operator_key(held.id, label=ask.label, expires_at=ask.expires_at))


@router.get("/operator-sessions", response_model=Page[SessionView])
async def list_operator_sessions(base: Base, _: Reader) -> Page[SessionView]:
    """Where people are signed in at the console now, the latest first."""
    logins = {one.id: one.login for one in await base.access.operators()}
    return Page(
        items=[
            SessionView(
                id=one.id,
                operator=one.operator_id,
                login=logins[one.operator_id],
                source=one.source,
                began_at=instant(one.began_at),
                used_at=instant(one.used_at),
            )
            for one in await base.people.sessions()
        ],
        next=None,
    )


@router.post("/operator-sessions/{session_id}/end", response_model=EndedSessionView, responses=responses(404))
async def end_operator_session(base: Base, _: OfPeople, session_id: str) -> EndedSessionView:
    """End one session of a person at the console, by its id; the next request there is refused, on every node."""
    ended = await base.people.end(session_id)
    return EndedSessionView(
        id=ended.id, operator=ended.operator_id, source=ended.source, began_at=instant(ended.began_at)
    )


class AssignmentAsk(Ask):
    """Into whose hands a record goes: an operator's login; null: into nobody's."""

    assignee: str | None = Field(max_length=60)


class AssignmentView(View):
    """Who has a record in hand, by name."""

    subject: str
    assignee: str | None


@router.put("/assignments/{subject}", response_model=AssignmentView, responses=responses(404, 413))
async def assign_record(base: Base, who: Assigner, subject: str, ask: AssignmentAsk) -> AssignmentView:
    """Take a record on, hand it to a colleague who sees its authority, or put it back. The last word counts."""
    places = {prefix: place for room in rooms.found() for prefix, place in room.taken.items()}
    path, _, within = places.get(subject.partition("_")[0], "").partition("#")
    answer = await base.inside.ask(who, "GET", path.format(id=quote(subject, safe=""))) if path else None
    if answer is None or not answer.is_success:
        raise NotFoundProblem(say("accounts.no_record"))
    held = None if ask.assignee is None else await _operator(base.access, ask.assignee)
    found = answer.json()
    authority = (found[within] if within else found).get("authority")
    if held is not None and authority and authority not in (await base.access.limits()).get(held.id, (authority,)):
        raise NotFoundProblem(say("console.no_colleague"), field="assignee")
    await base.desk.assign(subject, None if held is None else held.id)
    return AssignmentView(subject=subject, assignee=None if held is None else held.name)


async def _client(access: Access, word: str) -> Client:
    found = {name: one for one in await access.clients() for name in (one.id, one.name)}
    return _found(found, word, say("accounts.no_client", word=word))


async def _operator(access: Access, login: str) -> Operator:
    return _found({one.login: one for one in await access.operators()}, login, say("accounts.no_operator", login=login))


def _found(those: Mapping[str, T], word: str, said: Sentence) -> T:
    if word not in those:
        raise NotFoundProblem(said, cure=known(word, those))
    return those[word]
