"""What has aged is in the archive before it leaves the database; nothing leaves that an open matter or a rule keeps."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from by_day import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event as listening
from sqlalchemy import select, update

from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery.tables import (
    attempt,
    callback_nonce,
    event,
    operation,
    schedule_run,
    webhook_attempt,
    webhook_delivery,
    webhook_endpoint,
)
from gateway.foundation.store import Store, lines, months
from gateway.foundation.store.all_tables import all_tables
from gateway.rooms.decisions.tables import decision, decision_event
from gateway.rooms.payments.tables import payment
from gateway.rooms.reconciliation.tables import breaks, reconciliation_run, statement, statement_line
from gateway.rooms.retention import assembly, doctor, records, service
from gateway.rooms.retention.archive import ArchiveError
from gateway.rooms.retention.commands import kind
from gateway.rooms.retention.matters import open_among
from gateway.settings import Settings
from gateway.words.clock import to_micros
from gateway.words.errors import SettingsError
from gateway.words.saying import Language, worded
from tests.unit.retention.conftest import NOW, Bench, ago, bench_of, put

TERMS = {term.what: term for term in assembly.terms_of(Settings())}


def test_every_table_is_kept_by_one_term() -> None:
    """A new table says how long it is kept, and why."""
    named = [table.name for term in TERMS.values() for table in term.tables]
    assert sorted(named) == sorted(all_tables().tables)


@pytest.mark.parametrize("language", Language)
def test_every_term_has_a_name_at_the_terminal(language: Language) -> None:
    assert all(worded(kind(what), language) for what in TERMS)


def run(bench: Bench, **how: bool) -> dict[str, service.Done]:
    return {one.what: one for one in asyncio.run(bench.retention.run(**how))}


def archived(bench: Bench, what: str, table: Any) -> list[dict[str, Any]]:
    parts = bench.store.read_sync(lambda conn: records.parts(conn, what))
    return [
        lines.read(table, line)
        for row in parts
        for line in bench.archive.lines(service.prove(bench.archive, row), table.name)
    ]


# --- nothing that is needed -------------------------------------------------------------------------------------------

CASES = st.lists(
    st.fixed_dictionaries(
        {
            "paid": st.booleans(),
            "settled": st.booleans(),
            "appealed": st.booleans(),
            "broken": st.booleans(),
            "asking": st.booleans(),
            "ages": st.lists(st.integers(600, 900), min_size=1, max_size=3),
        }
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=examples(6, 20))
@given(cases=CASES)
def test_no_row_of_an_open_matter_leaves(
    cases: list[dict[str, Any]],
    sqlite_template: Path,
    archive_keys: FileKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("matters")
    shutil.copy(sqlite_template, folder / "gateway.db")
    store = Store.open(f"sqlite:///{folder / 'gateway.db'}")
    bench = bench_of(store, folder, archive_keys)
    wanted: set[str] = set()

    def fill(conn: Any) -> None:
        put(conn, reconciliation_run, id="run", state="done")
        for number, case in enumerate(cases):
            ids = {name: f"{name}_{number}" for name in ("dec", "pay", "opn", "brk")}
            put(conn, decision, id=ids["dec"], number=str(number), number_key=str(number))
            if case["appealed"]:
                put(conn, decision_event, id=f"dev_{number}", decision_id=ids["dec"], kind="appealed")
            put(
                conn,
                payment,
                id=ids["pay"],
                decision_id=ids["dec"],
                status="PAID" if case["paid"] else "EXPIRED",
                settlement="matched" if case["settled"] else "pending" if case["paid"] else "none",
                code=f"c{number}",
            )
            state = "queued" if case["asking"] else "done"
            put(conn, operation, id=ids["opn"], subject=ids["pay"], state=state, reference=str(number))
            broken = {"payment_id": ids["pay"], "run_id": "run", "kind": "paid_twice", "code": str(number)}
            closed = {"state": "open"} if case["broken"] else {"state": "healed", "closed_at": 1}
            put(conn, breaks, id=ids["brk"], side="platform", **broken, **closed)
            over = case["paid"] and case["settled"] and not (case["appealed"] or case["broken"] or case["asking"])
            for place, age in enumerate(case["ages"]):
                subject = ids[("pay", "dec", "brk")[place]]
                put(conn, event, id=f"evt_{number}_{place}", subject=subject, at=ago(age), data={})
                put(
                    conn, attempt, operation_id=ids["opn"], number=place, ended_at=ago(age), outcome=f"{number}_{place}"
                )
                if over and age > 731:
                    wanted.add(f"{number}_{place}")

    try:
        bench.fill(fill)
        everything = sum(len(case["ages"]) for case in cases)
        run(bench)
        gone = {one["id"].removeprefix("evt_") for one in archived(bench, "events", event)}
        assert gone == wanted
        assert {one["outcome"] for one in archived(bench, "attempts", attempt)} == wanted
        here = store.read_sync(lambda conn: set(conn.execute(select(event.c.id)).scalars()))
        assert len(here) + len(gone) == everything
        assert here.isdisjoint(f"evt_{one}" for one in gone)
    finally:
        store.close()


def test_lines_of_an_open_break_stay(bench: Bench) -> None:
    def fill(conn: Any) -> None:
        put(conn, statement, id="stm_1")
        put(conn, reconciliation_run, id="run", state="done")
        for number, code in enumerate(("open", "healed"), start=1):
            old = to_micros(NOW.replace(year=2015))
            put(conn, statement_line, statement_id="stm_1", line=number, kind="paid", code=code, paid_at=old)
            closed = {"state": "open"} if code == "open" else {"state": "healed", "closed_at": 1}
            put(conn, breaks, id=f"brk_{code}", run_id="run", kind="ours_only", code=code, side="platform", **closed)

    bench.fill(fill)
    assert run(bench)["statement lines"].removed == 1
    assert [one["code"] for one in archived(bench, "statement lines", statement_line)] == ["healed"]


def test_bank_lines_stay_ten_years_from_the_end_of_the_year() -> None:
    before = TERMS["statement lines"].before(NOW)
    assert before is not None
    assert before.isoformat() == "2016-01-01T00:00:00+08:00"


def test_an_event_that_is_still_told_stays(bench: Bench) -> None:
    def fill(conn: Any) -> None:
        put(conn, webhook_endpoint, id="whk_1", ordered=False)
        for seq in (1, 2, 3):
            put(conn, event, seq=seq, id=f"evt_{seq}", subject="x", at=ago(900), data={})
        told = {"endpoint_id": "whk_1", "event_id": "evt_2", "event_seq": 2, "state": "queued"}
        put(conn, webhook_delivery, due_at=ago(900), **told)

    bench.fill(fill)
    done = run(bench)
    assert (done["events"].removed, done["deliveries"].removed) == (1, 0)
    assert bench.count(event) == 2


# --- archived, compared, removed --------------------------------------------------------------------------------------


def deliveries(conn: Any) -> None:
    """Two that are over, with their attempts, and one that is young."""
    put(conn, webhook_endpoint, id="whk_1", ordered=False)
    for number, age in enumerate((400, 300, 10)):
        of = {"endpoint_id": "whk_1", "event_id": f"evt_{number}"}
        put(conn, webhook_delivery, **of, event_seq=number, state="delivered", due_at=ago(age), last_error="错误\n一")
        for taken in (1, 2):
            put(conn, webhook_attempt, **of, taken=taken)


def test_what_refers_to_a_row_goes_along_and_is_readable_by_anybody(both: Bench) -> None:
    both.fill(deliveries)
    done = run(both)["deliveries"]
    assert (done.looked, done.written, done.removed, done.parts) == (2, 6, 6, 1)
    assert (both.count(webhook_delivery), both.count(webhook_attempt)) == (1, 2)
    folder = both.archive.folder / "deliveries" / "000001"
    with duckdb.connect() as db:
        told = db.execute(
            f"select event_id, last_error from '{folder}/webhook_delivery.jsonl.gz' order by 1"
        ).fetchall()
        assert told == [("evt_0", "错误\n一"), ("evt_1", "错误\n一")]
        assert db.execute(f"select count(*) from '{folder}/webhook_attempt.jsonl.gz'").fetchone() == (4,)
    assert run(both)["deliveries"].looked == 0  # nothing is looked at twice


def test_many_rows_go_in_parts_and_none_is_left_or_doubled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOKED_AT_ONCE", 10)
    monkeypatch.setattr(service, "PART_ROWS", 30)
    monkeypatch.setattr(service, "LEAVE_AT_ONCE", 7)

    def fill(conn: Any) -> None:
        for number in range(95):
            put(conn, callback_nonce, nonce=f"{number:03}", received_at=ago(300 - number), channel="c")

    bench.fill(fill)
    done = run(bench)["nonces"]
    assert (done.written, done.removed, done.parts) == (95, 95, 4)
    assert sorted(one["nonce"] for one in archived(bench, "nonces", callback_nonce)) == [
        f"{one:03}" for one in range(95)
    ]


def test_a_row_that_changed_after_it_was_written_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.fill(deliveries)
    write = bench.archive.write

    def written(*given: Any) -> Any:
        part = write(*given)
        again = update(webhook_delivery).where(webhook_delivery.c.event_id == "evt_0").values(attempts=7)
        bench.fill(lambda conn: conn.execute(again))
        bench.fill(lambda conn: put(conn, webhook_attempt, endpoint_id="whk_1", event_id="evt_1", taken=3))
        return part

    monkeypatch.setattr(bench.archive, "write", written)
    done = run(bench)["deliveries"]
    assert (done.written, done.removed) == (6, 0)
    assert bench.count(webhook_delivery) == 3


@contextmanager
def stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The gateway dies after a part was written, before its rows have left."""
    with monkeypatch.context() as dying:

        def die(*_: Any, **__: Any) -> int:
            raise RuntimeError("dies here")

        dying.setattr(records, "remove", die)
        with pytest.raises(RuntimeError, match="dies here"):
            run(bench)
        yield


