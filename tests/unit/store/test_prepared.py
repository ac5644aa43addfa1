"""A statement that stands in a module is compiled once, and nobody who executes it sees a difference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError, InvalidRequestError, StatementError

from gateway.foundation.store import database_clock
from gateway.foundation.store.engine import open_engine
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.prepared import PreparedResult

tables = MetaData()
thing = Table(
    "thing",
    tables,
    Column("id", Integer, primary_key=True),
    Column("word", String(20), nullable=False, unique=True),
    Column("data", JSON),
    Column("flag", Boolean),
    Column("day", Date),
    Column("sealed", LargeBinary),
    Column("at", BigInteger),
)
numbered = Table("numbered", tables, Column("seq", Integer, primary_key=True), Column("word", String(20)))

ADD = insert(thing)
ADD_NUMBERED = insert(numbered).values(word=bindparam("called")).returning(numbered.c.seq, numbered.c.word)
ALL = select(thing).order_by(thing.c.id)
ONE = select(thing).where(thing.c.id == bindparam("one"))
SOME = select(thing.c.id).where(thing.c.id.in_(bindparam("ids", expanding=True))).order_by(thing.c.id)
CHANGE = update(thing).where(thing.c.id == bindparam("of")).values(at=thing.c.at + 1, flag=bindparam("now"))
SET = update(thing).where(thing.c.id == bindparam("of"))
CHANGED = update(thing).where(thing.c.id == bindparam("of")).values(at=7).returning(thing.c.id, thing.c.data)
FORGET = delete(thing).where(thing.c.id == bindparam("of"))
TWICE = union_all(select(thing.c.id), select(thing.c.id))
CLOCKED = select(database_clock())
COUNTED = select(func.count().label("number"), literal("x").label("word")).select_from(thing)
SEVERAL = 3
"""How often each is executed: the ordinary way first, then with a plan made, then with one at hand."""


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    made = open_engine(empty_database_url)
    tables.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as conn, conn.begin():
        yield conn


def row(number: int, **more: Any) -> dict[str, Any]:
    """Values of every kind."""
    plain = {"data": {"a": [1, "二", None]}, "flag": True, "day": date(2026, 9, 14), "sealed": b"\0\1", "at": 5}
    return {"id": number, "word": f"w{number}", **plain, **more}


def planned(result: Any) -> bool:
    return isinstance(result, PreparedResult)


def test_rows_come_back_as_they_went_whichever_way(conn: Connection) -> None:
    for number in range(1, 5):
        assert planned(conn.execute(ADD, row(number))) is (number > 1)
    wanted = [row(number) for number in range(1, 5)]
    for turn in range(SEVERAL):
        found = conn.execute(ALL)
        assert planned(found) is (turn > 0)
        assert [dict(one) for one in found.mappings()] == wanted
        single = conn.execute(ONE, {"one": 2}).one()
        assert (single.word, single[0], single._mapping[thing.c.flag]) == ("w2", 2, True)
        assert conn.execute(ONE, {"one": 9}).mappings().first() is None
        assert list(conn.execute(TWICE).scalars()) != []
        assert conn.execute(CLOCKED).scalar_one() > 1_700_000_000_000_000
        assert conn.execute(COUNTED).mappings().one() == {"number": 4, "word": "x"}


def test_what_was_touched_is_counted(conn: Connection) -> None:
    conn.execute(ADD, [row(number) for number in range(1, 5)])
    for turn in range(SEVERAL):
        changed = conn.execute(CHANGE, {"of": 1, "now": False})
        assert (planned(changed), changed.rowcount) == (turn > 0, 1)
        assert conn.execute(CHANGE, {"of": 9, "now": True}).rowcount == 0
        assert conn.execute(SET, {"of": 2, "word": f"n{turn}", "data": None}).rowcount == 1
        assert conn.execute(CHANGED, {"of": 3}).mappings().all() == [{"id": 3, "data": {"a": [1, "二", None]}}]
        assert conn.execute(FORGET, {"of": 4 if turn == 0 else 9}).rowcount == (1 if turn == 0 else 0)
    assert [tuple(one) for one in conn.execute(select(thing.c.at, thing.c.flag, thing.c.word).order_by("id"))] == [
        (8, False, "w1"),
        (5, True, "n2"),
        (7, True, "w3"),
    ]


def test_each_set_of_columns_has_a_plan_of_its_own(conn: Connection) -> None:
    conn.execute(ADD, row(1))
    for turn in range(SEVERAL):
        conn.execute(SET, {"of": 1, "at": turn})
        conn.execute(SET, {"of": 1, "word": f"n{turn}"})
        assert conn.execute(select(thing.c.at, thing.c.word)).one() == (turn, f"n{turn}")


def test_many_rows_go_in_one_execution(conn: Connection) -> None:
    for turn in range(SEVERAL):
        added = conn.execute(ADD, [row(10 * turn + number) for number in range(4)])
        assert (planned(added), added.rowcount) == (turn > 0, 4)
        changed = conn.execute(SET, [{"of": 10 * turn + number, "at": number} for number in range(4)])
        assert changed.rowcount == 4
    assert list(conn.execute(select(thing.c.at).order_by(thing.c.id)).scalars()) == [0, 1, 2, 3] * SEVERAL


def test_an_insert_tells_what_it_was_asked_for(conn: Connection) -> None:
    made = [conn.execute(ADD_NUMBERED, {"called": f"w{turn}"}).one() for turn in range(4)]
    assert [one.word for one in made] == ["w0", "w1", "w2", "w3"]
    assert len({one.seq for one in made}) == 4
    assert [insert_new(conn, thing, **row(1)) for _ in range(4)] == [True, False, False, False]


def test_lists_text_and_many_rows_with_returning_go_the_ordinary_way(conn: Connection) -> None:
    conn.execute(ADD, [row(number) for number in range(1, 5)])
    for ids in ([1, 3], [2], [1, 2, 3, 4], []):
        found = conn.execute(SOME, {"ids": ids})
        assert not planned(found)
        assert list(found.scalars()) == ids
    words = text("select word from thing where id = :one")
    assert [conn.execute(words, {"one": 2}).scalar_one() for _ in range(SEVERAL)] == ["w2"] * SEVERAL
    for turn in range(SEVERAL):
        many = conn.execute(ADD_NUMBERED, [{"called": f"{turn}a"}, {"called": f"{turn}b"}])
        assert sorted(one.word for one in many) == [f"{turn}a", f"{turn}b"]


@pytest.mark.parametrize("fault", ["same word", "no value", "wrong kind"])
def test_a_fault_is_told_as_it_always_was(engine: Engine, fault: str) -> None:
    with engine.begin() as conn:
        for number in range(1, 4):
            conn.execute(ADD, row(number))
            conn.execute(SET, {"of": number, "data": {"n": number}})
    told = set()
    for _ in range(SEVERAL):
        with pytest.raises((StatementError, TypeError)) as caught, engine.begin() as conn:
            if fault == "same word":
                conn.execute(ADD, row(9, word="w1"))
            elif fault == "no value":
                conn.execute(ONE, {})
            else:
                conn.execute(SET, {"of": 1, "data": {"n": object()}})
        told.add((type(caught.value), str(caught.value)))
    assert len(told) == 1
    assert isinstance(caught.value, IntegrityError) is (fault == "same word")
    assert "[parameters: " not in str(caught.value), "values may be personal data"


def test_what_failed_is_undone_to_the_savepoint_and_the_rest_stays(engine: Engine) -> None:
    with engine.begin() as conn:
        for number in range(1, 4):
            conn.execute(ADD, row(number))
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(ADD, row(4))
            conn.execute(ADD, row(5, word="w1"))
    with engine.begin() as conn:
        assert list(conn.execute(select(thing.c.id).order_by(thing.c.id)).scalars()) == [1, 2, 3]


def test_nothing_goes_on_after_the_transaction_has_ended(engine: Engine) -> None:
    with engine.connect() as conn:
        for _ in range(SEVERAL):
            conn.execute(ALL)
        nested = conn.begin_nested()
        conn.rollback()
        assert not nested.is_active
        with conn.begin():
            pass
        assert not planned(conn.execute(ALL)), "nobody has begun a transaction"
    with pytest.raises(InvalidRequestError), engine.begin() as conn:
        conn.get_transaction().rollback()
        conn.execute(ALL)


def test_who_listens_hears_every_statement(engine: Engine) -> None:
    heard: list[tuple[str, bool]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def hear(_conn, _cursor, statement, _parameters, context, many):
        heard.append((statement.split()[0], many))
        assert context.execution_options is not None

    with engine.begin() as conn:
        for turn in range(SEVERAL):
            conn.execute(ADD, [row(2 * turn), row(2 * turn + 1)])
            conn.execute(ALL)
    assert [one for one in heard if one[0] != "BEGIN"] == [("INSERT", True), ("SELECT", False)] * SEVERAL


def test_a_statement_made_for_once_is_forgotten(engine: Engine) -> None:
    with engine.begin() as conn:
        for number in range(50):
            conn.execute(select(thing.c.id).where(thing.c.id == number))
        assert len(type(conn).plans._of) < 10  # type: ignore[attr-defined]
