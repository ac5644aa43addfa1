"""The schema: every way to it leads to the same place."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, insert, inspect

from gateway.foundation import rooms
from gateway.foundation.store import months, schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.branches import FOUNDATION, branch_of, branches
from gateway.foundation.store.engine import open_engine
from gateway.rooms.entities.tables import entity_feed
from gateway.words.errors import ConflictProblem, NotFoundProblem, SettingsError

metadata = all_tables()

FEED = {"channel": "register", "cursor": "7", "moved_at": 1}
NEWER = "insert into schema_step values ('foundation_9999', 1, '9.9.9', 0)"


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


def test_what_was_added_to_a_room_can_be_undone_beneath_the_rooms_that_refer_to_it() -> None:
    there = {one.revision: one for one in ScriptDirectory.from_config(schema.alembic_config()).walk_revisions()}
    makes = {
        name: set(re.findall(r"op\.create_table\('(\w+)'", Path(one.path).read_text(encoding="utf-8")))
        for name, one in there.items()
    }
    for branch in branches():
        wanted = {name for name, tables in makes.items() if not branch.refers_to().isdisjoint(tables)}
        assert set(there[f"{branch.name}_0001"].module.depends_on or ()) == wanted, branch.name


def test_an_unmigrated_database_is_refused_with_the_command_that_helps(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with pytest.raises(SettingsError, match="gateway migrate"):
        schema.require_current(engine)
    engine.dispose()


def test_a_newer_database_is_refused_and_not_called_old(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as conn:
        conn.exec_driver_sql(NEWER)
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
    assert schema.migrate(url) == schema.Migrated(frozenset(), schema.expected(), None)
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
    schema.undo(url, "seals")
    for one in tmp_path.glob("*.backup"):
        one.unlink()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(schema, "upgrade", fail)
    with pytest.raises(RuntimeError):
        schema.migrate(url)
    (backup,) = tmp_path.glob("*.backup")
    with closing(sqlite3.connect(backup)) as conn:
        assert ("foundation_0001",) in conn.execute("select revision from schema_step").fetchall()


# --- branches ---------------------------------------------------------------------------------------------------------


def test_every_table_belongs_to_one_branch() -> None:
    owned = [table.name for branch in branches() for table in branch.tables]
    assert sorted(owned) == sorted(metadata.tables)


def test_the_last_revision_of_each_branch_carries_its_name(database_url: str) -> None:
    engine = open_engine(database_url)
    assert sorted(map(branch_of, schema.current(engine))) == sorted(branch.name for branch in branches())
    engine.dispose()


def test_a_room_refers_to_tables_of_the_foundation_and_of_rooms_that_it_needs() -> None:
    owners = {table.name: branch.name for branch in branches() for table in branch.tables}
    needs = {room.name: {*room.needs, FOUNDATION} for room in rooms.found()} | {FOUNDATION: set()}
    wrong = {
        branch.name: strange
        for branch in branches()
        if (strange := {owners[name] for name in branch.refers_to()} - needs[branch.name])
    }
    assert wrong == {}


def test_every_branch_can_be_undone_and_done_again(database_url: str) -> None:
    """Those that others lean on come last, and only the foundation stays."""
    for branch in reversed(branches()):
        if branch.name != FOUNDATION:
            done = schema.undo(database_url, branch.name)
            assert set(done.tables) == {table.name for table in branch.tables}
    engine = open_engine(database_url)
    assert schema.current(engine) == {"foundation_0001"}
    foundation = {table.name for table in branches()[0].tables}
    there = {name for name in inspect(engine).get_table_names() if not months.is_part(metadata, name)}
    assert there == foundation | {"alembic_version", "schema_step"}
    schema.upgrade(engine, contract=True)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts=schema.comparison_options())
        assert compare_metadata(context, metadata) == []
    schema.require_current(engine)
    engine.dispose()


def test_a_room_is_undone_alone_and_a_sqlite_file_is_backed_up_first(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    schema.migrate(url)
    done = schema.undo(url, "seals")
    assert {"sealed_document", "seal_stop"} <= set(done.tables)
    assert done.rows == 0
    assert done.backup is not None
    with closing(sqlite3.connect(done.backup)) as conn:
        assert conn.execute("select * from sealed_document").fetchall() == []
    engine = open_engine(url)
    assert schema.expected() - schema.current(engine) == {"seals_0001"}
    with pytest.raises(SettingsError, match="lacks seals_0001"):
        schema.require_current(engine)
    engine.dispose()
    with pytest.raises(ConflictProblem, match="nothing to undo"):
        schema.undo(url, "seals")
    assert schema.migrate(url).before == schema.expected() - {"seals_0001"}


def test_what_others_lean_on_is_not_undone(database_url: str) -> None:
    with pytest.raises(ConflictProblem, match="tables of cash, receipts, reconciliation, refunds refer to"):
        schema.undo(database_url, "payments")
    with pytest.raises(ConflictProblem, match="cannot be undone"):
        schema.undo(database_url, FOUNDATION)
    with pytest.raises(NotFoundProblem, match="weather"):
        schema.undo(database_url, "weather")
    engine = open_engine(database_url)
    schema.require_current(engine)
    engine.dispose()


def test_rows_are_lost_only_where_it_is_said(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as conn:
        conn.execute(insert(entity_feed).values(**FEED))
    with pytest.raises(ConflictProblem, match=r"hold rows: entity_feed \(1\)"):
        schema.undo(database_url, "entities")
    schema.require_current(engine)
    assert schema.undo(database_url, "entities", drop_data=True).rows == 1
    assert "entity_feed" not in inspect(engine).get_table_names()
    engine.dispose()


def test_an_undoing_that_fails_leaves_everything(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def drop_then_fail(config, _revision) -> None:
        config.attributes["connection"].exec_driver_sql("drop table seal_voiding")
        raise RuntimeError("power cut")

    monkeypatch.setattr(schema.command, "downgrade", drop_then_fail)
    with pytest.raises(RuntimeError):
        schema.undo(database_url, "seals")
    engine = open_engine(database_url)
    assert "seal_voiding" in inspect(engine).get_table_names()
    engine.dispose()


def test_a_database_that_others_can_read_is_refused_and_one_of_ours_is_not(tmp_path, sqlite_url):
    path = tmp_path / "gateway.db"
    path.chmod(0o644)
    for read_only in (True, False):
        with pytest.raises(SettingsError, match=f"chmod 600 {path}"):
            open_engine(sqlite_url, read_only=read_only)
    path.chmod(0o600)
    open_engine(sqlite_url).dispose()
    new = tmp_path / "new.db"
    schema.migrate(f"sqlite:///{new}")
    made = [one for one in tmp_path.iterdir() if one.name.startswith("new.db")]
    assert {one.stat().st_mode & 0o777 for one in made} == {0o600}
