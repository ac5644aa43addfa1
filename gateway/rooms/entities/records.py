"""Storing and reading snapshots and changes: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.rotation.indexed import Indexed
from gateway.foundation.store.inserting import insert_new
from gateway.ports.registry import EntityChange, RegistrationRecord
from gateway.rooms.entities.changes import Alert, is_history, plain, reflects, topic_of
from gateway.rooms.entities.tables import entity_change, entity_feed, entity_snapshot, entity_watch
from gateway.words.clock import from_micros, to_micros
from gateway.words.identifiers import new_id

_LATEST = (
    select(entity_snapshot)
    .where(entity_snapshot.c.channel == bindparam("channel"), entity_snapshot.c.code == bindparam("code"))
    .order_by(entity_snapshot.c.version.desc())
    .limit(1)
)
_ADD_CHANGE = insert(entity_change)
_LAST_TOLD = (
    select(entity_change.c.after_index)
    .where(
        entity_change.c.channel == bindparam("channel"),
        entity_change.c.code == bindparam("code"),
        entity_change.c.topic == bindparam("topic"),
    )
    .order_by(entity_change.c.id.desc())
    .limit(1)
)
_WATCHING = select(entity_watch.c.authority).distinct().where(entity_watch.c.channel == bindparam("channel"))
_WATCHERS = (
    select(entity_watch.c.authority)
    .where(entity_watch.c.channel == bindparam("channel"), entity_watch.c.code == bindparam("code"))
    .order_by(entity_watch.c.authority)
)


class Source(StrEnum):
    """How a change became known: the registry's feed told it, or two records differ."""

    FEED = "feed"
    COMPARISON = "comparison"


@dataclass(frozen=True, slots=True)
class EntitySnapshot:
    """A registration record as received, opened.

    ``record.as_of`` is the date of the registry's books, ``confirmed_at`` ours. ``outdated``: a change became known
    since.
    """

    id: str
    channel: str
    code: str
    version: int
    record: RegistrationRecord
    confirmed_at: datetime
    outdated: bool


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change as recorded, opened: told by the registry's feed, or found by comparing two records."""

    id: str
    change: EntityChange
    alert: Alert | None
    source: Source
    recorded_at: datetime


def code_of(record: RegistrationRecord) -> str:
    """What a record is kept under: the unified code, else the registration number. ValueError if it has neither."""
    code = record.uscc or record.registration_number
    if code is None:
        raise ValueError("a registration record without any number")
    return code


def latest(conn: Connection, envelope: Envelope, channel: str, code: str) -> EntitySnapshot | None:
    """The newest snapshot that a channel gave for a code."""
    row = conn.execute(_LATEST, {"channel": channel, "code": code}).mappings().first()
    return None if row is None else _snapshot(envelope, row)


def keep(
    conn: Connection, envelope: Envelope, channel: str, record: RegistrationRecord, now: int
) -> tuple[EntitySnapshot, RegistrationRecord | None]:
    """Keep a record just received: a new version if anything differs, else the newest one confirmed.

    Returns the newest snapshot and, where it is a new version, the record before it. An answer older than what is
    known changes nothing.
    """
    code = code_of(record)
    known = latest(conn, envelope, channel, code)
    if known is not None and record.as_of < known.record.as_of:
        return known, None
    as_of_at = to_micros(record.as_of)
    if known is not None and _facts(known.record) == _facts(record):
        conn.execute(
            update(entity_snapshot)
            .where(entity_snapshot.c.id == known.id, entity_snapshot.c.confirmed_at <= now)
            .values(as_of_at=as_of_at, confirmed_at=now, outdated=False)
        )
        return _again(conn, envelope, channel, code), None
    snapshot_id = new_id("ent")
    new = insert_new(
        conn,
        entity_snapshot,
        id=snapshot_id,
        channel=channel,
        code=code,
        version=1 if known is None else known.version + 1,
        status=record.status,
        record_sealed=envelope.seal(record.model_dump_json().encode(), _record_context(snapshot_id)),
        as_of_at=as_of_at,
        taken_at=now,
        confirmed_at=now,
        outdated=False,
    )
    # Not new: another node kept its answer meanwhile, and told what changed.
    return _again(conn, envelope, channel, code), known.record if new and known is not None else None


def watch(conn: Connection, channel: str, code: str, authority: str, now: int) -> None:
    """Have an authority told about changes of an entity; again changes nothing."""
    insert_new(conn, entity_watch, channel=channel, code=code, authority=authority, since_at=now)


def watchers(conn: Connection, channel: str, code: str) -> Sequence[str]:
    """The authorities that want to hear about an entity."""
    return conn.execute(_WATCHERS, {"channel": channel, "code": code}).scalars().all()


def watching(conn: Connection, channel: str) -> Sequence[str]:
    """The authorities that want to hear about anything in a registry."""
    return conn.execute(_WATCHING, {"channel": channel}).scalars().all()


