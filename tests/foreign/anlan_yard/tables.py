"""Impounded vehicles."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, ForeignKey, Index, LargeBinary, String, Table, Text

from gateway.foundation.store.base import metadata
from gateway.words.identifiers import claim_prefix

claim_prefix("imp", "an impounded vehicle")

impound = Table(
    "impound",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("decision_id", String(40), ForeignKey("decision.id")),
    Column("channel", String(60), nullable=False),
    Column("status", String(20), nullable=False),
    Column("plate", String(20), nullable=False),
    Column("driver_sealed", LargeBinary, nullable=False, comment="name of whoever had the vehicle"),
    Column("seized_on", Date, nullable=False),
    Column("reference", String(64), nullable=False),
    Column("slot", String(20)),
    Column("reason", Text, comment="why the yard refused"),
    Column("left_at", BigInteger),
    Column("warned_at", BigInteger, comment="when somebody was told that it is held too long"),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("status in ('REQUESTED','STORED','REFUSED','LEFT')", name="known_status"),
    Index("uq_impound_reference", "channel", "reference", unique=True),
    Index("ix_impound_authority", "authority", "id"),
    Index("ix_impound_decision", "decision_id"),
)
