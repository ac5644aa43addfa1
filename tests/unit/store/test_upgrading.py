"""A schema that is expanded, lived with by two versions, and contracted: nothing of the older version breaks before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import IntegrityError

from gateway.cli.database import found, left_of
from gateway.foundation import backups
from gateway.foundation.access.tables import operator
from gateway.foundation.store import copying, lock, schema
from gateway.foundation.store.branches import branches
from gateway.foundation.store.engine import open_engine
from gateway.foundation.store.lock import NodeName
from gateway.foundation.store.revise import narrows
from gateway.foundation.store.steps import Chart, Step
from gateway.rooms.seals.tables import seal_stop
from gateway.words.errors import ConflictProblem, SettingsError

EXPANDS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "seals_0002", "seals_0001"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("seal_stop", sa.Column("noted_by", sa.String(40)))
"""
CONTRACTS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "seals_0003", "seals_0002"
branch_labels = depends_on = None
contracts = True


def fill(conn) -> int:
    few = "select id from seal_stop where noted_by is null limit 2"
    return conn.execute(sa.text(f"update seal_stop set noted_by = 'nobody' where id in ({few})")).rowcount


def upgrade() -> None:
    with op.batch_alter_table("seal_stop") as batch_op:
        batch_op.alter_column("noted_by", nullable=False)
"""
AGAIN = EXPANDS.replace("seals_0002", "seals_0004").replace("seals_0001", "seals_0003").replace("noted_by", "noted_at")


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Go on as a version that has these further revisions of the seals; without any, as the version of now."""
    known = branches()
    ours = next(one for one in known if one.name == "seals")

    def become(*revisions: str) -> None:
        folder = tmp_path / f"seals-{len(revisions)}"
        shutil.copytree(ours.folder, folder, dirs_exist_ok=True)
        for number, revision in enumerate(revisions, 2):
            (folder / f"{number:04}_step.py").write_text(revision, encoding="utf-8")
        there = tuple(replace(one, folder=folder) if one is ours else one for one in known)
        monkeypatch.setattr(schema, "branches", lambda: there)

    return become


def stop_a_seal(engine: Engine, name: str) -> None:
    """What the version of now writes: it knows no further column."""
    row = {"id": name, "authority": "a", "seal_id": "s", "reason": "r", "stopped_by": "o", "stopped_name": "n"}
    with engine.begin() as conn:
        conn.execute(insert(seal_stop).values(**row, stopped_at=1))


def test_who_looked_into_a_break_has_it_in_hand(database_url: str, tmp_path: Path) -> None:
    """By a name that one operator alone has; what the older version writes since then comes along as well."""
    engine = open_engine(database_url)
    step = next(one for one in branches() if one.name == "reconciliation")
    with schema._changing(engine) as conn:
        config = schema.alembic_config()
        config.attributes["connection"] = conn
        command.downgrade(config, f"{step.name}_0001")
        schema._note(conn, schema._scripts())
        for login, name in (("lin", "林溪"), ("gao", "高远"), ("gao2", "高远")):
            about = {"id": f"opr_{login}", "login": login, "name": name, "role": "operator", "password": b"x"}
            conn.execute(insert(operator).values(**about, created_at=1))
        conn.exec_driver_sql(
            "insert into reconciliation_run (id, channel, day_on, state, provisional, ran_by, ran_at)"
            f" values ('rec_1','c','2026-09-16','done',{'false' if 'postgres' in database_url else 0},'x',1)"
        )
        for number, name in enumerate(("'林溪'", "'高远'", "'某人'", "null"), 1):
            conn.exec_driver_sql(
                "insert into breaks (id, channel, day_on, kind, code, bank_serial, authority, state, run_id, opened_at,"
                " assignee) values"
                f" ('brk_{number}','c','2026-09-16','ours_only','{number}','S','a','open','rec_1',7,{name})"
            )
    assert schema.require_current(engine).pending == (f"{step.name}_0002",)

    def held() -> tuple[list[str], list[str | None]]:
        with engine.connect() as conn:
            hands = conn.exec_driver_sql("select subject || ' ' || operator_id from in_hand order by 1").scalars().all()
            return list(hands), list(conn.exec_driver_sql("select assignee from breaks order by id").scalars())

    schema.migrate(database_url)
    assert held() == (["brk_1 opr_lin"], [None, "高远", "某人", None]), "two are called so, and one is nobody here"
    with engine.begin() as conn:
        conn.exec_driver_sql("delete from in_hand")  # put back, by a newer node
        conn.exec_driver_sql("update breaks set assignee = '林溪' where id = 'brk_4'")  # by an older one
    schema.migrate(database_url, contract=True)
    with engine.connect() as conn:
        assert conn.exec_driver_sql("select subject, operator_id from in_hand").all() == [("brk_4", "opr_lin")]
    engine.dispose()


