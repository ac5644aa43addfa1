"""The command line says what is kept, archives what has aged, and proves the archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from gateway.foundation.delivery.tables import schedule_run
from gateway.foundation.store import Store

Call = Callable[..., Any]


def test_what_has_aged_is_planned_archived_and_proved(call: Call, database: Store, site: Path) -> None:
    old = {"name": "a", "slot_at": 1, "node": "n", "ran_at": 1, "done_at": 1}
    database.write_sync(lambda conn: conn.execute(insert(schedule_run), old).rowcount)
    planned = {one["what"]: one for one in call("retention", "plan", "--json").json["terms"]}
    assert (planned["schedule runs"]["aged"], planned["payments"]["days"]) == (1, None)
    assert "网络安全法" in call("retention", "plan").out
    assert [one["removed"] for one in call("retention", "run", "--json").json["done"] if one["written"]] == [1]
    assert call("retention", "show", "--verify").code == 0
    (file,) = (site / "archive").glob("*/*/schedule_run.jsonl.gz")
    file.write_bytes(file.read_bytes()[:-1])
    said = call("retention", "show", "--verify", "--json")
    assert (said.code, len(said.json["wrong"])) == (1, 1)
