"""``gateway imports template``: the workbook that officials fill in with decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.rooms.imports.template import columns, template
from gateway.terminal.output import Json, show
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Imports 数据导入: the workbook that is filled in."""


@app.command("template")
def write_template(
    file: Annotated[Path, typer.Argument(help="The new workbook, as 处罚决定导入模板.xlsx.")],
    authority: Annotated[list[str] | None, typer.Option(help="Codes to choose from; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Write an empty workbook for decisions: `gateway decisions import` takes it once it is filled in.

    Each column is explained in a sheet of its own, with its rule and where that stands.
    """
    try:
        with file.open("xb") as out:
            out.write(template(authority or ()))
    except FileExistsError:
        raise InvalidProblem(say("audit.there", file=file), field="file") from None
    except OSError as error:
        raise InvalidProblem(say("imports.unwritable", file=file, reason=error.strerror), field="file") from error
    told = {"file": str(file), "columns": len(columns())}
    show(told, as_json, say("imports.template_written", file=file, number=len(columns())))
