"""What went out over a channel, hour by hour, and which exchanges of it failed: counted from the evidence itself."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, cast, func, or_, select

from gateway.foundation.evidence.chain import ANSWERED
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.store.base import constant

HOURS: Final = 24
"""So far back it is counted."""
HOUR: Final = 3_600_000_000
_MILLI: Final = 1000
_row = exchange.c
# Ids grow with the machine's clock, and instants are of the gateway's: the earlier of both bounds what is read.
_LATELY = and_(
    _row.id > bindparam("from_id"),
    _row.channel == bindparam("of"),
    _row.direction == constant("out"),
    _row.started_at >= bindparam("since"),
)
_FAILED = or_(_row.outcome != constant(ANSWERED), _row.status >= 500)
_BUCKET = cast(_row.started_at - bindparam("since", type_=BigInteger), BigInteger) // HOUR
_TOOK = _row.ended_at - _row.started_at
_BY_HOUR = (
    select(
        _BUCKET.label("hour"),
        func.count().label("number"),
        func.sum(case((_FAILED, 1), else_=0)).label("failed"),
        func.sum(_TOOK).label("took"),
        func.max(_TOOK).label("longest"),
    )
    .where(_LATELY)
    .group_by(_BUCKET)
)
_ERRORS = (
    select(_row.id, _row.started_at, _row.action, _row.outcome, _row.status, _row.operation_id, _row.authority)
    .where(_LATELY, _FAILED)
    .order_by(_row.id.desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour that begins at an instant (microseconds): exchanges, those that failed, seconds on average and most."""

    begins_at: int
    number: int = 0
    failed: int = 0
    mean: float = 0.0
    longest: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """An exchange that came to nothing: its outcome is the transport's error, or a status from 500 on."""

    exchange_id: str
    at: int
    action: str
    outcome: str
    status: int | None
    operation_id: str | None


def by_hour(conn: Connection, channel: str, now: int) -> list[Hour]:
    """The hours up to ``now``, the oldest first; also those in which nothing went out."""
    since = now - HOURS * HOUR
    found = {int(row.hour): row for row in conn.execute(_BY_HOUR, _bounds(channel, since))}
    hours = []
    for place in range(HOURS):
        begins, row = since + place * HOUR, found.get(place)
        if row is None:
            hours.append(Hour(begins))
        else:
            mean = float(row.took) / row.number / 1_000_000
            hours.append(Hour(begins, row.number, int(row.failed), mean, float(row.longest) / 1_000_000))
    return hours


def failures(conn: Connection, channel: str, authorities: Collection[str], now: int, most: int) -> list[Failure]:
    """What failed lately, the newest first: what is of other authorities is left out."""
    rows = conn.execute(_ERRORS, {**_bounds(channel, now - HOURS * HOUR), "most": most * 10})
    seen = [row for row in rows if row.authority is None or row.authority in authorities]
    return [
        Failure(row.id, row.started_at, row.action, row.outcome, row.status, row.operation_id) for row in seen[:most]
    ]


def _bounds(channel: str, since: int) -> dict[str, object]:
    millis = min(since // _MILLI, time.time_ns() // 1_000_000 - HOURS * HOUR // _MILLI)
    return {"of": channel, "since": since, "from_id": f"xch_{max(millis, 0):012x}"}
