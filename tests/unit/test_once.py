"""One effect under one key, remembered with the effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from gateway.foundation import once as once_module
from gateway.foundation.once import NEVER, Kept, Once, RepeatedProblem
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import SystemClock, to_micros
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
    done: list[Connection] = []
    assert once.about("pay_1").first(lambda given: done.append(given) or "done")(conn) == "done"
    assert kept(conn) == [("pay_1", 201)]
    assert done == [conn], "the effect stands in the transaction that remembers it"


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


@pytest.mark.parametrize("other", [{"client": "cli_2"}, {"path": "/v1/others"}, {"key": "another"}])
def test_a_key_is_known_of_one_client_at_one_path_alone(conn: Connection, once: Once, other: dict[str, str]) -> None:
    once.about("pay_1").begin(conn, 201)
    stranger = replace(once, **other).about("pay_2")
    stranger.begin(conn)
    assert stranger.end(conn, 202) == 202
    assert kept(conn) == [("pay_1", 201), ("pay_2", 202)]


def test_what_is_kept_is_what_was_asked_and_when(conn: Connection, once: Once) -> None:
    before = to_micros(once.clock.now())
    once.about("pay_1").begin(conn)
    (row,) = conn.execute(select(idempotency))
    assert (row.client_id, row.path, row.key, row.body_sealed) == ("cli_1", "/v1/things", "key", b"digest")
    assert before <= row.created_at <= to_micros(once.clock.now())
    assert once.begun, "the key was free"


def test_a_repeat_while_another_node_stores_the_first_one_is_told_as_being_served(
    conn: Connection, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once_module, "insert_at_once", lambda *_, **__: False)  # and nothing can be read yet
    with pytest.raises(RepeatedProblem) as repeated:
        once.about("pay_1").begin(conn, 201)
    found = repeated.value.kept
    assert (found.body_sealed, found.subject, found.status, once.begun) == (b"digest", "pay_1", None, False)
    assert found.created_at <= to_micros(once.clock.now())
    assert "a few seconds" in str(repeated.value.cure)


async def test_a_service_that_does_more_than_read_hears_of_a_repeat_before_it_begins(
    conn: Connection, once: Once
) -> None:
    class Here:
        async def read(self, query: Any) -> Any:
            return query(conn)

    await once.look_first(Here())  # type: ignore[arg-type]
    once.about("pay_1").begin(conn, 201)
    with pytest.raises(RepeatedProblem) as repeated:
        await once.look_first(Here())  # type: ignore[arg-type]
    assert isinstance(repeated.value.kept, Kept)
    assert (repeated.value.kept.subject, repeated.value.kept.status) == ("pay_1", 201)


def test_what_was_begun_earlier_and_has_not_ended_is_answered_as_pending(conn: Connection, once: Once) -> None:
    once.goes_on()
    once.about("pay_1").first(lambda _: None)(conn)
    assert kept(conn) == [("pay_1", 202)]
    once.answered(202)
    assert once.status == 202


def test_what_nobody_waits_for_is_looked_at_in_its_unit(conn: Connection, once: Once) -> None:
    once.view = lambda given, subject: (given is conn, subject, kept(given))
    once.about("pay_1").first(lambda _: None)(conn)
    assert once.seen == (True, "pay_1", [("pay_1", 201)])


def test_a_view_whose_database_fails_has_the_unit_run_again(conn: Connection, once: Once) -> None:
    def fails(*_: Any) -> None:
        raise DBAPIError("select", {}, Exception("the connection is gone"))

    once.view = fails
    with pytest.raises(DBAPIError):
        once.about("pay_1").first(lambda _: None)(conn)


def test_the_unit_that_ends_a_request_looks_at_the_answer_once(conn: Connection, once: Once) -> None:
    looked: list[str] = []
    once.view = lambda given, subject: looked.append(subject) or (len(looked) if given is conn else None)
    once.about("pay_1").begin(conn)
    assert (once.seen, looked) == (None, [])
    once.end(conn, 201)
    assert (once.seen, looked) == (1, ["pay_1"])
    once.end(conn, 201)  # the unit runs again: what it saw before was rolled back
    assert (once.seen, looked) == (None, ["pay_1"])


def test_who_ends_a_request_without_its_record_has_nothing_to_look_at(conn: Connection, once: Once) -> None:
    once.about("pay_1").begin(conn)
    ends = replace(once, subject=None, view=lambda *_: pytest.fail("it looked at no record"))
    assert ends.end(conn, 201) == 201
    assert ends.seen is None


def test_a_view_that_fails_undoes_nothing_and_the_log_says_where(conn: Connection, once: Once) -> None:
    once.view = lambda *_: {}["missing"]
    once.about("pay_1").begin(conn)
    with capture_logs() as logged:
        assert once.end(conn, 201) == 201
    assert once.seen is None
    assert kept(conn) == [("pay_1", 201)]
    (line,) = logged
    assert (line["event"], line["path"], line["subject"], line["log_level"]) == (
        "an answer could not be prepared",
        "/v1/things",
        "pay_1",
        "error",
    )


def test_a_repeat_is_told_what_is_going_on_and_what_to_do() -> None:
    told = RepeatedProblem(Kept(b"digest", "pay_1", None, 0))
    assert (str(told.detail), str(told.cure)) == (
        "the first request with this Idempotency-Key is still being served",
        "Repeat it after a few seconds.",
    )


def test_without_a_key_nothing_is_remembered(conn: Connection) -> None:
    once = NEVER.about("pay_1")
    assert once.first(lambda _: 7)(conn) == 7
    once.end(conn, 200)
    once.answered(200)
    assert kept(conn) == []
    assert (NEVER.subject, NEVER.status) == (None, None)
