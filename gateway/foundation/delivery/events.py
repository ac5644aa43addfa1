"""Events: how one room learns what happened in another, in the same transaction, and what webhooks tell outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.delivery import event_records
from gateway.foundation.delivery.event_records import Event, timeline
from gateway.foundation.store import Store
from gateway.words.clock import Clock, to_micros
from gateway.words.identifiers import new_id

__all__ = ["EVERY", "Event", "EventLog", "Events", "Handler", "timeline"]

EVERY = "*"
Handler = Callable[[Connection, Event], None]


class Events:
    """Writes events and tells subscribers. Handlers run inside the transaction and may run twice: no side effects.

    ``clock``: by which they are dated.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._handlers: dict[str, list[Handler]] = defaultdict(list)

    def subscribe(self, type: str, handler: Handler) -> None:
        """Call ``handler(conn, event)`` for each event of this type (``EVERY`` for all), in order of subscription."""
        self._handlers[type].append(handler)

    def emit(self, conn: Connection, *, type: str, subject: str, authority: str, data: dict[str, Any]) -> Event:
        """Write one event and tell its subscribers."""
        event_id, at = new_id("evt"), to_micros(self.clock.now())
        seq = event_records.add(conn, id=event_id, type=type, authority=authority, subject=subject, data=data, at=at)
        event = Event(event_id, type, authority, subject, data, at, seq)
        for handler in (*self._handlers.get(type, ()), *self._handlers.get(EVERY, ())):
            handler(conn, event)
        return event


class EventLog:
    """Everything that happened, to be read again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(
        self, authorities: Sequence[str], *, subject: str | None = None, after: str | None = None, limit: int = 50
    ) -> list[Event]:
        """Events, oldest first, after the ``place`` of one. Raises ValueError for a place that is none."""
        return await self._store.read(
            lambda conn: event_records.find(conn, authorities, subject=subject, after=after, limit=limit)
        )
