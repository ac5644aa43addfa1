"""What platforms send beyond their contracts, and what could not be read, as the command line and doctor say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.foundation.delivery import unreadable_records
from gateway.foundation.delivery.unreadable_records import Unreadable
from gateway.foundation.drift import records
from gateway.foundation.drift.records import Drifted
from gateway.foundation.store import Store
from gateway.words.clock import to_micros


def noted(database: Store, element: str, days_ago: int) -> None:
    """An element was first seen so many days ago."""
    at = to_micros(datetime.now(UTC) - timedelta(days=days_ago))
    one = Drifted("register", "by_code", element, first_seen_at=at, last_seen_at=at, seen=3)
    database.write_sync(lambda conn: records.note(conn, one))


def finding(call: Any, name: str) -> dict[str, Any] | None:
    """What doctor says under a name."""
    found = {one["name"]: one for one in call("doctor", "--json").json["findings"]}
    return found.get(name)


def test_drift_is_listed_by_channel(call: Any, database: Store) -> None:
    assert call("channels", "drift", "--json").json == {"drift": []}
    noted(database, "data/traceId", 1)
    (row,) = call("channels", "drift", "register", "--json").json["drift"]
    assert (row["channel"], row["action"], row["element"], row["seen"]) == ("register", "by_code", "data/traceId", 3)
    assert row["first_seen"].endswith("+08:00")
    assert "data/traceId" in call("channels", "drift").out
    assert call("channels", "drift", "registre").code == 4


def test_doctor_warns_of_new_drift_for_a_month_and_then_only_counts_it(call: Any, database: Store) -> None:
    assert finding(call, "contract of register") is None
    noted(database, "data/old", 40)
    told = finding(call, "contract of register")
    assert told is not None
    assert told["state"] == "ok"
    noted(database, "data/traceId", 1)
    told = finding(call, "contract of register")
    assert told is not None
    day = f"{datetime.now(UTC) + timedelta(hours=8) - timedelta(days=1):%Y-%m-%d}"
    assert (told["state"], f"by_code data/traceId since {day}" in told["detail"]) == ("warn", True)
    assert "gateway channels drift register" in told["cure"]
    assert "data/old" not in told["detail"]


def test_messages_that_could_not_be_read_are_listed_and_doctor_warns(call: Any, database: Store) -> None:
    assert finding(call, "callbacks of register") is None
    for number, days in enumerate((0, 30)):
        one = Unreadable(
            exchange_id=f"xch_{number}",
            channel="register",
            digest=bytes([number]),
            reason="no such element",
            authority=None,
            subject=None,
            received_at=to_micros(datetime.now(UTC) - timedelta(days=days)),
        )
        database.write_sync(lambda conn, one=one: unreadable_records.add(conn, one))
    rows = call("channels", "unreadable", "--json").json["callbacks"]
    assert [row["exchange"] for row in rows] == ["xch_1", "xch_0"]
    assert "no such element" in call("channels", "unreadable", "register").out
    told = finding(call, "callbacks of register")
    assert told is not None
    assert (told["state"], told["detail"][:2]) == ("warn", "1 ")
