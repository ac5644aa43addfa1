"""Tables of refunds 退付."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.foundation.store.base import metadata

WITHOUT_NUMBER = "number is null"
LIVE_REFUND = "status not in ('REFUSED','DISMISSED')"

refund = Table(
    "refund",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("payment_id", String(40), ForeignKey("payment.id"), nullable=False, index=True),
    Column("collection_id", String(40), ForeignKey("collection.id"), nullable=False, index=True),
    Column("exception_id", String(40), ForeignKey("payment_exception.id"), comment="whose way out this refund is"),
    Column("decision_number", String(128), nullable=False),
    Column("channel", String(60), nullable=False),
    Column("code", String(20), nullable=False),
    Column("bank_serial", String(80), nullable=False, comment="of the money that goes back"),
    Column("amount", BigInteger, nullable=False),
    Column("reason", String(30), nullable=False),
    Column("explanation", Text, nullable=False),
    Column("status", String(12), nullable=False),
    Column("origin", String(10), nullable=False, comment="filed by us, or returned by the platform of its own accord"),
    Column("payee_sealed", LargeBinary, comment="name, account and bank of who gets the money"),
    Column("proposed_by", String(40)),
    Column("proposed_name", String(200)),
    Column("confirmed_by", String(40)),
    Column("confirmed_name", String(200)),
    Column("confirmed_at", BigInteger),
    Column("confirmed_side", String(12), comment="who confirms has no other part in it: held by the key below"),
    Column("reference", String(64), comment="under which it was filed"),
    Column("operation_id", String(40)),
    Column("waits_for", String(20), comment="what a person must do before it can be filed"),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("refusal", Text, comment="the words of whoever refused or dismissed it"),
    Column("number", String(80), comment="the platform's own number of this refund 退款单号"),
    Column("returned_serial", String(80), comment="the bank's serial of the money going back, from a statement"),
    Column("refunded_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint(
        "status in ('PROPOSED','CONFIRMED','FILED','APPROVED','REFUNDED','REFUSED','DISMISSED')", name="known_status"
    ),
    CheckConstraint(
        "reason in ('wrong_payment','paid_twice','paid_after_cancel','decision_revoked','decision_changed')",
        name="known_reason",
    ),
    CheckConstraint("origin in ('filed','platform')", name="known_origin"),
    CheckConstraint("waits_for in ('red_receipt','person')", name="known_wait"),
    CheckConstraint("amount > 0", name="positive_amount"),
    CheckConstraint("origin = 'platform' or proposed_by is not null", name="somebody_proposed"),
    CheckConstraint(
        "origin = 'platform' or payee_sealed is not null or status in ('PROPOSED','DISMISSED')",
        name="somebody_is_paid",
    ),
    CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="two_people"),
    CheckConstraint("(confirmed_by is null) = (confirmed_side is null)", name="confirmed_on_a_side"),
    CheckConstraint("confirmed_side = 'confirming'", name="only_who_takes_no_part_confirms"),
    ForeignKeyConstraint(
        ["id", "confirmed_by", "confirmed_side"],
        ["matter_person.matter", "matter_person.person", "matter_person.side"],
    ),
    CheckConstraint(
        "status in ('PROPOSED','DISMISSED') or origin = 'platform' or confirmed_by is not null",
        name="confirmed_before_filed",
    ),
    CheckConstraint("status <> 'REFUNDED' or refunded_at is not null", name="refunded_has_a_date"),
    UniqueConstraint("channel", "code", "number"),
    Index(
        "uq_refund_returned",
        "channel",
        "code",
        "returned_serial",
        unique=True,
        sqlite_where=text(WITHOUT_NUMBER),
        postgresql_where=text(WITHOUT_NUMBER),
    ),
    Index("ix_refund_authority", "authority", "id"),
    Index("ix_refund_status", "authority", "status", "id", "proposed_by"),
    Index("ix_refund_reference", "channel", "reference"),
    Index(
        "uq_refund_exception_live",
        "exception_id",
        unique=True,
        sqlite_where=text(LIVE_REFUND),
        postgresql_where=text(LIVE_REFUND),
    ),
)

refund_document = Table(
    "refund_document",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("refund_id", String(40), ForeignKey("refund.id"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("reference", String(200), nullable=False, comment="its number, or where the paper lies"),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of the document"),
    Column("file_sealed", LargeBinary),
    Column("media_type", String(80)),
    Column("added_by", String(40), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    CheckConstraint(
        "kind in ('opinion_letter','original_voucher','loss_statement','legal_document')", name="known_kind"
    ),
    UniqueConstraint("refund_id", "kind", "digest"),
)
