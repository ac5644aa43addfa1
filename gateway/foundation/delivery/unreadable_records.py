"""Messages that could not be read, as they are listed for people: the SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from gateway.foundation.delivery.tables import unreadable_callback
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import columns, reader

_row = unreadable_callback.c
_SINCE = select(func.count()).where(_row.channel == bindparam("of"), _row.received_at >= bindparam("since"))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that could not be read, as it came the first time. ``subject``: what was asked about because of it."""

    exchange_id: str
    channel: str
    digest: bytes
    reason: str
    authority: str | None
    subject: str | None
    received_at: int

    @property
    def id(self) -> str:
        """Its evidence."""
        return self.exchange_id


_unreadable = reader(Unreadable)


def add(conn: Connection, one: Unreadable) -> bool:
    """List a message that could not be read; False when the same one is listed already."""
    return insert_new(conn, unreadable_callback, **columns(one))


def number_since(conn: Connection, channel: str, since: int) -> int:
    """How many are listed of a channel since then."""
    return int(conn.execute(_SINCE, {"of": channel, "since": since}).scalar_one())


def find(
    conn: Connection,
    *,
    authorities: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Unreadable]:
    """Messages that could not be read, newest first: of these authorities, or of nobody known on these channels."""
    query = select(unreadable_callback).order_by(_row.exchange_id.desc()).limit(limit)
    if authorities is not None:
        theirs = and_(_row.authority.is_(None), _row.channel.in_(channels or ()))
        query = query.where(or_(_row.authority.in_(authorities), theirs))
    elif channels is not None:
        query = query.where(_row.channel.in_(channels))
    if before is not None:
        query = query.where(_row.exchange_id < before)
    return [_unreadable(row) for row in conn.execute(query).mappings()]
