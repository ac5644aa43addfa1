"""Notices to officers, and why each was sent: one row for each event and officer, whatever message carried it."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text
from sqlalchemy import text as sql

from gateway.foundation.store.base import metadata

COLLECTING = "status = 'PLANNED' and reason is null"

notice = Table(
    "notice",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("officer_index", LargeBinary, nullable=False, comment="blind index of the certificate number 执法证号"),
    Column("officer_sealed", LargeBinary, nullable=False, comment="the certificate number"),
    Column("status", String(20), nullable=False),
    Column("template", String(40), nullable=False, comment="what it says, as a word; digest where it is about several"),
    Column("number", String(128), comment="the decision number in its text, where the settings allow one"),
    Column("items", Integer, nullable=False, comment="of how many events it tells"),
    Column("channel", String(60)),
    Column("user_id", String(64), comment="the officer at the messenger"),
    Column("reference", String(64)),
    Column("operation", String(40), comment="the latest operation about it"),
    Column("recalling", String(40), comment="the operation that takes it back"),
    Column("message_id", String(64)),
    Column("reason", Text, comment="why it failed, was dropped or recalled"),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("due_at", BigInteger, nullable=False, comment="it leaves then, outside quiet hours"),
    Column("held_until_at", BigInteger, comment="the messenger keeps it back until then"),
    Column("sent_at", BigInteger),
    Column("delivered_at", BigInteger),
    Column("read_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint(
        "status in ('PLANNED','SENDING','SENT','DELIVERED','READ','RECALLED','FAILED','DROPPED')", name="known_status"
    ),
    CheckConstraint(
        "status in ('PLANNED','FAILED','DROPPED') or (reference is not null and user_id is not null)",
        name="sent_to_somebody",
    ),
    Index("uq_notice_reference", "channel", "reference", unique=True),
    Index(
        "uq_notice_collecting",
        "authority",
        "officer_index",
        unique=True,
        sqlite_where=sql(COLLECTING),
        postgresql_where=sql(COLLECTING),
    ),
    Index(
        "ix_notice_due",
        "due_at",
        sqlite_where=sql("status = 'PLANNED'"),
        postgresql_where=sql("status = 'PLANNED'"),
    ),
    Index("ix_notice_authority", "authority", "id"),
)

notice_item = Table(
    "notice_item",
    metadata,
    Column("event_key", String(200), primary_key=True, comment="type and subject: an event that repeats is one"),
    Column("officer_index", LargeBinary, primary_key=True),
    Column("notice_id", String(40), ForeignKey("notice.id"), nullable=False),
    Column("event", String(60), nullable=False),
    Column("subject", String(60), nullable=False),
    Column("template", String(40), nullable=False),
    Column("decision_id", String(40), ForeignKey("decision.id")),
    Column("number", String(128)),
    Column("gone_at", BigInteger, comment="since when there is nothing to tell any more"),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_notice_item_notice", "notice_id"),
    Index("ix_notice_item_subject", "subject"),
    Index("ix_notice_item_decision", "decision_id"),
)
