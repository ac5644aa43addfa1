"""Contract drift: platforms change from release to release, and somebody should know before it matters.

What is read beyond a contract is passed over and noted here: which channel, in which answer or callback, which element,
when first and last, how often. The first time is an event, ``channel.drifted``. Nothing waits for a note: they are
gathered in memory and written by a task of their own.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from gateway.foundation.access import records as access_records
from gateway.foundation.channels import Channels
from gateway.foundation.delivery.events import Events
from gateway.foundation.drift import records
from gateway.foundation.drift.records import Drifted
from gateway.foundation.store import Store
from gateway.words.clock import Clock, from_micros, rfc3339, to_micros
from gateway.words.errors import GatewayError

__all__ = ["OTHERS", "ContractDrift", "Drifted"]

log = structlog.get_logger(__name__)

MOST = 200
"""Different elements that are noted of a channel in one life of the process."""
OTHERS = "…"
"""What stands for the elements beyond that."""
WRITE_SECONDS = 60.0
"""How long a count of what is known already may wait."""


class ContractDrift:
    """The notes. ``note`` is what wires are given."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, set[tuple[str, str]]] = {}
        self._gathered: dict[tuple[str, str, str], Drifted] = {}
        self._something = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None

    def note(self, channel: str, action: str, path: str) -> None:
        """One element or member was passed over; see ``NoteDrift``. Large answers are read in threads of their own."""
        if self._home is not None and threading.get_ident() != self._home[0]:
            self._home[1].call_soon_threadsafe(self.note, channel, action, path)
            return
        known, now = self._known.setdefault(channel, set()), to_micros(self._clock.now())
        place = (action[:60], path[:200])
        if place not in known:
            if len(known) >= MOST:
                place = ("", OTHERS)
            known.add(place)
            self._something.set()
        key = (channel, *place)
        last = self._gathered.get(key) or Drifted(*key, first_seen_at=now, last_seen_at=now, seen=0)
        self._gathered[key] = replace(last, last_seen_at=now, seen=last.seen + 1)

    async def start(self, events: Events, channels: Channels) -> None:
        """Begin to write what was gathered, new elements at once."""
        self._home = threading.get_ident(), asyncio.get_running_loop()
        self._writing = asyncio.create_task(self._run(events, channels))

    async def stop(self, events: Events, channels: Channels) -> None:
        """Write the rest."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None
        await self.write(events, channels)

    async def write(self, events: Events, channels: Channels) -> None:
        """Write what was gathered; what cannot be written now is gathered again."""
        gathered, self._gathered = self._gathered, {}
        if not gathered:
            return

        def unit(conn: Connection) -> None:
            authorities = access_records.codes(conn)
            for one in gathered.values():
                if not records.note(conn, one):
                    continue
                told = {
                    "action": one.action,
                    "element": one.element,
                    "first_seen": rfc3339(from_micros(one.first_seen_at)),
                }
                for authority in channels.served(one.channel, authorities):
                    events.emit(conn, type="channel.drifted", subject=one.channel, authority=authority, data=told)

        try:
            await self._store.write_beside(unit)
        except GatewayError as problem:
            log.warning("contract drift could not be noted", reason=str(problem))
            for key, one in gathered.items():
                later = self._gathered.get(key)
                self._gathered[key] = replace(one, seen=one.seen + (later.seen if later else 0))
        else:
            for one in gathered.values():
                log.debug("contract drift", channel=one.channel, action=one.action, element=one.element, seen=one.seen)

    async def _run(self, events: Events, channels: Channels) -> None:
        while True:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._something.wait()
            except TimeoutError:
                pass
            self._something.clear()
            try:
                await self.write(events, channels)
            except Exception:
                log.exception("contract drift was lost for a fault of ours")
