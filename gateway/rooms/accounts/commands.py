"""``gateway authorities``, ``keys`` and ``operators``: whose records there are, and who may touch them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import typer

from gateway.foundation.access import Access, Key, roles
from gateway.foundation.access.keys import one_time_password
from gateway.terminal.login import Identity, asking_as
from gateway.terminal.output import Json, in_words, moment, parse_day, session, show, table
from gateway.terminal.running import KeyFile
from gateway.words.clock import SHANGHAI, SystemClock, rfc3339
from gateway.words.saying import Word, say

authorities = typer.Typer(help="Authorities 执法机关, the tenants: list or create.", no_args_is_help=True)
keys = typer.Typer(help="Case systems 接入系统 and their API keys: create, issue, list, revoke.", no_args_is_help=True)
operators = typer.Typer(help="Operators 操作员: people with a role, a password and keys.", no_args_is_help=True)

T = TypeVar("T")


# --- authorities ----------------------------------------------------------------------------------------------------


@authorities.command("list")
def list_authorities(ctx: typer.Context, as_json: Json = False) -> None:
    """Every authority, by code."""
    rows = [asdict(one) for one in _ask(ctx, lambda access: access.authorities())]
    shown = [{**row, "authority": row["code"]} for row in rows]
    show({"authorities": rows}, as_json, _listed(shown, "authority", "name", "uscc", "unit_code", "telephone"))


@authorities.command("create")
def create_authority(
    ctx: typer.Context,
    code: Annotated[str, typer.Argument(help="Identifies it everywhere; cannot be changed.")],
    name: Annotated[str, typer.Argument(help="As it stands in decisions.")],
    uscc: Annotated[str, typer.Argument(help="Unified social credit code 统一社会信用代码.")],
    unit_code: Annotated[str | None, typer.Option(help="Its code as a collecting unit 执收单位编码.")] = None,
    telephone: Annotated[str | None, typer.Option(help="Shown to parties.")] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Record an authority."""
    asked = {"code": code, "name": name, "uscc": uscc, "unit_code": unit_code, "telephone": telephone}
    made = _done(ctx, key_file, "POST", "/v1/authorities", asked)
    show(made, as_json, say("accounts.authority_made", code=made["code"], name=made["name"]))


# --- clients and keys -----------------------------------------------------------------------------------------------