def test_it_goes_on_where_it_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.fill(deliveries)
    with stopped(bench, monkeypatch):
        assert bench.count(webhook_delivery) == 3
    done = run(bench)["deliveries"]
    assert (done.written, done.removed, done.parts) == (0, 6, 0)
    assert len(archived(bench, "deliveries", webhook_delivery)) == 2


@pytest.mark.parametrize("name", ["webhook_delivery.jsonl.gz", "webhook_attempt.jsonl.gz", "manifest.json"])
@pytest.mark.parametrize("harm", ["alter", "remove"])
def test_nothing_leaves_by_a_part_that_is_not_what_was_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, harm: str
) -> None:
    bench.fill(deliveries)
    with stopped(bench, monkeypatch):
        pass
    path = bench.archive.folder / "deliveries" / "000001" / name
    content = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(content[:90] + bytes([content[90] ^ 1]) + content[91:])
    with pytest.raises(ArchiveError):
        run(bench)
    assert bench.count(webhook_delivery) == 3


def test_another_part_with_a_true_signature_is_not_taken_for_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.fill(deliveries)
    with stopped(bench, monkeypatch):
        pass
    bench.archive.write("deliveries", 1, {"before": "x", "why": "y"}, {webhook_delivery: [b"{}"]})
    with pytest.raises(ArchiveError):
        run(bench)


