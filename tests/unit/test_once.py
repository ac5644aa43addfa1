"""One effect under one key, remembered with the effect."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select

from gateway.foundation.once import NEVER, Once
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import SystemClock
from gateway.words.errors import ConflictProblem

ONCE = Once("cli_1", "/v1/things", "key", b"digest", SystemClock(), done=201)


@pytest.fixture
def conn() -> Any:
    engine = create_engine("sqlite://")
    idempotency.create(engine)
    with engine.begin() as conn:
        yield conn


def kept(conn: Connection) -> list[tuple[str, int | None]]:
    return [(row.subject, row.status) for row in conn.execute(select(idempotency))]


def test_what_nobody_waits_for_is_remembered_with_its_status(conn: Connection) -> None:
    done = ONCE.about("pay_1").first(lambda _: "done")(conn)
    assert done == "done"
    assert kept(conn) == [("pay_1", 201)]


@pytest.mark.parametrize(("ended", "status"), [(True, 201), (False, 202)])
def test_what_is_waited_for_gets_its_status_at_the_end(conn: Connection, ended: bool, status: int) -> None:
    once = ONCE.about("pay_1")
    once.begin(conn, ended=False)
    assert kept(conn) == [("pay_1", None)]
    once.end(conn, ended=ended)
    assert kept(conn) == [("pay_1", status)]


def test_the_same_key_a_second_time_is_a_conflict_and_nothing_is_done(conn: Connection) -> None:
    ONCE.about("pay_1").begin(conn, ended=True)
    with pytest.raises(ConflictProblem) as refused:
        ONCE.about("pay_2").first(lambda _: pytest.fail("the effect was done twice"))(conn)
    assert refused.value.type == "request-in-progress"
    assert kept(conn) == [("pay_1", 201)]


def test_without_a_key_nothing_is_remembered(conn: Connection) -> None:
    once = NEVER.about("pay_1")
    assert once.first(lambda _: 7)(conn) == 7
    once.end(conn, ended=True)
    assert kept(conn) == []
