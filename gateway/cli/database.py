"""``gateway migrate``: bring the database to the schema of this version, or take a room out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from gateway.foundation.store import copying, schema
from gateway.foundation.store.steps import Fit
from gateway.settings import StoreSettings
from gateway.terminal.output import Exit, Json, in_words, progress, session, show, table
from gateway.words.saying import Sentence, say

app = typer.Typer()


@app.callback(invoke_without_command=True)
def migrate(
    ctx: typer.Context,
    check: bool = typer.Option(False, "--check", help="Change nothing; exit code 1 unless the schema is current."),
    contract: bool = typer.Option(False, "--contract", help="Also what waits until no older version works any more."),
    undo: Annotated[
        str | None,
        typer.Option("--undo", metavar="ROOM", help="Take a room's tables out, before you remove its package."),
    ] = None,
    drop_data: bool = typer.Option(False, "--drop-data", help="With --undo: also where its tables hold rows."),
    as_json: Json = False,
) -> None:
    """Back a SQLite database up, then bring the schema to this version. A current database is left alone."""
    if ctx.invoked_subcommand is not None:
        return
    if check:
        _check(session(ctx).settings.store.location(), as_json)
        return
    if undo is not None:
        _undo(ctx, undo, drop_data, as_json)
        return
    with session(ctx).alone() as settings, progress().status(in_words(say("store.migrating"))):
        done = schema.migrate(settings.store.location(), contract=contract)
    told = say("store.nothing_to_do" if done.before == done.after else "store.made_current")
    if done.before and done.before != done.after:
        told = say("store.brought_there", ran=sorted(done.after - done.before))
    show(
        {
            "before": sorted(done.before),
            "after": sorted(done.after),
            "backup": str(done.backup) if done.backup else None,
        },
        as_json,
        told,
        *_backup(done.backup),
        *left_of(found(session(ctx).settings.store.location())),
    )


def _check(url: str, as_json: bool) -> None:
    wanted = schema.expected()
    there, fit = schema.looked_at(url)
    lacking = fit.lacking if fit is not None else sorted(wanted)
    state = say("store.current")
    if lacking:
        state = say(
            "store.not_current", why=say("store.it_lacks", revisions=lacking) if there else say("store.is_empty")
        )
    shown = {
        "current": not lacking,
        "revisions": sorted(there),
        "expected": sorted(wanted),
        "pending": list(fit.pending) if fit else [],
        "ahead": [one.revision for one in fit.ahead] if fit else [],
    }
    show(shown, as_json, state, *left_of(fit))
    if lacking:
        raise typer.Exit(Exit.FOUND)


def left_of(fit: Fit | None) -> list[Sentence]:
    """What a schema has of a newer version, and what of this one it is still to get."""
    if fit is None:
        return []
    said = []
    if fit.ahead:
        steps = [one.revision for one in fit.ahead]
        said = [say("store.ahead", steps=steps, program=fit.ahead[-1].program)]
    return said + ([say("store.pending", revisions=fit.pending)] if fit.pending else [])


def _undo(ctx: typer.Context, room: str, drop_data: bool, as_json: bool) -> None:
    with session(ctx).alone() as settings, progress().status(in_words(say("store.undoing"))):
        done = schema.undo(settings.store.location(), room, drop_data=drop_data)
    show(
        {
            "room": done.room,
            "tables": list(done.tables),
            "rows": done.rows,
            "backup": str(done.backup) if done.backup else None,
        },
        as_json,
        say("store.undone", room=room, tables=done.tables, rows=done.rows),
        *_backup(done.backup),
        say("store.remove_package"),
    )


def _backup(made: Path | None) -> list[Sentence]:
    return [say("store.backup", path=made)] if made else []


@app.command("copy")
def copy(
    ctx: typer.Context,
    to: Annotated[str, typer.Option("--to", help="postgresql://user@host/name, empty; or env:NAME, file:PATH.")],
    as_json: Json = False,
) -> None:
    """Copy the SQLite database of these settings into an empty PostgreSQL database, and compare every table."""
    target = StoreSettings(url=to).location() if to.startswith(("env:", "file:", "postgresql")) else to
    bars: dict[tuple[str, str], TaskID] = {}
    with session(ctx).alone() as settings, Progress(console=progress(), transient=True) as shown:

        def step(what: str, table_name: str, done: int, total: int) -> None:
            key = (what, table_name)
            if key not in bars:
                bars[key] = shown.add_task(f"{what} {table_name}", total=total)
            shown.update(bars[key], completed=done, visible=done < total)

        copied = copying.copy(settings.store.location(), target, step)
    rows = sum(one.rows for one in copied)
    show(
        {"rows": rows, "tables": [{"table": one.table, "rows": one.rows, "digest": one.digest} for one in copied]},
        as_json,
        table(["table", "rows", "digest_of_both_sides"], ((one.table, one.rows, one.digest[:16]) for one in copied)),
        say("store.copied", rows=rows),
    )


def found(url: str) -> Fit | None:
    """What this version finds of the schema; None where there is no database yet. SettingsError refuses it."""
    return schema.looked_at(url)[1]
