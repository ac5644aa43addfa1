"""The command line: results on stdout (text for people, ``--json`` for programs), everything else on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from gateway import __version__
from gateway.cli import acting
from gateway.cli.help_words import UsageError, in_language, said_of_usage
from gateway.cli.lines import line_of
from gateway.foundation import rooms
from gateway.foundation.acts import Act
from gateway.terminal.output import EXIT_CODES, WIDE, Session, report, spoken
from gateway.words.errors import GatewayError, SettingsError, UnavailableProblem
from gateway.words.saying import help_in, say, worded

if TYPE_CHECKING:
    from gateway.app import App
    from gateway.settings import Face

FRAME = {
    "demo": "gateway.cli.demo:demo",
    "init": "gateway.cli.place:init",
    "adapters": "gateway.cli.adapters:app",
    "calendar": "gateway.cli.calendar:app",
    "channels": "gateway.cli.channels:app",
    "law": "gateway.cli.law:law",
    "listen": "gateway.cli.listen:listen",
    "migrate": "gateway.cli.database:app",
    "backup": "gateway.cli.backup:app",
    "restore": "gateway.cli.backup:restore",
    "doctor": "gateway.cli.doctor:doctor",
    "states": "gateway.cli.states:states",
    "trigger": "gateway.cli.trigger:trigger",
    "serve": "gateway.cli.serve:serve",
    "worker": "gateway.cli.serve:worker",
}
"""The commands of no room, each with its place: a command loads what it needs and no more."""

API: Face = "api"
IN_TROUBLE = ("adapters", "doctor")
"""What serves also where rooms cannot be found: it names what is wrong."""


def commands() -> dict[str, Callable[[], Any]]:
    """Every command by its word, and how it is loaded: those of the frame, then those that rooms bring."""
    found: dict[str, Callable[[], Any]] = {name: partial(_at, place) for name, place in FRAME.items()}
    for room in rooms.found():
        for name, place in room.commands.items():
            if " " in name:
                continue
            if name in FRAME:
                raise _doubled(room.name, name)
            found[name] = partial(room.place, place)
    return found | {word: partial(_group, word) for word in acting.groups() if word not in found}


def verbs(command: str) -> dict[str, tuple[str, Callable[[], Any]]]:
    """The verbs that rooms add to another room's command: who brings each, and how it is loaded."""
    found: dict[str, tuple[str, Callable[[], Any]]] = {}
    for room in rooms.found():
        for name, place in room.commands.items():
            group, _, verb = name.partition(" ")
            if verb and group == command:
                found[verb] = (room.name, partial(room.place, place))
    return found


