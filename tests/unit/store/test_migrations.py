"""The schema: every way to it leads to the same place."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect

from gateway.foundation.store import schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine
from gateway.words.errors import SettingsError

metadata = all_tables()


def test_migrated_schema_is_what_the_tables_say(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    schema.upgrade(engine)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts=schema.comparison_options())
        assert compare_metadata(context, metadata) == [], "run `python -m gateway.foundation.store.revise`"
    engine.dispose()


def test_migrated_schema_holds_every_check_constraint_and_partial_index(database_url: str) -> None:
    engine = open_engine(database_url)
    inspector = inspect(engine)
    for table in metadata.sorted_tables:
        declared = {str(each.name) for each in table.constraints if isinstance(each, CheckConstraint)}
        assert {each["name"] for each in inspector.get_check_constraints(table.name)} == declared, table.name
        partial = {each.name for each in table.indexes if each.dialect_options["sqlite"]["where"] is not None}
        found = {
            each["name"]
            for each in inspector.get_indexes(table.name)
            if (each.get("dialect_options") or {}).get(f"{engine.dialect.name}_where") is not None
        }
        assert found == partial, table.name
    engine.dispose()


def test_partial_indexes_say_the_same_on_both_databases() -> None:
    for table in metadata.sorted_tables:
        for index in table.indexes:
            there = [index.dialect_options[dialect]["where"] for dialect in ("sqlite", "postgresql")]
            assert str(there[0]) == str(there[1]), index.name


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    engine = open_engine(database_url)
    before = schema.current(engine)
    schema.upgrade(engine)
    assert schema.current(engine) == before == schema.expected()
    schema.require_current(engine)
    engine.dispose()


def test_an_unmigrated_database_is_refused_with_the_command_that_helps(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with pytest.raises(SettingsError, match="gateway migrate"):
        schema.require_current(engine)
    engine.dispose()


def test_a_newer_database_is_refused_and_not_called_old(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as conn:
        conn.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(SettingsError, match="newer gateway"):
        schema.require_current(engine)
    engine.dispose()


def test_a_failing_migration_leaves_nothing_behind(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def upgrade_then_fail(config, _revision) -> None:
        config.attributes["connection"].exec_driver_sql("create table half (id integer)")
        raise RuntimeError("power cut")

    monkeypatch.setattr(schema.command, "upgrade", upgrade_then_fail)
    engine = open_engine(empty_database_url)
    with pytest.raises(RuntimeError):
        schema.upgrade(engine)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_migrate_backs_a_sqlite_file_up_only_when_it_has_something_to_lose(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    assert schema.migrate(url) == schema.Migrated(None, schema.expected(), None)
    assert schema.migrate(url).backup is None
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as conn:
        conn.execute("insert into schedule_run values ('nightly', 1, 'node', 2, 3)")
        conn.commit()
    backup = schema.backup_sqlite(tmp_path / "gateway.db")
    with closing(sqlite3.connect(backup)) as conn:
        assert conn.execute("select name from schedule_run").fetchall() == [("nightly",)]


def test_migrate_makes_its_backup_before_it_changes_anything(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    schema.migrate(url)
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as conn:
        conn.execute("update alembic_version set version_num = 'old'")
        conn.commit()
    seen = []

    def fail(engine) -> None:
        seen.append(schema.current(engine))
        raise RuntimeError("power cut")

    monkeypatch.setattr(schema, "upgrade", fail)
    with pytest.raises(RuntimeError):
        schema.migrate(url)
    (backup,) = tmp_path.glob("*.backup")
    with closing(sqlite3.connect(backup)) as conn:
        assert conn.execute("select version_num from alembic_version").fetchall() == [("old",)]
    assert seen == ["old"]
