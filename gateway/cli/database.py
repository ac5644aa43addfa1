"""``gateway migrate``: bring the database to the schema of this version, or take a room out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from gateway.foundation.store import copying, schema
from gateway.foundation.store.engine import open_engine, sqlite_path
from gateway.settings import StoreSettings
from gateway.terminal.output import Exit, Json, in_words, progress, session, show, table
from gateway.words.saying import Sentence, say

app = typer.Typer()


@app.callback(invoke_without_command=True)
def migrate(
    ctx: typer.Context,
    check: bool = typer.Option(False, "--check", help="Change nothing; exit code 1 unless the schema is current."),
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
        done = schema.migrate(settings.store.location())
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
    )


def _check(url: str, as_json: bool) -> None:
    found, wanted = revisions(url), schema.expected()
    lacking, unknown = sorted(wanted - found), sorted(found - wanted)
    told = [say("store.it_lacks", revisions=lacking)] if lacking and found else []
    told += [say("store.has", revisions=unknown)] if unknown else []
    state = say("store.not_current", why=told or say("store.is_empty"))
    if found == wanted:
        state = say("store.current")
    show(
        {"current": found == wanted, "revisions": sorted(found), "expected": sorted(wanted)},
        as_json,
        state,
    )
    if found != wanted:
        raise typer.Exit(Exit.FOUND)


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


def revisions(url: str) -> frozenset[str]:
    """The last revisions of the schema; none for a database that was never migrated or is not there."""
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return frozenset()
    engine = open_engine(url)
    try:
        return schema.current(engine)
    finally:
        engine.dispose()