def rows(engine: Engine) -> dict[str, str]:
    with engine.connect() as conn:
        return {row.id: row.noted_by for row in conn.execute(text("select id, noted_by from seal_stop"))}


def test_two_versions_live_on_an_expanded_schema_and_the_newer_one_contracts_it(
    database_url: str, newer: Callable[..., None]
) -> None:
    engine = open_engine(database_url)
    for one in "abc":
        stop_a_seal(engine, one)
    newer(EXPANDS, CONTRACTS)
    assert schema.migrate(database_url).after >= {"seals_0002"}
    assert schema.require_current(engine).pending == ("seals_0003",)
    assert rows(engine) == dict.fromkeys("abc", "nobody"), "what is there was filled in"

    newer()  # an older node, or the way back
    stop_a_seal(engine, "d")
    with engine.connect() as conn:
        assert len(conn.execute(select(seal_stop)).all()) == 4
    assert [one.revision for one in schema.require_current(engine).ahead] == ["seals_0002"]
    assert schema.migrate(database_url).backup is None, "there is nothing to do"
    assert "goes on beneath it" in str(left_of(found(database_url))[0])

    newer(EXPANDS, CONTRACTS)
    done = schema.migrate(database_url, contract=True)
    assert (done.after >= {"seals_0003"}, done.backup is not None) == (True, database_url.startswith("sqlite"))
    assert rows(engine) == dict.fromkeys("abcd", "nobody"), "and what the older version wrote since"
    with pytest.raises(IntegrityError):
        stop_a_seal(engine, "e")
    newer()
    for refused in (schema.require_current, schema.upgrade):
        with pytest.raises(SettingsError, match="newer gateway"):
            refused(engine)
    newer(EXPANDS, CONTRACTS, AGAIN)
    assert schema.migrate(database_url).after >= {"seals_0004"}
    newer(EXPANDS, CONTRACTS)
    assert [one.revision for one in schema.require_current(engine).ahead] == ["seals_0004"]
    newer()
    with pytest.raises(SettingsError, match="seals_0003"):
        schema.require_current(engine)
    engine.dispose()


def test_what_stands_behind_a_contraction_waits_for_it(sqlite_url: str, newer: Callable[..., None]) -> None:
    newer(EXPANDS, CONTRACTS, AGAIN)
    with pytest.raises(SettingsError, match="seals_0003 must come first"):
        schema.migrate(sqlite_url)
    assert schema.migrate(sqlite_url, contract=True).after >= {"seals_0004"}


REFERRED = (
    EXPANDS.partition("def upgrade")[0]
    + """
def upgrade() -> None:
    op.create_table("ours", sa.Column("id", sa.Integer, primary_key=True), sa.Column("note", sa.String(9)))
    op.create_table("theirs", sa.Column("ours", sa.Integer, sa.ForeignKey("ours.id"), primary_key=True))
"""
)
REMADE = (
    CONTRACTS.partition("def fill")[0]
    + """
def upgrade() -> None:
    with op.batch_alter_table("ours") as batch_op:
        batch_op.alter_column("note", nullable=False)
"""
)


@pytest.mark.parametrize("then", ["", "    op.execute('delete from ours')"])
def test_a_table_that_others_refer_to_is_made_anew_and_keeps_its_rows(
    sqlite_url: str, newer: Callable[..., None], then: str
) -> None:
    newer(REFERRED, REMADE + then)
    schema.migrate(sqlite_url)
    engine = open_engine(sqlite_url)
    with engine.begin() as conn:
        conn.exec_driver_sql("insert into ours values (1, 'one')")
        conn.exec_driver_sql("insert into theirs values (1)")
    with pytest.raises(SettingsError, match="rows of theirs would refer") if then else nullcontext():
        schema.migrate(sqlite_url, contract=True)
    with pytest.raises(IntegrityError), engine.begin() as conn:
        conn.exec_driver_sql("delete from ours")
    with engine.connect() as conn:
        assert conn.exec_driver_sql("select note from ours").scalar_one() == "one"
    with pytest.raises(IntegrityError) if not then else nullcontext(), engine.begin() as conn:
        conn.exec_driver_sql("insert into ours values (2, null)")
    engine.dispose()


