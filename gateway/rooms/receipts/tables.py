"""Tables of fiscal receipts 财政电子票据."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.foundation.store.base import metadata

ACTIVE_RECEIPT = "status <> 'REFUSED'"

fiscal_receipt = Table(
    "fiscal_receipt",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("payment_id", String(40), ForeignKey("payment.id"), nullable=False, index=True),
    Column("channel", String(60), nullable=False),
    Column("code", String(20), nullable=False),
    Column("kind", String(20), nullable=False, comment="财政电子票据, or 电子一般缴款书 completed after payment"),
    Column("status", String(12), nullable=False),
    Column("reference", String(64), nullable=False, comment="under which it was asked for"),
    Column("amount", BigInteger, nullable=False),
    Column("receipt_code", String(8)),
    Column("receipt_number", String(10)),
    Column("check_code", String(6)),
    Column("issued_at", BigInteger),
    Column("document_sealed", LargeBinary),
    Column("media_type", String(80)),
    Column("digest", LargeBinary, comment="SM3 of the document"),
    Column("signers", Json, comment="who signed, when, with what certificate; null where the channel signs none"),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("refusal", Text),
    Column("red_code", String(8), comment="of the red receipt 红票 that reversed it"),
    Column("red_number", String(10)),
    Column("red_by", String(40)),
    Column("red_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("status in ('REQUESTED','ISSUED','REFUSED','REVERSED')", name="known_status"),
    CheckConstraint("kind in ('fiscal_receipt','general_bill')", name="known_kind"),
    CheckConstraint(
        "status not in ('ISSUED','REVERSED') or (receipt_number is not null and document_sealed is not null)",
        name="issued_is_whole",
    ),
    CheckConstraint("status <> 'REVERSED' or (red_number is not null and red_by is not null)", name="reversed_by_red"),
    UniqueConstraint("channel", "receipt_code", "receipt_number"),
    Index(
        "uq_fiscal_receipt_live",
        "payment_id",
        unique=True,
        sqlite_where=text(ACTIVE_RECEIPT),
        postgresql_where=text(ACTIVE_RECEIPT),
    ),
)
