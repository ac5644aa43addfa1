"""A command whose database is away says so with a cure and exit code 6, and never falls with a trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import _Commands, app
from gateway.terminal.output import Exit

ALONE = {"demo", "init", "serve", "worker", "listen", "trigger", "adapters", "states", "law", "doctor", "restore"}
"""What asks no database, makes one, tells of it as one finding of many, or runs for good."""


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Commands that are written; those made from routes ask the gateway in one way, and take long to make."""
    below = getattr(command, "commands", None)
    if not below and command.callback is not None:
        yield name, command
    for verb, one in (below or {}).items():
        yield from leaves(f"{name} {verb}", one)


def typed(name: str, command: Any) -> list[str]:
    """The command with something for all that it asks for, and an operator's login where it takes one."""
    words = name.split()
    for one in command.params:
        value = "2026-11-01" if one.name in ("on", "day", "since", "first_on", "last_on", "taken_on") else "1"
        if one.param_type_name == "argument" and one.required:
            words.append(value)
        elif one.required:
            words += [one.opts[-1], value]
        elif one.name == "login":
            words += ["--login", "wang", "--password-stdin"]
    return words


@pytest.fixture
def away(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of an installation whose PostgreSQL refuses."""
    monkeypatch.delenv("LANG", raising=False)
    file = site / "gateway.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("sqlite:///gateway.sqlite", "postgresql://u@127.0.0.1:9/x"), encoding="utf-8")
    return file


def test_no_command_falls_with_a_trace_where_the_database_is_away(away: Path) -> None:
    """One of each module of commands: how they reach the database is the same in all that a module has."""
    by_module: dict[str, tuple[str, Any]] = {}
    for name, command in _Commands().items():
        for leaf, one in leaves(name, command) if name not in ALONE else ():
            by_module.setdefault(one.callback.__module__, (leaf, one))
    told = []
    for leaf, one in by_module.values():
        said = CliRunner().invoke(app, typed(leaf, one), input="secret\nsecret\n")
        assert said.exception is None or isinstance(said.exception, SystemExit), f"{leaf}: {said.exception!r}"
        if said.exit_code == Exit.UNAVAILABLE:
            assert "Cure:" in said.stderr, leaf
            told.append(leaf)
    assert len(told) >= 20, told
    assert {"payments list", "operators list", "operations list"} & set(told), told


@pytest.mark.parametrize("words", [("payments", "list"), ("migrate",), ("keys", "revoke", "key_1")])
def test_a_file_that_cannot_be_opened_is_a_database_that_is_away(site: Path, words: tuple[str, ...]) -> None:
    (site / "gateway.sqlite").mkdir(mode=0o700)
    said = CliRunner().invoke(app, list(words))
    assert (said.exit_code, type(said.exception)) == (Exit.UNAVAILABLE, SystemExit), said.stderr
