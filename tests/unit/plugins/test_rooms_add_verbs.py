"""A room adds verbs to the command of a room that it needs, and to no other; none stands in the way of another."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from gateway import cli
from gateway.foundation import rooms
from gateway.foundation.rooms import Room, ordered
from gateway.words.errors import SettingsError

boats = typer.Typer(no_args_is_help=True)


@boats.command("list")
def list_boats() -> None:
    """Every boat."""
    typer.echo("all boats")


@boats.command("sink")
def sink_boats() -> None:
    """No boat."""


def repair() -> None:
    """A repaired boat."""
    typer.echo("a repaired boat")


def one(name: str, *needs: str, **commands: str) -> Room:
    """A room with commands; a low line stands for a blank."""
    words = {word.replace("_", " "): place for word, place in commands.items()}
    return Room(name=name, package=__name__, needs=needs, commands=words)


BOATS = one("boats", boats=f"{__name__}:boats")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Room]:
    """The rooms that are there: those of a test."""
    found: list[Room] = [BOATS]
    monkeypatch.setattr(rooms, "found", lambda: tuple(found))
    return found


def test_a_verb_stands_beside_those_of_the_room_itself(installed: list[Room]) -> None:
    installed.append(one("yard", "boats", boats_repair=f"{__name__}:repair"))
    shown = CliRunner().invoke(cli.app, ["boats", "--help"]).output
    assert "Every boat." in shown
    assert "A repaired boat." in shown
    assert CliRunner().invoke(cli.app, ["boats", "repair"]).output == "a repaired boat\n"
    assert "boats repair" not in cli.commands()


def test_a_verb_that_is_there_already_is_named_with_who_brings_it(installed: list[Room]) -> None:
    installed.append(one("yard", "boats", boats_sink=f"{__name__}:repair"))
    said = CliRunner().invoke(cli.app, ["boats", "list"])
    assert said.exit_code == 3
    assert 'the room "yard" brings the command "boats sink", which is there already' in said.stderr


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ([one("yard", boats_repair="x:y")], 'the room "yard" adds "repair" to "boats", which no room that it needs'),
        ([one("yard", "boats", ships_repair="x:y")], 'adds "repair" to "ships", which no room that it needs brings'),
        (
            [one("yard", "boats", boats_repair="x:y"), one("dock", "boats", boats_repair="x:y")],
            'the rooms "yard" and "dock" both bring the command "boats repair"',
        ),
    ],
)
def test_a_verb_of_a_strange_command_or_of_two_rooms_stops_the_start(added: list[Room], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        ordered([BOATS, *added])
