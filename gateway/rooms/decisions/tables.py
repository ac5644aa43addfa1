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
    Text,
    UniqueConstraint,
)

from gateway.foundation.store.base import metadata
from gateway.words.identifiers import claim_prefix
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
    Column("party_index", LargeBinary, index=True, comment="blind index of the party's name; null until filled in"),
    Column("party_number_index", LargeBinary, index=True, comment="blind index of its number; null where it has none"),
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
    Column("party_sealed", LargeBinary, comment="name of who appealed, if not the decision's party"),
    Column("replaces", String(40), comment="the event that this one corrects"),
    Column("ended_by", String(40), comment="the correction by which it is in force no longer"),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    CheckConstraint(
        "kind in ('served','appealed','appeal_ended','deferral_applied','deferred','urged','changed','revoked')",
        name="known_kind",
    ),
)

claim_prefix("dcr", "a correction of a decision's event")

decision_correction = Table(
    "decision_correction",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("decision_id", String(40), ForeignKey("decision.id"), nullable=False, index=True),
    Column("authority", String(40), nullable=False),
    Column("event_id", String(40), ForeignKey("decision_event.id"), nullable=False),
    Column("status", String(20), nullable=False),
    Column("event_sealed", LargeBinary, comment="the event in its place; null where it is voided"),
    Column("reason", Text, nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_name", String(200), nullable=False),
    Column("officer", String(200), comment="for whom a case system spoke: name and certificate number"),
    Column("confirmed_name", String(200)),
    Column("withdrawn_because", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("status in ('PROPOSED','APPLIED','WITHDRAWN')", name="known_status"),
)
