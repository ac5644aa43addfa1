"""Who waits for an operation to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.foundation.delivery import operation_records
from gateway.foundation.delivery.states import SETTLED, State
from gateway.foundation.store import Store


class Waiters:
    """Requests that wait for an outcome. ``under_way(operation_id)``: whether the call is under way on this node."""

    def __init__(self, store: Store, under_way: Callable[[str], bool]) -> None:
        self._store = store
        self._under_way = under_way
        self._waiting: dict[str, list[asyncio.Future[State | None]]] = {}
        self._over = False

    async def wait(self, operation_id: str, seconds: float) -> State | None:
        """The final state of an operation, or None when it has not ended within ``seconds``.

        It may end elsewhere: called by another node, or cancelled by a room. So the ledger is looked at as well,
        unless the call is under way here.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[State | None] = loop.create_future()
        self._waiting.setdefault(operation_id, []).append(future)
        until, pause = loop.time() + seconds, 0.02
        try:
            while True:
                if not self._under_way(operation_id):
                    known = await self._store.read(lambda conn: operation_records.fetch(conn, operation_id))
                    if known is not None and known.state in SETTLED:
                        return known.state
                    pause = min(0.25, pause * 2)
                left = until - loop.time()
                await asyncio.wait([future], timeout=max(0.0, min(left, pause)))
                if future.done():
                    return future.result()
                if left <= pause or self._over:
                    return None
        finally:
            waiting = self._waiting.get(operation_id, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._waiting.pop(operation_id, None)

    def tell(self, operation_id: str, state: State) -> None:
        """An operation has ended in ``state``."""
        for future in self._waiting.get(operation_id, ()):
            if not future.done():
                future.set_result(state)

    def let_go(self) -> None:
        """Nobody waits any longer: who does is told that it has not ended."""
        self._over = True
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(None)
