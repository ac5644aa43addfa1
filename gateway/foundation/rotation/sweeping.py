"""Moving rows to a new key: pass by pass over every place where rows lie, a page at a time, taken up after a kill."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.crypto.keys import key_id
from gateway.foundation.rotation import records
from gateway.foundation.rotation.places import Move, Place
from gateway.foundation.rotation.records import Known, Sweep, Version, known_now
from gateway.foundation.store import Store

log = structlog.get_logger(__name__)

_REST: Final = 2.0
"""After each step the work rests so many times as long as the step took: whoever serves goes first."""


class Sweeping:
    """Moves rows. ``places``: where they lie. ``trouble``: by key, why a row could not be moved."""

    def __init__(self, store: Store, envelope: Envelope, places: Callable[[], Sequence[Place]]) -> None:
        self._store, self._envelope, self._places = store, envelope, places
        self.trouble: dict[str, str] = {}

    def places_of(self, name: str) -> list[Place]:
        """Where rows lie that are under a key of that name."""
        return [one for one in self._places() if one.key == name]

    async def moved(self, known: Known, current: Version, landed: int, *, rest: bool) -> bool:
        """Move what lies under another key; whether a pass that began at ``landed`` or later has found nothing.

        ``landed``: the instant (microseconds) from which nothing that was sealed before is under way any more.
        """
        places = {one.name: one for one in self.places_of(current.name)}
        sweeps = [one for one in known.sweeps_to(current) if one.place in places]
        under_way = len(sweeps) == len(places) and any(one.ended_at is None for one in sweeps)
        if not under_way:
            begun = min((one.began_at for one in sweeps), default=0)
            clean = len(sweeps) == len(places) and not any(one.found for one in sweeps)
            if clean and (begun >= landed or known.now < landed):
                return begun >= landed
            sweeps = await self._begin(current, places, {one.place for one in sweeps})
        for one in sweeps:
            if one.ended_at is None and one.place in places:
                await self._pass(places[one.place], one, rest)
        return False

    async def _begin(self, current: Version, places: Mapping[str, Place], known: set[str]) -> list[Sweep]:
        """Begin to look at every place from its first row; of a place that is new it is counted what is to be done."""
        now, fresh = await self._store.database_now(), []
        for name, place in places.items():
            total = 0 if name in known else await self._store.read(partial(place.count, number=current.number))
            fresh.append(Sweep(current.name, current.number, name, None, now, None, 0, 0, total))
        await self._store.write(partial(records.begin_pass, sweeps=fresh))
        return (await known_now(self._store)).sweeps_to(current)

    async def _pass(self, place: Place, sweep: Sweep, rest: bool) -> None:
        """Look at a place from where the work stands to its last row."""
        cursor: str | None = sweep.cursor
        while True:
            begun = asyncio.get_running_loop().time()
            look = partial(place.page, envelope=self._envelope, number=sweep.number, cursor=cursor)
            try:
                page = await self._store.read(look)
            except EnvelopeError as error:
                self.trouble[key_id(sweep.name, sweep.number)] = f"{place.name}: {error}"
                log.error("a row cannot be moved to a new key", place=place.name, reason=str(error))
                return
            ended = await self._store.database_now() if page.cursor is None else None
            await self._write(place, sweep, page.moves, page.rows, page.cursor, ended)
            if page.cursor is None:
                return
            cursor = page.cursor
            if rest:
                await asyncio.sleep(_REST * (asyncio.get_running_loop().time() - begun))

    async def _write(
        self, place: Place, sweep: Sweep, moves: Sequence[Move], rows: int, cursor: str | None, ended: int | None
    ) -> None:
        """Write a page and how far that is, together. Rows that collide with others are left to the next pass."""

        def unit(conn: Connection) -> None:
            place.write(conn, moves)
            records.went(conn, sweep, rows=rows, cursor=cursor, ended=ended)

        try:
            await self._store.write_apart(unit)
        except IntegrityError:
            for one in moves:
                try:
                    await self._store.write_apart(partial(place.write, moves=[one]))
                except IntegrityError:
                    log.info("a row stays under its old key for now", place=place.name, row=json.dumps(one.row))
            await self._store.write_apart(partial(records.went, one=sweep, rows=rows, cursor=cursor, ended=ended))
