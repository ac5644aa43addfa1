"""What watches states during tests would notice a state that is set past its life."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import state_guard
from sqlalchemy import Connection, Update, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from gateway.foundation.store.engine import open_engine
from gateway.rooms.seals.states import LIFE, Status
from gateway.rooms.seals.tables import sealed_document

Do = Callable[[Connection, Any], Any]


@pytest.fixture
def outside() -> Do:
    """Executes a statement as a module of the gateway would."""
    place: dict[str, Any] = {}
    exec(compile("def do(conn, statement): return conn.execute(statement)", "/gateway/wrong.py", "exec"), place)
    return place["do"]


@pytest.fixture
def conn(sqlite_url: str) -> Iterator[Connection]:
    engine = open_engine(sqlite_url)
    with engine.begin() as conn:
        yield conn
    engine.dispose()
    state_guard.wrong.clear()


def past() -> Update:
    return update(sealed_document).where(sealed_document.c.id == "sld_1").values(status="SEALED", reason="so be it")


def test_a_state_set_past_its_life_is_noticed(conn: Connection, outside: Do) -> None:
    with pytest.raises(AssertionError, match=r"gateway/wrong\.py:1 sets what only the life of seals may"):
        outside(conn, past())
    assert len(state_guard.wrong) == 1


def test_the_step_of_another_life_is_noticed_too(conn: Connection, outside: Do) -> None:
    with pytest.raises(AssertionError, match="life of seals"):
        outside(conn, past().execution_options(life="payments"))


def test_the_life_itself_and_other_columns_are_let_through(conn: Connection, outside: Do) -> None:
    outside(conn, past().execution_options(life=LIFE.name))
    step = LIFE.statement(frozenset({Status.REQUESTED}), Status.SEALED)
    conn.execute(step, {"status": "SEALED", "updated_at": 1, "of_id": "sld_1"})
    outside(conn, update(sealed_document).where(sealed_document.c.status == "SEALED").values(reason="so be it"))


def test_tests_set_their_scenes(conn: Connection) -> None:
    conn.execute(past())


def test_every_form_of_setting_is_seen() -> None:
    table = sealed_document
    same = upsert(table).on_conflict_do_update(index_elements=["id"], set_={"status": "SEALED"})
    for statement in (past(), update(table).values(status="SEALED"), same):
        assert state_guard.passed_by(str(statement), None) == ["seals"]
    for statement in (insert(table), update(table).where(table.c.status == "x").values(reason="y"), table.select()):
        assert state_guard.passed_by(str(statement), None) == []
