"""Who there is, as it is kept: authorities, clients, operators and their keys. Plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from gateway.foundation.access.tables import (
    access_key,
    authority,
    client,
    client_authority,
    operator,
    operator_authority,
)
from gateway.foundation.store.rows import reader
from gateway.words.errors import ConflictProblem, NotFoundProblem
from gateway.words.identifiers import in_sandbox
from gateway.words.saying import say
from gateway.words.spelling import name_key


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
    """A case system 接入系统 and the authorities it works for. ``revoked_at``: since when all its keys are refused."""

    id: str
    name: str
    authorities: tuple[str, ...]
    revoked_at: int | None = None


@dataclass(frozen=True)
class Operator:
    """A person who operates the gateway 操作员. ``password_once``: the password is to be changed at once."""

    id: str
    login: str
    name: str
    role: str
    disabled_at: int | None
    password_once: bool = False


@dataclass(frozen=True)
class Key:
    """A key as it is kept: everything but its secret. Instants in UTC microseconds. ``test``: of sandboxes only."""

    id: str
    client_id: str | None
    operator_id: str | None
    label: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    test: bool = False


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """What a presented key is held against: its digest, its dates, and whose it is.

    ``client_name`` is a client's; ``name`` and ``role`` are an operator's; ``disabled_at``: since when the owner is
    refused; ``test``: of sandboxes only.
    """

    client_id: str | None
    operator_id: str | None
    digest: bytes
    scopes: tuple[str, ...]
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    client_name: str | None
    name: str | None
    role: str | None
    disabled_at: int | None
    test: bool


@dataclass(frozen=True, slots=True)
class Login:
    """What a presented password is held against. ``password``: salt and hash.

    ``factor_sealed``: the secret of the one-time codes, None without; ``factor_step``: of the last code taken.
    """

    id: str
    login: str
    name: str
    role: str
    password: bytes
    password_once: bool
    locked_until_at: int | None
    factor_sealed: bytes | None
    factor_step: int | None
    disabled_at: int | None


_authority = reader(Authority)
_operator = reader(Operator)
_key = reader(Key)
_owner = reader(KeyOwner)
_login = reader(Login)
_KEY_ROW = (
    select(
        access_key,
        client.c.name.label("client_name"),
        operator.c.name,
        operator.c.role,
        func.coalesce(operator.c.disabled_at, client.c.revoked_at).label("disabled_at"),
    )
    .outerjoin(client, client.c.id == access_key.c.client_id)
    .outerjoin(operator, operator.c.id == access_key.c.operator_id)
    .where(access_key.c.id == bindparam("key_id"))
)
_CLIENT_AUTHORITIES = select(client_authority.c.authority).where(client_authority.c.client_id == bindparam("of"))
_OPERATOR_AUTHORITIES = select(operator_authority.c.authority).where(
    operator_authority.c.operator_id == bindparam("of")
)
_ALL_AUTHORITIES = select(authority.c.code)
_USED = update(access_key).where(access_key.c.id == bindparam("of"))
_OPERATOR = update(operator).where(operator.c.id == bindparam("of"))


# --- asking -----------------------------------------------------------------------------------------------------------


def owner_of(conn: Connection, key_id: str) -> tuple[KeyOwner, frozenset[str]] | None:
    """Whose a key is, and the authorities that this one may see."""
    row = conn.execute(_KEY_ROW, {"key_id": key_id}).mappings().first()
    if row is None:
        return None
    owner = _owner(row)
    if owner.client_id is None:
        return owner, seen_by(conn, owner.operator_id or "")
    theirs = conn.execute(_CLIENT_AUTHORITIES, {"of": owner.client_id}).scalars()
    return owner, frozenset(code for code in theirs if in_sandbox(code) is owner.test)


def codes(conn: Connection) -> frozenset[str]:
    """The codes of all authorities."""
    return frozenset(conn.execute(_ALL_AUTHORITIES).scalars())


def seen_by(conn: Connection, operator_id: str) -> frozenset[str]:
    """The authorities whose records an operator sees: those that are named, or all that are no sandboxes."""
    named = frozenset(conn.execute(_OPERATOR_AUTHORITIES, {"of": operator_id}).scalars())
    return named or frozenset(code for code in codes(conn) if not in_sandbox(code))


def limits(conn: Connection) -> dict[str, tuple[str, ...]]:
    """The authorities that operators are limited to, by the operator's id."""
    found: dict[str, tuple[str, ...]] = {}
    for one in conn.execute(select(operator_authority).order_by(operator_authority.c.authority)):
        found[one.operator_id] = (*found.get(one.operator_id, ()), one.authority)
    return found


def login_of(conn: Connection, login: str) -> Login | None:
    """The operator with this login."""
    row = conn.execute(select(operator).where(operator.c.login == login)).mappings().first()
    return None if row is None else _login(row)


def login_by_id(conn: Connection, operator_id: str) -> Login | None:
    """The operator with this id."""
    row = conn.execute(select(operator).where(operator.c.id == operator_id)).mappings().first()
    return None if row is None else _login(row)


def note_use(conn: Connection, key_id: str, now: int) -> None:
    """A key was used."""
    conn.execute(_USED, {"of": key_id, "last_used_at": now})


def count_try(conn: Connection, operator_id: str, *, right: bool, tries: int, locked_until: int) -> None:
    """A password was presented: a right one forgets the wrong ones; after ``tries`` wrong ones the login is locked."""
    mine = update(operator).where(operator.c.id == operator_id)
    if right:
        conn.execute(mine.where(operator.c.failures > 0).values(failures=0, locked_until_at=None))
        return
    failures = conn.execute(select(operator.c.failures).where(operator.c.id == operator_id)).scalar_one() + 1
    if failures >= tries:
        conn.execute(mine.values(failures=0, locked_until_at=locked_until))
    else:
        conn.execute(mine.values(failures=failures, locked_until_at=None))


