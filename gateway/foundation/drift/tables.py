"""Contract drift: what platforms have sent beyond their contracts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table

from gateway.foundation.store.base import metadata

contract_drift = Table(
    "contract_drift",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("action", String(60), primary_key=True, comment="whose answer, or which callback"),
    Column("element", String(200), primary_key=True, comment="its path, never its value"),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("seen", Integer, nullable=False, comment="how often"),
)
