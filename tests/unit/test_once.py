"""One effect under one key, remembered with the effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select

from gateway.foundation.once import NEVER, Once, RepeatedProblem
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import SystemClock
from gateway.words.errors import ConflictProblem


@pytest.fixture
def once() -> Once:
    return Once("cli_1", "/v1/things", "key", b"digest", SystemClock(), done=201)


@pytest.fixture
def conn() -> Any:
    engine = create_engine("sqlite://")
    idempotency.create(engine)
    with engine.begin() as conn:
        yield conn


def kept(conn: Connection) -> list[tuple[str, int | None]]:
    return [(row.subject, row.status) for row in conn.execute(select(idempotency))]


def test_what_nobody_waits_for_is_remembered_with_its_status(conn: Connection, once: Once) -> None:
    assert once.about("pay_1").first(lambda _: "done")(conn) == "done"
    assert kept(conn) == [("pay_1", 201)]


@pytest.mark.parametrize("status", [201, 202])
def test_what_is_waited_for_gets_its_status_at_the_end(conn: Connection, once: Once, status: int) -> None:
    once.about("pay_1").begin(conn)
    assert kept(conn) == [("pay_1", None)]
    assert once.end(conn, status) == status
    assert once.end(conn, 599) == status, "the first one stays"
    assert kept(conn) == [("pay_1", status)]


def test_the_same_key_a_second_time_is_a_conflict_and_nothing_is_done(conn: Connection, once: Once) -> None:
    once.about("pay_1").begin(conn, 201)
    with pytest.raises(ConflictProblem) as refused:
        once.about("pay_2").first(lambda _: pytest.fail("the effect was done twice"))(conn)
    assert refused.value.type == "request-in-progress"
    assert kept(conn) == [("pay_1", 201)]


def test_a_repeat_tells_what_the_first_request_has_left(conn: Connection, once: Once) -> None:
    once.about("pay_1").first(lambda _: None)(conn)
    again = replace(once, subject=None, begun=False).about("pay_2")
    with pytest.raises(RepeatedProblem) as repeated:
        again.begin(conn)
    assert (repeated.value.kept.subject, repeated.value.kept.status, again.begun) == ("pay_1", 201, False)


def test_the_unit_that_ends_a_request_looks_at_the_answer_once(conn: Connection, once: Once) -> None:
    looked: list[str] = []
    once.view = lambda _, subject: looked.append(subject) or len(looked)
    once.about("pay_1").begin(conn)
    assert (once.seen, looked) == (None, [])
    once.end(conn, 201)
    assert (once.seen, looked) == (1, ["pay_1"])
    once.end(conn, 201)  # the unit runs again: what it saw before was rolled back
    assert (once.seen, looked) == (None, ["pay_1"])


def test_a_view_that_fails_undoes_nothing(conn: Connection, once: Once) -> None:
    once.view = lambda *_: {}["missing"]
    once.about("pay_1").begin(conn)
    assert once.end(conn, 201) == 201
    assert once.seen is None
    assert kept(conn) == [("pay_1", 201)]


def test_without_a_key_nothing_is_remembered(conn: Connection) -> None:
    once = NEVER.about("pay_1")
    assert once.first(lambda _: 7)(conn) == 7
    once.end(conn, 200)
    once.answered(200)
    assert kept(conn) == []
    assert (NEVER.subject, NEVER.status) == (None, None)
