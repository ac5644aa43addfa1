"""What the public may read, and nothing else: no column here is encrypted, since none may need it."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Index, String, Table, Text, text

from gateway.foundation.store.base import metadata
from gateway.words.identifiers import claim_prefix

claim_prefix("pub", "entry of the bulletin")

bulletin_entry = Table(
    "bulletin_entry",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("organ_code", String(18), nullable=False),
    Column("decision_number", String(128), nullable=False),
    Column("number_key", String(128), nullable=False, comment="words.spelling.number_key of it"),
    Column("party_name", String(200), comment="as published; null once gone, with all that the public read"),
    Column("name_key", String(200), comment="words.spelling.name_key of it"),
    Column("party_code", String(40)),
    Column("shown", Json(none_as_null=True), comment="what the page says; null once gone"),
    Column("published_on", Date, nullable=False),
    Column("publish_until_on", Date, nullable=False, comment="the last day on which it is shown"),
    Column("objection", Boolean, nullable=False, server_default=text("false"), comment="shown, marked as objected to"),
    Column("under_appeal", Boolean, nullable=False, server_default=text("false"), comment="shown, marked so"),
    Column("shielded", Boolean, nullable=False, server_default=text("false"), comment="not shown for the time being"),
    Column("gone", String(12)),
    Column("gone_on", Date),
    Column("reason", Text, comment="why it was taken back, which the public reads (行政处罚法 art. 48)"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("gone in ('withdrawn','repaired','ended')", name="known_end"),
    CheckConstraint("(gone is null) = (gone_on is null)", name="gone_on_a_day"),
    CheckConstraint("(gone is null) = (shown is not null)", name="gone_is_empty"),
    Index(
        "uq_bulletin_entry_live",
        "channel",
        "organ_code",
        "decision_number",
        "party_name",
        unique=True,
        sqlite_where=text("gone is null"),
        postgresql_where=text("gone is null"),
    ),
    Index("ix_bulletin_entry_newest", "published_on", "id"),
    Index(
        "ix_bulletin_entry_ending",
        "publish_until_on",
        sqlite_where=text("gone is null"),
        postgresql_where=text("gone is null"),
    ),
)

bulletin_effect = Table(
    "bulletin_effect",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("reference", String(64), primary_key=True, comment="ours; what has it was carried out"),
    Column("content", String(64), nullable=False, comment="digest of what was asked for"),
    Column("done_at", BigInteger, nullable=False),
)
