"""Decisions: identity, facts kept as versions, and the events that move the clocks."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from gateway.foundation.store.base import metadata
from gateway.words.spelling import number_key

decision = Table(
    "decision",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("number", String(128), nullable=False),
    Column(
        "number_key",
        String(256),
        nullable=False,
        default=lambda row: number_key(row.get_current_parameters()["number"]),
        server_default="",
        comment="words.spelling.number_key of it",
    ),
    Column("version", Integer, nullable=False),
    Column("facts_sealed", LargeBinary, nullable=False, comment="the current version's facts"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("authority", "number"),
    CheckConstraint("version >= 1", name="version_from_one"),
    Index("uq_decision_number_key", "number_key", "authority", unique=True),
)

decision_version = Table(
    "decision_version",
    metadata,
    Column("decision_id", String(40), ForeignKey("decision.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("facts_sealed", LargeBinary, nullable=False),
    Column(
        "digest", LargeBinary, nullable=False, comment="keyed digest of the canonical facts: same facts, same version"
    ),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", String(80), nullable=False),
)

decision_event = Table(
    "decision_event",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("decision_id", String(40), ForeignKey("decision.id"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("happened_on", Date, nullable=False, comment="the day on which it happened, Asia/Shanghai"),
    Column("data", Json, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    CheckConstraint("kind in ('served','appealed','appeal_ended','deferred','changed','revoked')", name="known_kind"),
)