class _Commands(Mapping[str, Any]):
    """The commands by name: rooms are looked for when the first is asked for, and each is loaded when it is."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    @cached_property
    def _found(self) -> tuple[Collection[str], SettingsError | None]:
        try:
            return commands().keys(), None
        except SettingsError as trouble:
            return FRAME.keys(), trouble

    @property
    def trouble(self) -> SettingsError | None:
        """Why rooms cannot be found; there are the commands of the frame alone then."""
        return self._found[1]

    def __getitem__(self, name: str) -> Any:
        """One of them. KeyError if there is none of this name."""
        if name not in self._found[0]:
            raise KeyError(name)
        if name not in self._loaded:
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found[0])

    def __len__(self) -> int:
        return len(self._found[0])


class _Root(TyperGroup):
    """Loads the commands, and turns our errors into words on stderr and a documented exit code."""

    commands: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        in_language(self)
        self.commands = _Commands()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """``--wide`` may stand anywhere: it is about what is shown, whatever is done."""
        said = [one for one in args if one == "--wide"]
        return super().parse_args(ctx, said + [one for one in args if one != "--wide"])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of a word; where rooms cannot be found, the reason instead of it, but for what is to tell it."""
        trouble = self.commands.trouble
        if trouble is not None and args[0] not in IN_TROUBLE:
            raise trouble
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Help, for which no command is loaded whose source says plainly what it is."""
        self.commands = {name: in_language(shown(name, self.commands)) for name in self.commands}
        codes = "; ".join(f"{code.value} {help_in(code.__doc__, spoken())}" for code in EXIT_CODES)
        self.epilog = worded(say("terminal.exit_codes", codes=codes), spoken())
        super().format_help(ctx, formatter)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        with _told_in_language():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _told_in_language():
                return super().invoke(ctx)
        except GatewayError as error:
            raise typer.Exit(report(ctx, error)) from error
        except Exception as error:
            if "sqlalchemy" not in sys.modules:
                raise
            from gateway.foundation.store.engine import is_unreachable

            if not is_unreachable(error):
                raise
            raise typer.Exit(report(ctx, UnavailableProblem(say("store.unreachable")))) from error


@contextlib.contextmanager
def _told_in_language() -> Iterator[None]:
    """What is wrong with a command line, and that a no did nothing, is said in the language of the terminal."""
    try:
        yield
    except typer.Abort:
        typer.echo(worded(say("terminal.nothing_done"), spoken()), err=True)
        raise typer.Exit(1) from None
    except UsageError as error:
        told = said_of_usage(error)
        if told == error.format_message():
            raise
        raise UsageError(told, error.ctx) from error


app = typer.Typer(
    cls=_Root,
    name="gateway",
    help="Integration gateway between administrative-enforcement case systems and external government systems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gateway {__version__}")
        raise typer.Exit


def _answered_by(gateway: App, only: str | None) -> Any:
    """The API of a gateway that a command has opened."""
    from gateway.faces.build import build

    return build(gateway, (API,), only)


@app.callback()
def root(
    ctx: typer.Context,
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="Settings file; else GATEWAY_SETTINGS, else gateway.toml.")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Tables as wide as what stands in them; anywhere.")] = False,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """What every command has."""
    ctx.obj = Session(settings, _answered_by)
    WIDE.set(wide)


def shown(name: str, found: Mapping[str, Any]) -> Any:
    """A command as far as help shows it."""
    place = FRAME.get(name) or next(
        (
            room.package + room.commands[name] if room.commands[name].startswith(".") else room.commands[name]
            for room in rooms.found()
            if name in room.commands
        ),
        None,
    )
    line = line_of(place) if place is not None else acting.group_line(name)
    return found[name] if line is None else TyperCommand(name, help=line)


def _at(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _load(name: str) -> Any:
    found = _at(FRAME[name]) if name in FRAME else commands()[name]()
    command = _click(name, found)
    added = {} if name in FRAME else verbs(name)
    if added and not isinstance(command, TyperGroup):
        raise _doubled(next(iter(added.values()))[0], name)
    for verb, (room, load) in added.items():
        if verb in command.commands:
            raise _doubled(room, f"{name} {verb}")
        command.commands[verb] = _click(verb, load())
    if name not in IN_TROUBLE:
        _add_acts(name, command)
    return in_language(command)


def _add_acts(name: str, command: Any) -> None:
    """Give a word the verbs of acts that no room has written, and each command of an act the route that does the same.

    What is made from a route is made when it is asked for: routes take long to load.
    """
    if isinstance(command, TyperGroup):
        ours = acting.of(name)
        made = {verb: _Made(verb, *one) for verb, one in ours.items() if verb not in command.commands}
        for verb in ours.keys() & command.commands.keys():
            _ask_elsewhere(command.commands[verb], *ours[verb])
        command.commands = {**command.commands, **made}
    _say_same(name, command)


def _say_same(words: str, command: Any) -> None:
    if routes := acting.routes_of(words):
        command.epilog = acting.same_as(routes)
    for verb, below in getattr(command, "commands", {}).items():
        _say_same(f"{words} {verb}", below)


def _ask_elsewhere(written: Any, room: rooms.Room, act: Act) -> None:
    """Let a command that looks into the database here ask the gateway by its route, where it is said as whom."""
    if act.method != "GET" or any(one.name == "key_file" for one in written.params):
        return
    made, here = _Made(written.name, room, act, written.help), written.make_context

    def make_context(info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        elsewhere = any(one.partition("=")[0] in _AS_WHOM for one in args)
        return (made.make_context if elsewhere else here)(info_name, args, parent, **extra)

    written.make_context = make_context
    from gateway.terminal.login import as_whom

    for one in _click("", as_whom).params:
        one.expose_value = False
        written.params.append(one)


_AS_WHOM = ("--login", "--key-file")
"""With these a gateway is asked, on this machine or another."""


class _Made(TyperCommand):
    """A command that is made from its route once it is asked for more than its line in the help."""

    def __init__(self, verb: str, room: rooms.Room, act: Act, told: str | None = None) -> None:
        self._room, self._act, self._told = room, act, told
        super().__init__(verb, help=told or worded(act.sentence, spoken()))

    @cached_property
    def whole(self) -> Any:
        """The command itself, with the options that its route asks for."""
        made = _click(self.name or "", acting.made(self._room, self._act, self._told))
        made.epilog = self.epilog
        return in_language(made)

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Begin the command itself."""
        return self.whole.make_context(info_name, args, parent, **extra)


def _group(word: str) -> Any:
    """A word that only acts have."""
    app = typer.Typer(name=word, help=acting.group_line(word), no_args_is_help=True)
    app.callback()(lambda: None)
    return app


def _click(name: str, found: Any) -> Any:
    """A typer application, or a function, under its word."""
    if not isinstance(found, typer.Typer):
        one, found = found, typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        found.command(name)(one)
    command = typer.main.get_command(found)
    command.name = name
    command.params = [one for one in command.params if one.name not in ("install_completion", "show_completion")]
    return command


def _doubled(room: str, name: str) -> SettingsError:
    return SettingsError("rooms", say("rooms.command", room=room, name=name))


def main() -> None:
    """The console script."""
    app()
