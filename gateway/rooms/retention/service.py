"""Retention at work: what has aged is written, read back and compared, and then leaves the database.

It goes on where it stopped: rows leave only by a part that the database knows, and a part whose rows have not all left
is finished first. Each night looks at what has aged since the night before; what an open matter kept back is looked at
again on the first of each month.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from gateway.foundation.store import Store, months
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.size import give_back
from gateway.foundation.terms import Matter, Term
from gateway.rooms.retention import records
from gateway.rooms.retention.archive import Archive, Part
from gateway.rooms.retention.records import Aged, PartRow
from gateway.words.clock import SHANGHAI, Clock, day_of, rfc3339, to_micros
from gateway.words.errors import UnavailableProblem
from gateway.words.saying import Language, worded

log = structlog.get_logger(__name__)

LOOKED_AT_ONCE: Final = 1000
PART_ROWS: Final = 20_000
LEAVE_AT_ONCE: Final = 200


@dataclass(frozen=True)
class Planned:
    """What a term means now. ``aged``: rows whose time has come and that were not looked at yet."""

    term: Term
    before: datetime | None
    aged: int
    parts: int
    archived: int


@dataclass(frozen=True)
class Done:
    """What a run did with one kind: rows looked at, written, and gone; the parts that were written."""

    what: str
    looked: int
    written: int
    removed: int
    parts: int


class Retention:
    """Plans and runs what rooms have said about keeping."""

    def __init__(
        self, store: Store, archive: Archive, clock: Clock, terms: Sequence[Term], matters: Sequence[Matter]
    ) -> None:
        self.archive, self.terms = archive, tuple(terms)
        self._store, self._clock, self._matters = store, clock, tuple(matters)
        self._working = asyncio.Lock()

    async def plan(self) -> list[Planned]:
        """Every term, and what it means now."""
        return [await self._store.read(partial(planned, term=term, now=self._clock.now())) for term in self.terms]

    async def run(self, *, again: bool = False) -> list[Done]:
        """Archive and remove what has aged. ``again``: also what was looked at before and kept back.

        Of tables in parts of a month the next ones are made, and old ones dropped whose rows have left.

        Raises ArchiveError where a part is not what was written: nothing leaves then.
        """
        async with self._working:
            done = [await self._run(term, again) for term in self.terms if term.days is not None]
            await self._renew_months()
            return done

    async def nightly(self, slot: datetime) -> None:
        """The duty: what aged since; on the first of a month all that is still there."""
        for done in await self.run(again=slot.astimezone(SHANGHAI).day == 1):
            if done.written:
                log.info("rows went to the archive", what=done.what, written=done.written, removed=done.removed)
        while await self._store.write(give_back):
            pass

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _run(self, term: Term, again: bool) -> Done:
        done = Done(term.what, 0, 0, 0, 0)
        while (left := await self._store.read(partial(records.unfinished, what=term.what))) is not None:
            done = replace(done, removed=done.removed + await self._leave(term, left))
        before = term.before(self._clock.now())
        assert before is not None
        after = None if again else await self._store.read(partial(records.mark, what=term.what))
        sure, all_old, more = after, True, True
        while more:
            content: dict[Table, list[bytes]] = {table: [] for table in term.tables}
            while more and len(content[term.tables[0]]) < PART_ROWS:
                found = await self._store.read(partial(self._aged, term=term, before=before, after=after))
                for table, some in found.lines.items():
                    content[table] += some
                done = replace(done, looked=done.looked + found.old)
                sure = (found.sure or sure) if all_old else sure
                all_old = all_old and found.whole
                after, more = found.last, found.last is not None
            if content[term.tables[0]]:
                part = await self._write(term, before, content)
                removed = done.removed + await self._leave(term, part)
                done = replace(done, written=done.written + part.rows, removed=removed, parts=done.parts + 1)
            if sure is not None:
                await self._store.write(partial(records.move_mark, what=term.what, place=sure, now=self._now()))
        return done

    async def _renew_months(self) -> None:
        now = self._clock.now()
        try:
            for table in months.monthly(all_tables()):
                await self._store.write_apart(partial(months.prepare, tables=[table], today=day_of(now)))
            for term in self.terms:
                if (before := term.before(now)) is not None:
                    for table in reversed(term.tables):
                        await self._drop_months(table, day_of(before))
        except (UnavailableProblem, DBAPIError) as error:
            # Somebody was at a table for too long, or migrating is somebody else's right. There are months in advance,
            # and doctor tells of those that are lacking.
            log.warning("parts of tables could not be renewed", reason=str(error))

    async def _drop_months(self, table: Table, before: date) -> None:
        for month in await self._store.read(partial(months.over, table=table, before=before)):
            moved = await self._store.write_apart(partial(months.drop, table=table, month=month))
            if moved is not None:
                log.info("a month was dropped", table=table.name, month=f"{month:%Y-%m}", moved=moved)

    def _aged(self, conn: Connection, term: Term, before: datetime, after: list[Any] | None) -> Aged:
        return records.aged(conn, term, self._matters, to_micros(before), after, LOOKED_AT_ONCE)

    async def _write(self, term: Term, before: datetime, content: dict[Table, list[bytes]]) -> PartRow:
        number = await self._store.read(partial(records.next_number, what=term.what))
        about = {"before": rfc3339(before), "why": worded(term.why, Language.CHINESE)}
        written = await asyncio.to_thread(self.archive.write, term.what, number, about, content)
        part = PartRow(term.what, number, written.rows, written.digest, self._now(), None, None)
        await self._store.write(partial(records.keep_part, part=part))
        return part

    async def _leave(self, term: Term, row: PartRow) -> int:
        """Take the rows of a part out of the database, few at a time, so that nobody waits for it."""
        part = await asyncio.to_thread(prove, self.archive, row)
        root, *others = term.tables
        some = await asyncio.to_thread(lambda: list(self.archive.lines(part, root.name)))
        along = {one: set(self.archive.lines(part, one.name)) for one in others}
        removed = 0
        for first in range(0, len(some), LEAVE_AT_ONCE):
            chunk = some[first : first + LEAVE_AT_ONCE]
            removed += await self._store.write(
                partial(records.remove, term=term, matters=self._matters, some=chunk, along=along)
            )
        await self._store.write(partial(records.finish_part, part=row, removed=removed, now=self._now()))
        return removed

    def _now(self) -> int:
        return to_micros(self._clock.now())


def planned(conn: Connection, term: Term, now: datetime) -> Planned:
    """What a term means at an instant."""
    before = term.before(now)
    known = records.parts(conn, term.what)
    waiting = 0
    if before is not None:
        waiting = records.count_aged(conn, term, to_micros(before), records.mark(conn, term.what))
    return Planned(term, before, waiting, len(known), sum(part.rows for part in known))


def prove(archive: Archive, row: PartRow) -> Part:
    """A part that is what the database knows of it, and whose files are what it says. Raises ArchiveError."""
    part = archive.part(row.what, row.number)
    archive.compare(part, row.manifest)
    return part
