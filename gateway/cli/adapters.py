"""``gateway adapters``: what can be spoken, what each port says, and how an adapter of one's own begins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.foundation.channels import adapter_class, reserved_keys, served_kinds
from gateway.plugins import Kinds, declared, installed
from gateway.terminal.output import Json, show, table
from gateway.words.errors import SettingsError
from gateway.words.saying import say

app = typer.Typer(help="Adapters: list them, read what a port says, begin one of your own.")


@app.callback(invoke_without_command=True)
def list_adapters(ctx: typer.Context, as_json: Json = False) -> None:
    """List the installed adapters with their capabilities and contract versions."""
    if ctx.invoked_subcommand is not None:
        return
    kinds, no_rooms = _served()
    rows = [_adapter(name, kinds, no_rooms) for name in installed()]
    show(
        {"adapters": rows},
        as_json,
        table(
            ["adapter", "contract", "package", "capabilities"],
            (
                (row["name"], row["contract"], row["package"], row["fault"] or " ".join(row["capabilities"]))
                for row in rows
            ),
        ),
    )


@app.command("new")
def new(
    kind: Annotated[str, typer.Argument(help="The kind of external system: nontax, credit, registry, seal, notice.")],
    name: Annotated[str, typer.Argument(help="What you call yours: small letters and digits, as anlan.")],
    like: Annotated[str | None, typer.Option(help="The installed adapter that it begins as.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the package goes; ./NAME-KIND otherwise.")] = None,
    as_json: Json = False,
) -> None:
    """Begin an adapter: a package with a bench and a simulator of its own, which keeps every promise from the start."""
    from gateway.testing.starting import begin

    made = begin(kind, name, like=like, folder=folder)
    files = [str(one) for one in made.files]
    show(
        {"folder": str(made.folder), "adapter": made.adapter, "like": made.like, "files": files},
        as_json,
        *(f"  {one}" for one in files),
        say("adapters.begun", adapter=made.adapter, like=made.like),
        f"  pip install -e {made.folder} && python -m pytest {made.folder}",
    )


@app.command("ports")
def ports(kind: Annotated[str | None, typer.Argument(help="One kind; every kind when none is named.")] = None) -> None:
    """What each port says, as Markdown: its methods, their errors, and every field of what they take and give."""
    from gateway.testing.ports_page import page

    typer.echo(page(kind), nl=False)


def _served() -> tuple[Kinds, str | None]:
    """The kinds that rooms serve; none of them, and why, where the rooms themselves cannot be found."""
    try:
        return served_kinds(), None
    except SettingsError as error:
        return {}, error.reason


def _adapter(name: str, kinds: Kinds, no_rooms: str | None) -> dict[str, Any]:
    """What an adapter declares, and why it cannot be used if so: one of a kind that no room serves is shown as well."""
    owner = installed()[name][0].dist
    row: dict[str, Any] = {
        "name": name,
        "package": f"{owner.name} {owner.version}" if owner else None,
        "kind": name.partition(".")[0],
        "contract": None,
        "capabilities": [],
        "fault": None,
    }
    try:
        info = declared(name, reserved=reserved_keys()).info
    except SettingsError as error:
        return {**row, "fault": error.reason}
    row |= {"kind": info.kind, "contract": info.contract, "capabilities": sorted(info.capabilities)}
    try:
        adapter_class(name, kinds=kinds)
    except SettingsError as error:
        return {**row, "fault": no_rooms or error.reason}
    return row