def test_an_empty_database_gets_all_at_once(tmp_path: Path, newer: Callable[..., None]) -> None:
    newer(EXPANDS, CONTRACTS)
    assert schema.migrate(f"sqlite:///{tmp_path / 'new.db'}").after >= {"seals_0003"}


def test_nobody_contracts_beneath_a_node_of_another_version(
    postgresql_url: str, newer: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(lock, "__version__", "0.0.9")
        name = NodeName.take(postgresql_url, "hall-1")
    newer(EXPANDS, CONTRACTS)
    schema.migrate(postgresql_url)
    with pytest.raises(ConflictProblem, match=r"hall-1 \(0\.0\.9\)"):
        schema.migrate(postgresql_url, contract=True)
    name.release()
    ours = NodeName.take(postgresql_url, "hall-1")
    assert schema.migrate(postgresql_url, contract=True).after >= {"seals_0003"}
    ours.release()


def test_a_migration_that_is_held_up_holds_nobody_up_for_long(postgresql_url: str, newer: Callable[..., None]) -> None:
    """Changing a table needs it alone for a moment: it asks briefly, and again, and stands in nobody's way."""
    engine, other = open_engine(postgresql_url), open_engine(postgresql_url)
    newer(EXPANDS)
    with other.connect() as busy, ThreadPoolExecutor(1) as elsewhere:
        busy.execute(text("lock table seal_stop in row exclusive mode"))
        busy.execute(text("set idle_in_transaction_session_timeout = 0"))
        done = elsewhere.submit(schema.upgrade, engine)
        with pytest.raises(TimeoutError):
            done.result(3)  # longer than a statement waits for a lock
        busy.rollback()
        done.result(60)
    assert schema.current(engine) >= {"seals_0002"}
    engine.dispose()
    other.dispose()


def test_a_backup_between_expanding_and_contracting_is_restored_as_it_was(
    sqlite_url: str, tmp_path: Path, newer: Callable[..., None]
) -> None:
    newer(EXPANDS, CONTRACTS)
    schema.migrate(sqlite_url)
    key, again = b"k" * 32, f"sqlite:///{tmp_path / 'again.db'}"
    made = backups.make(sqlite_url, tmp_path / "heads", tmp_path, key, datetime.now(UTC))
    backups.restore(made, key, again, tmp_path / "heads")
    engine = open_engine(again)
    assert schema.require_current(engine).pending == ("seals_0003",)
    engine.dispose()
    with pytest.raises(SettingsError, match="middle of an upgrade"):
        copying.copy(sqlite_url, "postgresql://nobody@/none")


def test_a_step_is_judged_by_what_it_does_and_not_by_its_name() -> None:
    chart = Chart({"a": (Step("a_0001", False), Step("a_0002", True), Step("a_0003", False), Step("a_0004", True))})
    fit = chart.fit([Step("a_0001", False)])
    assert (fit.lacking, fit.pending) == (("a_0002", "a_0003"), ("a_0004",))
    assert chart.fit([]).pending == (), "an empty database lacks everything"
    strange = chart.fit([Step("a_0005", True), Step("b_0001", False)]).strange
    assert [one.revision for one in strange] == ["a_0005", "b_0001"], (
        "a room that is not here is missed, if it only adds"
    )


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("op.add_column('t', sa.Column('c', sa.String(4)))", 0),
        ("op.add_column('t', sa.Column('c', sa.String(4), nullable=False, server_default='x'))", 0),
        ("op.add_column('t', sa.Column('c', sa.String(4), nullable=False))", 1),
        ("op.create_table('t', sa.Column('c'))\nop.create_index(op.f('ix'), 't', ['c'], unique=True)", 0),
        ("op.create_index('ix', 't', ['c'])", 0),
        ("op.create_index('ix', 't', ['c'], unique=True)", 1),
        ("with op.batch_alter_table('t') as batch_op:\n    batch_op.drop_column('c')", 1),
        ("op.drop_table('t')", 1),
        ("op.execute('delete from t')", 1),
    ],
)
def test_what_the_version_before_does_not_bear_is_seen(code: str, number: int) -> None:
    assert len(narrows(code)) == number
