"""The schema's version: what it is, what it should be, and the way there.

The schema has a branch for the foundation and one for each room with tables; its version is the set of their last
revisions. Branches go forwards only. A program also works on a schema that a newer one has expanded, and on one that is
still to be contracted (``store.steps``); once it was contracted, a backup is the way back. A room that is to be removed
is undone as a whole.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from gateway import __version__
from gateway.foundation.store import months, steps
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.branches import FOUNDATION, Branch, branch_of, branches
from gateway.foundation.store.engine import POSTGRESQL, SQLITE, open_engine, sqlite_path, unhurried
from gateway.foundation.store.steps import Chart, Fit, Step
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, NotFoundProblem, SettingsError
from gateway.words.saying import say

SCRIPTS = Path(__file__).parent / "migrations"

_ADVISORY_LOCK = 0x67617465  # "gate": two nodes that migrate at once take turns
_TRIES = 20
_IDLE = 60
"""Seconds that a migration may work something out between two statements: a busy machine takes long."""
_HELD_UP = ("55P03", "40P01")
"""SQLSTATE: a lock that could not be had in time, a deadlock. Nodes that work hold us up, and must not be held up."""
_NODES = """
select distinct application_name from pg_stat_activity
where datname = current_database() and application_name like 'gateway %'
"""


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
        "include_name": lambda name, kind, _: (
            kind != "table" or not (name == steps.STEP.name or months.is_part(all_tables(), name))
        ),
    }


def chart() -> Chart:
    """Every step that this installation knows. SettingsError where a branch has none."""
    return _chart(_scripts())


def expected() -> frozenset[str]:
    """The last revision of each branch that this installation knows. SettingsError where a branch has none."""
    return chart().heads


def current(engine: Engine) -> frozenset[str]:
    """The last revision of each branch of a database; none when it was never migrated."""
    with engine.connect() as conn:
        return _last(_taken(conn))


def fit(engine: Engine) -> Fit:
    """What this program finds of a database. SettingsError for one beneath whose steps it must not work."""
    known = chart()
    with engine.connect() as conn:
        found = known.fit(_taken(conn))
    known.refuse(found)
    return found


def looked_at(url: str) -> tuple[frozenset[str], Fit | None]:
    """``current`` and ``fit`` of the database at an address; nothing and None for a SQLite file that is not there."""
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return frozenset(), None
    engine = open_engine(url)
    try:
        return current(engine), fit(engine)
    finally:
        engine.dispose()


def require_current(engine: Engine) -> Fit:
    """``fit``, and refuse a database that lacks something. SettingsError names what helps."""
    found = fit(engine)
    if found.lacking:
        raise SettingsError(
            "database", say("store.lacks", lacking=found.lacking) if found.heads else say("store.empty")
        )
    return found


def upgrade(engine: Engine, *, contract: bool = False, heads: Collection[str] = ()) -> None:
    """Bring a database to where this program works, all or nothing. Nodes at once take turns; done already is fine.

    What contracts waits for ``contract``, but in a database that is empty. ``heads``: to these revisions instead. Large
    tables of PostgreSQL get the parts of the next months. A newer database is left as it is.

    Raises SettingsError, as ``require_current`` does; and where older nodes work on what is to be contracted.
    """
    for again in range(_TRIES):
        try:
            with _changing(engine) as conn:
                _upgrade(conn, contract, heads)
            return
        except DBAPIError as error:
            if again == _TRIES - 1 or getattr(error.orig, "sqlstate", None) not in _HELD_UP:
                raise
            time.sleep(0.2)  # let those who waited for us go first


def _upgrade(conn: Connection, contract: bool, heads: Collection[str]) -> None:
    _take_turns(conn)
    scripts = _scripts()
    known = _chart(scripts)
    there = _taken(conn)
    found = known.fit(there)
    known.refuse(found)
    if found.ahead and found.lacking:
        raise SettingsError("database", say("store.newer", unknown=[one.revision for one in found.ahead]))
    contracts = {one.revision for branch in known.branches.values() for one in branch if one.contracts}
    if there and not contract and (first := sorted(contracts & {*found.lacking})):
        raise SettingsError("database", say("store.contract_first", revisions=first))
    if contract and found.pending:
        _require_no_others(conn, found.pending)
    if found.lacking or (contract and found.pending):
        config = alembic_config()
        config.attributes["connection"] = conn
        for goal in heads or _goals(known, found, contract or not there):
            command.upgrade(config, goal)
        _require_whole(conn)
        _note(conn, scripts)
    months.prepare(conn, months.monthly(all_tables()), day_of(datetime.now(UTC)))


@contextmanager
def _changing(engine: Engine) -> Iterator[Connection]:
    """A transaction in which tables are changed.

    SQLite changes one by making it anew: meanwhile nothing may refer to it, which can only be said outside of a
    transaction (sqlite.org/lang_altertable.html section 7). ``_require_whole`` looks at the references at the end.
    """
    with engine.connect() as conn:
        driver: Any = conn.connection.driver_connection
        if conn.dialect.name == SQLITE:
            driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with conn.begin():
                unhurried(conn, _IDLE)
                yield conn
        finally:
            if conn.dialect.name == SQLITE:
                driver.execute("PRAGMA foreign_keys=ON")


def _require_whole(conn: Connection) -> None:
    if conn.dialect.name != SQLITE:
        return  # it has looked all the time
    if (broken := conn.exec_driver_sql("PRAGMA foreign_key_check").first()) is not None:
        raise SettingsError("database", say("store.dangling", table=broken[0], of=broken[2]))


def _goals(known: Chart, found: Fit, whole: bool) -> list[str]:
    if whole or not found.pending:
        return ["heads"]
    lacking = [[one.revision for one in branch if one.revision in found.lacking] for branch in known.branches.values()]
    return [revisions[-1] for revisions in lacking if revisions]


def fill(engine: Engine) -> int:
    """Do in small transactions what contractions that are to come ask of rows that are there; how many rows it was.

    A revision that contracts may have ``fill(conn) -> int``: it sees to some rows, and says to how many; 0 is the end.
    """
    scripts, done = _scripts(), 0
    for revision in fit(engine).pending:
        some = getattr(scripts.get_revision(revision).module, "fill", None)
        while some is not None:
            with engine.begin() as conn:
                rows = int(some(conn))
            if rows == 0:
                break
            done += rows
    return done


def migrate(url: str, *, contract: bool = False) -> Migrated:
    """What ``gateway migrate`` does: back a SQLite file up if it holds something to lose, upgrade, fill rows in.

    The caller holds the lock of the database. A PostgreSQL server is backed up by its own means.
    """
    path = sqlite_path(url)
    engine = open_engine(url)
    try:
        before = current(engine) if path is None or path.exists() else frozenset[str]()
        backup = None
        if path is not None and before:
            found = fit(engine)
            backup = backup_sqlite(path) if found.lacking or (contract and found.pending) else None
        if contract:
            fill(engine)
        upgrade(engine, contract=contract)
        if not contract:
            fill(engine)
        return Migrated(before, current(engine), backup)
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
            _note(conn, ScriptDirectory.from_config(config))
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


def _chart(scripts: ScriptDirectory) -> Chart:
    lines: dict[str, list[Step]] = {branch.name: [] for branch in branches()}
    for one in scripts.walk_revisions():  # the last ones first
        lines[branch_of(one.revision)].insert(0, _step(one))
    if lacking := sorted(name for name, line in lines.items() if not line):
        raise SettingsError("rooms", say("rooms.no_revision", lacking=lacking))
    return Chart({name: tuple(line) for name, line in lines.items()})


def _step(script: Script) -> Step:
    return Step(script.revision, bool(getattr(script.module, "contracts", False)))


def _taken(conn: Connection) -> tuple[Step, ...]:
    if conn.dialect.name == SQLITE and inspect(conn).has_table("moved_to"):
        place = conn.execute(text("select place from moved_to")).scalar_one()
        raise SettingsError("store.url", say("store.moved", place=place))
    return steps.taken(conn)


def _last(taken: Collection[Step]) -> frozenset[str]:
    """The last ones of each branch: their numbers grow."""
    last: dict[str, str] = {}
    for revision in sorted(one.revision for one in taken):
        last[branch_of(revision)] = revision
    return frozenset(last.values())


def _note(conn: Connection, scripts: ScriptDirectory) -> None:
    """Write down what Alembic has done. It writes down itself only revisions on which no other one depends."""
    known = {one.revision for one in scripts.walk_revisions()}
    written = frozenset(MigrationContext.configure(conn).get_current_heads()) & known
    steps.note(conn, [_step(one) for one in _with_all_before(scripts, written)], known)


def _require_no_others(conn: Connection, pending: Collection[str]) -> None:
    """Refuse to contract while nodes of another version work: their names say so (``store.lock``)."""
    if conn.dialect.name != POSTGRESQL:
        return  # one process at a time, and it is we who have the lock
    named = (name.split(" ", 2) for name in conn.execute(text(_NODES)).scalars())
    others = sorted(f"{words[-1]} ({words[1]})" for words in named if words[1] != __version__)
    if others:
        raise ConflictProblem(say("store.others_work", nodes=others, revisions=sorted(pending)))


def _with_all_before(scripts: ScriptDirectory, revisions: frozenset[str]) -> list[Script]:
    """These revisions, and all that they follow or depend on."""
    if not revisions:
        return []
    return list(cast("Iterator[Script]", scripts.revision_map.iterate_revisions(tuple(revisions), "base", False, True)))


def _require_alone(conn: Connection, branch: Branch, scripts: ScriptDirectory) -> None:
    """Raise ConflictProblem unless the branch is in the database and no other one there depends on it."""
    there = _taken(conn)
    known = _chart(scripts)
    fit_of_it = known.fit(there)
    known.refuse(fit_of_it)
    if fit_of_it.ahead:
        raise SettingsError("database", say("store.newer", unknown=[one.revision for one in fit_of_it.ahead]))
    found = _last(there)
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
