"""Events: how one room learns what happened in another, in the same transaction, and what webhooks tell outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from gateway.clock import Clock, to_micros
from gateway.identifiers import new_id
from gateway.store.tables.delivery import event as event_table

EVERY = "*"
_INSERT = insert(event_table)


@dataclass(frozen=True)
class Event:
    """Something that happened to ``subject``. ``data``: JSON values, no personal data. ``at`` in microseconds.

    ``seq`` is its place among all events.
    """

    id: str
    type: str
    authority: str
    subject: str
    data: dict[str, Any]
    at: int
    seq: int = 0


Handler = Callable[[Connection, Event], None]


class Events:
    """Writes events and tells subscribers. Handlers run inside the transaction and may run twice: no side effects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[str, list[Handler]] = defaultdict(list)

    def subscribe(self, type: str, handler: Handler) -> None:
        """Call ``handler(conn, event)`` for each event of this type (``EVERY`` for all), in order of subscription."""
        self._handlers[type].append(handler)

    def emit(self, conn: Connection, *, type: str, subject: str, authority: str, data: dict[str, Any]) -> Event:
        """Write one event and tell its subscribers."""
        event_id, at = new_id("evt"), to_micros(self._clock.now())
        written = conn.execute(
            _INSERT,
            {"id": event_id, "type": type, "authority": authority, "subject": subject, "data": data, "at": at},
        )
        key = written.inserted_primary_key
        assert key is not None
        event = Event(event_id, type, authority, subject, data, at, key[0])
        for handler in (*self._handlers.get(type, ()), *self._handlers.get(EVERY, ())):
            handler(conn, event)
        return event
