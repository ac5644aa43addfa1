"""The supply log: which personal data went to whom, and on what basis."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import BigInteger, CheckConstraint, Column, Index, String, Table, Text

from gateway.foundation.store.base import metadata

handover = Table(
    "handover",
    metadata,
    Column("id", String(40), primary_key=True, comment="that of an operation has the operation's number: one each"),
    Column("at", BigInteger, nullable=False),
    Column("way", String(10), nullable=False),
    Column("recipient", String(200), nullable=False, comment="a channel, or the organ or person who got it"),
    Column("system", String(120), comment="by which adapter the channel is spoken to"),
    Column("kinds", Json, nullable=False),
    Column("subject", String(200), comment="the record or the case; null for a question about nobody known yet"),
    Column("authority", String(40)),
    Column("basis", Text, nullable=False),
    Column("operation_id", String(40)),
    Column("by", String(200), comment="the operator or the case system that had it handed over, if one did"),
    CheckConstraint("way in ('channel','bundle','exact')", name="known_way"),
    Index("ix_handover_subject", "subject", "id"),
    comment="each handing over of personal data to others; none of the data is in it",
)
