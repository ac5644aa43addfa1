"""Heads signed on time: what this node appended gets its signature every few seconds, here and in a second place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy import Connection, bindparam, select, update

from gateway.foundation.crypto.keys import HEAD_KEY, KeyProvider
from gateway.foundation.evidence.heads import HeadsWriter, heads_file
from gateway.foundation.evidence.second import RolledBackError, carry_over
from gateway.foundation.evidence.tables import chain_head, exchange
from gateway.foundation.store import Store
from gateway.words.clock import Clock
from gateway.words.errors import GatewayError

log = structlog.get_logger(__name__)

_SELECT_CHAINS = (
    select(exchange.c.chain)
    .where(exchange.c.node == bindparam("of"), exchange.c.seq > bindparam("after"))
    .order_by(exchange.c.seq)
    .limit(1000)
)


class HeadSigning:
    """Signs the head of one node's chain. ``heads``: the folder of signed heads; ``second``: the folder elsewhere.

    ``rolled_back``: why the second place says that the first is of an earlier day.
    """

    def __init__(
        self, store: Store, keys: KeyProvider, clock: Clock, *, node: str, heads: Path, second: Path | None
    ) -> None:
        self.node, self.heads, self.second = node, heads, second
        self.rolled_back: str | None = None
        self._store, self._keys, self._clock = store, keys, clock
        self._writer: HeadsWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def sign(self) -> int:
        """Sign whatever this node appended since its last signed head; returns how many records that were."""
        async with self._lock:
            if self._writer is None:
                self._writer = await asyncio.to_thread(HeadsWriter, self.heads, self.node, self._keys)
            writer, line, begun = self._writer, None, self._writer.seq
            while chains := await self._store.read(lambda conn: _chains_after(conn, self.node, writer.seq)):
                line = await asyncio.to_thread(writer.append, chains, self._clock.now())
            await asyncio.to_thread(self._carry_over)
            if line is not None:
                signed = update(chain_head).where(chain_head.c.node == self.node).values(signed_line=line)
                await self._store.write_beside(lambda conn: conn.execute(signed).rowcount)
            return writer.seq - begun

    def _carry_over(self) -> None:
        """Bring the second place up to date. What fails is logged, and tried again with the next head."""
        if self.second is None:
            return
        first = heads_file(self.heads, self.node)
        try:
            carry_over(first, self.second / first.name)
            self.rolled_back = None
        except RolledBackError as error:
            self.rolled_back = str(error)
            log.error("the second place has signed heads that are not here", reason=self.rolled_back)
        except OSError as error:
            log.error("signed heads could not be written to the second place", reason=str(error))

    async def start(self, seconds: float, then: Callable[[], None]) -> None:
        """Sign what an earlier life left, then every so many ``seconds``; ``then`` is called after each.

        The signing key is made now if it is missing.
        """
        await asyncio.to_thread(self._keys.public, HEAD_KEY)
        await self.sign()
        if self._task is None:
            self._task = asyncio.create_task(self._regularly(seconds, then), name="evidence-heads")

    async def stop(self) -> None:
        """Sign no more by itself."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def try_to_sign(self) -> None:
        """Sign; what hinders it is logged, and tried again with the next head."""
        try:
            await self.sign()
        except (GatewayError, OSError) as error:
            log.error("the evidence head could not be signed", reason=str(error))

    async def _regularly(self, seconds: float, then: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.try_to_sign()
            then()


def _chains_after(conn: Connection, node: str, seq: int) -> list[bytes]:
    return [bytes(chain) for chain in conn.execute(_SELECT_CHAINS, {"of": node, "after": seq}).scalars()]
