"""The command line: results on stdout (text for people, ``--json`` for programs), everything else on stderr."""

from __future__ import annotations

from collections import UserDict
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gateway import __version__
from gateway.foundation.terminal.output import EXIT_CODES, Session, report
from gateway.words.errors import GatewayError

COMMANDS = {
    "demo": "cli.demo:demo",
    "adapters": "cli.channels:adapters",
    "channels": "cli.channels:app",
    "migrate": "cli.database:app",
    "doctor": "cli.doctor:doctor",
    "authorities": "rooms.accounts.commands:authorities",
    "keys": "rooms.accounts.commands:keys",
    "operators": "rooms.accounts.commands:operators",
    "operations": "rooms.operations.commands:app",
    "webhooks": "rooms.webhooks.commands:app",
    "evidence": "rooms.evidence.commands:app",
    "payments": "rooms.payments.commands:app",
    "reconcile": "rooms.reconciliation.commands:app",
    "states": "cli.states:states",
    "serve": "cli.serve:serve",
    "worker": "cli.serve:worker",
}
"""Each command with its place, ``module:attribute`` of ``gateway``: a command loads what it needs and no more."""


class _Commands(UserDict[str, Any]):
    """The commands by name, each loaded when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        """One of them. KeyError if there is none of this name."""
        return _load(self.data[name], name)


class _Root(TyperGroup):
    """Loads the commands, and turns our errors into words on stderr and a documented exit code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands(COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            raise typer.Exit(report(ctx, error)) from error


app = typer.Typer(
    cls=_Root,
    name="gateway",
    help="Integration gateway between administrative-enforcement case systems and external government systems.",
    epilog="Exit codes: " + "; ".join(f"{code.value} {code.__doc__}" for code in EXIT_CODES) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gateway {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="Settings file; else GATEWAY_SETTINGS, else gateway.toml.")
    ] = None,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """What every command has."""
    ctx.obj = Session(settings)


@cache
def _load(place: str, name: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"gateway.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        one, found = found, typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        found.command(name)(one)
    command = typer.main.get_command(found)
    command.name = name
    return command


def main() -> None:
    """The console script."""
    app()
