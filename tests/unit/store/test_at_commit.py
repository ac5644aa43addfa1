"""What units leave for the end of their shared commit is done once, and undoes none but those whose it is."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from gateway.foundation.store.writer import at_commit

things = Table("things_at_commit", MetaData(), Column("id", Integer, primary_key=True))


@pytest.fixture
async def ready(store):
    """A store with a table to write into."""
    await store.write(lambda conn: things.create(conn))
    return store


async def count(store):
    """How many rows there are."""
    return await store.read(lambda conn: conn.execute(select(func.count()).select_from(things)).scalar())


async def test_units_that_share_a_commit_leave_one_thing_to_do(ready):
    done = []

    def finish(conn, items):
        done.append(list(items))
        conn.execute(insert(things), [{"id": item} for item in items])

    await asyncio.gather(*(ready.write(lambda conn, one=one: at_commit(conn, finish, one)) for one in range(40)))
    assert sorted(item for items in done for item in items) == list(range(40))
    assert len(done) < 20
    assert await count(ready) == 40


async def test_what_fails_at_the_end_undoes_its_own_unit_alone(ready):
    def finish(conn, items):
        if 7 in items:
            raise ValueError("seven")
        conn.execute(insert(things), [{"id": item} for item in items])

    results = await asyncio.gather(
        *(ready.write(lambda conn, one=one: at_commit(conn, finish, one)) for one in range(10)), return_exceptions=True
    )
    assert [place for place, result in enumerate(results) if isinstance(result, ValueError)] == [7]
    assert await count(ready) == 9


async def test_what_a_failed_unit_left_is_not_done(ready):
    def finish(conn, items):
        conn.execute(insert(things), [{"id": item} for item in items])

    def bad(conn):
        at_commit(conn, finish, 99)
        raise ValueError("after it")

    results = await asyncio.gather(
        ready.write(bad), *(ready.write(lambda conn, one=one: at_commit(conn, finish, one)) for one in range(5)),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(results[0], ValueError)
    assert await count(ready) == 5
    await ready.write(lambda conn: at_commit(conn, finish, 50))
    assert await count(ready) == 6


async def test_a_unit_that_runs_by_itself_has_it_done_too(ready):
    def finish(conn, items):
        conn.execute(insert(things), [{"id": item} for item in items])

    assert await ready.write_apart(lambda conn: at_commit(conn, finish, 1)) is None
    assert await count(ready) == 1
