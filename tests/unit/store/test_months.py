"""Large tables of PostgreSQL have a part a month: no row is refused or lost, and a month that is over is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select, text

from gateway.foundation import backups
from gateway.foundation.delivery.tables import attempt, operation, webhook_attempt, webhook_delivery, webhook_endpoint
from gateway.foundation.evidence.tables import exchange_body
from gateway.foundation.store import copying, lines, months
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine
from gateway.words.clock import to_micros
from gateway.words.identifiers import new_id

TODAY = date(2027, 12, 31)
DELIVERIES = (webhook_delivery, webhook_attempt)


def id_at(prefix: str, year: int, month: int, day: int = 15, number: int = 0) -> str:
    """An id that was made then."""
    return f"{prefix}_{to_micros(datetime(year, month, day, tzinfo=UTC)) // 1000:012x}{number:020x}"


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    made = open_engine(postgresql_url)
    yield made
    made.dispose()


def deliver(conn: Connection, events: list[str], state: str = "delivered") -> None:
    """Deliveries of events, each with its attempt."""
    if conn.execute(select(webhook_endpoint.c.id)).first() is None:
        endpoint = {"id": "whe_1", "client_id": "c", "authority": "a", "url": "u", "secret_sealed": b"", "types": []}
        conn.execute(insert(webhook_endpoint).values(**endpoint, created_at=1))
    for one in events:
        key = {"endpoint_id": "whe_1", "event_id": one}
        conn.execute(insert(webhook_delivery).values(**key, event_seq=1, subject="s", state=state, due_at=1))
        conn.execute(insert(webhook_attempt).values(**key, taken=1, node="n", started_at=1, ended_at=1))


def where(conn: Connection, table: str, column: str) -> dict[str, str]:
    """In which part each row lies."""
    return dict(conn.execute(text(f"select {column}, tableoid::regclass::text from {table}")).all())


def test_parts_are_made_ahead_and_once(engine: Engine) -> None:
    tables = months.monthly(all_tables())
    assert {"attempt", "webhook_delivery", "webhook_attempt", "exchange_body", "exchange_shown"} == {
        table.name for table in tables
    }
    with engine.begin() as conn:
        assert len(months.lacking(conn, tables, TODAY)) == 10
        made = months.prepare(conn, tables, TODAY)
        assert {f"attempt_{one}" for one in ("2027_12", "2028_01", "2028_02")} == {
            one for one in made if one.startswith("attempt")
        }
        assert months.prepare(conn, tables, TODAY) == []
        assert months.lacking(conn, tables, TODAY) == []
        assert len(months.lacking(conn, tables, date(2028, 2, 1))) == 5, "the next month of each"


def test_an_id_made_now_lies_in_the_part_of_this_month(engine: Engine) -> None:
    with engine.begin() as conn:
        mine = new_id("evt")
        deliver(conn, [mine])
        (part,) = where(conn, "webhook_delivery", "event_id").values()
        assert part not in ("webhook_delivery", "webhook_delivery_rest")


def test_the_instants_of_a_month_are_those_of_shanghai(engine: Engine) -> None:
    with engine.begin() as conn:
        months.prepare(conn, [webhook_delivery], TODAY)
        before, after = (
            f"evt_{to_micros(datetime(2027, 12, 31, 15, 59, 59, 999000, tzinfo=UTC)) // 1000 + more:012x}{0:020x}"
            for more in (0, 1)
        )
        deliver(conn, [before, after])
        assert where(conn, "webhook_delivery", "event_id") == {
            before: "webhook_delivery_2027_12",
            after: "webhook_delivery_2028_01",
        }


def test_a_row_without_a_part_is_in_the_rest_and_its_month_then_gets_none(engine: Engine) -> None:
    early, odd = id_at("evt", 2027, 12), "evt_of_another_form"
    with engine.begin() as conn:
        deliver(conn, [early, odd])
        assert set(where(conn, "webhook_delivery", "event_id").values()) == {"webhook_delivery_rest"}
        assert months.prepare(conn, [webhook_delivery], TODAY) == [
            "webhook_delivery_2028_01",
            "webhook_delivery_2028_02",
        ]
        assert lines.count(webhook_delivery, conn) == 2


def test_a_month_that_is_over_is_dropped_and_the_few_rows_that_stay_move(engine: Engine) -> None:
    stays, later = id_at("evt", 2027, 12), id_at("evt", 2028, 1)
    with engine.begin() as conn:
        for table in DELIVERIES:
            months.make(conn, table, [date(2027, 12, 1), date(2028, 1, 1)])
        deliver(conn, [stays, later], state="queued")
        assert date(2027, 12, 1) not in months.over(conn, webhook_delivery, date(2027, 12, 31))
        assert months.over(conn, webhook_delivery, date(2028, 1, 1))[-1] == date(2027, 12, 1)
        for table in DELIVERIES:
            assert months.drop(conn, table, date(2027, 12, 1)) == 1
            assert where(conn, table.name, "event_id") == {stays: f"{table.name}_rest", later: f"{table.name}_2028_01"}
        assert date(2027, 12, 1) not in months.over(conn, webhook_delivery, date(2028, 1, 1))


def call(conn: Connection, operation_id: str) -> None:
    """An operation with its attempt."""
    told = {"action": "x", "channel": "c", "authority": "a", "subject": "s", "state": "done", "due_at": 1}
    times = {"created_at": 1, "updated_at": 1}
    conn.execute(insert(operation).values(id=operation_id, **told, effectful=False, request_sealed=b"", **times))
    row = {"kind": "call", "node": "n", "outcome": "done", "exchanges": [], "started_at": 1, "ended_at": 1}
    conn.execute(insert(attempt).values(operation_id=operation_id, number=1, **row))


@pytest.mark.parametrize("way", ["copy", "restore"])
def test_what_is_copied_or_restored_lies_in_its_months(
    sqlite_url: str, postgresql_url: str, engine: Engine, tmp_path: Path, way: str
) -> None:
    early, odd = id_at("opn", 2026, 3), "opn_00001"
    source = open_engine(sqlite_url)
    with source.begin() as conn:
        call(conn, early)
        call(conn, odd)
    source.dispose()
    if way == "copy":
        copying.copy(sqlite_url, postgresql_url)
    else:
        (tmp_path / "heads").mkdir()
        path = backups.make(sqlite_url, tmp_path / "heads", tmp_path / "b", bytes(32), datetime.now(UTC))
        backups.restore(path, bytes(32), postgresql_url, tmp_path / "heads again")
    with engine.begin() as conn:
        assert where(conn, "attempt", "operation_id") == {early: "attempt_2026_03", odd: "attempt_rest"}


def test_a_month_of_which_much_has_not_left_stays(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "FEW", 2)
    with engine.begin() as conn:
        months.make(conn, attempt, [date(2027, 12, 1)])
        for number in range(3):
            call(conn, id_at("opn", 2027, 12, number=number))
        assert months.drop(conn, attempt, date(2027, 12, 1)) is None
        assert set(where(conn, "attempt", "operation_id").values()) == {"attempt_2027_12"}


def test_what_comes_from_elsewhere_gets_the_parts_it_needs(engine: Engine) -> None:
    rows = [{"event_id": id_at("evt", year, month)} for year, month in ((2026, 2), (2026, 3), (2031, 12))]
    with engine.begin() as conn:
        months.make_for(conn, webhook_delivery, [*rows, {"event_id": "evt_1"}, {"event_id": "evt_" + "0" * 32}])
        deliver(conn, [row["event_id"] for row in rows])
        assert sorted(where(conn, "webhook_delivery", "event_id").values()) == [
            "webhook_delivery_2026_02",
            "webhook_delivery_2026_03",
            "webhook_delivery_2031_12",
        ]


def test_on_sqlite_a_table_is_one(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.begin() as conn:
        tables = months.monthly(all_tables())
        assert months.prepare(conn, tables, TODAY) == months.lacking(conn, tables, TODAY) == []
        assert months.over(conn, exchange_body, TODAY) == []
        months.make_for(conn, exchange_body, [{"exchange_id": new_id("xch")}])
        tables_there = conn.execute(text("select count(*) from sqlite_schema where name like 'exchange_body_2%'"))
        assert tables_there.scalar_one() == 0
    engine.dispose()
