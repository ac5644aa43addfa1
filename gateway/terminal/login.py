"""An operator at the command line: who it is, for what needs a person, or two."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gateway.terminal.output import in_words
from gateway.terminal.running import Asking, Caller, KeyFile, asking
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

T = TypeVar("T")

Login = Annotated[str | None, typer.Option("--login", help="Who you are: an operator's login; asks for the password.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]


@dataclass(frozen=True)
class Identity:
    """Who acts: a login with its password, a file with an operator's key, or the machine's operator (neither)."""

    login: str | None = None
    password_from_stdin: bool = False
    key_file: Path | None = None


def as_operator(ctx: typer.Context, who: Identity, act: Callable[[Asking], T]) -> T:
    """Have the gateway act as this person, who has to say who it is. Raises InvalidProblem; a 401 or 403 Problem."""
    if who.login is None and who.key_file is None:
        raise InvalidProblem(say("terminal.who"), field="--login")
    with asking_as(ctx, who) as gateway:
        return act(gateway)


@contextlib.contextmanager
def asking_as(ctx: typer.Context, who: Identity, *, every: bool = False) -> Iterator[Asking]:
    """The gateway to ask, as this person. Raises InvalidProblem where it is said twice who that is.

    ``every``: routes of other rooms are asked too.
    """
    if who.login is not None and who.key_file is not None:
        raise InvalidProblem(say("terminal.who"), field="--login")
    asked = sys.stdin.readline if who.password_from_stdin else _prompt
    with asking(ctx, Caller(who.key_file, who.login, lambda: asked().rstrip("\r\n")), every=every) as gateway:
        yield gateway


def as_whom(login: Login = None, key_file: KeyFile = None) -> None:
    """The options that say as whom, for a command that needs nobody where it looks for itself."""


def about(ctx: typer.Context) -> str:
    """What a command was given, but for secrets and who it is: its first argument, else its options."""
    given = {name: value for name, value in ctx.params.items() if value not in (None, False, "", [], ())}
    told = [f"{value}" for name, value in given.items() if name not in ("login", "key_file", "password_stdin")]
    return " ".join(told)[:200] or ctx.command_path


def _prompt() -> str:
    return str(typer.prompt(in_words(say("terminal.password")), hide_input=True, err=True))
