"""The shelf of access tokens: one row a channel, sealed, and a lease so that one node fetches for all.

A row belongs to the account that its token was given to, address and credentials together: whoever changes those in the
settings starts without a token. Leases are told by the database's clock, which all nodes share.
"""

from __future__ import annotations

import json
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select, update

from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.delivery.tables import access_token
from gateway.foundation.store import Store, database_clock
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.wire.tokens import KeptToken
from gateway.words.clock import from_micros, to_micros

_LEASE_MICROS: Final = 60_000_000
"""Longer than a token is waited for: a channel's whole call ends before."""

_SELECT = select(access_token).where(access_token.c.channel == bindparam("of"))
_LEASE = (
    update(access_token)
    .where(
        access_token.c.channel == bindparam("of"),
        or_(access_token.c.lease_until_at.is_(None), access_token.c.lease_until_at < database_clock()),
    )
    .values(lease=access_token.c.lease + 1, lease_until_at=database_clock() + bindparam("micros"))
)
_HELD = (access_token.c.channel == bindparam("of"), access_token.c.lease == bindparam("number"))
_KEEP = update(access_token).where(*_HELD).values(
    account=bindparam("whose"),
    token_sealed=bindparam("sealed"),
    renew_at=bindparam("renew"),
    until_at=bindparam("until"),
    lease_until_at=None,
)  # fmt: skip
_RELEASE = update(access_token).where(*_HELD).values(lease_until_at=None)


class Tokens:
    """The shelves of all channels, in one store."""

    def __init__(self, store: Store, envelope: Envelope) -> None:
        self._store = store
        self._envelope = envelope

    def shelf(self, channel: str, account: object) -> StoredToken:
        """The shelf of one channel. ``account``: a JSON value of its address and credentials; only a MAC is kept."""
        return StoredToken(self._store, self._envelope, channel, json.dumps(account, sort_keys=True, default=str))


class StoredToken:
    """The token of one channel, a ``TokenShelf``."""

    def __init__(self, store: Store, envelope: Envelope, channel: str, account: str) -> None:
        self._store = store
        self._envelope = envelope
        self._channel = channel
        self._account = account

    async def read(self) -> KeptToken | None:
        """The token that was kept last for this account."""
        return await self._store.read(self._read)

    async def lease(self) -> int | None:
        """Become the one that fetches; None while another node is at it."""

        def unit(conn: Connection) -> int | None:
            insert_new(conn, access_token, channel=self._channel, account=self._accounts()[0], lease=0)
            if conn.execute(_LEASE, {"of": self._channel, "micros": _LEASE_MICROS}).rowcount != 1:
                return None
            return int(conn.execute(_SELECT, {"of": self._channel}).one().lease)

        return await self._store.write_beside(unit)

    async def keep(self, lease: int, token: KeptToken) -> bool:
        """Put a token there for all. False: the lease had ended, and another node has taken it."""
        values = {
            "of": self._channel,
            "number": lease,
            "whose": self._accounts()[0],
            "sealed": self._envelope.seal(token.token.encode(), self._place),
            "renew": to_micros(token.renew_at),
            "until": to_micros(token.until),
        }
        return await self._store.write_beside(lambda conn: conn.execute(_KEEP, values).rowcount == 1)

    async def release(self, lease: int) -> None:
        """End a lease without a token."""
        await self._store.write_beside(
            lambda conn: conn.execute(_RELEASE, {"of": self._channel, "number": lease}).rowcount
        )

    def _accounts(self) -> tuple[bytes, ...]:
        """By what rows of this account are known, what is written first."""
        return self._envelope.blind_indexes(self._account, "access_token.account")

    @property
    def _place(self) -> str:
        return f"access_token.token|{self._channel}"

    def _read(self, conn: Connection) -> KeptToken | None:
        row = conn.execute(_SELECT, {"of": self._channel}).first()
        if row is None or row.token_sealed is None or bytes(row.account) not in self._accounts():
            return None
        try:
            token = self._envelope.open(bytes(row.token_sealed), self._place).decode()
        except EnvelopeError:  # the keys were changed: a new token costs less than a stop
            return None
        return KeptToken(token, from_micros(row.renew_at), from_micros(row.until_at))
