"""The command line: results on stdout (text for people, ``--json`` for programs), everything else on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gateway import __version__
from gateway.cli import (
    access,
    channels,
    database,
    demo,
    doctor,
    evidence,
    operations,
    payments,
    reconcile,
    serve,
    states,
    webhooks,
)
from gateway.cli.output import EXIT_CODES, Session, report
from gateway.errors import GatewayError


class _Root(TyperGroup):
    """Turns our errors into words on stderr and a documented exit code."""

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


app.command("demo")(demo.demo)
app.command("adapters")(channels.adapters)
app.add_typer(channels.app, name="channels")
app.add_typer(database.app, name="migrate")
app.command("doctor")(doctor.doctor)
app.add_typer(access.authorities, name="authorities")
app.add_typer(access.keys, name="keys")
app.add_typer(access.operators, name="operators")
app.add_typer(operations.app, name="operations")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(evidence.app, name="evidence")
app.add_typer(payments.app, name="payments")
app.add_typer(reconcile.app, name="reconcile")
app.command("states")(states.states)
app.command("serve")(serve.serve)
app.command("worker")(serve.worker)


def main() -> None:
    """The console script."""
    app()
