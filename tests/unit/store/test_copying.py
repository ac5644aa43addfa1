"""Moving from one file to a cluster: everything arrives, nothing else, and it is proved."""

from __future__ import annotations

import pytest
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    make_url,
    null,
    select,
    text,
    update,
)

from gateway.foundation.delivery.tables import (
    attempt,
    operation,
)
from gateway.foundation.delivery.tables import (
    event as event_table,
)
from gateway.foundation.store import copying, schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.copying import CopyError, copy
from gateway.foundation.store.engine import open_engine
from gateway.foundation.store.lines import Tally
from gateway.words.errors import SettingsError

metadata = all_tables()

ROWS = 2500


def operation_row(number: int) -> dict[str, object]:
    return {
        "id": f"opn_{number:05}",
        "action": "nontax.issue",
        "channel": "nontax",
        "authority": "a",
        "subject": f"pay_{number}",
        "reference": f"R{number}",
        "effectful": True,
        "state": "done",
        "request_sealed": bytes([number % 256]) * 40,
        "due_at": number,
        "created_at": number,
        "updated_at": number,
        "rerun_of": f"opn_{number - 1:05}" if number else None,
    }


@pytest.fixture
def filled(sqlite_url: str) -> str:
    engine = open_engine(sqlite_url)
    with engine.begin() as conn:
        conn.execute(insert(operation), [operation_row(number) for number in range(ROWS)])
        conn.execute(
            insert(attempt),
            {
                "operation_id": "opn_00000",
                "number": 1,
                "kind": "call",
                "node": "n",
                "outcome": "done",
                "reason": "缴款码已生成",
                "exchanges": ["xch_1", "xch_2"],
                "started_at": 1,
                "ended_at": 2,
            },
        )
        for number in range(3):
            conn.execute(
                insert(event_table),
                {
                    "id": f"evt_{number}",
                    "type": "t",
                    "authority": "a",
                    "subject": "s",
                    "data": {"金额": "1.00"},
                    "at": 1,
                },
            )
    engine.dispose()
    return sqlite_url


def test_every_row_of_every_table_arrives_and_is_compared(
    filled: str, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also: the target waits while a large table is read on the other side, longer than a node's transaction may."""
    seen: list[tuple[str, str, int, int]] = []
    waits: set[str] = set()
    plain = copying._tally

    def tally(table: Table, conn: Connection, progress: copying.Progress) -> Tally:
        if conn.dialect.name == "postgresql":
            waits.add(conn.execute(text("show idle_in_transaction_session_timeout")).scalar_one())
        return plain(table, conn, progress)

    monkeypatch.setattr(copying, "_tally", tally)
    done = {one.table: one for one in copy(filled, postgresql_url, lambda *step: seen.append(step))}
    assert set(done) == set(metadata.tables)
    assert waits == {"1h"}
    assert (done["operation"].rows, done["attempt"].rows, done["event"].rows) == (ROWS, 1, 3)
    assert ("copied", "operation", 1000, ROWS) in seen
    assert ("compared", "operation", ROWS, ROWS) in seen
    engine = open_engine(postgresql_url)
    with engine.begin() as conn:
        row = conn.execute(select(attempt)).mappings().one()
        assert (row["reason"], row["exchanges"]) == ("缴款码已生成", ["xch_1", "xch_2"])
        made = conn.execute(
            insert(event_table), {"id": "evt_9", "type": "t", "authority": "a", "subject": "s", "data": {}, "at": 1}
        )
        assert made.inserted_primary_key is not None
        assert made.inserted_primary_key[0] > 3, "numbers go on where they were"
    engine.dispose()


def test_null_in_a_column_of_json_stays_null(sqlite_url: str, postgresql_url: str) -> None:
    table = Table("of_json", MetaData(), Column("id", Integer, primary_key=True), Column("data", JSON))
    source, target = open_engine(sqlite_url), open_engine(postgresql_url)
    with source.begin() as here, target.begin() as there:
        for conn in (here, there):
            table.create(conn)
        here.execute(insert(table), [{"id": 1, "data": null()}, {"id": 2, "data": {"a": 1}}])
        copying._fill(table, here, there, lambda *_: None)
        assert list(there.execute(select(table.c.id).where(table.c.data.is_(null()))).scalars()) == [1]
        there.rollback()
    for engine in (source, target):
        engine.dispose()


def test_a_file_that_was_copied_is_not_opened_again_and_names_the_place(filled: str, postgresql_url: str) -> None:
    secret = make_url(postgresql_url).set(password="geheim").render_as_string(hide_password=False)
    copy(filled, secret)
    for again in (lambda: schema.migrate(filled), lambda: copy(filled, postgresql_url)):
        with pytest.raises(SettingsError, match="was copied to postgresql") as refused:
            again()
        assert make_url(postgresql_url).database in str(refused.value)
        assert "geheim" not in str(refused.value)


def test_a_difference_is_found_and_nothing_is_kept(
    filled: str, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = copying._fill

    def fill_and_forge(table, here, there, progress):
        plain(table, here, there, progress)
        if table.name == "operation":
            there.execute(update(table).where(table.c.id == "opn_00007").values(reference="forged"))

    monkeypatch.setattr(copying, "_fill", fill_and_forge)
    with pytest.raises(CopyError, match="operation differs"):
        copy(filled, postgresql_url)
    engine = open_engine(postgresql_url)
    with engine.begin() as conn:
        assert conn.execute(select(func.count()).select_from(operation)).scalar_one() == 0
    engine.dispose()
    schema.migrate(filled)  # the source goes on


def test_a_copy_goes_one_way(filled: str, postgresql_url: str) -> None:
    with pytest.raises(SettingsError, match="from SQLite to PostgreSQL"):
        copy(postgresql_url, filled)
