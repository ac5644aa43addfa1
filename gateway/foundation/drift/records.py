"""Notes on contract drift: the SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from gateway.foundation.drift.tables import contract_drift
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import reader

DRIFT_IS_NEWS: Final = timedelta(days=30)
"""So long what was never seen before is worth telling people."""
_row = contract_drift.c


@dataclass(frozen=True, slots=True)
class Drifted:
    """One element or member that a channel sends and its contract does not have. Instants in microseconds."""

    channel: str
    action: str
    element: str
    first_seen_at: int
    last_seen_at: int
    seen: int


_drifted = reader(Drifted)
_AGAIN = (
    update(contract_drift)
    .where(_row.channel == bindparam("of"), _row.action == bindparam("in_"), _row.element == bindparam("path"))
    .values(seen=_row.seen + bindparam("more"), last_seen_at=bindparam("now"))
)


def note(conn: Connection, one: Drifted) -> bool:
    """Keep that it was seen; True when it was never seen before."""
    values = {
        "channel": one.channel,
        "action": one.action,
        "element": one.element,
        "first_seen_at": one.first_seen_at,
        "last_seen_at": one.last_seen_at,
        "seen": one.seen,
    }
    if insert_new(conn, contract_drift, **values):
        return True
    known = {"of": one.channel, "in_": one.action, "path": one.element}
    conn.execute(_AGAIN, {**known, "more": one.seen, "now": one.last_seen_at})
    return False


def all_of(conn: Connection, channels: Sequence[str] | None = None) -> list[Drifted]:
    """Everything noted, of these channels or of all: by channel, the newest first."""
    query = select(contract_drift).order_by(_row.channel, _row.first_seen_at.desc(), _row.action, _row.element)
    if channels is not None:
        query = query.where(_row.channel.in_(channels))
    return [_drifted(row) for row in conn.execute(query).mappings()]
