"""How much one client may ask for in a minute, counted together by all nodes.

The count is one row a client. A node takes a twentieth of the minute's quota from it at a time and serves from that
without asking the database, so that a request costs no statement of its own. A minute is one of the database's clock;
what a node took and did not use is lost with it, so a client may be held back that much early, and never late.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, bindparam, case
from sqlalchemy.dialects import postgresql, sqlite

from gateway.foundation.access.tables import client_rate
from gateway.foundation.store import Store, database_clock
from gateway.words.errors import UnavailableProblem

WINDOW: Final = 60
_MICROS: Final = 1_000_000
_KEPT: Final = 10_000
_row = client_rate.c
_WINDOW = bindparam("window", type_=BigInteger)
_NUMBER = database_clock() // _WINDOW


def _taking(insert: Any) -> Any:
    made = insert(client_rate).values(client=bindparam("of"), minute=_NUMBER, taken=bindparam("block"))
    same = _row.minute == made.excluded.minute
    put = {"minute": made.excluded.minute, "taken": case((same, _row.taken), else_=0) + made.excluded.taken}
    return made.on_conflict_do_update(index_elements=["client"], set_=put).returning(
        _row.minute, _row.taken, database_clock().label("now")
    )


_TAKE: Final = {"sqlite": _taking(sqlite.insert), "postgresql": _taking(postgresql.insert)}


@dataclass(slots=True)
class Allowance:
    """What a client may still ask of this node. ``left``: requests; ``beyond``: what other nodes, or we, may yet take.

    ``until``: the end of its minute, in monotonic seconds.
    """

    left: int
    beyond: int
    until: float


@dataclass(frozen=True, slots=True)
class Rate:
    """What one request is told: of ``quota`` requests in ``window`` seconds ``left`` in the next ``seconds``."""

    quota: int
    left: int
    seconds: int
    window: int
    refused: bool = False

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """As draft-ietf-httpapi-ratelimit-headers-10 has them."""
        return (
            (b"ratelimit-policy", b'"client";q=%d;w=%d' % (self.quota, self.window)),
            (b"ratelimit", b'"client";r=%d;t=%d' % (self.left, self.seconds)),
        )


class Rates:
    """Requests a minute for each client (``window``: s); None: as many as it likes, and nothing is said of it."""

    def __init__(
        self, store: Store, quota: int | None, elapsed: Callable[[], float] = time.monotonic, *, window: int = WINDOW
    ) -> None:
        self._store = store
        self._quota = quota
        self._elapsed = elapsed
        self._window = window
        self._known: dict[str, Allowance] = {}
        self._taking: dict[str, asyncio.Lock] = {}

    async def spend(self, client: str) -> Rate | None:
        """Count one request, and say what is left; None where there is no quota."""
        if self._quota is None:
            return None
        found = self._known.get(client)
        if found is None or self._elapsed() >= found.until or (not found.left and found.beyond):
            found = await self._more(client, self._quota)
        seconds = max(1, math.ceil(found.until - self._elapsed()))
        if not found.left:
            return Rate(self._quota, 0, seconds, self._window, refused=True)
        found.left -= 1
        return Rate(self._quota, found.left + found.beyond, seconds, self._window)

    async def _more(self, client: str, quota: int) -> Allowance:
        """Take the next part of the quota, once for all requests that wait for it."""
        if len(self._known) >= _KEPT:
            self._known.clear()
            self._taking.clear()
        async with self._taking.setdefault(client, asyncio.Lock()):
            found = self._known.get(client)
            if found is not None and self._elapsed() < found.until and (found.left or not found.beyond):
                return found
            block = max(1, quota // 20)
            try:
                found = await self._store.write_apart(
                    partial(_take, client=client, block=block, quota=quota, window=self._window)
                )
                found.until += self._elapsed()
            except UnavailableProblem:  # a full disk must not lock readers out
                found = Allowance(block, 0, self._elapsed() + 1)
            self._known[client] = found
            return found


def _take(conn: Connection, client: str, block: int, quota: int, window: int) -> Allowance:
    """A block of the minute's quota, as much as is left of it; ``until`` is the seconds that are left of the minute."""
    minute, taken, now = conn.execute(
        _TAKE[conn.dialect.name], {"of": client, "block": block, "window": window * _MICROS}
    ).one()
    mine = max(0, min(block, quota - (taken - block)))
    return Allowance(mine, max(0, quota - taken), (minute + 1) * window - now / _MICROS)
