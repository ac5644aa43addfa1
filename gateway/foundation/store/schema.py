"""The schema's version: what it is, what it should be, and the way there. Forwards only; a backup is the way back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import POSTGRESQL, open_engine, sqlite_path
from gateway.words.errors import SettingsError

SCRIPTS = Path(__file__).parent / "migrations"

_ADVISORY_LOCK = 0x67617465  # "gate": two nodes that migrate at once take turns


@dataclass(frozen=True)
class Migrated:
    """What a migration did: revision before (None: empty database) and after, and the backup it made first."""

    before: str | None
    after: str
    backup: Path | None


def alembic_config() -> Config:
    """Alembic's configuration, made in code: there is no alembic.ini to lose."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def comparison_options() -> dict[str, Any]:
    """How revisions are run and metadata is compared with a database: the same in every place."""
    return {
        "target_metadata": all_tables(),
        "render_as_batch": True,  # SQLite alters a table by copying it
        "transactional_ddl": True,  # on SQLite too, because our connections begin explicitly
        "compare_type": True,
        "compare_server_default": False,  # each database writes a default in its own words
    }


def expected() -> str:
    """The revision that this version of the gateway works with."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None, "the package carries no revision"
    return head


def current(engine: Engine) -> str | None:
    """The revision of a database; None when it was never migrated."""
    with engine.connect() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def require_current(engine: Engine) -> None:
    """Refuse a database of another revision. SettingsError names the command that helps."""
    found = current(engine)
    if found != expected():
        known = {revision.revision for revision in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
        raise SettingsError(
            "database",
            f"its schema is {found or 'empty'}, this gateway works with {expected()}",
            "Run `gateway migrate`."
            if found is None or found in known
            else "It was migrated by a newer gateway: install that version, or restore the backup made before.",
        )


def upgrade(engine: Engine) -> None:
    """Bring a database to ``expected()``, all or nothing. Several nodes at once take turns; done already is fine."""
    config = alembic_config()
    with engine.begin() as conn:
        if conn.dialect.name == POSTGRESQL:
            conn.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def migrate(url: str) -> Migrated:
    """What ``gateway migrate`` does: back a SQLite file up if it holds something to lose, then upgrade.

    The caller holds the lock of the database. A PostgreSQL server is backed up by its own means.
    """
    path = sqlite_path(url)
    engine = open_engine(url)
    try:
        before = current(engine) if path is None or path.exists() else None
        backup = backup_sqlite(path) if path is not None and before not in (None, expected()) else None
        upgrade(engine)
        return Migrated(before, expected(), backup)
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
        raise SettingsError("database", f"its copy {copy} is damaged: {verdict}", "Check the disk before migrating.")
    return copy
