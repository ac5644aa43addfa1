"""``gateway export``: a list as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.rooms.exports.files import LISTS
from gateway.terminal.login import FromStdin, Identity, Login, asking_as
from gateway.terminal.output import Json, show
from gateway.terminal.running import KeyFile
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import say


def export(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(help="The list: payments, breaks, disclosures, refunds or exceptions.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write, .xlsx or .csv; it must not be there yet.")],
    wanted: Annotated[
        list[str] | None, typer.Option("--filter", help="As status=PAID, by the names of the list's address; repeat.")
    ] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Write a list into a file: .xlsx for people, .csv for machines, where codes are marked with #."""
    if what not in LISTS:
        raise NotFoundProblem(say("exports.none_such", what=what, all=list(LISTS)))
    if to.exists():
        raise InvalidProblem(say("audit.there", file=to), field="--to")
    if any("=" not in one for one in wanted or ()):
        raise InvalidProblem(say("exports.no_filter"), field="--filter")
    form = "csv" if to.suffix.lower() == ".csv" else "xlsx"
    asked = {"list": what, "filter": dict(one.split("=", 1) for one in wanted or ()), "form": form}
    with asking_as(ctx, Identity(login, password_stdin, key_file), every=True) as gateway:
        content = bytes(gateway("POST", "/v1/exports", asked))
    with to.open("xb") as file:
        file.write(content)
    show({"file": str(to), "bytes": len(content)}, as_json, say("exports.written", file=to, bytes=len(content)))
