"""Who may do what: authorities (the tenants), clients with API keys, operators with passwords.

A revoked key or a disabled operator is refused at once by the process that did it, and within two seconds by others.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Connection, RowMapping, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.access.keys import (
    CLIENT_KEY,
    OPERATOR_KEY,
    check_password,
    hash_password,
    make_token,
    read_token,
)
from gateway.foundation.access.tables import access_key, authority, client, client_authority, operator
from gateway.foundation.crypto.sm import same, sm3
from gateway.foundation.store import Store
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, UnavailableProblem
from gateway.words.identifiers import check_uscc, clean_text, new_id

SCOPES: Final = (
    "payments:read",
    "payments:write",
    "decisions:read",
    "decisions:write",
    "disclosures:read",
    "disclosures:write",
    "entities:read",
    "seals:read",
    "seals:write",
    "reconciliation:read",
    "reconciliation:write",
    "operations:read",
    "operations:write",
    "evidence:read",
    "events:read",
    "webhooks:write",
)
_READING: Final = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
ROLES: Final[dict[str, frozenset[str]]] = {
    "viewer": _READING,
    "operator": frozenset(SCOPES) - {"webhooks:write"},
    "supervisor": frozenset(SCOPES),
}

_REMEMBERED_SECONDS: Final = 2.0
_REMEMBERED: Final = 10_000
_MINUTE: Final = 60_000_000
_TRIES: Final = 5
_PASSWORD_LENGTH: Final = 10
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")

_KEY_ROW = (
    select(access_key, client.c.name.label("client_name"), operator.c.name, operator.c.role, operator.c.disabled_at)
    .outerjoin(client, client.c.id == access_key.c.client_id)
    .outerjoin(operator, operator.c.id == access_key.c.operator_id)
    .where(access_key.c.id == bindparam("key_id"))
)
_CLIENT_AUTHORITIES = select(client_authority.c.authority).where(client_authority.c.client_id == bindparam("of"))
_ALL_AUTHORITIES = select(authority.c.code)
_USED = update(access_key).where(access_key.c.id == bindparam("of"))

T = TypeVar("T")


@dataclass(frozen=True)
class Principal:
    """Who is asking. ``client_id`` is the operator's id where an operator asks; operators see every authority.

    ``role`` is an operator's: viewer, operator or supervisor.
    """

    client_id: str
    kind: Literal["client", "operator"]
    scopes: frozenset[str]
    authorities: frozenset[str]
    name: str
    role: str | None = None


@dataclass(frozen=True)
class Authority:
    """An enforcement body 执法机关: ``code`` identifies it everywhere, ``unit_code`` as a collecting unit 执收单位."""

    code: str
    name: str
    uscc: str
    unit_code: str | None
    telephone: str | None


@dataclass(frozen=True)
class Client:
    """A case system 接入系统 and the authorities it works for."""

    id: str
    name: str
    authorities: tuple[str, ...]


@dataclass(frozen=True)
class Operator:
    """A person who operates the gateway 操作员."""

    id: str
    login: str
    name: str
    role: str
    disabled_at: int | None


@dataclass(frozen=True)
class Key:
    """A key as it is kept: everything but its secret. Instants in UTC microseconds."""

    id: str
    client_id: str | None
    operator_id: str | None
    label: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None


@dataclass(frozen=True)
class IssuedKey:
    """A new key. ``token`` is shown this once and kept nowhere."""

    id: str
    token: str


@dataclass(frozen=True)
class _Remembered:
    principal: Principal
    expires_at: int | None
    until: float


class Access:
    """Authorities, clients, operators and their keys in one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[bytes, _Remembered] = {}
        self._checking = asyncio.Semaphore(2)  # passwords are checked slowly: not many at once, nor many per lock

    # --- asking

    async def authenticate(self, token: str) -> Principal | None:
        """The owner of a presented key; None if it is unknown, expired, revoked, or its operator is disabled."""
        presented = read_token(token)
        if presented is None:
            return None
        now = to_micros(self._clock.now())
        mark = sm3(token.encode())
        known = self._known.get(mark)
        if known is None or known.until < time.monotonic():
            row, authorities = await self._store.read(lambda conn: _find_key(conn, presented.key_id))
            if not same(presented.digest, bytes(row["digest"]) if row is not None else bytes(32)) or row is None:
                return None
            if (presented.kind == CLIENT_KEY) is not (row["client_id"] is not None):
                return None
            if row["revoked_at"] is not None or row["disabled_at"] is not None:
                return None
            known = _Remembered(_principal(row, authorities), row["expires_at"], time.monotonic() + _REMEMBERED_SECONDS)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[mark] = known
            if row["last_used_at"] is None or row["last_used_at"] <= now - _MINUTE:
                await self._note_use(presented.key_id, now)
        if known.expires_at is not None and known.expires_at <= now:
            return None
        return known.principal

    async def authenticate_operator(self, login: str, password: str) -> Principal | None:
        """The operator with this login and password; None otherwise.

        After five wrong passwords in a row the login is refused for a minute, right password or not.
        """
        async with self._checking:
            return await self._sign_in(login, password)

    async def _sign_in(self, login: str, password: str) -> Principal | None:
        row = await self._store.read(
            lambda conn: conn.execute(select(operator).where(operator.c.login == login)).mappings().first()
        )
        kept = bytes(row["password"]) if row is not None else _NOBODY
        right = await asyncio.to_thread(check_password, password, kept)
        now = to_micros(self._clock.now())
        if row is None or row["disabled_at"] is not None or (row["locked_until_at"] or 0) > now:
            return None
        await self._store.write(lambda conn: _count_try(conn, row["id"], right, now))
        if not right:
            return None
        authorities = await self._store.read(lambda conn: conn.execute(_ALL_AUTHORITIES).scalars().all())
        return Principal(
            row["id"], "operator", ROLES[row["role"]], frozenset(authorities), row["name"], role=row["role"]
        )

    # --- authorities and clients

    async def create_authority(
        self, code: str, name: str, uscc: str, unit_code: str | None = None, telephone: str | None = None
    ) -> Authority:
        """Record an authority. Raises InvalidProblem for a bad code or USCC, ConflictProblem if either is taken."""
        if not _CODE.fullmatch(code):
            raise InvalidProblem(
                "an authority's code has 1 to 40 letters, digits, dots, dashes and underscores", field="code"
            )
        made = Authority(
            code,
            _text("name", name),
            _checked_uscc(uscc),
            _text("unit_code", unit_code, 40) if unit_code is not None else None,
            _text("telephone", telephone, 40) if telephone is not None else None,
        )
        values = {field.name: getattr(made, field.name) for field in fields(made)}
        await self._create(authority, values, "authority-exists", f"authority {code} or its unified code {uscc}")
        return made

    async def create_client(self, name: str, authorities: Collection[str]) -> Client:
        """Record a case system and the authorities it works for. Raises NotFoundProblem, ConflictProblem."""
        made = Client(new_id("cli"), _text("name", name), tuple(sorted(set(authorities))))
        if not made.authorities:
            raise InvalidProblem("a client works for at least one authority", field="authorities")

        def bind(conn: Connection) -> None:
            known = set(conn.execute(_ALL_AUTHORITIES).scalars())
            if missing := [code for code in made.authorities if code not in known]:
                raise NotFoundProblem(
                    f"no authority {missing[0]}", field="authorities", cure="Create the authority first."
                )

        def after(conn: Connection) -> None:
            rows = [{"client_id": made.id, "authority": code} for code in made.authorities]
            conn.execute(insert(client_authority), rows)

        values = {"id": made.id, "name": made.name}
        await self._create(client, values, "client-exists", f"client {made.name}", before=bind, after=after)
        return made

    async def authorities(self) -> list[Authority]:
        """Every authority, by code."""
        rows = await self._all(select(authority).order_by(authority.c.code))
        return [Authority(row["code"], row["name"], row["uscc"], row["unit_code"], row["telephone"]) for row in rows]

    async def authority(self, code: str) -> Authority:
        """One authority. Raises NotFoundProblem."""
        for found in await self.authorities():
            if found.code == code:
                return found
        raise NotFoundProblem(f"no authority {code}")

    async def clients(self) -> list[Client]:
        """Every client, by name."""
        rows = await self._all(select(client).order_by(client.c.name))
        bound = await self._all(select(client_authority).order_by(client_authority.c.authority))
        return [
            Client(row["id"], row["name"], tuple(b["authority"] for b in bound if b["client_id"] == row["id"]))
            for row in rows
        ]

    # --- keys

    async def issue_key(
        self,
        client_id: str,
        scopes: Collection[str] = SCOPES,
        *,
        label: str = "",
        expires_at: datetime | None = None,
    ) -> IssuedKey:
        """A new key for a client. Raises NotFoundProblem, and InvalidProblem for an unknown scope or a past expiry."""
        if unknown := sorted(set(scopes) - set(SCOPES)):
            raise InvalidProblem(
                f"no such scope: {unknown[0]}", field="scopes", cure=f"The scopes are {', '.join(SCOPES)}."
            )
        return await self._issue(CLIENT_KEY, client, client_id, tuple(sorted(set(scopes))), label, expires_at)

    async def issue_operator_key(
        self, operator_id: str, *, label: str = "", expires_at: datetime | None = None
    ) -> IssuedKey:
        """A new key with which an operator uses the API; its scopes are those of the operator's role."""
        return await self._issue(OPERATOR_KEY, operator, operator_id, (), label, expires_at)

    async def revoke_key(self, key_id: str) -> None:
        """Refuse a key from now on. Again changes nothing. Raises NotFoundProblem."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> None:
            if conn.execute(select(access_key.c.id).where(access_key.c.id == key_id)).first() is None:
                raise NotFoundProblem(f"no key {key_id}")
            conn.execute(
                update(access_key)
                .where(access_key.c.id == key_id, access_key.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )

        await self._store.write(unit)
        self._known.clear()

    async def keys(self, owner: str | None = None) -> list[Key]:
        """Keys of a client or an operator, or all, oldest first."""
        query = select(access_key).order_by(access_key.c.created_at, access_key.c.id)
        if owner is not None:
            query = query.where((access_key.c.client_id == owner) | (access_key.c.operator_id == owner))
        return [_key(row) for row in await self._all(query)]

    # --- operators

    async def create_operator(self, login: str, name: str, role: str, password: str) -> Operator:
        """Record an operator. Raises InvalidProblem for a bad role or a short password, ConflictProblem."""
        if role not in ROLES:
            raise InvalidProblem(f"no such role: {role}", field="role", cure=f"The roles are {', '.join(ROLES)}.")
        made = Operator(new_id("opr"), _text("login", login, 60), _text("name", name), role, None)
        values = {field.name: getattr(made, field.name) for field in fields(made)}
        values["password"] = await self._hashed(password)
        await self._create(operator, values, "operator-exists", f"operator {made.login}")
        return made

    async def set_password(self, operator_id: str, password: str) -> None:
        """Give an operator a new password, and unlock the login. Raises InvalidProblem, NotFoundProblem."""
        hashed = await self._hashed(password)
        await self._change_operator(operator_id, password=hashed, failures=0, locked_until_at=None)

    async def disable_operator(self, operator_id: str) -> None:
        """Refuse an operator and all his keys from now on. Raises NotFoundProblem."""
        await self._change_operator(operator_id, disabled_at=to_micros(self._clock.now()))

    async def operators(self) -> list[Operator]:
        """Every operator, by login."""
        rows = await self._all(select(operator).order_by(operator.c.login))
        return [Operator(row["id"], row["login"], row["name"], row["role"], row["disabled_at"]) for row in rows]

    # --- inside

    async def _issue(
        self,
        kind: str,
        owners: Table,
        owner: str,
        scopes: tuple[str, ...],
        label: str,
        expires_at: datetime | None,
    ) -> IssuedKey:
        now = to_micros(self._clock.now())
        expiry = to_micros(expires_at) if expires_at is not None else None
        if expiry is not None and expiry <= now:
            raise InvalidProblem("the expiry lies in the past", field="expires_at")
        key_id = new_id("key")
        token, digest = make_token(kind, key_id)
        values = {
            "id": key_id,
            "client_id": owner if owners is client else None,
            "operator_id": owner if owners is operator else None,
            "label": _text("label", label) if label else "",
            "digest": digest,
            "scopes": list(scopes),
            "created_at": now,
            "expires_at": expiry,
        }

        def unit(conn: Connection) -> None:
            if conn.execute(select(owners.c.id).where(owners.c.id == owner)).first() is None:
                raise NotFoundProblem(f"no {owners.name} {owner}")
            conn.execute(insert(access_key), values)

        await self._store.write(unit)
        return IssuedKey(key_id, token)

    async def _note_use(self, key_id: str, now: int) -> None:
        with suppress(UnavailableProblem):  # a full disk must not lock readers out
            await self._store.write(lambda conn: conn.execute(_USED, {"of": key_id, "last_used_at": now}))

    async def _create(
        self,
        table: Table,
        values: dict[str, Any],
        kind: str,
        what: str,
        before: Callable[[Connection], None] | None = None,
        after: Callable[[Connection], None] | None = None,
    ) -> None:
        values = {**values, "created_at": to_micros(self._clock.now())}

        def unit(conn: Connection) -> None:
            if before is not None:
                before(conn)
            conn.execute(insert(table), values)
            if after is not None:
                after(conn)

        try:
            await self._store.write(unit)
        except IntegrityError:
            raise ConflictProblem(f"{what} exists already", type=kind) from None
        self._known.clear()

    async def _change_operator(self, operator_id: str, **values: Any) -> None:
        def unit(conn: Connection) -> None:
            if conn.execute(update(operator).where(operator.c.id == operator_id).values(**values)).rowcount == 0:
                raise NotFoundProblem(f"no operator {operator_id}")

        await self._store.write(unit)
        self._known.clear()

    async def _hashed(self, password: str) -> bytes:
        if len(password) < _PASSWORD_LENGTH:
            raise InvalidProblem(f"a password has at least {_PASSWORD_LENGTH} characters", field="password")
        return await asyncio.to_thread(hash_password, password)

    async def _all(self, query: Any) -> list[RowMapping]:
        return await self._store.read(lambda conn: list(conn.execute(query).mappings()))


_NOBODY: Final = b"\x01" + bytes(48)  # what an unknown login's password is compared with, to take as long


def _find_key(conn: Connection, key_id: str) -> tuple[RowMapping | None, frozenset[str]]:
    row = conn.execute(_KEY_ROW, {"key_id": key_id}).mappings().first()
    if row is None:
        return None, frozenset()
    if row["client_id"] is None:
        return row, frozenset(conn.execute(_ALL_AUTHORITIES).scalars())
    return row, frozenset(conn.execute(_CLIENT_AUTHORITIES, {"of": row["client_id"]}).scalars())


def _key(row: RowMapping) -> Key:
    values: dict[str, Any] = {field.name: row[field.name] for field in fields(Key)}
    return Key(**{**values, "scopes": tuple(values["scopes"])})


def _principal(row: RowMapping, authorities: frozenset[str]) -> Principal:
    if row["client_id"] is not None:
        return Principal(row["client_id"], "client", frozenset(row["scopes"]), authorities, row["client_name"])
    return Principal(row["operator_id"], "operator", ROLES[row["role"]], authorities, row["name"], role=row["role"])


def _count_try(conn: Connection, operator_id: str, right: bool, now: int) -> None:
    if right:
        conn.execute(
            update(operator)
            .where(operator.c.id == operator_id, operator.c.failures > 0)
            .values(failures=0, locked_until_at=None)
        )
        return
    failures = conn.execute(select(operator.c.failures).where(operator.c.id == operator_id)).scalar_one() + 1
    locked = now + _MINUTE if failures >= _TRIES else None
    conn.execute(
        update(operator)
        .where(operator.c.id == operator_id)
        .values(failures=0 if locked else failures, locked_until_at=locked)
    )


def _text(field: str, text: str, longest: int = 200) -> str:
    try:
        cleaned = clean_text(text)
    except ValueError as error:
        raise InvalidProblem(str(error), field=field) from None
    if not 1 <= len(cleaned) <= longest:
        raise InvalidProblem(f"1 to {longest} characters are expected", field=field)
    return cleaned


def _checked_uscc(uscc: str) -> str:
    try:
        return check_uscc(uscc).code
    except ValueError as error:
        raise InvalidProblem(str(error), field="uscc") from None
