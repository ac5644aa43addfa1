"""Who is asking: a presented key, or a login with its password."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from sqlalchemy import Connection

from gateway.foundation.access import records
from gateway.foundation.access.audit import UNKNOWN, Who
from gateway.foundation.access.keys import CLIENT_KEY, NOBODY, OPERATOR_KEY, TEST_KEY, check_password, read_token
from gateway.foundation.access.records import KeyOwner, Login
from gateway.foundation.access.scopes import roles, scopes
from gateway.foundation.crypto.sm import same, sm3
from gateway.foundation.store import Store
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import UnavailableProblem

_REMEMBERED_SECONDS: Final = 2.0
_REMEMBERED: Final = 10_000
_MINUTE: Final = 60_000_000
_TRIES: Final = 5
_TRIES_OF_SOURCE: Final = 20


MACHINE: Final = "shell"
"""Instead of a role: whoever works at this machine under the gateway's account, who is no operator by name."""


@dataclass(frozen=True)
class Principal:
    """Who is asking. ``client_id`` is the operator's id where an operator asks.

    ``authorities``: whose records may be seen. ``role`` is an operator's, or ``MACHINE``. ``test``: came with a key
    for sandboxes only.
    """

    client_id: str
    kind: Literal["client", "operator"]
    scopes: frozenset[str]
    authorities: frozenset[str]
    name: str
    role: str | None = None
    test: bool = False


@dataclass(frozen=True)
class _Remembered:
    principal: Principal
    expires_at: int | None
    until: float


class SignIn:
    """Knows who is asking. A key that was found good is remembered for two seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[bytes, _Remembered] = {}
        self._tries = _Tries()
        self._checking = asyncio.Semaphore(2)  # passwords are checked slowly: not many at once, nor many per lock

    def forget(self) -> None:
        """Something has changed about who there is: look at every key anew."""
        self._known.clear()

    async def by_key(self, token: str) -> Principal | None:
        """The owner of a presented key; None if it is unknown, expired, revoked, or its operator is disabled."""
        presented = read_token(token)
        if presented is None:
            return None
        now = to_micros(self._clock.now())
        mark = sm3(token.encode())
        known = self._known.get(mark)
        if known is None or known.until < time.monotonic():
            found = await self._store.read(lambda conn: records.owner_of(conn, presented.key_id))
            if not same(presented.digest, found[0].digest if found is not None else bytes(32)) or found is None:
                return None
            owner, authorities = found
            if presented.kind != _kind_of(owner):
                return None
            if owner.revoked_at is not None or owner.disabled_at is not None:
                return None
            until = time.monotonic() + _REMEMBERED_SECONDS
            known = _Remembered(_principal(owner, authorities), owner.expires_at, until)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[mark] = known
            if owner.last_used_at is None or owner.last_used_at <= now - _MINUTE:
                with suppress(UnavailableProblem):  # a full disk must not lock readers out
                    await self._store.write_beside(partial(records.note_use, key_id=presented.key_id, now=now))
        if known.expires_at is not None and known.expires_at <= now:
            return None
        return known.principal

    async def of_this_machine(self, user: str) -> Principal:
        """Whoever works at this machine under the gateway's account: may do all that needs no person."""
        every = await self._store.read(records.codes)
        return Principal(f"os:{user}"[:40], "operator", frozenset(scopes()), every, user[:200], role=MACHINE)

    async def as_now(self, person_id: str) -> Principal | None:
        """Somebody by the id, as they may act at this moment; None for an operator who is disabled, or is not there."""
        if person_id.startswith("os:"):
            return await self.of_this_machine(person_id.removeprefix("os:"))

        def look(conn: Connection) -> Principal | None:
            found = records.login_by_id(conn, person_id)
            if found is None or found.disabled_at is not None:
                return None
            return as_operator(found, records.seen_by(conn, person_id))

        return await self._store.read(look)

    async def whose(self, presented: str) -> Who:
        """As whom somebody came who was not let in: the owner of the key, or the operator of the login, if any.

        Only for what is written down of it: nothing is proved.
        """

        def look(conn: Connection) -> Who:
            token = read_token(presented)
            if token is None:
                found = records.login_of(conn, presented)
                return UNKNOWN if found is None else Who(found.id, found.name, found.role)
            owned = records.owner_of(conn, token.key_id)
            if owned is None:
                return UNKNOWN
            of = _principal(*owned)
            return Who(of.client_id, of.name, of.role or of.kind)

        return await self._store.read(look)

    async def by_password(self, login: str, password: str, source: str = "") -> Principal | None:
        """The operator with this login and password; None otherwise, and for a password that is to be changed first.

        After five wrong passwords in a row the login is refused for a minute, right password or not.
        """
        found = await self.login(login, password, source)
        if found is None or found.password_once:
            return None
        return as_operator(found, await self._store.read(lambda conn: records.seen_by(conn, found.id)))

    async def login(
        self, login: str, password: str, source: str = "", also: Callable[[Login], bool] = lambda _: True
    ) -> Login | None:
        """The same, as it is kept. Who has tried too often, login or source, is refused before anything is hashed.

        ``also``: what else must be right; where it is not, that counts as a wrong password does.
        """
        now = to_micros(self._clock.now())
        found = await self._store.read(lambda conn: records.login_of(conn, login))
        locked = found is not None and (found.locked_until_at or 0) > now
        if locked or self._tries.many(f"login {login}", now, _TRIES) or self._tries.many(source, now, _TRIES_OF_SOURCE):
            return None
        async with self._checking:
            right = await asyncio.to_thread(check_password, password, found.password if found is not None else NOBODY)
        right = right and found is not None and also(found)
        if not right:
            self._tries.wrong(source, now)
        if found is None:
            self._tries.wrong(f"login {login}", now)
            return None
        if found.disabled_at is not None:
            return None

        def count(conn: Connection) -> None:
            records.count_try(conn, found.id, right=right, tries=_TRIES, locked_until=now + _MINUTE)

        await self._store.write(count)
        return found if right else None


class _Tries:
    """Wrong passwords within a minute, by whoever presented them, in this process: known before anything is hashed.

    Of logins that are there the database counts, for all processes; those that are not there are to look the same.
    """

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[int, int]] = {}

    def many(self, whom: str, now: int, most: int) -> bool:
        """Whether somebody, or a place, has been wrong so often within the last minute."""
        since, number = self._wrong.get(whom, (0, 0))
        return bool(whom) and number >= most and now - since < _MINUTE

    def wrong(self, whom: str, now: int) -> None:
        """Count one more."""
        since, number = self._wrong.get(whom, (now, 0))
        if len(self._wrong) >= _REMEMBERED:
            self._wrong.clear()
        self._wrong[whom] = (since, number + 1) if now - since < _MINUTE else (now, 1)


def as_operator(found: Login, authorities: frozenset[str]) -> Principal:
    """An operator who has proved who it is."""
    return Principal(found.id, "operator", roles()[found.role], authorities, found.name, role=found.role)


def _kind_of(owner: KeyOwner) -> str:
    if owner.client_id is None:
        return OPERATOR_KEY
    return TEST_KEY if owner.test else CLIENT_KEY


def _principal(owner: KeyOwner, authorities: frozenset[str]) -> Principal:
    if owner.client_id is not None:
        assert owner.client_name is not None
        scopes = frozenset(owner.scopes)
        return Principal(owner.client_id, "client", scopes, authorities, owner.client_name, test=owner.test)
    assert owner.operator_id is not None
    assert owner.role is not None
    assert owner.name is not None
    return Principal(owner.operator_id, "operator", roles()[owner.role], authorities, owner.name, role=owner.role)
