"""Who may do what: authorities (the tenants), clients with API keys, operators with passwords.

A revoked key or a disabled operator is refused at once by the process that did it, and within two seconds by others.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.foundation.access import records, session_records
from gateway.foundation.access.keys import CLIENT_KEY, OPERATOR_KEY, TEST_KEY, hash_password, make_token
from gateway.foundation.access.rates import Rates
from gateway.foundation.access.records import Authority, Client, Key, Operator
from gateway.foundation.access.scopes import roles
from gateway.foundation.access.scopes import scopes as all_scopes
from gateway.foundation.access.sign_in import SignIn
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store import Store
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import check_uscc, clean_text, in_sandbox, new_id
from gateway.words.saying import said_of, say

_PASSWORD_LENGTH: Final = 10
_TEST: Final = "（测试）"
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class IssuedKey:
    """A new key. ``token`` is shown this once and kept nowhere."""

    id: str
    token: str


class Access:
    """Authorities, clients, operators and their keys in one store.

    ``sign_in`` knows which of them is asking, ``rates`` what each may ask for in a minute.
    """

    def __init__(self, store: Store, clock: Clock, requests_per_minute: int | None = None) -> None:
        self.rates = Rates(store, requests_per_minute)
        self.sign_in = SignIn(store, clock)
        self._store = store
        self._clock = clock

    # --- authorities and clients

    async def create_authority(
        self, code: str, name: str, uscc: str, unit_code: str | None = None, telephone: str | None = None
    ) -> Authority:
        """Record an authority. Raises InvalidProblem for a bad code or USCC, ConflictProblem if either is taken.

        A sandbox says in its name what it is, on every page and paper.
        """
        if not _CODE.fullmatch(code):
            raise InvalidProblem(say("access.code_form"), field="code")
        made = Authority(
            code,
            _text("name", name + _TEST if in_sandbox(code) and _TEST not in name else name),
            _checked_uscc(uscc),
            _text("unit_code", unit_code, 40) if unit_code is not None else None,
            _text("telephone", telephone, 40) if telephone is not None else None,
        )
        await self._create(
            lambda conn, now: records.add_authority(conn, made, now),
            "authority-exists",
            f"authority {code} or its unified code {uscc}",
        )
        return made

    async def create_client(self, name: str, authorities: Collection[str]) -> Client:
        """Record a case system and the authorities it works for. Raises NotFoundProblem, ConflictProblem."""
        made = Client(new_id("cli"), _text("name", name), tuple(sorted(set(authorities))))
        if not made.authorities:
            raise InvalidProblem(say("access.no_authority_named"), field="authorities")

        await self._create(
            lambda conn, now: records.add_client(conn, made, now), "client-exists", f"client {made.name}"
        )
        return made

    async def authorities(self) -> list[Authority]:
        """Every authority, by code."""
        return await self._store.read(records.authorities)

    async def authority(self, code: str) -> Authority:
        """One authority. Raises NotFoundProblem."""
        for found in await self.authorities():
            if found.code == code:
                return found
        raise NotFoundProblem(say("access.no_authority", code=code))

    async def clients(self) -> list[Client]:
        """Every client, by name."""
        return await self._store.read(records.clients)

    # --- keys

    async def issue_key(
        self,
        client_id: str,
        scopes: Collection[str] | None = None,
        *,
        label: str = "",
        expires_at: datetime | None = None,
        test: bool = False,
        once: Once = NEVER,
    ) -> IssuedKey:
        """A new key for a client, with ``test`` for its sandboxes only, else for none of them.

        Raises NotFoundProblem, and InvalidProblem for an unknown scope, a past expiry, and a key that would open
        nothing.
        """
        every = all_scopes()
        chosen = every if scopes is None else scopes
        if unknown := sorted(set(chosen) - set(every)):
            raise InvalidProblem(say("access.no_scope", unknown=unknown[0], every=every), field="scopes")
        theirs = [code for one in await self.clients() if one.id == client_id for code in one.authorities]
        if theirs and not any(in_sandbox(code) is test for code in theirs):
            raise InvalidProblem(say("access.no_sandbox" if test else "access.sandboxes_only"), field="test")
        kind = TEST_KEY if test else CLIENT_KEY
        return await self._issue(kind, (client_id, None), tuple(sorted(set(chosen))), label, expires_at, once)

    async def issue_operator_key(
        self, operator_id: str, *, label: str = "", expires_at: datetime | None = None, once: Once = NEVER
    ) -> IssuedKey:
        """A new key with which an operator uses the API; its scopes are those of the operator's role."""
        return await self._issue(OPERATOR_KEY, (None, operator_id), (), label, expires_at, once)

    async def revoke_key(self, key_id: str) -> None:
        """Refuse a key from now on. Again changes nothing. Raises NotFoundProblem."""
        now = to_micros(self._clock.now())
        await self._store.write(lambda conn: records.revoke_key(conn, key_id, now))
        self.sign_in.forget()

    async def revoke_client(self, client_id: str) -> None:
        """Refuse a case system and all its keys from now on. Again changes nothing."""
        now = to_micros(self._clock.now())
        await self._store.write(lambda conn: records.revoke_client(conn, client_id, now))
        self.sign_in.forget()

    async def keys(self, owner: str | None = None) -> list[Key]:
        """Keys of a client or an operator, or all, oldest first."""
        return await self._store.read(partial(records.keys, owner=owner))

    # --- operators

    async def create_operator(
        self, login: str, name: str, role: str, password: str, *, once: bool = False, authorities: Collection[str] = ()
    ) -> Operator:
        """Record an operator, who sees the records of these authorities, or of all. ``once``: to be changed at once.

        Raises InvalidProblem for a bad role or a short password, NotFoundProblem, ConflictProblem.
        """
        if role not in roles():
            raise InvalidProblem(say("access.no_role", role=role, roles=roles()), field="role")
        made = Operator(new_id("opr"), _text("login", login, 60), _text("name", name), role, None, once)
        hashed = await hashed_password(password)
        await self._create(
            lambda conn, now: records.add_operator(conn, made, hashed, now, authorities),
            "operator-exists",
            f"operator {made.login}",
        )
        return made

    async def set_password(self, operator_id: str, password: str, *, once: bool = False) -> None:
        """Give an operator a new password, unlock the login, and end where it is signed in.

        Raises InvalidProblem, NotFoundProblem.
        """
        hashed, now = await hashed_password(password), to_micros(self._clock.now())

        def unit(conn: Connection) -> None:
            values = {"password": hashed, "password_once": once, "failures": 0, "locked_until_at": None}
            records.change_operator(conn, operator_id, **values)
            session_records.end_all(conn, operator_id, now)

        await self._store.write(unit)
        self.sign_in.forget()

    async def forget_factor(self, operator_id: str) -> None:
        """Take an operator's one-time codes away, as after a lost telephone. Raises NotFoundProblem."""
        await self._change_operator(operator_id, factor_sealed=None, factor_step=None)

    async def disable_operator(self, operator_id: str) -> None:
        """Refuse an operator, all the operator's keys and sessions from now on. Raises NotFoundProblem."""
        await self._change_operator(operator_id, disabled_at=to_micros(self._clock.now()))

    async def limits(self) -> dict[str, tuple[str, ...]]:
        """The authorities that operators are limited to, by the operator's id."""
        return await self._store.read(records.limits)

    async def operators(self) -> list[Operator]:
        """Every operator, by login."""
        return await self._store.read(records.operators)

    # --- inside

    async def _issue(
        self,
        kind: str,
        owner: tuple[str | None, str | None],
        scopes: tuple[str, ...],
        label: str,
        expires_at: datetime | None,
        once: Once,
    ) -> IssuedKey:
        """A new key of a client, or of an operator."""
        client_id, operator_id = owner
        made = Key(
            id=new_id("key"),
            client_id=client_id,
            operator_id=operator_id,
            label=_text("label", label) if label else "",
            scopes=scopes,
            created_at=to_micros(self._clock.now()),
            expires_at=to_micros(expires_at) if expires_at is not None else None,
            revoked_at=None,
            last_used_at=None,
            test=kind == TEST_KEY,
        )
        if made.expires_at is not None and made.expires_at <= made.created_at:
            raise InvalidProblem(say("access.expired"), field="expires_at")
        token, digest = make_token(kind, made.id)
        await self._store.write(once.about(made.id).first(lambda conn: records.add_key(conn, made, digest)))
        return IssuedKey(made.id, token)

    async def _create(self, add: Callable[[Connection, int], None], kind: str, what: str) -> None:
        now = to_micros(self._clock.now())
        try:
            await self._store.write(lambda conn: add(conn, now))
        except IntegrityError:
            raise ConflictProblem(say("access.exists", what=what), type=kind) from None
        self.sign_in.forget()

    async def _change_operator(self, operator_id: str, **values: Any) -> None:
        await self._store.write(lambda conn: records.change_operator(conn, operator_id, **values))
        self.sign_in.forget()


async def hashed_password(password: str) -> bytes:
    """What is kept of a new password. Raises InvalidProblem for a short one."""
    if len(password) < _PASSWORD_LENGTH:
        raise InvalidProblem(say("access.password", least=_PASSWORD_LENGTH), field="password")
    return await asyncio.to_thread(hash_password, password)


def _text(field: str, text: str, longest: int = 200) -> str:
    try:
        cleaned = clean_text(text)
    except ValueError as error:
        raise InvalidProblem(said_of(error), field=field) from None
    if not 1 <= len(cleaned) <= longest:
        raise InvalidProblem(say("access.length", longest=longest), field=field)
    return cleaned


def _checked_uscc(uscc: str) -> str:
    try:
        return check_uscc(uscc).code
    except ValueError as error:
        raise InvalidProblem(said_of(error), field="uscc") from None
