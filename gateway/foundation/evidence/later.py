"""What is stored soon and by itself: exchanges that no unit takes, and the dictionaries of their kinds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Connection, bindparam, select

from gateway.foundation.evidence import records
from gateway.foundation.evidence.chain import ANSWERED
from gateway.foundation.evidence.compression import Dictionary
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.store import Store
from gateway.ports.base import RawExchange
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import UnavailableProblem

log = structlog.get_logger(__name__)

EAGER_BYTES: Final = 64 * 1024
"""Exchanges up to this size are prepared at once, where they are recorded; larger ones in a thread."""

_HELD: Final = 10_000
_TOGETHER: Final = 50
_KINDS: Final = 1000
_KNOWN = select(exchange.c.id).where(exchange.c.id == bindparam("id"))

Kind = tuple[str, str, str]
"""Channel, direction and action of an exchange."""


@dataclass(frozen=True)
class Prepared:
    """An exchange ready to be stored, its exact bytes MACed, compressed and sealed. Its id is fixed.

    ``key``: the key of its record.
    """

    id: str
    key: bytes
    fields: dict[str, Any]
    exact_sealed: bytes
    body_mac: bytes


class Later:
    """Exchanges held until they are stored, and models held until they are dictionaries.

    ``prepare`` makes an exchange ready; ``append`` stores one in a unit.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        prepare: Callable[[RawExchange], Prepared],
        append: Callable[[Connection, Prepared], str],
    ) -> None:
        self._store, self._clock, self._prepare, self._append = store, clock, prepare, append
        self._held: deque[Prepared | RawExchange] = deque()
        self._models: dict[Kind, RawExchange] = {}
        self._dictionaries: dict[Kind, Dictionary | None] = {}
        self._writing: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, item: Prepared | RawExchange) -> None:
        """Have an exchange stored soon. Never blocks and never raises; at most 10 000 are held."""
        if len(self._held) >= _HELD:
            log.error("evidence lost: too much waits to be stored", held=len(self._held))
        else:
            self._held.append(item)
            self.wake()

    def dictionary(self, raw: RawExchange) -> Dictionary | None:
        """What an exchange is compressed with. The first good one of its kind becomes the model of the others."""
        kind = (raw.channel, raw.direction, raw.action)
        if kind not in self._dictionaries and len(self._dictionaries) < _KINDS and kind not in self._models:
            good = raw.outcome == ANSWERED and (raw.status or 200) < 300
            if good and len(raw.request_body) + len(raw.response_body) <= EAGER_BYTES:
                self._models[kind] = raw
                self.wake()
        return self._dictionaries.get(kind)

    def know(self, stored: Mapping[Kind, Dictionary | None]) -> None:
        """Use the dictionaries that are stored already."""
        self._dictionaries = {**stored, **self._dictionaries}

    def wake(self) -> None:
        """Have the held exchanges stored and dictionaries made, from whichever thread."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self.wake)
            return
        self._loop = loop
        if (self._held or self._models) and (self._writing is None or self._writing.done()):
            self._writing = loop.create_task(self._write(), name="evidence-writer")

    async def flush(self) -> None:
        """Wait until everything added so far is stored."""
        self.wake()
        while self._writing is not None and not self._writing.done():
            await asyncio.shield(self._writing)

    def cut(self) -> None:
        """Stop. What cannot be stored any more is logged as lost."""
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()
            log.error("evidence lost: the database did not take it before the stop", held=len(self._held))

    async def _write(self) -> None:
        """Store what is held, then make dictionaries; again, if more came meanwhile, for which nobody woke another."""
        while True:
            await self._store_held()
            await self._learn()
            if not self._held:
                return

    async def _store_held(self) -> None:
        pause = 0.05
        while self._held:
            some = [self._held[index] for index in range(min(_TOGETHER, len(self._held)))]
            try:
                ready = [
                    item if isinstance(item, Prepared) else await asyncio.to_thread(self._prepare, item)
                    for item in some
                ]
                for place, item in enumerate(ready):
                    self._held[place] = item  # with a fixed id, so that a second try stores nothing twice
                await self._store.write_beside(partial(self._append_new, ready))
            except UnavailableProblem:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                continue
            except Exception:
                log.exception("evidence lost: it cannot be stored", exchanges=len(some))
            for _ in some:
                self._held.popleft()
            pause = 0.05

    def _append_new(self, ready: Sequence[Prepared], conn: Connection) -> None:
        for item in ready:
            if conn.execute(_KNOWN, {"id": item.id}).first() is None:
                self._append(conn, item)

    async def _learn(self) -> None:
        """Make a dictionary for each kind of exchange that has none. It is used once it is stored."""
        while self._models:
            kind = next(iter(self._models))
            made: Dictionary | None = None
            try:
                made = await asyncio.to_thread(Dictionary.of, self._models[kind])
                now = to_micros(self._clock.now())
                await self._store.write_beside(partial(records.keep_dictionary, key=kind, made=made, now=now))
            except UnavailableProblem:
                return
            except Exception:
                made = None
                log.exception("no dictionary for evidence of this kind", channel=kind[0], action=kind[2])
            self._dictionaries[kind] = made
            del self._models[kind]
