"""Entities: dated snapshots of registration records, changes of them, who wants to hear, and where each feed stands."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.foundation.store.base import metadata

entity_snapshot = Table(
    "entity_snapshot",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("code", String(50), nullable=False, comment="unified code, or registration number where there is none"),
    Column("version", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("record_sealed", LargeBinary, nullable=False),
    Column("as_of_at", BigInteger, nullable=False, comment="the registry's books, when last seen unchanged"),
    Column("taken_at", BigInteger, nullable=False, comment="when we first received this version"),
    Column("confirmed_at", BigInteger, nullable=False, comment="when we last received it"),
    Column("outdated", Boolean, nullable=False, comment="a change became known since"),
    UniqueConstraint("channel", "code", "version"),
    CheckConstraint("version >= 1", name="version_from_one"),
    CheckConstraint("confirmed_at >= taken_at", name="confirmed_after_taken"),
)

entity_change = Table(
    "entity_change",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("code", String(50), nullable=False),
    Column("topic", String(200), nullable=False, comment="the alert, else the item that was altered"),
    Column("alert", Boolean, nullable=False),
    Column("source", String(10), nullable=False),
    Column("change_sealed", LargeBinary, nullable=False),
    Column(
        "after_index", LargeBinary, nullable=False, comment="blind index of the new value: told once, whoever tells"
    ),
    Column("changed_on", Date, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    CheckConstraint("source in ('feed','comparison')", name="known_source"),
    Index("ix_entity_change_code", "channel", "code", "id"),
)

entity_watch = Table(
    "entity_watch",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("code", String(50), primary_key=True),
    Column("authority", String(40), primary_key=True),
    Column("since_at", BigInteger, nullable=False),
)

entity_feed = Table(
    "entity_feed",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("moved_at", BigInteger, nullable=False),
)
