"""Every request that reached a simulator and every callback it sent, in order, with what was answered."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import asdict, dataclass
from typing import Any

from simulators.clock import SimulatedClock, rfc3339
from simulators.state import State

_COLUMNS = (
    "id",
    "at",
    "system",
    "operation",
    "key",
    "method",
    "path",
    "status",
    "outcome",
    "fault",
    "request",
    "answer",
)
_LONGEST = 65_536


@dataclass(frozen=True)
class Entry:
    """One request or callback. ``outcome`` is "answered", "refused" (contract broken) or what was done instead."""

    system: str
    operation: str
    key: str = ""
    method: str = "POST"
    path: str = ""
    status: int | None = None
    outcome: str = "answered"
    fault: str | None = None
    request: bytes = b""
    answer: bytes = b""


class Journal:
    """The journal of one simulators process, kept with its state; a reset empties it."""

    def __init__(self, state: State, clock: SimulatedClock) -> None:
        self._state = state
        self._clock = clock
        self._grown = asyncio.Event()

    def add(self, entry: Entry) -> None:
        """Write one entry, under the present time."""
        told = {**asdict(entry), "request": _text(entry.request), "answer": _text(entry.answer)}
        with self._state.transaction() as tx:
            tx.connection.execute(
                f"INSERT INTO journal ({', '.join(_COLUMNS[1:])}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (rfc3339(self._clock.now()), *(told[name] for name in _COLUMNS[2:])),
            )
        self._grown.set()
        self._grown = asyncio.Event()

    def entries(self, after: int = 0, limit: int = 1000, **equal: str) -> list[dict[str, Any]]:
        """Entries with an id above ``after``, oldest first; ``equal`` narrows to system, operation, key, outcome…"""
        names = [name for name in equal if name in _COLUMNS]
        where = " AND ".join(["id > ?", *(f"{name} = ?" for name in names)])
        rows = self._state.connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM journal WHERE {where} ORDER BY id LIMIT ?",
            (after, *(equal[name] for name in names), limit),
        )
        return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]

    def last(self, limit: int, **equal: str) -> list[dict[str, Any]]:
        """The newest entries, newest first; ``equal`` narrows as for ``entries``."""
        names = [name for name in equal if name in _COLUMNS]
        where = " AND ".join(["id > 0", *(f"{name} = ?" for name in names)])
        rows = self._state.connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM journal WHERE {where} ORDER BY id DESC LIMIT ?",
            (*(equal[name] for name in names), limit),
        )
        return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]

    async def wait(self, seconds: float, after: int = 0, limit: int = 1000, **equal: str) -> list[dict[str, Any]]:
        """Like ``entries``, but waits up to ``seconds`` of real time for there to be one."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found, grown = self.entries(after, limit, **equal), self._grown
            left = deadline - asyncio.get_running_loop().time()
            if found or left <= 0:
                return found
            try:
                await asyncio.wait_for(grown.wait(), left)
            except TimeoutError:
                continue


def _text(body: bytes) -> str:
    try:
        return body[:_LONGEST].decode("utf-8", "strict" if len(body) <= _LONGEST else "ignore")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body[:_LONGEST]).decode()
