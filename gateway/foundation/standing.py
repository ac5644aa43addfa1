"""Whether this node may go on working: it has its name, its clock is the database's, the schema one it works on.

A node on a shared PostgreSQL looks once a second, in one statement on the session that holds its name. One that has
lost any of the three would lease under another's name, date and sign what no one believes, or write what nobody reads;
it claims nothing more, turns red and ends.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.foundation.store import schema
from gateway.foundation.store.lock import NodeName, Pulse
from gateway.words.clock import Clock, SystemClock, from_micros
from gateway.words.errors import GatewayError
from gateway.words.saying import Sentence, say

log = structlog.get_logger(__name__)

PULSE_SECONDS = 1.0
CLOCK_SECONDS = 30.0
"""How far this machine's clock may be from the database's."""
NAME_SECONDS = 10.0
"""For how long another session may hold our name before it is lost: the server gives our own last one up sooner."""


class Standing:
    """Looks after a node's name, clock and schema until ``close``. ``lost``: what it has lost, None while it stands.

    A schema that a newer version expands is no loss (``store.steps``). ``fell`` is set when it has lost something.
    """

    def __init__(self, name: NodeName, clock: Clock) -> None:
        self.lost: Sentence | None = None
        self.fell = asyncio.Event()
        self._name = name
        self._clock = clock
        self._chart = schema.chart()
        self._ahead: tuple[str, ...] = ()
        self._closing = threading.Event()
        self._told: list[Callable[[], None]] = []
        self._suspect: Sentence | None = None
        self._held_at = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._look, name="node-standing", daemon=True)
        self._thread.start()

    def on_fall(self, tell: Callable[[], None]) -> None:
        """Have it called, on the loop, when the node has lost its standing."""
        self._told.append(tell)

    def close(self) -> None:
        """Look no more, and let the name go. Waits for nobody: a server that hangs lets go of it by itself."""
        self._closing.set()
        self._thread.join(timeout=1.0)

    def _look(self) -> None:
        while not self._closing.wait(PULSE_SECONDS):
            before = self._clock.now()
            try:
                pulse = self._name.pulse()
            except GatewayError as problem:
                log.warning("the node's name could not be confirmed", node=self._name.name, reason=str(problem))
                continue
            found = self._wrong(pulse, before)
            # Seen twice: one look may have met a clock that was just being set, or a migration under way.
            if found is not None and self._suspect is not None and self.lost is None:
                self.lost = found
                log.error("this node has lost its standing, and ends", node=self._name.name, reason=str(found))
                self._loop.call_soon_threadsafe(self._fall)
            self._suspect = found
        self._name.release()

    def _wrong(self, pulse: Pulse, before: datetime) -> Sentence | None:
        now = time.monotonic()
        if pulse.ours:
            self._held_at = now
        elif now - self._held_at > NAME_SECONDS:
            return say("nodes.name", name=self._name.name)
        fit = self._chart.fit(pulse.steps)
        if fit.lacking or fit.strange:
            return say("nodes.schema")
        if (ahead := tuple(one.revision for one in fit.ahead)) != self._ahead:
            log.warning("a newer version has expanded the schema; this node goes on", revisions=ahead)
            self._ahead = ahead
        if isinstance(self._clock, SystemClock):  # others are set on purpose
            there, after = from_micros(pulse.at), self._clock.now()
            apart = max((before - there).total_seconds(), (there - after).total_seconds())
            if apart > CLOCK_SECONDS:
                return say("nodes.clock", seconds=round(apart))
        return None

    def _fall(self) -> None:
        for tell in self._told:
            tell()
        self.fell.set()
