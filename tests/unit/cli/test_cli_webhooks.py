"""The command line gives an endpoint a new secret, lets a disabled one go again, and tells of what takes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from gateway.foundation.crypto.envelope import Envelope, installed_keys
from gateway.foundation.delivery import webhook_records
from gateway.foundation.delivery.tables import webhook_delivery
from gateway.foundation.store import Store

Call = Callable[..., Any]


def test_an_endpoint_is_told_of_let_go_again_and_given_a_new_secret(call: Call, database: Store, site: Path) -> None:
    envelope = Envelope(installed_keys(site / "keys", None))
    sealed = webhook_records.sealed_secret(envelope, "whe_1", "whsec_old")

    def fill(conn: Any) -> int:
        values = {"client_id": "c", "authority": "a", "url": "https://x", "types": [], "created_at": 1}
        webhook_records.add_endpoint(conn, id="whe_1", secret_sealed=sealed, **values)
        webhook_records.disable(conn, "whe_1", "nothing arrived", 1)
        row = {"endpoint_id": "whe_1", "event_id": "evt_1", "event_seq": 1, "subject": "s", "due_at": 1}
        return conn.execute(insert(webhook_delivery), row | {"state": "queued"}).rowcount

    database.write_sync(fill)
    told = {one["name"]: one for one in call("doctor", "--json").json["findings"]}
    assert "1 events wait" in told["webhooks a"]["detail"]
    assert "gateway webhooks enable whe_1" in told["webhooks a"]["cure"]
    assert call("webhooks", "enable", "whe_1").code == 0
    assert not [one for one in call("doctor", "--json").json["findings"] if one["name"].startswith("webhooks")]
    made = call("webhooks", "secret", "whe_1", "--json").json["secret"]
    found = database.read_sync(lambda conn: webhook_records.held(conn, "whe_1", None))
    assert found.secrets(envelope, 2) == [made, "whsec_old"]
