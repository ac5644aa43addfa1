"""``gateway migrate``: bring the database to the schema of this version."""

from __future__ import annotations

import typer

from gateway.cli.output import Exit, Json, progress, session, show
from gateway.store import schema
from gateway.store.engine import open_engine, sqlite_path


def migrate(
    ctx: typer.Context,
    check: bool = typer.Option(False, "--check", help="Change nothing; exit code 1 unless the schema is current."),
    as_json: Json = False,
) -> None:
    """Back a SQLite database up, then bring the schema to this version. A current database is left alone."""
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
