"""Puts the gateway together: opens the foundation, loads the rooms, starts, stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from gateway.foundation import handovers, opening, rooms
from gateway.foundation.base import Foundation
from gateway.foundation.delivery import limits, operation_records
from gateway.foundation.figures import Figures, Measure
from gateway.foundation.measuring import Measuring
from gateway.foundation.rooms import Opened, Room, Services
from gateway.settings import Settings
from gateway.words.clock import Clock, Drift, SystemClock
from gateway.words.errors import GatewayError

if TYPE_CHECKING:
    from gateway.foundation.screens import Screen

T = TypeVar("T")

PROVISIONAL = Measure(
    "gateway_provisional_dates", "Kept last days that rest on days off not published yet, by room", ("room",)
)

_DRIFT_SECONDS = 5.0
_READY_SECONDS = 0.9
"""Whoever asks whether we are ready hears within a second."""


class App:
    """The assembled gateway. ``async with App.open(settings) as app``; ``sending`` makes it deliver as well.

    ``sending`` takes the database's lock: only one such process at a time on SQLite.
    """

    def __init__(self, base: Foundation, found: tuple[Room, ...]) -> None:
        self.base = base
        self.services = Services()
        self.rooms: tuple[tuple[Room, Opened], ...] = rooms.open_all(base, found, self.services)
        giving = {name for name, action in base.delivery.node.actions.items() if action.hands_over is not None}
        handovers.check_bases(base.settings.handovers.basis, giving)
        self.stopping = False
        self._drift = Drift(base.clock)
        self.measuring = Measuring(base, tuple(figures_of(found)))

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Settings, *, clock: Clock | None = None, sending: bool = False) -> AsyncIterator[App]:
        """Assemble, serve, and take apart again in the reverse order."""
        found = rooms.found()
        async with contextlib.AsyncExitStack() as stack:
            base = await opening.open_foundation(settings, clock or SystemClock(), stack, sending=sending)
            app = cls(base, found)
            for _, alive in app.rooms:
                if alive.close is not None:
                    stack.push_async_callback(alive.close)
            if sending:
                stack.push_async_callback(app._stop)
                await opening.start(base)
            yield app
            app.stopping = True

    async def _stop(self) -> None:
        self.stopping = True
        await opening.stop(self.base)

    def get(self, service: type[T]) -> T:
        """The service of a room, by its class. KeyError where no room brings it."""
        return self.services.get(service)

    @cached_property
    def screens(self) -> Mapping[str, Screen]:
        """What the rooms show on the console, by name, with what others add to it."""
        placed = [room.place(where) for room, _ in self.rooms for where in room.screens]
        joins = [room.place(where) for room, _ in self.rooms for where in room.joins]
        return {one.name: one.with_joined([more for more in joins if more.screen == one.name]) for one in placed}

    async def readiness(self) -> tuple[list[str], list[str]]:
        """What keeps the gateway from accepting work, and what is worth knowing."""
        if self.stopping:
            return ["stopping"], []
        base = self.base
        if base.standing is not None and base.standing.lost is not None:
            return [str(base.standing.lost)], []
        try:
            async with asyncio.timeout(_READY_SECONDS):
                return await self._notes()
        except TimeoutError:
            return ["database: no answer within a second"], []

    async def _notes(self) -> tuple[list[str], list[str]]:
        base = self.base
        try:
            keys = {channel.name: channel.keys for channel in base.channels.all()}
            notes = await base.store.read(lambda conn: limits.notes(conn, keys, base.clock.now()))
            await base.store.prove_writable()
        except GatewayError as problem:
            return [f"database: {problem}"], []
        configured = set(keys)
        orphaned = await base.store.read(lambda conn: operation_records.unserved(conn, configured))
        notes += [f"{number} operations wait for {name}, which is no longer configured" for name, number in orphaned]
        notes += [str(one) for one in await base.delivery.waiting.strange()]
        for _, alive in self.rooms:
            notes += [] if alive.notes is None else await alive.notes()
        if abs(drift := self._drift.seconds()) > _DRIFT_SECONDS:
            notes.append(f"the clock was set by {drift:+.0f} s since the gateway started")
        return [], notes


def figures_of(found: Iterable[Room]) -> Iterator[Figures]:
    """What each room measures, and its kept dates that rest on days off not published yet."""
    counts = {room.name: room.place(room.provisional) for room in found if room.provisional is not None}
    yield Figures((PROVISIONAL,), lambda conn, _: [PROVISIONAL.at(count(conn), of) for of, count in counts.items()])
    for room in found:
        if room.figures is not None:
            yield room.place(room.figures)
