"""A word on what was seen: what is confirmed is shown first, and what is sent says what was shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.terminal.output import head, in_words
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Sentence, say

Seen = Annotated[
    str | None,
    typer.Option("--seen", help="`seen` of what you looked at; without it a terminal shows it and asks."),
]


def at_a_terminal() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty()


def as_lines(facts: Mapping[str, Any]) -> list[str]:
    """Facts as somebody is shown them, each by its name in the language of this terminal."""
    return [f"{head(name)}: {value}" for name, value in facts.items() if value is not None]


def word_on(seen: str | None, given: str | None, shown: Sequence[str], question: Sentence) -> str:
    """What is sent as seen: what was given, or ``seen`` once a person has been shown this and has said yes.

    Where there is nothing to confirm (``seen`` None) something is sent all the same, and the gateway says why not.
    Raises InvalidProblem where nobody can be asked, and typer.Abort for a no.
    """
    if given is not None:
        return given
    if seen is None:
        return "nothing"
    if not at_a_terminal():
        raise InvalidProblem(say("terminal.seen", seen=seen), field="--seen")
    for line in shown:
        typer.echo(line, err=True)
    typer.confirm(in_words(question), abort=True, err=True)
    return seen
