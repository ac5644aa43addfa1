"""Nonces of incoming messages: the SQL."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from gateway.foundation.delivery.tables import callback_nonce
from gateway.foundation.store.inserting import insert_new

_DIGEST = select(callback_nonce.c.digest).where(
    callback_nonce.c.channel == bindparam("of"), callback_nonce.c.nonce == bindparam("used")
)


def take_nonce(conn: Connection, channel: str, nonce: str, digest: bytes, now: int) -> bool:
    """Remember a nonce with the digest of its message; False when another message came under it before."""
    if insert_new(conn, callback_nonce, channel=channel, nonce=nonce, digest=digest, received_at=now):
        return True
    return bytes(conn.execute(_DIGEST, {"of": channel, "used": nonce}).scalar_one()) == digest