@keys.command("client")
def create_client(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The case system's name.")],
    authority: Annotated[list[str], typer.Option(help="An authority it works for; repeat for several.")],
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Record a case system and the authorities it works for."""
    made = _done(ctx, key_file, "POST", "/v1/clients", {"name": name, "authorities": authority})
    show(made, as_json, say("accounts.client_made", **{one: made[one] for one in ("id", "name", "authorities")}))


@keys.command("clients")
def list_clients(ctx: typer.Context, as_json: Json = False) -> None:
    """Every case system, by name."""
    found = _ask(ctx, lambda access: access.clients())
    rows = [{**asdict(one), "revoked_at": moment(one.revoked_at)} for one in found]
    show({"clients": rows}, as_json, _listed(rows, "id", "name", "authorities", "revoked_at"))


@keys.command("revoke-client")
def revoke_client(
    ctx: typer.Context,
    client: Annotated[str, typer.Argument(help="The case system's name or id.")],
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Refuse a case system and all its keys from now on."""
    done = _done(ctx, key_file, "POST", f"/v1/clients/{_word(client)}/revocation")
    show(done, as_json, say("accounts.refused_from_now", what=client))


@keys.command("issue")
def issue_key(
    ctx: typer.Context,
    client: Annotated[str, typer.Argument(help="The case system's name or id.")],
    scope: Annotated[list[str] | None, typer.Option(help="One thing the key may do; repeat. All if none.")] = None,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    expires: Annotated[str | None, typer.Option(help="Last day of use, for example 2027-06-30.")] = None,
    test: Annotated[bool, typer.Option("--test", help="For sandboxes (authorities test-…) only: gwt_….")] = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Make a new API key. It is shown this once and kept nowhere."""
    asked = {"label": label, "expires_at": _end_of(expires), "scopes": scope or [], "test": test}
    _show_key(_done(ctx, key_file, "POST", f"/v1/clients/{_word(client)}/keys", asked), as_json)


@keys.command("list")
def list_keys(
    ctx: typer.Context,
    owner: Annotated[str | None, typer.Option(help="Id of one client or operator.")] = None,
    as_json: Json = False,
) -> None:
    """Keys without their secrets, oldest first."""

    async def known(access: Access) -> tuple[list[Key], dict[str, str]]:
        names = {one.id: one.name for one in await access.clients()}
        return await access.keys(owner), names | {one.id: one.login for one in await access.operators()}

    rows = []
    found, names = _ask(ctx, known)
    for key in found:
        row = {**asdict(key), "owner": key.client_id or key.operator_id}
        row |= {name: moment(row[name]) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
        rows.append(row)
    columns = ("id", "owner", "label", "test", "created_at", "expires_at", "revoked_at", "last_used_at")
    shown = [{**row, "owner": names.get(row["owner"], row["owner"])} for row in rows]
    show({"keys": rows}, as_json, _listed(shown, *columns))


@keys.command("revoke")
def revoke_key(ctx: typer.Context, key: str, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Refuse a key from now on: a running gateway within two seconds, on every node."""
    _done(ctx, key_file, "POST", f"/v1/keys/{_word(key)}/revocation")
    show({"id": key, "revoked": True}, as_json, say("accounts.refused_from_now", what=key))


# --- operators ------------------------------------------------------------------------------------------------------


@operators.command("list")
def list_operators(ctx: typer.Context, as_json: Json = False) -> None:
    """Every operator, by login."""
    rows = [
        {**asdict(one), "disabled_at": moment(one.disabled_at)} for one in _ask(ctx, lambda access: access.operators())
    ]
    shown = [{**row, "role": Word(row["role"])} for row in rows]
    show({"operators": rows}, as_json, _listed(shown, "login", "name", "role", "disabled_at", "id"))


@operators.command("create")
def create_operator(
    ctx: typer.Context,
    login: str,
    name: Annotated[str, typer.Argument(help="The person's name.")],
    role: Annotated[str, typer.Option(help=f"{', '.join(roles())}.")] = "operator",
    authority: Annotated[list[str] | None, typer.Option(help="Whose records are seen; repeat. All if none.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Record a person who operates the gateway. Asks for the password."""
    password = _password(password_stdin)
    asked = {"login": login, "name": name, "role": role, "password": password, "authorities": authority or []}
    made = _done(ctx, key_file, "POST", "/v1/operators", asked)
    show(made, as_json, say("accounts.operator_made", login=made["login"], role=Word(made["role"])))


@operators.command("invite")
def invite_operator(
    ctx: typer.Context,
    login: str,
    name: Annotated[str, typer.Argument(help="The person's name.")],
    role: Annotated[str, typer.Option(help=f"{', '.join(roles())}.")] = "operator",
    authority: Annotated[list[str] | None, typer.Option(help="Whose records are seen; repeat. All if none.")] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Record a person, and print a password that is good for one sign-in at the console. The first one is so made."""
    password = one_time_password()
    asked = {"login": login, "name": name, "role": role, "password": password, "authorities": authority or []}
    made = _done(ctx, key_file, "POST", "/v1/operators", {**asked, "once": True})
    show({**made, "password": password}, as_json, password)
    if not as_json:
        typer.echo(in_words(say("accounts.invited", login=made["login"], role=Word(made["role"]))), err=True)


@operators.command("forget-code")
def forget_code(ctx: typer.Context, login: str, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Take a person's one-time codes away, as after a lost telephone; they are set up anew."""
    _done(ctx, key_file, "POST", f"/v1/operators/{_word(login)}/forgotten-code")
    show({"login": login, "one_time_codes": "forgotten"}, as_json, say("accounts.code_forgotten", login=login))


@operators.command("password")
def set_password(
    ctx: typer.Context,
    login: str,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Give an operator a new password, and unlock the login."""
    password = _password(password_stdin)
    _done(ctx, key_file, "PUT", f"/v1/operators/{_word(login)}/password", {"password": password})
    show({"login": login, "password": "changed"}, as_json, say("accounts.new_password", login=login))


@operators.command("disable")
def disable_operator(ctx: typer.Context, login: str, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Refuse an operator and all of the operator's keys from now on."""
    _done(ctx, key_file, "POST", f"/v1/operators/{_word(login)}/revocation")
    show({"login": login, "disabled": True}, as_json, say("accounts.refused_from_now", what=login))


@operators.command("key")
def issue_operator_key(
    ctx: typer.Context,
    login: str,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    expires: Annotated[str | None, typer.Option(help="Last day of use, for example 2027-06-30.")] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Make a key with which an operator uses the API, within the operator's role."""
    asked = {"label": label, "expires_at": _end_of(expires)}
    _show_key(_done(ctx, key_file, "POST", f"/v1/operators/{_word(login)}/keys", asked), as_json)


# --- inside ---------------------------------------------------------------------------------------------------------


def _ask(ctx: typer.Context, question: Callable[[Access], Awaitable[T]]) -> T:
    """Read, also while a gateway runs."""

    async def run() -> T:
        with session(ctx).store(exclusive=False) as store:
            return await question(Access(store, SystemClock()))

    return asyncio.run(run())


def _done(ctx: typer.Context, key_file: Path | None, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Have the gateway change something."""
    with asking_as(ctx, Identity(key_file=key_file)) as gateway:
        return dict(gateway(method, path, body))


def _word(text: str) -> str:
    """A word inside an address."""
    return quote(text, safe="")


def _password(from_stdin: bool) -> str:
    """From stdin for programs, else asked for twice without showing it. Never an argument: others can read those."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt(in_words(say("terminal.password")), hide_input=True, confirmation_prompt=True, err=True))


def _end_of(day: str | None) -> str | None:
    """The last instant of a day in Shanghai."""
    return None if day is None else rfc3339(datetime.combine(parse_day(day, "expires"), time.max, SHANGHAI))


def _show_key(made: dict[str, Any], as_json: bool) -> None:
    """The key alone on stdout, so that a shell can take it; what to do with it is said on stderr."""
    show(made, as_json, made["key"])
    if not as_json:
        typer.echo(in_words(say("accounts.key_made", id=made["id"])), err=True)


def _listed(rows: list[dict[str, Any]], *columns: str) -> Any:
    def cell(value: Any) -> Any:
        return " ".join(value) if isinstance(value, tuple | list) else value

    return table(columns, ([cell(row[name]) for name in columns] for row in rows))
