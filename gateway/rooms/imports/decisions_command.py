"""``gateway decisions import``: a batch of decisions from a file, published where it is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from gateway.terminal.output import Json, in_words, progress, session
from gateway.words.saying import say


def import_decisions(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON Lines, CSV in UTF-8 or GB 18030, or XLSX, with a header line.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row and write nothing.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Take the good rows although others are bad.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Publish each at every target of its authority.")] = False,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Of a workbook with several.")] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Take hidden and filtered rows too.")] = False,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write a workbook with one line a row, and why it was refused.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring decisions in, many at a time. Exit code 1 if rows are bad.

    Without --partial a bad row keeps the whole file out. What is known already is left as it is: run a batch that was
    interrupted again. Columns have their English or their Chinese names.
    """
    from gateway.app import App
    from gateway.rooms.imports.decisions import DecisionBatches
    from gateway.rooms.imports.results import content_of, tell
    from gateway.rooms.imports.service import ImportReport

    content = content_of(file)

    async def run() -> ImportReport:
        words = TextColumn(in_words(say("imports.importing"))), TextColumn("{task.completed}"), BarColumn()
        with session(ctx).changing() as settings, Progress(*words, console=progress(), transient=True) as bar:
            task = bar.add_task("", total=None)
            async with App.open(settings) as gateway:
                return await gateway.get(DecisionBatches).run(
                    content,
                    by="command line",
                    dry_run=dry_run,
                    partial=partial,
                    publish=publish,
                    sheet=sheet,
                    hidden=hidden,
                    progress=lambda done, all_: bar.update(task, completed=done, total=all_),
                )

    tell(asyncio.run(run()), report_file, as_json, "number")
