"""Evidence: exchanges chained per node, their exact bytes in a row of their own, and each chain's head.

There is no readable copy of an exchange as long as the exact bytes are there, from which it is made when somebody
reads; before they are shredded it goes to ``exchange_shown``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.foundation.store.base import by_month, metadata

exchange = Table(
    "exchange",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("node", String(40), nullable=False),
    Column("seq", BigInteger, nullable=False, comment="from 1 without gaps, per node"),
    Column("channel", String(60), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("action", Text, nullable=False),
    Column("operation_id", String(40), index=True),
    Column("subject", Text, index=True),
    Column("authority", String(40)),
    Column("method", Text, nullable=False),
    Column("status", Integer),
    Column("outcome", Text, nullable=False, comment="answered, or the name of the transport's error"),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("told", LargeBinary, comment="HMAC-SM3 of what its attempt came to; null where it belongs to no attempt"),
    Column("body_mac", LargeBinary, nullable=False, comment="HMAC-SM3 of the exact bytes"),
    Column("chain", LargeBinary, nullable=False, comment="HMAC-SM3 of the previous chain value and this row"),
    UniqueConstraint("node", "seq"),
    CheckConstraint("seq >= 1", name="seq_from_one"),
    CheckConstraint("direction in ('in','out')", name="known_direction"),
)

exchange_body = Table(
    "exchange_body",
    metadata,
    Column("exchange_id", String(40), ForeignKey("exchange.id"), primary_key=True),
    Column("exact_sealed", LargeBinary, comment="null once retention has shredded it"),
    Column("shredded_by", String(40), comment="the record in the chain that says so"),
    CheckConstraint("(exact_sealed is null) = (shredded_by is not null)", name="kept_or_shredded"),
    **by_month("exchange_id", "xch"),
)

exchange_shown = Table(
    "exchange_shown",
    metadata,
    Column("exchange_id", String(40), ForeignKey("exchange.id"), primary_key=True),
    Column("copy", LargeBinary, nullable=False, comment="url, request and response, compressed as exact bytes are"),
    **by_month("exchange_id", "xch"),
)

exchange_dictionary = Table(
    "exchange_dictionary",
    metadata,
    Column("id", String(16), primary_key=True, comment="hex; exact bytes that were compressed with it name it"),
    Column("channel", String(60), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("action", Text, nullable=False),
    Column("content", LargeBinary, nullable=False, comment="a redacted exchange; kept for ever"),
    Column("made_at", BigInteger, nullable=False),
)

chain_head = Table(
    "chain_head",
    metadata,
    Column("node", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("signed_line", LargeBinary, comment="SM3 of the last line this node wrote to its file of signed heads"),
    Column("updated_at", BigInteger, nullable=False),
)
