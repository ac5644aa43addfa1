"""Messages that are not authentic, as far as they are kept: digest, length and beginning; so many a day and no more.

Anybody who reaches the address can send them, so they never come into the evidence. What is over a bound is counted.
Both bounds are kept by rows that all nodes share.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery.tables import refused_callback, refused_tally
from gateway.foundation.evidence.redaction import redact_text
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import columns, reader
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.identifiers import new_id

KEPT_BYTES: Final = 4096
MOST_OF_SOURCE: Final = 20
"""Messages of one source that are kept in a day (Asia/Shanghai)."""
MOST_IN_ALL: Final = 200
"""Messages of all sources that are kept in a day."""
KEPT_DAYS: Final = 190
"""Longer than the six months for which logs of a network are kept (网络安全法 art. 23(3))."""
EVERYBODY: Final = "*"

_tally = refused_tally.c
_ONE = (_tally.on == bindparam("of_day"), _tally.source == bindparam("of_source"))
_SEE = update(refused_tally).where(*_ONE).values(seen=_tally.seen + 1)
_KEEP = update(refused_tally).where(*_ONE, _tally.kept < bindparam("most")).values(kept=_tally.kept + 1)
_FULL = select(_tally.kept).where(*_ONE)


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that was not authentic, without its beginning. ``source``: an address, of IPv6 its /64."""

    id: str
    channel: str
    source: str
    reason: str
    digest: bytes
    length: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many came on a day from a source (``*``: from all), and how many of these were kept."""

    on: date
    source: str
    seen: int
    kept: int


_refused = reader(Refused)
_counted = reader(Tally)


def source_of(address: str) -> str:
    """By what senders are told apart: an address; of IPv6 the /64, which one customer has."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(known, ipaddress.IPv6Address):
        known = known.ipv4_mapped or known
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))


def may_keep(conn: Connection, source: str, at: datetime) -> bool:
    """Count a message from ``source_of`` its address; whether it is within the bounds of its day."""
    day = at.astimezone(SHANGHAI).date()
    all_of, its = ({"of_day": day, "of_source": one} for one in (EVERYBODY, source))
    insert_new(conn, refused_tally, on=day, source=EVERYBODY, seen=0, kept=0)
    conn.execute(_SEE, all_of)
    if conn.execute(_FULL, all_of).scalar_one() >= MOST_IN_ALL:
        return False  # not even a row of its own: there are more addresses than room
    insert_new(conn, refused_tally, on=day, source=source, seen=0, kept=0)
    conn.execute(_SEE, its)
    if conn.execute(_KEEP, {**its, "most": MOST_OF_SOURCE}).rowcount == 0:
        return False
    return conn.execute(_KEEP, {**all_of, "most": MOST_IN_ALL}).rowcount == 1


def keep(
    conn: Connection, envelope: Envelope, channel: str, source: str, reason: str, body: bytes, at: datetime
) -> Refused:
    """Keep what is kept of a message."""
    one = Refused(new_id("rcb"), channel, source, reason[:500], sm3(body), len(body), to_micros(at))
    sealed = envelope.seal(body[:KEPT_BYTES], _context(one.id))
    insert_new(conn, refused_callback, **columns(one), beginning_sealed=sealed)
    return one


def find(conn: Connection, *, channel: str | None = None, before: str | None = None, limit: int = 50) -> list[Refused]:
    """What was kept, newest first."""
    query = select(refused_callback).order_by(refused_callback.c.id.desc()).limit(limit)
    if channel is not None:
        query = query.where(refused_callback.c.channel == channel)
    if before is not None:
        query = query.where(refused_callback.c.id < before)
    return [_refused(row) for row in conn.execute(query).mappings()]


def beginning(conn: Connection, envelope: Envelope, refused_id: str) -> str:
    """The first 4 KiB of a message as text that may be shown: secrets and personal data masked. Empty if it is gone."""
    query = select(refused_callback.c.beginning_sealed).where(refused_callback.c.id == refused_id)
    sealed = conn.execute(query).scalar()
    if sealed is None:
        return ""
    return redact_text(envelope.open(bytes(sealed), _context(refused_id)).decode("utf-8", "replace"))


def tallies(conn: Connection, since: date) -> list[Tally]:
    """How many came, by day and source, since a day; newest first, and the most first."""
    query = select(refused_tally).where(_tally.on >= since).order_by(_tally.on.desc(), _tally.seen.desc())
    return [_counted(row) for row in conn.execute(query).mappings()]


def forget(conn: Connection, before: datetime) -> int:
    """Remove what is older; how many messages that were."""
    conn.execute(delete(refused_tally).where(_tally.on < before.astimezone(SHANGHAI).date()))
    return conn.execute(delete(refused_callback).where(refused_callback.c.received_at < to_micros(before))).rowcount


def _context(refused_id: str) -> str:
    return f"refused_callback|beginning|{refused_id}"
