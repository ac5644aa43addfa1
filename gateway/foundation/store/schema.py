"""The schema's version: what it is, what it should be, and the way there.

The schema has a branch for the foundation and one for each room with tables; its version is the set of their last
revisions. Branches go forwards only, and a backup is the way back; a room that is to be removed is undone as a whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import to_tuple
from sqlalchemy import Connection, Engine, func, inspect, select, text

from gateway.foundation.store import months
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.branches import FOUNDATION, Branch, branch_of, branches
from gateway.foundation.store.engine import POSTGRESQL, SQLITE, open_engine, sqlite_path
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, NotFoundProblem, SettingsError
from gateway.words.saying import say

SCRIPTS = Path(__file__).parent / "migrations"

_ADVISORY_LOCK = 0x67617465  # "gate": two nodes that migrate at once take turns


@dataclass(frozen=True)
class Migrated:
    """What a migration did: last revisions before (none: an empty database) and after, and the backup it made first."""

    before: frozenset[str]
    after: frozenset[str]
    backup: Path | None


@dataclass(frozen=True)
class Undone:
    """What was undone: the room, its tables that are gone, how many rows they held, and the backup made first."""

    room: str
    tables: tuple[str, ...]
    rows: int
    backup: Path | None


def alembic_config() -> Config:
    """Alembic's configuration, made in code: there is no alembic.ini to lose."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    folders = "\n".join(str(branch.folder) for branch in branches())
    config.set_main_option("version_locations", folders.replace("%", "%%"))
    return config


def comparison_options() -> dict[str, Any]:
    """How revisions are run and metadata is compared with a database: the same in every place."""
    return {
        "target_metadata": all_tables(),
        "render_as_batch": True,  # SQLite alters a table by copying it
        "transactional_ddl": True,  # on SQLite too, because our connections begin explicitly
        "compare_type": True,
        "compare_server_default": False,  # each database writes a default in its own words
        "include_name": lambda name, kind, _: kind != "table" or not months.is_part(all_tables(), name),
    }


def expected() -> frozenset[str]:
    """The last revision of each branch that this installation works with. SettingsError where a branch has none."""
    return _heads(_scripts())


def current(engine: Engine) -> frozenset[str]:
    """The last revision of each branch of a database; none when it was never migrated."""
    with engine.connect() as conn:
        return _current(conn, _scripts())


def require_current(engine: Engine) -> None:
    """Refuse a database of other revisions. SettingsError names what helps."""
    scripts = _scripts()
    with engine.connect() as conn:
        found = _current(conn, scripts)
    _refuse_unknown(found, scripts)
    if lacking := sorted(_heads(scripts) - found):
        raise SettingsError("database", say("store.lacks", lacking=lacking) if found else say("store.empty"))


def upgrade(engine: Engine) -> None:
    """Bring a database to ``expected()``, all or nothing. Several nodes at once take turns; done already is fine.

    Large tables of PostgreSQL get the parts of the next months.

    Raises SettingsError, as ``require_current`` does, for a database that knows revisions which are not installed.
    """
    config = alembic_config()
    with engine.begin() as conn:
        _take_turns(conn)
        scripts = ScriptDirectory.from_config(config)
        _refuse_unknown(_current(conn, scripts), scripts)
        config.attributes["connection"] = conn
        command.upgrade(config, "heads")
        months.prepare(conn, months.monthly(all_tables()), day_of(datetime.now(UTC)))


def migrate(url: str) -> Migrated:
    """What ``gateway migrate`` does: back a SQLite file up if it holds something to lose, then upgrade.

    The caller holds the lock of the database. A PostgreSQL server is backed up by its own means.
    """
    path = sqlite_path(url)
    engine = open_engine(url)
    try:
        before = current(engine) if path is None or path.exists() else frozenset[str]()
        backup = backup_sqlite(path) if path is not None and before and before != expected() else None
        upgrade(engine)
        return Migrated(before, expected(), backup)
    finally:
        engine.dispose()


def retire(url: str, place: str) -> None:
    """Let a SQLite database that was copied elsewhere refuse to be opened, and name the place."""
    engine = open_engine(url)
    try:
        with engine.begin() as conn:
            conn.execute(text("create table moved_to (place text not null)"))
            conn.execute(text("insert into moved_to values (:place)"), {"place": place})
    finally:
        engine.dispose()


