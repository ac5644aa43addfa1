"""Payments: the demand, its lines, its codes, the money that arrived, and what arrived unforeseen."""

from __future__ import annotations

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
    text,
)

from gateway.foundation.store.base import metadata

LIVE = "status not in ('REJECTED','CANCELLED')"
OPEN = "status = 'ISSUED'"
UNPAID = "status in ('REQUESTED', 'ISSUED', 'EXPIRED')"
ENDED = "status in ('CANCELLING', 'REJECTED', 'CANCELLED')"
"""Unpaid, and not to be paid any more: an index of these costs nothing on the way of a payment."""
SETTLED = "settlement <> 'none'"
PAID_OTHERWISE = "paid_amount <> amount"
PROVISIONAL = f"{UNPAID} and due_provisional = 1"
IN_DOUBT = "in_doubt_since_at is not null"
REPLACES = "replaces is not null"
LIVE_CODE = "state in ('requested','live','paid')"

payment = Table(
    "payment",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("decision_id", String(40), ForeignKey("decision.id"), index=True, comment="null for a remittance of cash"),
    Column("decision_number", String(128), nullable=False),
    Column("instalment", Integer, nullable=False, comment="0 for the whole"),
    Column("line_group", String(20), nullable=False),
    Column("channel", String(60), nullable=False),
    Column("status", String(20), nullable=False),
    Column("settlement", String(12), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("paid_amount", BigInteger),
    Column("code", String(20), comment="the live or last code"),
    Column("pay_url", Text),
    Column("check_code", String(20)),
    Column("valid_until_on", Date, comment="the platform's date for the code"),
    Column("due_on", Date, comment="the law's date; null until served"),
    Column("due_provisional", Integer, nullable=False, server_default="0"),
    Column("due_look_on", Date, comment="when the due date is looked at next: is it near, is it over"),
    Column("planned_due_on", Date, comment="an instalment's own last day, from the approved plan 分期"),
    Column("surcharge_paid", BigInteger, comment="part of what was paid that is surcharge, in fen"),
    Column("surcharge_reduced", BigInteger, nullable=False, server_default="0", comment="taken off by agreement"),
    Column("replaces", String(40), ForeignKey("payment.id"), comment="the payment whose code this one re-issues"),
    Column("reissue_sealed", LargeBinary, comment="what to ask for once the void of this code is confirmed"),
    Column("asked_at", BigInteger, comment="when the platform was last asked how the bill stands"),
    Column("being_paid_since_at", BigInteger, comment="the platform says that somebody is paying; null when not"),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("reason", Text, comment="the platform's words for a refusal, or why it was cancelled"),
    Column("bill_sealed", LargeBinary, nullable=False, comment="payer and unit as sent to the platform"),
    Column("token_index", LargeBinary, nullable=False, unique=True, comment="blind index of the payer page's token"),
    Column("token_sealed", LargeBinary, nullable=False),
    Column("paid_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint(
        "status in ('REQUESTED','ISSUED','CANCELLING','PAID','REJECTED','CANCELLED','EXPIRED')", name="known_status"
    ),
    CheckConstraint("settlement in ('none','pending','matched','broken')", name="known_settlement"),
    CheckConstraint("amount > 0", name="positive_amount"),
    CheckConstraint("status not in ('ISSUED','PAID') or code is not null", name="issued_has_a_code"),
    Index(
        "uq_payment_live",
        "decision_id",
        "instalment",
        "line_group",
        unique=True,
        sqlite_where=text(LIVE),
        postgresql_where=text(LIVE),
    ),
    Index("ix_payment_authority", "authority", "id"),
    Index("ix_payment_paid", "channel", "paid_at"),
    Index("ix_payment_open", "asked_at", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    Index("ix_payment_due", "due_look_on", sqlite_where=text(UNPAID), postgresql_where=text(UNPAID)),
    # In the order in which people read, with what they narrow it by: read whole it still is little.
    Index(
        "ix_payment_unpaid",
        "id",
        "authority",
        "status",
        "due_on",
        sqlite_where=text(UNPAID),
        postgresql_where=text(UNPAID),
    ),
    Index(
        "ix_payment_settled",
        "settlement",
        "id",
        "authority",
        sqlite_where=text(SETTLED),
        postgresql_where=text(SETTLED),
    ),
    Index("ix_payment_amount", "amount", "id", "authority"),
    Index(
        "ix_payment_paid_otherwise",
        "paid_amount",
        "id",
        "authority",
        sqlite_where=text(PAID_OTHERWISE),
        postgresql_where=text(PAID_OTHERWISE),
    ),
    Index("ix_payment_created", "created_at", "id", "authority"),
    Index("ix_payment_ended", "status", "id", sqlite_where=text(ENDED), postgresql_where=text(ENDED)),
    Index("ix_payment_provisional", "id", sqlite_where=text(PROVISIONAL), postgresql_where=text(PROVISIONAL)),
    Index("ix_payment_doubt", "authority", "id", sqlite_where=text(IN_DOUBT), postgresql_where=text(IN_DOUBT)),
    Index("ix_payment_replaces", "replaces", sqlite_where=text(REPLACES), postgresql_where=text(REPLACES)),
    Index("ix_payment_code", "code"),
)

payment_line = Table(
    "payment_line",
    metadata,
    Column("payment_id", String(40), ForeignKey("payment.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("item_code", String(30), nullable=False),
    Column("item_name", String(100), nullable=False),
    Column("amount", BigInteger, nullable=False),
    CheckConstraint("kind in ('fine','confiscated','surcharge')", name="known_kind"),
    CheckConstraint("amount > 0", name="positive_amount"),
)

payment_code = Table(
    "payment_code",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("reference", String(64), primary_key=True, comment="of the operation that asked for it"),
    Column("payment_id", String(40), ForeignKey("payment.id"), nullable=False),
    Column("code", String(20)),
    Column("state", String(10), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("issued_at", BigInteger),
    Column("closed_at", BigInteger),
    CheckConstraint("state in ('requested','live','paid','void','expired','refused')", name="known_state"),
    UniqueConstraint("channel", "code"),
    Index(
        "uq_payment_code_live",
        "payment_id",
        unique=True,
        sqlite_where=text(LIVE_CODE),
        postgresql_where=text(LIVE_CODE),
    ),
)

collection = Table(
    "collection",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("code", String(20), nullable=False),
    Column("bank_serial", String(80), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("paid_at", BigInteger, nullable=False),
    Column("pay_mode", String(20), nullable=False),
    Column("payer_sealed", LargeBinary),
    Column("source", String(10), nullable=False, comment="who told us first: callback, query or statement"),
    Column("payment_id", String(40), ForeignKey("payment.id"), comment="null while no payment has this code"),
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("code", "channel", "bank_serial"),
    CheckConstraint("source in ('callback','query','statement')", name="known_source"),
    Index("ix_collection_payment", "payment_id"),
    Index("ix_collection_paid", "channel", "paid_at"),
    Index("ix_collection_serial", "bank_serial"),
)

payment_exception = Table(
    "payment_exception",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("payment_id", String(40), ForeignKey("payment.id"), index=True),
    Column("collection_id", String(40), ForeignKey("collection.id"), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("proposal", String(30), nullable=False),
    Column("state", String(10), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("resolution", String(30), comment="the way out that a person chose"),
    Column("reason", Text),
    Column("proposed_by", String(40)),
    Column("proposed_name", String(200)),
    Column("confirmed_by", String(40)),
    Column("confirmed_name", String(200)),
    Column("resolved_at", BigInteger),
    Column(
        "times_proposed",
        Integer,
        nullable=False,
        server_default="0",
        comment="how often a way out was proposed: each time is a matter of its own between two people",
    ),
    UniqueConstraint("collection_id", "kind"),
    Index("ix_payment_exception_authority", "authority", "id"),
    Index("ix_payment_exception_state", "authority", "state", "id", "proposed_by"),
    Index("ix_payment_exception_kind", "authority", "kind", "id"),
    CheckConstraint("state in ('open','proposed','resolved')", name="known_state"),
    CheckConstraint("state <> 'resolved' or confirmed_by is not null", name="resolved_is_confirmed"),
    CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="two_people"),
)

code_series = Table(
    "code_series",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("series", String(40), primary_key=True, comment="region and year, or the range's first code"),
    Column("next_serial", String(21), nullable=False, comment="twenty digits are too long for an integer column"),
    Column("last_serial", String(21), nullable=False),
)

collecting_unit = Table(
    "collecting_unit",
    metadata,
    Column("authority", String(40), primary_key=True),
    Column("valid_from_on", Date, primary_key=True),
    Column("unit_code", String(30), nullable=False, comment="执收单位编码"),
    Column("unit_name", String(100), nullable=False),
    Column("region", String(6), nullable=False, comment="行政区划"),
)

income_item = Table(
    "income_item",
    metadata,
    Column("unit_code", String(30), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("valid_from_on", Date, primary_key=True),
    Column("valid_until_on", Date),
    Column("item_code", String(30), nullable=False, comment="收入项目编码"),
    Column("item_name", String(100), nullable=False),
    CheckConstraint("kind in ('fine','confiscated','surcharge')", name="known_kind"),
)

look_up_budget = Table(
    "look_up_budget",
    metadata,
    Column("budget", String(20), primary_key=True, comment="of some codes, of some sources, of all"),
    Column("full_at", BigInteger, nullable=False, comment="when all of it can be spent again; the database's clock"),
)
