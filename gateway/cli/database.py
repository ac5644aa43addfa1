"""``gateway migrate``: bring the database to the schema of this version."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from gateway.foundation.store import copying, schema
from gateway.foundation.store.engine import open_engine, sqlite_path
from gateway.settings import StoreSettings
from gateway.terminal.output import Exit, Json, progress, session, show, table

app = typer.Typer()


@app.callback(invoke_without_command=True)
def migrate(
    ctx: typer.Context,
    check: bool = typer.Option(False, "--check", help="Change nothing; exit code 1 unless the schema is current."),
    as_json: Json = False,
) -> None:
    """Back a SQLite database up, then bring the schema to this version. A current database is left alone."""
    if ctx.invoked_subcommand is not None:
        return
    if check:
        found, wanted = revision(session(ctx).settings.store.location()), schema.expected()
        show(
            {"current": found == wanted, "revision": found, "expected": wanted},
            as_json,
            f"The schema is {found or 'empty'}; this version works with {wanted}.",
        )
        if found != wanted:
            raise typer.Exit(Exit.FOUND)
        return
    with session(ctx).changing() as settings, progress().status("Migrating"):
        done = schema.migrate(settings.store.location())
    was = "nothing to do" if done.before == done.after else f"from {done.before or 'an empty database'}"
    show(
        {"before": done.before, "after": done.after, "backup": str(done.backup) if done.backup else None},
        as_json,
        f"The schema is {done.after} ({was}).",
        *([f"Backup: {done.backup}"] if done.backup else []),
    )


@app.command("copy")
def copy(
    ctx: typer.Context,
    to: Annotated[str, typer.Option("--to", help="postgresql://user@host/name, empty; or env:NAME, file:PATH.")],
    as_json: Json = False,
) -> None:
    """Copy the SQLite database of these settings into an empty PostgreSQL database, and compare every table."""
    target = StoreSettings(url=to).location() if to.startswith(("env:", "file:", "postgresql")) else to
    bars: dict[tuple[str, str], TaskID] = {}
    with session(ctx).changing() as settings, Progress(console=progress(), transient=True) as shown:

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
        table(["table", "rows", "digest of both sides"], ((one.table, one.rows, one.digest[:16]) for one in copied)),
        f"{rows} rows copied and compared. Set store.url to the new database before the gateway starts again.",
    )


def revision(url: str) -> str | None:
    """The schema's revision; None for a database that was never migrated or is not there."""
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return None
    engine = open_engine(url)
    try:
        return schema.current(engine)
    finally:
        engine.dispose()