def undo(url: str, room: str, *, drop_data: bool = False) -> Undone:
    """Take a room's tables out of a database, all or nothing: what is done before its package is removed.

    A SQLite file is backed up first; the caller holds its lock. Raises NotFoundProblem for a room without tables,
    ConflictProblem where others refer to its tables, or where they hold rows and ``drop_data`` does not say so.
    """
    branch = next((one for one in branches() if one.name == room), None)
    if branch is None:
        raise NotFoundProblem(say("store.no_tables_of", room=room))
    if room == FOUNDATION:
        raise ConflictProblem(say("store.foundation"))
    path = sqlite_path(url)
    engine = open_engine(url)
    config = alembic_config()
    try:
        with engine.begin() as conn:
            _take_turns(conn)
            _require_alone(conn, branch, ScriptDirectory.from_config(config))
            held = _rows(conn, branch)
            if any(held.values()) and not drop_data:
                told = ", ".join(f"{name} ({rows})" for name, rows in held.items() if rows)
                raise ConflictProblem(say("store.rows_left", room=room, told=told))
            backup = backup_sqlite(path) if path is not None else None
            config.attributes["connection"] = conn
            command.downgrade(config, f"{room}@base")
            return Undone(room, tuple(held), sum(held.values()), backup)
    finally:
        engine.dispose()


def backup_sqlite(path: Path) -> Path:
    """A consistent copy beside the database, taken while it may be in use; its path, ``NAME.<UTC time>.backup``."""
    copy = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}.backup")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        copy.chmod(0o600)
        source.backup(target)
        verdict = target.execute("PRAGMA quick_check").fetchone()[0]
    if verdict != "ok":
        raise SettingsError("database", say("store.copy_damaged", copy=copy, verdict=verdict))
    return copy


# --- inside ---------------------------------------------------------------------------------------------------------


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())


def _heads(scripts: ScriptDirectory) -> frozenset[str]:
    heads = frozenset(scripts.get_heads())
    if lacking := sorted({branch.name for branch in branches()} - {branch_of(head) for head in heads}):
        raise SettingsError("rooms", say("rooms.no_revision", lacking=lacking))
    return heads


def _known(scripts: ScriptDirectory) -> frozenset[str]:
    return frozenset(one.revision for one in scripts.walk_revisions())


def _current(conn: Connection, scripts: ScriptDirectory) -> frozenset[str]:
    """The last revision of each branch. Alembic itself writes down only those on which no other one depends."""
    if conn.dialect.name == SQLITE and inspect(conn).has_table("moved_to"):
        place = conn.execute(text("select place from moved_to")).scalar_one()
        raise SettingsError("store.url", say("store.moved", place=place))
    written = frozenset(MigrationContext.configure(conn).get_current_heads())
    known = written & _known(scripts)
    applied = _with_all_before(scripts, known)
    passed = {before for one in applied for before in to_tuple(one.down_revision, default=())}
    return written - known | {one.revision for one in applied} - passed


def _with_all_before(scripts: ScriptDirectory, revisions: frozenset[str]) -> list[Script]:
    """These revisions, and all that they follow or depend on."""
    if not revisions:
        return []
    return list(cast("Iterator[Script]", scripts.revision_map.iterate_revisions(tuple(revisions), "base", False, True)))


def _refuse_unknown(found: frozenset[str], scripts: ScriptDirectory) -> None:
    unknown = found - _known(scripts)
    if not unknown:
        return
    installed = {branch.name for branch in branches()}
    if gone := sorted({name for one in unknown if (name := branch_of(one)) and name not in installed}):
        raise SettingsError(
            "database",
            say("store.room_gone", tables=gone, room=gone[0]),
        )
    raise SettingsError(
        "database",
        say("store.newer", unknown=sorted(unknown)),
    )


def _require_alone(conn: Connection, branch: Branch, scripts: ScriptDirectory) -> None:
    """Raise ConflictProblem unless the branch is in the database and no other one there depends on it."""
    found = _current(conn, scripts)
    _refuse_unknown(found, scripts)
    mine = {one for one in found if branch_of(one) == branch.name}
    if not mine:
        raise ConflictProblem(say("store.nothing_to_undo", branch=branch.name))
    leaning = {
        branch_of(other)
        for other in found - mine
        if any(branch_of(one.revision) == branch.name for one in _with_all_before(scripts, frozenset({other})))
    }
    if leaning:
        told = ", ".join(sorted(leaning))
        raise ConflictProblem(say("store.referred", told=told, branch=branch.name))


def _rows(conn: Connection, branch: Branch) -> dict[str, int]:
    """How many rows the tables of a branch hold, those that refer to others first; nobody adds any until the end."""
    there = set(inspect(conn).get_table_names())
    mine = {table.name for table in branch.tables} & there
    tables = [table for table in reversed(all_tables().sorted_tables) if table.name in mine]
    if conn.dialect.name == POSTGRESQL:
        for table in tables:
            conn.execute(text(f"lock table {conn.dialect.identifier_preparer.format_table(table)}"))
    return {table.name: int(conn.execute(select(func.count()).select_from(table)).scalar_one()) for table in tables}


def _take_turns(conn: Connection) -> None:
    if conn.dialect.name == POSTGRESQL:
        conn.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
