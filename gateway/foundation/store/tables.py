"""The table of idempotency: what was asked under which key."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
)

from gateway.foundation.store.base import metadata

idempotency = Table(
    "idempotency",
    metadata,
    Column("client_id", String(40), primary_key=True),
    Column("path", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("body_sealed", LargeBinary, nullable=False, comment="SM3 of the request body, sealed"),
    Column("subject", String(120), nullable=False),
    Column("status", Integer, comment="first status answered; null while the first request runs"),
    Column("created_at", BigInteger, nullable=False),
)
