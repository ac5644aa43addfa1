"""An operator at the command line: who it is, for what needs a person, or two.

On SQLite the running gateway alone changes the database: it acts, under the operator's own key. Where none runs, the
command acts itself, under the operator's password.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.foundation.two_persons import Person
from gateway.settings import Settings
from gateway.terminal.output import in_words, session
from gateway.terminal.running import ask
from gateway.words.errors import InvalidProblem, Problem
from gateway.words.masking import mask_document
from gateway.words.saying import say

if TYPE_CHECKING:
    from gateway.app import App

T = TypeVar("T")
ACTING = ("operator", "supervisor")
Asking = Callable[[str, str, object], Any]

Login = Annotated[
    str | None, typer.Option("--login", help="Who you are: an operator's login; asks for the password. Takes the lock.")
]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]


@dataclass(frozen=True)
class Identity:
    """Who acts: either a login with its password, or a file with an operator's key."""

    login: str | None
    password_from_stdin: bool
    key_file: Path | None


def as_operator(
    ctx: typer.Context,
    who: Identity,
    act: Callable[[App, Person], Awaitable[T]],
    over_http: Callable[[Asking], T],
    right: str | None = None,
) -> T:
    """Act here as this operator, or have the running gateway act. Raises InvalidProblem; a 401 or 403 Problem.

    ``right``: a scope that this needs, where not every acting role has it.
    """
    from gateway.app import App
    from gateway.foundation.access.audit import UNKNOWN, Act, Who

    if (who.login is None) == (who.key_file is None):
        raise InvalidProblem(
            say("terminal.who"),
            field="--login",
        )
    if who.key_file is not None:
        settings, key_file = session(ctx).settings, who.key_file
        return over_http(lambda method, path, body: ask(settings, key_file, method, path, body))
    login = who.login or ""

    async def run(settings: Settings, given: str) -> T:
        async with App.open(settings) as gateway:
            found = await gateway.base.access.authenticate_operator(login, given)
            if found is None:
                who = await gateway.base.access.whose(login)
                shown = login if who is not UNKNOWN else mask_document(login)  # it may be a password in the wrong place
                await gateway.base.audit.not_let_in(who, shown, f"os:{getpass.getuser()}")
                raise Problem(say("terminal.no_operator"), type="not-authenticated")
            if found.role not in ACTING:
                raise Problem(say("terminal.viewer"), type="operator-needed")
            if right is not None and right not in found.scopes:
                raise Problem(say("http.scope", scope=right), type="scope-missing")
            who = Who(found.client_id, found.name, found.role)
            told = Act("act", ctx.command_path[:200], about(ctx), reason=ctx.params.get("reason"))
            begun = await gateway.base.audit.begin(who, told)
            async with gateway.base.audit.ending(begun):
                return await act(gateway, Person(found.client_id, found.name, operator=True))

    with session(ctx).changing():
        settings = session(ctx).current
        asked = sys.stdin.readline if who.password_from_stdin else _prompt
        return asyncio.run(run(settings, asked().rstrip("\r\n")))


def about(ctx: typer.Context) -> str:
    """What a command was given, but for secrets and who it is: its first argument, else its options."""
    given = {name: value for name, value in ctx.params.items() if value not in (None, False, "", [], ())}
    told = [f"{value}" for name, value in given.items() if name not in ("login", "key_file", "password_stdin")]
    return " ".join(told)[:200] or ctx.command_path


def _prompt() -> str:
    return str(typer.prompt(in_words(say("terminal.password")), hide_input=True, err=True))
