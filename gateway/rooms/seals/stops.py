"""A seal that is stopped here at once, since its key may be known to others.

电子签名法 art. 15: tell, and stop using it. A stop is of the seal as it was made until then: one that is made anew with
a key of its own (国办发〔2025〕33号) has a later date of making, and can be used. So a stop is never lifted, and one
person suffices for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.foundation.delivery import Events
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store import Store
from gateway.foundation.store.rows import columns, reader
from gateway.rooms.seals.tables import seal_stop
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import say


@dataclass(frozen=True, slots=True, kw_only=True)
class SealStop:
    """One stop: which seal of whom, since when (UTC microseconds), why, and who said so."""

    id: str
    authority: str
    seal_id: str
    reason: str
    stopped_by: str
    stopped_name: str
    stopped_at: int


_stop = reader(SealStop)


class SealStops:
    """Stops seals, and knows which are stopped."""

    def __init__(self, store: Store, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def stop(self, asked: SealStop, *, once: Once = NEVER) -> str:
        """Stop a seal now; the id of the stop. What waits for its signature is refused when it comes."""
        made = replace(asked, id=new_id("ssp"), stopped_at=to_micros(self._clock.now()))

        def unit(conn: Connection) -> None:
            conn.execute(insert(seal_stop), columns(made))
            tell = {"seal_id": made.seal_id, "reason": made.reason, "stopped_by": made.stopped_name}
            self._events.emit(conn, type="seal.stopped", subject=made.id, authority=made.authority, data=tell)

        await self._store.write(once.about(made.id).first(unit))
        return made.id

    async def of(self, authority: str) -> list[SealStop]:
        """The stops of an authority's seals, newest first."""
        query = select(seal_stop).where(seal_stop.c.authority == authority).order_by(seal_stop.c.id.desc()).limit(200)
        return await self._store.read(lambda conn: [_stop(row) for row in conn.execute(query).mappings()])


def stop_since(conn: Connection, authority: str, seal_id: str, since: int) -> SealStop | None:
    """The latest stop of a seal at or after an instant (UTC microseconds)."""
    query = (
        select(seal_stop)
        .where(seal_stop.c.authority == authority, seal_stop.c.seal_id == seal_id, seal_stop.c.stopped_at >= since)
        .order_by(seal_stop.c.stopped_at.desc())
        .limit(1)
    )
    row = conn.execute(query).mappings().first()
    return None if row is None else _stop(row)


def refuse_stopped(conn: Connection, authority: str, seal_id: str, made_at: datetime) -> None:
    """Raises ConflictProblem for a seal that was stopped after it was made."""
    stop = stop_since(conn, authority, seal_id, to_micros(made_at))
    if stop is not None:
        raise ConflictProblem(
            say("seals.stopped", reason=stop.reason),
            type="seal-not-usable",
            seal_status="stopped",
        )