def take_step(conn: Connection, operator_id: str, step: int) -> bool:
    """A one-time code of this step was presented; False where one of it, or of a later one, was taken already."""
    older = operator.c.factor_step.is_(None) | (operator.c.factor_step < step)
    return conn.execute(_OPERATOR.where(older), {"of": operator_id, "factor_step": step}).rowcount == 1


# --- who there is -----------------------------------------------------------------------------------------------------


def authorities(conn: Connection) -> list[Authority]:
    """Every authority, by code."""
    return [_authority(row) for row in conn.execute(select(authority).order_by(authority.c.code)).mappings()]


def clients(conn: Connection) -> list[Client]:
    """Every client, by name."""
    bound = conn.execute(select(client_authority).order_by(client_authority.c.authority)).all()
    return [
        Client(one.id, one.name, tuple(code for client_id, code in bound if client_id == one.id), one.revoked_at)
        for one in conn.execute(select(client).order_by(client.c.name))
    ]


def operators(conn: Connection) -> list[Operator]:
    """Every operator, by login."""
    return [_operator(row) for row in conn.execute(select(operator).order_by(operator.c.login)).mappings()]


def names_of(conn: Connection, operator_ids: Collection[str]) -> dict[str, str]:
    """The names of these operators, by id."""
    found = conn.execute(select(operator.c.id, operator.c.name).where(operator.c.id.in_(operator_ids)))
    return {one.id: one.name for one in found}


def keys(conn: Connection, owner: str | None) -> list[Key]:
    """Keys of a client or an operator, or all, oldest first."""
    query = select(access_key).order_by(access_key.c.created_at, access_key.c.id)
    if owner is not None:
        query = query.where((access_key.c.client_id == owner) | (access_key.c.operator_id == owner))
    return [_key(row) for row in conn.execute(query).mappings()]


# --- changing ---------------------------------------------------------------------------------------------------------


def add_authority(conn: Connection, made: Authority, now: int) -> None:
    """A new authority. IntegrityError where its code or its unified code is taken.

    Raises ConflictProblem where another spelling of its code is.
    """
    if (other := {name_key(one): one for one in codes(conn)}.get(name_key(made.code), made.code)) != made.code:
        raise ConflictProblem(say("access.other_spelling", other=other, code=made.code), type="authority-exists")
    _add(conn, authority, Authority, made, created_at=now)


def add_client(conn: Connection, made: Client, now: int) -> None:
    """A new client. Raises NotFoundProblem for an authority that is not there; IntegrityError for a name taken."""
    _require_there(conn, made.authorities)
    conn.execute(insert(client), {"id": made.id, "name": made.name, "created_at": now})
    conn.execute(insert(client_authority), [{"client_id": made.id, "authority": code} for code in made.authorities])


def add_operator(
    conn: Connection, made: Operator, password: bytes, now: int, authorities: Collection[str] = ()
) -> None:
    """A new operator, who sees the records of these authorities, or of all. IntegrityError where the login is taken.

    Raises NotFoundProblem for an authority that is not there.
    """
    _add(conn, operator, Operator, made, password=password, created_at=now)
    limit(conn, made.id, authorities)


def limit(conn: Connection, operator_id: str, authorities: Collection[str]) -> None:
    """Say whose records an operator sees; none stands for all. Raises NotFoundProblem."""
    _require_there(conn, authorities)
    conn.execute(delete(operator_authority).where(operator_authority.c.operator_id == operator_id))
    if authorities:
        rows = [{"operator_id": operator_id, "authority": code} for code in sorted(set(authorities))]
        conn.execute(insert(operator_authority), rows)


def add_key(conn: Connection, made: Key, digest: bytes) -> None:
    """A new key. Raises NotFoundProblem for an owner who is not there."""
    owners, owner = (client, made.client_id) if made.client_id is not None else (operator, made.operator_id)
    if conn.execute(select(owners.c.id).where(owners.c.id == owner)).first() is None:
        raise NotFoundProblem(say("access.no_owner", owners=owners.name, owner=owner))
    _add(conn, access_key, Key, made, digest=digest, scopes=list(made.scopes))


def revoke_key(conn: Connection, key_id: str, now: int) -> None:
    """Refuse a key. Again changes nothing. Raises NotFoundProblem."""
    if conn.execute(select(access_key.c.id).where(access_key.c.id == key_id)).first() is None:
        raise NotFoundProblem(say("access.no_key", key_id=key_id))
    conn.execute(
        update(access_key).where(access_key.c.id == key_id, access_key.c.revoked_at.is_(None)).values(revoked_at=now)
    )


def revoke_client(conn: Connection, client_id: str, now: int) -> None:
    """Refuse a case system with all its keys. Again changes nothing."""
    conn.execute(update(client).where(client.c.id == client_id, client.c.revoked_at.is_(None)).values(revoked_at=now))


def change_operator(conn: Connection, operator_id: str, **values: Any) -> None:
    """Change an operator. Raises NotFoundProblem."""
    if conn.execute(_OPERATOR, {"of": operator_id, **values}).rowcount == 0:
        raise NotFoundProblem(say("access.no_operator", operator_id=operator_id))


def _require_there(conn: Connection, authorities: Collection[str]) -> None:
    known = codes(conn)
    if missing := [code for code in authorities if code not in known]:
        raise NotFoundProblem(say("access.authority_first", missing=missing[0]), field="authorities")


def _add(conn: Connection, table: Table, kind: type[Any], made: Any, **more: Any) -> None:
    values = {name: getattr(made, name) for name in kind.__dataclass_fields__}
    conn.execute(insert(table), {**values, **more})