def add_found(conn: Connection, envelope: Envelope, channel: str, change: EntityChange, now: int) -> Alert | None:
    """Record a change that comparing two records showed, unless the feed told of it before. Returns its alert."""
    topic = topic_of(change.item, change.after)
    last = conn.execute(_LAST_TOLD, {"channel": channel, "code": change.uscc, "topic": topic}).scalar()
    if last is not None and bytes(last) in envelope.blind_indexes(plain(change.after), _after(topic)):
        return None
    return _add_change(conn, envelope, channel, change, Source.COMPARISON, now)


def add_told(conn: Connection, envelope: Envelope, channel: str, change: EntityChange, now: int) -> Alert | None:
    """Record a change that the registry's feed tells. Returns its alert, unless our newest snapshot shows it already.

    If it does not, the snapshot is outdated from now on. History that the snapshot must hold is passed over.
    """
    known = latest(conn, envelope, channel, change.uscc)
    if known is not None and is_history(known.record, change.changed_on):
        return None
    alert = _add_change(conn, envelope, channel, change, Source.FEED, now)
    if known is None:
        return alert
    if reflects(known.record, change.item, change.after):
        return None
    conn.execute(update(entity_snapshot).where(entity_snapshot.c.id == known.id).values(outdated=True))
    return alert


def _add_change(
    conn: Connection, envelope: Envelope, channel: str, change: EntityChange, source: Source, now: int
) -> Alert | None:
    topic = topic_of(change.item, change.after)
    alert = Alert(topic) if topic in set(Alert) else None
    change_id = new_id("chg")
    conn.execute(
        _ADD_CHANGE,
        {
            "id": change_id,
            "channel": channel,
            "code": change.uscc,
            "topic": topic,
            "alert": alert is not None,
            "source": source.value,
            "change_sealed": envelope.seal(change.model_dump_json().encode(), _change_context(change_id)),
            "after_index": _after_index(envelope, topic, change),
            "changed_on": change.changed_on,
            "recorded_at": now,
        },
    )
    return alert


def _after_index(envelope: Envelope, topic: str, change: EntityChange) -> bytes:
    return envelope.blind_index(plain(change.after), _after(topic))


def _after(topic: str) -> str:
    return f"entity change|{topic}"


def changes_of(
    conn: Connection, envelope: Envelope, channel: str, code: str, after: str, limit: int
) -> list[RecordedChange]:
    """Changes recorded for a code, oldest first, those after the change with the id ``after``."""
    rows = conn.execute(
        select(entity_change)
        .where(entity_change.c.channel == channel, entity_change.c.code == code, entity_change.c.id > after)
        .order_by(entity_change.c.id)
        .limit(limit)
    ).mappings()
    return [_change(envelope, row) for row in rows]


def cursor_of(conn: Connection, channel: str) -> str:
    """Where a channel's change feed stands; "" before the first page."""
    return conn.execute(select(entity_feed.c.cursor).where(entity_feed.c.channel == channel)).scalar() or ""


def move_cursor(conn: Connection, channel: str, seen: str, reached: str, now: int) -> bool:
    """Move a feed from ``seen`` to ``reached``; False when another node was faster."""
    insert_new(conn, entity_feed, channel=channel, cursor="", moved_at=now)
    moved = conn.execute(
        update(entity_feed)
        .where(entity_feed.c.channel == channel, entity_feed.c.cursor == seen)
        .values(cursor=reached, moved_at=now)
    )
    return moved.rowcount == 1


def _again(conn: Connection, envelope: Envelope, channel: str, code: str) -> EntitySnapshot:
    found = latest(conn, envelope, channel, code)
    assert found is not None
    return found


def _snapshot(envelope: Envelope, row: RowMapping) -> EntitySnapshot:
    record = RegistrationRecord.model_validate_json(envelope.open(row["record_sealed"], _record_context(row["id"])))
    return EntitySnapshot(
        id=row["id"],
        channel=row["channel"],
        code=row["code"],
        version=row["version"],
        record=record.model_copy(update={"as_of": from_micros(row["as_of_at"])}),
        confirmed_at=from_micros(row["confirmed_at"]),
        outdated=bool(row["outdated"]),
    )


def _change(envelope: Envelope, row: RowMapping) -> RecordedChange:
    return RecordedChange(
        id=row["id"],
        change=EntityChange.model_validate_json(envelope.open(row["change_sealed"], _change_context(row["id"]))),
        alert=Alert(row["topic"]) if row["alert"] else None,
        source=Source(row["source"]),
        recorded_at=from_micros(row["recorded_at"]),
    )


def _after_again(envelope: Envelope, row: RowMapping) -> bytes:
    return _after_index(envelope, row["topic"], _change(envelope, row).change)


INDEXES = (Indexed(entity_change.c.after_index, _after_again),)
"""How the index of a new value is made again under a new key."""


def _facts(record: RegistrationRecord) -> dict[str, Any]:
    """What makes a version of a record: not when it was asked for, nor what was noted about the answer."""
    return record.model_dump(mode="json", exclude={"as_of", "warnings"})


def _record_context(snapshot_id: str) -> str:
    return f"entity_snapshot|record|{snapshot_id}"


def _change_context(change_id: str) -> str:
    return f"entity_change|change|{change_id}"
