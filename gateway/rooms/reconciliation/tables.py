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

from gateway.foundation.store.base import metadata

CURRENT = "superseded_at is null"
OPEN = "state = 'open'"

statement = Table(
    "statement",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("side", String(10), nullable=False, server_default="platform", comment="who tells"),
    Column("day_on", Date, nullable=False, comment="the platform's day"),
    Column("origin", String(200), nullable=False, server_default="", comment="the file's name; empty: asked for"),
    Column("version", Integer, nullable=False, comment="from 1; a changed statement of the day is a new one"),
    Column("lines", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="of its paid lines"),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of its lines, whatever their order"),
    Column("fetched_at", BigInteger, nullable=False),
    Column("superseded_at", BigInteger, comment="null: what the platform says now"),
    UniqueConstraint("channel", "side", "day_on", "version"),
    CheckConstraint("side in ('platform','bank','treasury')", name="known_side"),
    Index(
        "uq_statement_current",
        "channel",
        "side",
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
    Column("code", String(80), nullable=False, comment="a stranger's may be anything"),
    Column("bank_serial", String(80), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("paid_at", BigInteger, nullable=False),
    Column("unit_code", String(30), nullable=False),
    Column("item_codes", JSON, nullable=False),
    Column("refund_number", String(80), nullable=False, server_default="", comment="the platform's own of a refund"),
    UniqueConstraint("statement_id", "kind", "code", "bank_serial", "refund_number", name="uq_statement_line_once"),
    CheckConstraint("kind in ('paid','refunded')", name="known_kind"),
    Index("ix_statement_line_key", "code", "bank_serial"),
)

reconciliation_run = Table(
    "reconciliation_run",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("side", String(10), nullable=False, server_default="platform"),
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
    Column(
        "passed_over", Integer, nullable=False, server_default="0", comment="lines of a file without money or sense"
    ),
    Column("not_ours", Integer, nullable=False, server_default="0", comment="lines of other business in a file"),
    Column("not_ours_amount", BigInteger, nullable=False, server_default="0", comment="theirs, paid less refunded"),
    Column("remarks", JSON, nullable=False, server_default="[]", comment="sentences about the file, for people"),
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
    Column("side", String(10), nullable=False, server_default="platform", comment="whose statement differs"),
    Column("day_on", Date, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("code", String(80), nullable=False),
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
        "'refund_unmatched','cross_day','wrong_unit','wrong_item','receipt_missing','statement_changed','continuity',"
        "'unreadable_line')",
        name="known_kind",
    ),
    CheckConstraint("state in ('open','healed','cleared','resolved')", name="known_state"),
    CheckConstraint("(state = 'open') = (closed_at is null)", name="closed_has_a_date"),
    CheckConstraint(
        "state <> 'resolved' or (closed_by is not null and reason is not null)", name="resolved_by_someone"
    ),
    UniqueConstraint("channel", "side", "day_on", "kind", "code", "bank_serial"),
    Index(
        "ix_breaks_open",
        "opened_at",
        "id",
        "authority",
        sqlite_where=text(OPEN),
        postgresql_where=text(OPEN),
    ),
    Index(
        "ix_breaks_open_day",
        "channel",
        "day_on",
        "side",
        "state",
        sqlite_where=text(OPEN),
        postgresql_where=text(OPEN),
    ),
    Index("ix_breaks_opened", "opened_at", "id"),
    Index("ix_breaks_key", "code", "bank_serial"),
)

break_action = Table(
    "break_action",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("break_id", String(40), ForeignKey("breaks.id"), nullable=False, index=True),
    Column("action", String(10), nullable=False, comment="what moves money or says whose it is"),
    Column("payment_id", String(40), ForeignKey("payment.id"), index=True, comment="whose the money is, for attribute"),
    Column("refund_id", String(40), ForeignKey("refund.id"), index=True, comment="what goes back, for refund"),
    Column("reason", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("proposed_by", String(40), nullable=False),
    Column("proposed_name", String(200), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("confirmed_by", String(40)),
    Column("confirmed_name", String(200)),
    Column("confirmed_at", BigInteger),
    CheckConstraint("action in ('refund','attribute')", name="known_action"),
    CheckConstraint("(action = 'attribute') = (payment_id is not null)", name="attributed_to_a_payment"),
    CheckConstraint("(action = 'refund') = (refund_id is not null)", name="refund_leads_to_a_refund"),
    CheckConstraint("state in ('proposed','confirmed','withdrawn')", name="known_state"),
    CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="second_person"),
    CheckConstraint("(state = 'confirmed') = (confirmed_by is not null)", name="confirmed_by_someone"),
    Index(
        "uq_break_action_proposed",
        "break_id",
        unique=True,
        sqlite_where=text("state = 'proposed'"),
        postgresql_where=text("state = 'proposed'"),
    ),
)

channel_day = Table(
    "channel_day",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("day_on", Date, primary_key=True),
    Column("issued", Integer, nullable=False, comment="codes that began to live on the day"),
    Column("issued_amount", BigInteger, nullable=False),
    Column("closed", Integer, nullable=False, comment="codes that were paid, voided or expired on the day"),
    Column("closed_amount", BigInteger, nullable=False),
    Column("open", Integer, nullable=False, comment="codes that live at the cut-off, counted and not reckoned"),
    Column("open_amount", BigInteger, nullable=False),
    Column("counted_at", BigInteger, nullable=False),
)

CLOSED = "state in ('closed','reopening')"

month_close = Table(
    "month_close",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("month", String(7), nullable=False, comment="as 2026-09"),
    Column("state", String(10), nullable=False),
    Column("figures", JSON, nullable=False, comment="the balance statement 余额调节表 as it was signed"),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of the figures"),
    Column("signature", LargeBinary, nullable=False, comment="SM2 over the figures"),
    Column("closed_by", String(40), nullable=False),
    Column("closed_name", String(200), nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    Column("asked_by", String(40), comment="who wants it open again"),
    Column("asked_name", String(200)),
    Column("reason", Text),
    Column("reopened_by", String(40)),
    Column("reopened_name", String(200)),
    Column("reopened_at", BigInteger),
    CheckConstraint("state in ('closed','reopening','reopened')", name="known_state"),
    CheckConstraint("state = 'closed' or (asked_by is not null and reason is not null)", name="reopened_for_a_reason"),
    CheckConstraint("reopened_by is null or reopened_by <> asked_by", name="second_person"),
    CheckConstraint("(state = 'reopened') = (reopened_by is not null)", name="reopened_by_someone"),
    Index(
        "uq_month_close_current",
        "channel",
        "month",
        unique=True,
        sqlite_where=text(CLOSED),
        postgresql_where=text(CLOSED),
    ),
)
