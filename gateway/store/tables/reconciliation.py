"""Reconciliation 对账: statements as they were told, runs, and the breaks 差错 that they found."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
    text,
)

from gateway.store.tables.base import metadata

CURRENT = "superseded_at is null"
OPEN = "state = 'open'"

statement = Table(
    "statement",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("day_on", Date, nullable=False, comment="the platform's day"),
    Column("version", Integer, nullable=False, comment="from 1; a changed statement of the day is a new one"),
    Column("lines", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="of its paid lines"),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of its lines, whatever their order"),
    Column("fetched_at", BigInteger, nullable=False),
    Column("superseded_at", BigInteger, comment="null: what the platform says now"),
    UniqueConstraint("channel", "day_on", "version"),
    Index(
        "uq_statement_current",
        "channel",
        "day_on",
        unique=True,
        sqlite_where=text(CURRENT),
        postgresql_where=text(CURRENT),
    ),
)

statement_line = Table(
    "statement_line",
    metadata,
    Column("statement_id", String(40), ForeignKey("statement.id"), primary_key=True),
    Column("line", Integer, primary_key=True, comment="from 1, over all pages"),
    Column("kind", String(10), nullable=False),
    Column("code", String(20), nullable=False),
    Column("bank_serial", String(80), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("paid_at", BigInteger, nullable=False),
    Column("unit_code", String(30), nullable=False),
    Column("item_codes", JSON, nullable=False),
    UniqueConstraint("statement_id", "kind", "code", "bank_serial"),
    CheckConstraint("kind in ('paid','refunded')", name="known_kind"),
    Index("ix_statement_line_key", "code", "bank_serial"),
)

reconciliation_run = Table(
    "reconciliation_run",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("day_on", Date, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Text, comment="why it was refused or failed"),
    Column("statement_id", String(40), ForeignKey("statement.id")),
    Column("provisional", Boolean, nullable=False, comment="the platform's day had not ended"),
    Column("matched", Integer, nullable=False, server_default="0"),
    Column("matched_amount", BigInteger, nullable=False, server_default="0"),
    Column("healed", Integer, nullable=False, server_default="0", comment="paid, and we learnt it from the statement"),
    Column("waiting", Integer, nullable=False, server_default="0", comment="ours only, while the day lasts"),
    Column("breaks", Integer, nullable=False, server_default="0", comment="open after this run"),
    Column("ran_by", String(80), nullable=False),
    Column("ran_at", BigInteger, nullable=False),
    CheckConstraint("state in ('done','refused','failed')", name="known_state"),
    Index("ix_reconciliation_run_day", "channel", "day_on"),
)

breaks = Table(
    "breaks",
    metadata,
    Column("id", String(40), primary_key=True, comment="made from channel, day, kind and key: the same in every run"),
    Column("channel", String(60), nullable=False),
    Column("day_on", Date, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("code", String(20), nullable=False),
    Column("bank_serial", String(80), nullable=False),
    Column("authority", String(40), nullable=False, comment="empty while nobody knows whose money it is"),
    Column("payment_id", String(40), ForeignKey("payment.id"), index=True),
    Column("ours", BigInteger, comment="fen; null when we have nothing"),
    Column("theirs", BigInteger, comment="fen; null when the statement has nothing"),
    Column("state", String(10), nullable=False),
    Column("run_id", String(40), ForeignKey("reconciliation_run.id"), nullable=False, comment="that last changed it"),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("closed_by", String(80), comment="who resolved it; empty when a run did"),
    Column("reason", Text),
    CheckConstraint(
        "kind in ('platform_only','ours_only','amount_differs','status_differs','paid_twice','unknown_code',"
        "'refund_unmatched')",
        name="known_kind",
    ),
    CheckConstraint("state in ('open','healed','cleared','resolved')", name="known_state"),
    CheckConstraint("(state = 'open') = (closed_at is null)", name="closed_has_a_date"),
    CheckConstraint(
        "state <> 'resolved' or (closed_by is not null and reason is not null)", name="resolved_by_someone"
    ),
    UniqueConstraint("channel", "day_on", "kind", "code", "bank_serial"),
    Index("ix_breaks_open", "authority", "id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    Index("ix_breaks_key", "code", "bank_serial"),
)
