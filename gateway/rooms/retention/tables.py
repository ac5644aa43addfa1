"""Retention: the parts of the archive, and how far each kind of row has been looked through."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text

from gateway.foundation.store.base import metadata

UNFINISHED = "removed_at is null"

archive_part = Table(
    "archive_part",
    metadata,
    Column("what", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, comment="from 1, of this kind"),
    Column("rows", Integer, nullable=False, comment="of all its files"),
    Column("manifest", String(64), nullable=False, comment="SM3 of the signed manifest; hex"),
    Column("written_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger, comment="when its rows had left the database"),
    Column("removed", Integer, comment="how many did: a row that had changed meanwhile stayed"),
    Index(
        "ix_archive_part_unfinished",
        "what",
        sqlite_where=text(UNFINISHED),
        postgresql_where=text(UNFINISHED),
    ),
)

retention_mark = Table(
    "retention_mark",
    metadata,
    Column("what", String(40), primary_key=True),
    Column("place", Json, nullable=False, comment="the key up to which all rows were looked at"),
    Column("moved_at", BigInteger, nullable=False),
)
