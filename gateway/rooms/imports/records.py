"""What an import asks of others' tables: plain functions of a connection."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from gateway.foundation.access.tables import authority

_CODE = select(authority.c.code).where(authority.c.code == bindparam("of"))


def is_authority(conn: Connection, code: str) -> bool:
    """Whether there is an authority 执收单位 of this code."""
    return conn.execute(_CODE, {"of": code}).first() is not None
