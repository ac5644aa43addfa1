"""Inserts of units that share a commit wait and go together, and nobody sees that they have waited."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.store.prepared import HELD

tables = MetaData()
part = Table("part", tables, Column("id", Integer, primary_key=True), Column("word", String(9), unique=True))
piece = Table(
    "a_piece", tables, Column("id", Integer, primary_key=True), Column("part_id", Integer, ForeignKey(part.c.id))
)

ADD = insert(part).execution_options(**{HELD: True})
ADD_PIECE = insert(piece).execution_options(**{HELD: True})
ADD_AT_ONCE = insert(piece)
COUNT = select(func.count().label("number")).select_from(part)
COUNT_WITHIN = select(select(func.count()).select_from(part).scalar_subquery().label("number"))
COUNT_ANEW = select(func.count()).select_from(part)
"""Not seen before the test."""
COUNT_TEXT = text("SELECT count(*) FROM part")
COUNT_PIECES = select(func.count().label("number")).select_from(piece)
RENAME = update(part).where(part.c.id == 1).values(word="other")


def add(number: int, word: str | None = None) -> Any:
    """A unit that inserts one."""
    return lambda conn: conn.execute(ADD, {"id": number, "word": word or f"w{number}"}) and None


@pytest.fixture
async def ready(store):
    """A store with two tables to write into, and with every statement of this module seen twice."""
    await store.write(lambda conn: tables.create_all(conn))

    def known(conn):
        for number in (-1, -2):
            conn.execute(ADD, {"id": number, "word": f"w{number}"})
            conn.execute(ADD_PIECE, {"id": number, "part_id": number})
            conn.execute(ADD_AT_ONCE, {"id": number - 2, "part_id": number})
            for one in (COUNT, COUNT_WITHIN, COUNT_PIECES):
                conn.execute(one).scalar_one()
            conn.execute(RENAME)
        conn.execute(piece.delete())
        conn.execute(part.delete())

    await store.write(known)
    return store


async def together(store, *units):
    """What came of units that shared a commit, and the statements of the writer meanwhile."""
    asked: list[tuple[str, bool]] = []

    def note(_conn: Any, _cursor: Any, statement: str, _values: Any, _context: Any, many: bool) -> None:
        asked.append((" ".join(statement.split()[:3]), many))

    begun, go = threading.Event(), threading.Event()
    first = asyncio.create_task(store.write_beside(lambda _conn: (begun.set(), go.wait(30))))
    await asyncio.to_thread(begun.wait, 30)
    rest = [asyncio.create_task(store.write_beside(unit)) for unit in units]
    while store._writer.waiting < len(units):
        await asyncio.sleep(0)
    event.listen(store._writing, "before_cursor_execute", note)
    go.set()
    try:
        await first
        results = await asyncio.gather(*rest, return_exceptions=True)
    finally:
        event.remove(store._writing, "before_cursor_execute", note)
    return results, [one for one in asked if not one[0].startswith("BEGIN")]


async def held_count(store) -> int:
    return await store.read(lambda conn: conn.execute(COUNT).scalar_one())


async def test_equal_inserts_of_a_batch_are_one_execution(ready) -> None:
    results, asked = await together(ready, *(add(number) for number in range(12)))
    assert results == [None] * 12
    assert asked == [("INSERT INTO part", True)]
    assert await held_count(ready) == 12


async def test_one_unit_alone_holds_nothing_back(ready) -> None:
    seen = []

    def unit(conn):
        try:
            conn.execute(ADD, {"id": 1, "word": "twice"})
            conn.execute(ADD, {"id": 2, "word": "twice"})
        except IntegrityError as error:
            seen.append(error)
            raise

    with pytest.raises(IntegrityError):
        await ready.write(unit)
    assert len(seen) == 1


@pytest.mark.parametrize("look", [COUNT, COUNT_WITHIN, COUNT_ANEW, COUNT_TEXT])
async def test_whoever_looks_at_the_table_finds_what_was_inserted_before(ready, look) -> None:
    def unit(number):
        def run(conn):
            add(number)(conn)
            return conn.execute(look).scalar_one()

        return run

    results, _ = await together(ready, *(unit(number) for number in range(5)))
    assert results == [1, 2, 3, 4, 5]


async def test_what_does_not_look_at_it_lets_it_wait(ready) -> None:
    def unit(number):
        def run(conn):
            add(number)(conn)
            return conn.execute(COUNT_PIECES).scalar_one()

        return run

    results, asked = await together(ready, *(unit(number) for number in range(5)))
    assert results == [0] * 5
    assert [one for one in asked if "INSERT" in one[0]] == [("INSERT INTO part", True)]


async def test_a_change_of_the_table_comes_after_what_was_inserted_before(ready) -> None:
    results, _ = await together(ready, add(1), lambda conn: conn.execute(RENAME).rowcount, add(2, "w1"))
    assert results == [None, 1, None]
    words = await ready.read(lambda conn: list(conn.execute(select(part.c.word).order_by(part.c.id)).scalars()))
    assert words == ["other", "w1"]


async def test_rows_that_refer_to_others_go_after_them(ready) -> None:
    """The one that refers is held first, and its table has the first name."""

    def whole(number):
        def run(conn):
            add(number)(conn)
            conn.execute(ADD_PIECE, {"id": number, "part_id": number})

        return run

    await ready.write(add(100))
    results, asked = await together(
        ready, lambda conn: conn.execute(ADD_PIECE, {"id": 100, "part_id": 100}) and None, whole(1), whole(2)
    )
    assert results == [None, None, None]
    assert asked == [("INSERT INTO part", True), ("INSERT INTO a_piece", True)]


async def test_what_goes_at_once_finds_the_rows_to_which_it_refers(ready) -> None:
    def unit(number):
        def run(conn):
            add(number)(conn)
            conn.execute(ADD_AT_ONCE, {"id": number, "part_id": number})

        return run

    results, asked = await together(ready, unit(1), unit(2))
    assert results == [None, None]
    assert len(asked) == 4  # all of one run: none had to be run apart


async def test_each_unit_has_its_own_error_and_harms_no_neighbour(ready) -> None:
    results, _ = await together(ready, add(1), add(2), add(3, "w1"), add(4))
    assert [type(one) for one in results] == [type(None), type(None), IntegrityError, type(None)]
    assert await held_count(ready) == 3


async def test_a_unit_that_meets_the_error_of_another_cannot_hide_it(ready) -> None:
    """The look sends what waits; whoever swallows the error of that is run again without it."""

    def looks(conn):
        try:
            return conn.execute(COUNT).scalar_one()
        except IntegrityError:
            return "swallowed"

    results, _ = await together(ready, add(1), add(2, "w1"), looks, add(4))
    assert isinstance(results[1], IntegrityError)
    assert (results[0], results[2], results[3]) == (None, 1, None)
    assert await held_count(ready) == 2


async def test_a_savepoint_that_is_undone_takes_nothing_with_it_but_its_own(ready) -> None:
    def unit(conn):
        add(1)(conn)
        inner = conn.begin_nested()
        add(2)(conn)
        inner.rollback()
        add(3)(conn)

    results, _ = await together(ready, unit, add(4))
    assert results == [None, None]
    found = await ready.read(lambda conn: list(conn.execute(select(part.c.id).order_by(part.c.id)).scalars()))
    assert found == [1, 3, 4]


async def test_what_a_failed_unit_held_is_not_sent(ready) -> None:
    def bad(conn):
        add(1)(conn)
        raise ValueError("after it")

    results, _ = await together(ready, bad, add(2), add(3))
    assert isinstance(results[0], ValueError)
    assert await held_count(ready) == 2


async def test_text_for_the_driver_finds_what_was_inserted_before(ready) -> None:
    def unit(conn):
        add(1)(conn)
        return conn.exec_driver_sql("SELECT count(*) FROM part").scalar_one()

    results, _ = await together(ready, unit, add(2))
    assert results == [1, None]
