"""A database server that says nothing: it is frozen, or its answers are lost on the way.

Nothing of ours ends by itself then: the driver waits for an answer as long as the connection stands. So a thread looks
whether anything has been under way for long, and if so asks the server something on a new connection. No answer: every
connection is cut, those who waited hear that the database is gone, and nobody begins anything or connects anew before
it speaks again. A statement that is merely slow is left alone, for the server answers meanwhile.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import dup
from typing import Any
from weakref import WeakSet

import structlog
from sqlalchemy import Engine, event

from gateway.foundation.store.engine import SQLITE, open_engine
from gateway.words.errors import UnavailableProblem
from gateway.words.saying import say

log = structlog.get_logger(__name__)

SUSPECT_SECONDS = 2.0
"""How long something may be under way before the server is asked whether it is there."""
ANSWER_SECONDS = 2.0
"""How long it has to answer that, counted in looks. Together they are below the five seconds of a request."""
_LOOK_SECONDS = 0.25


class Silence:
    """Watches over the connections of some engines to one PostgreSQL server, until ``close``."""

    def __init__(self, engines: list[Engine], dial: Engine) -> None:
        self._dial = dial
        self._connections: WeakSet[Any] = WeakSet()
        self._under_way: dict[int, float] = {}
        self._numbers = iter(range(1 << 62))
        self._closing = threading.Event()
        self._silent = False
        self._heard = 0.0
        for engine in engines:
            event.listen(engine, "do_connect", self._may_connect)
            event.listen(engine, "connect", self._made)
        self._thread = threading.Thread(target=self._watch, name="store-silence", daemon=True)
        self._thread.start()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While something is under way. UnavailableProblem at once while the server is known to say nothing."""
        if self._silent:
            raise UnavailableProblem(say("store.silent"))
        number = next(self._numbers)
        self._under_way[number] = time.monotonic()
        try:
            yield
            self._heard = time.monotonic()
        finally:
            del self._under_way[number]

    def close(self) -> None:
        """Watch no more."""
        self._closing.set()

    def _may_connect(self, *_: object) -> None:
        """Who was cut off tries again at once, and would wait for a new connection as for the old one."""
        if self._silent:
            raise UnavailableProblem(say("store.silent"))

    def _made(self, connection: Any, _record: object) -> None:
        self._connections.add(connection)

    def _watch(self) -> None:
        asked = time.monotonic()
        while not self._closing.wait(_LOOK_SECONDS):
            since = max(asked, min(list(self._under_way.values()), default=time.monotonic()))
            if not self._silent and time.monotonic() - since < SUSPECT_SECONDS:
                continue
            speaks, asked = self._speaks(), time.monotonic()
            if speaks == self._silent:  # it has changed
                self._silent = not speaks
                (log.warning if speaks else log.error)(
                    "the database speaks again" if speaks else "the database is silent"
                )
            if not speaks:
                self._cut()

    def _speaks(self) -> bool:
        """Whether a new connection gets an answer in time. One that is refused is an answer: there nobody waits."""
        answered = threading.Event()

        def ask() -> None:
            try:
                with self._dial.connect() as conn:
                    conn.exec_driver_sql("select 1")
            except Exception as refused:
                if "timeout" in str(refused).lower():
                    return
            answered.set()

        threading.Thread(target=ask, name="store-asks", daemon=True).start()
        # By looks and not by the clock: a process that got no time of the machine has not waited. And whatever of ours
        # ended meanwhile was answered: a server that has much to do is slow with new connections first of all. Not so
        # once it is silent, for what ends then was cut.
        began = time.monotonic()
        return any(
            answered.wait(_LOOK_SECONDS) or (self._heard > began and not self._silent)
            for _ in range(int(ANSWER_SECONDS / _LOOK_SECONDS))
        )

    def _cut(self) -> None:
        for connection in list(self._connections):
            with suppress(Exception):  # it has been closed meanwhile
                line = socket.socket(fileno=dup(connection.fileno()))
                with line:
                    line.shutdown(socket.SHUT_RDWR)


@contextmanager
def watched(engine: Engine, url: str) -> Iterator[None]:
    """While a command works on an engine of its own. UnavailableProblem, or the driver's error, on silence."""
    if engine.dialect.name == SQLITE:
        yield
        return
    silence = Silence([engine], open_engine(url, read_only=True, lasting=False))
    try:
        with silence.watching():
            yield
    finally:
        silence.close()
