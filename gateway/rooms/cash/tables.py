"""Tables of cash taken on the spot 当场收缴."""

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

PROVISIONAL = "status <> 'REMITTED' and due_provisional = 1"

cash_taken = Table(
    "cash_taken",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("decision_id", String(40), ForeignKey("decision.id"), nullable=False, index=True),
    Column("decision_number", String(128), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("ground", String(20), nullable=False),
    Column("explanation", Text, comment="why it would be hard to enforce, or what the party asked for"),
    Column("receipt_number", String(60), nullable=False, comment="of the finance department's receipt handed out"),
    Column("receipt_key", String(80), nullable=False, comment="words.spelling.number_key of it"),
    Column("officer_sealed", LargeBinary, nullable=False),
    Column("officer_index", LargeBinary, nullable=False, index=True, comment="blind index of the officer's name"),
    Column("taken_on", Date, nullable=False),
    Column("ashore_on", Date, comment="for cash taken on water: the day of landing"),
    Column("status", String(12), nullable=False),
    Column("hand_in_due_on", Date, comment="null on water until landing"),
    Column("handed_in_on", Date),
    Column("bank_due_on", Date),
    Column("due_provisional", Integer, nullable=False, server_default="0", comment="of the duty that it has now"),
    Column("on_water", Integer, nullable=False, server_default="0"),
    Column("payment_id", String(40), ForeignKey("payment.id"), index=True, comment="the bill that remits it"),
    Column("remitted_at", BigInteger),
    Column("alarmed", String(10), comment="the last duty of which it was told that it is late"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("status in ('TAKEN','HANDED_IN','BILLED','REMITTED')", name="known_status"),
    CheckConstraint("ground in ('small','hard_to_enforce','remote')", name="known_ground"),
    CheckConstraint("amount > 0", name="positive_amount"),
    CheckConstraint("ground = 'small' or explanation is not null", name="ground_is_explained"),
    CheckConstraint("status = 'TAKEN' or handed_in_on is not null", name="handed_in_first"),
    CheckConstraint("status not in ('BILLED','REMITTED') or payment_id is not null", name="billed_has_a_bill"),
    UniqueConstraint("authority", "receipt_key"),
    Index("ix_cash_taken_provisional", "id", sqlite_where=text(PROVISIONAL), postgresql_where=text(PROVISIONAL)),
    Index("ix_cash_taken_authority", "authority", "id"),
    Index("ix_cash_taken_status", "authority", "status", "id"),
    Index("ix_cash_taken_to_hand_in", "status", "hand_in_due_on"),
    Index("ix_cash_taken_to_bank", "status", "bank_due_on"),
    Index("ix_cash_taken_receipt", "receipt_key"),
)
