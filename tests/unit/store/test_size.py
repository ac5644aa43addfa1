"""A SQLite file that has lost rows gets smaller while it is in use, and keeps some room for the next ones."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import delete, insert

from gateway.foundation.delivery.tables import callback_nonce
from gateway.foundation.store import Store
from gateway.foundation.store.size import STEP, give_back, size_of


def test_what_is_not_needed_is_given_back_in_steps(store: Store) -> None:
    def fill(conn: Any) -> int:
        rows = [
            {"channel": "c", "nonce": str(number), "digest": secrets.token_bytes(30_000), "received_at": 0}
            for number in range(500)
        ]
        return conn.execute(insert(callback_nonce), rows).rowcount

    store.write_sync(fill)
    full = store.read_sync(size_of)
    store.write_sync(lambda conn: conn.execute(delete(callback_nonce)).rowcount)
    steps = []
    while step := store.write_sync(give_back):
        steps.append(step)
    after = store.read_sync(size_of)
    if store.dialect == "sqlite":
        assert after.all < full.all / 2
        assert len(steps) > 2
        assert max(steps) <= STEP
        assert after.free * 10 <= after.all
    else:
        assert steps == []