def test_what_an_open_matter_kept_back_goes_on_the_first_of_a_month(bench: Bench) -> None:
    def fill(conn: Any) -> None:
        put(conn, payment, id="pay_1", status="EXPIRED", settlement="none", code="c")
        put(conn, event, id="evt_1", subject="pay_1", at=ago(900), data={})

    bench.fill(fill)
    assert run(bench)["events"].removed == 0
    bench.fill(lambda conn: conn.execute(update(payment).values(status="CANCELLED")))
    asyncio.run(bench.retention.nightly(NOW))
    assert bench.count(event) == 1
    asyncio.run(bench.retention.nightly(NOW.replace(month=12, day=1)))
    assert bench.count(event) == 0


def test_a_run_that_has_not_ended_stays(bench: Bench) -> None:
    def fill(conn: Any) -> None:
        put(conn, schedule_run, name="a", slot_at=ago(400), done_at=None)
        put(conn, schedule_run, name="b", slot_at=ago(400), done_at=1)

    bench.fill(fill)
    assert run(bench)["schedule runs"].removed == 1


# --- what it costs, and what it is told -------------------------------------------------------------------------------


def test_no_look_reads_a_table_whole(bench: Bench) -> None:
    """What a night costs follows from what has aged, however much there is."""
    if bench.store.dialect != "sqlite":
        pytest.skip("asks in SQLite's words; PostgreSQL chooses its plans by how many rows there are")
    asked: list[tuple[str, Any]] = []
    engine = bench.store._reading

    @listening.listens_for(engine, "before_cursor_execute")
    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any) -> None:
        asked.append((statement, parameters))

    def ask(conn: Any) -> list[str]:
        subjects = {"pay_1", "dec_1", "opn_1"}
        for term in TERMS.values():
            if term.days is not None:
                after = [1 if one.type.python_type is int else "x" for one in term.order]
                records.aged(conn, term, bench.retention._matters, ago(1), after, 5)
        open_among(conn, bench.retention._matters, subjects)
        return [
            line[3]
            for statement, parameters in tuple(asked)
            if statement.startswith("SELECT")
            for line in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    def fill(conn: Any) -> None:  # so that the walk from one record to the next is asked for as well
        put(conn, decision, id="dec_1", number="1", number_key="1")
        put(conn, payment, id="pay_1", decision_id="dec_1", status="PAID", settlement="matched", code="c")
        put(conn, operation, id="opn_1", subject="pay_1", state="done", reference="r")

    bench.fill(fill)
    try:
        plans = bench.store.read_sync(ask)
    finally:
        listening.remove(engine, "before_cursor_execute", note)
    assert len(plans) > 40
    wrong = [plan for plan in plans if plan.startswith("SCAN") and "USING INDEX ix_webhook_delivery" not in plan]
    assert not [plan for plan in wrong if "CONSTANT ROW" not in plan and "VALUES" not in plan], wrong
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


def test_other_days_need_an_approved_schedule() -> None:
    def terms(**block: Any) -> dict[str, Any]:
        told = Settings(rooms={"retention": block})
        return {term.what: term for term in assembly.terms_of(told)}

    ours = terms(days={"events": 400}, schedule="望川区城管局档案保管期限表 2025")["events"]
    assert (ours.days, "望川区城管局" in str(ours.why)) == (400, True)
    for block in ({"days": {"events": 400}}, {"schedule": "x"}, {"days": {"nothing": 99}, "schedule": "x"}):
        with pytest.raises(SettingsError):
            terms(**block)
    with pytest.raises(SettingsError):
        terms(days={"payments": 400}, schedule="x")
    assert replace(ours, days=None).before(NOW) is None


# --- months of PostgreSQL ---------------------------------------------------------------------------------------------


def in_september(number: int) -> str:
    """An event's id of a month whose deliveries have had their time at ``LATER``."""
    return f"evt_{to_micros(datetime(2026, 9, 15, tzinfo=UTC)) // 1000:012x}{number:020x}"


LATER = timedelta(days=250)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_month_whose_rows_are_in_the_archive_is_dropped_and_what_is_still_told_stays(both: Bench) -> None:
    """Space of what has left is free at once, and not when every row of its month has."""
    tables = (webhook_delivery, webhook_attempt)

    def fill(conn: Any) -> None:
        put(conn, webhook_endpoint, id="whe_1")
        for number in range(5):
            state, of = "queued" if number == 3 else "delivered", in_september(number)
            put(conn, webhook_delivery, event_id=of, endpoint_id="whe_1", state=state, due_at=ago(75), subject="pay")
            put(conn, webhook_attempt, event_id=of, endpoint_id="whe_1", started_at=ago(75), ended_at=ago(75))

    for table in tables:
        both.fill(lambda conn, table=table: months.make(conn, table, [date(2026, 9, 1)]))
    both.fill(fill)
    run(both)
    assert all(both.store.read_sync(lambda conn, table=table: SEPTEMBER in parts_of(conn, table)) for table in tables)
    both.clock.advance(LATER)
    assert run(both)["deliveries"].removed == 8

    def left(conn: Any) -> None:
        for table in tables:
            assert conn.execute(select(table.c.event_id)).scalars().all() == [in_september(3)]
            assert SEPTEMBER not in parts_of(conn, table)
            assert months.lacking(conn, [table], date(2027, 8, 6)) == []

    both.store.read_sync(left)
    assert {row["event_id"] for row in archived(both, "deliveries", webhook_attempt)} == {
        in_september(number) for number in (0, 1, 2, 4)
    }


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_where_nobody_may_make_parts_the_archive_is_kept_all_the_same(both: Bench) -> None:
    def no_right(conn: Any, *_: Any, **__: Any) -> None:
        conn.exec_driver_sql("select * from pg_authid_of_nobody")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(months, "prepare", no_right)
        both.fill(lambda conn: put(conn, schedule_run, name="nightly", slot_at=ago(200), done_at=1))
        assert run(both)["schedule runs"].removed == 1


def test_doctor_names_a_part_that_is_lacking(postgresql_url: str, tmp_path: Path) -> None:
    store = Store.open(postgresql_url)
    settings = Settings.model_validate({"store": {"url": postgresql_url}, "rooms": {"retention": {"folder": tmp_path}}})
    coming = max(store.read_sync(lambda conn: parts_of(conn, attempt))[:2])

    def found() -> tuple[str, bool]:
        (one,) = [one for one in doctor.look(settings, store.read_sync) if one.name == "partitions"]
        return one.state, f"attempt_{coming:%Y_%m}" in one.detail and "gateway migrate" in one.cure

    assert found() == ("ok", False)
    store.write_sync(lambda conn: months.drop(conn, attempt, coming))
    assert found() == ("warn", True)
    store.close()


SEPTEMBER = date(2026, 9, 1)


def parts_of(conn: Any, table: Any) -> list[date]:
    return months.over(conn, table, date(2100, 1, 1))
