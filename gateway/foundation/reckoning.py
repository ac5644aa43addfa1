"""By which days off and by which law terms are counted, for each authority, kept up to date while the gateway runs.

The files of days are looked at again and again; where what they say has changed, they are read anew, and every date
that may have moved is counted anew by those who keep it. A file that cannot be read changes nothing and is told of.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from gateway.foundation.store import Store
from gateway.settings import CalendarSettings, Settings
from gateway.words.calendar import WorkingCalendar
from gateway.words.errors import GatewayError, SettingsError
from gateway.words.law import Law
from gateway.words.saying import said_of, say
from gateway.words.terms import Terms

log = structlog.get_logger(__name__)

Recount = Callable[[Connection, date | None, str, int], Mapping[str, bool]]
"""Counts kept dates anew, in the caller's transaction: those that rest on unpublished days, and with a day also those
that lie on it or later; of records with an id after a text, in order, no more than so many. Says of each record, by id,
whether a date moved. What it reads again under a lock it may do twice, also on two nodes at once."""
_TOGETHER = 200
"""Records that are counted anew in one transaction."""


class Reckoning:
    """Hands out ``Terms``. Rooms that keep dates ``follow``; ``recompute`` runs them all."""

    def __init__(
        self,
        store: Store,
        calendar: WorkingCalendar | None = None,
        law: Law | None = None,
        files: CalendarSettings | None = None,
    ) -> None:
        self._store = store
        self._files = files
        self._law = law or Law()
        self._calendars: Mapping[str | None, WorkingCalendar] = {None: calendar or WorkingCalendar()}
        self._seen = _digest(files)
        if files is not None:
            self._calendars = calendars(files)
        self._followers: dict[str, Recount] = {}
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    def of_settings(cls, settings: Settings, store: Store) -> Reckoning:
        """As the settings say. SettingsError for a file that cannot be read."""
        return cls(store, law=law_of(settings), files=settings.calendar)

    def of(self, authority: str | None) -> Terms:
        """The calendar and the law of an authority as they are now."""
        calendar = self._calendars.get(authority) or self._calendars[None]
        return Terms(calendar, self._law, authority)

    def follow(self, name: str, recount: Recount) -> None:
        """Have kept dates counted anew whenever days become known; ``name``: whose they are. At assembly."""
        self._followers[name] = recount

    async def recompute(self, since: date | None = None) -> dict[str, int]:
        """Count kept dates anew, those on or after ``since`` even where they are certain. How many moved, by name."""
        return {name: await self._all(recount, since) for name, recount in self._followers.items()}

    async def reload(self) -> dict[str, int] | None:
        """Read the files of days again if they have changed, and count anew; None where they have not.

        Raises SettingsError for a file that cannot be read; what was known before holds on.
        """
        if self._files is None or (found := await asyncio.to_thread(_digest, self._files)) == self._seen:
            return None
        self._seen = found
        before, after = self._calendars, await asyncio.to_thread(calendars, self._files)
        self._calendars = after
        moved = await self.recompute(_first_difference(before, after))
        log.info("days off were read anew", moved=moved)
        return moved

    async def start(self) -> None:
        """Count anew what was kept before this start, and look at the files from now on."""
        if self._files is not None:
            self._watching = asyncio.create_task(self._watch(self._files.watch), name="days off")

    async def stop(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _all(self, recount: Recount, since: date | None) -> int:
        """Every record, some at a time. How many moved."""
        moved, after, looked = 0, "", _TOGETHER
        while looked == _TOGETHER:
            found = await self._store.write(partial(_turned, recount, since, after))
            moved, looked = moved + sum(found.values()), len(found)
            after = [after, *found][-1]
        return moved

    async def _watch(self, seconds: float) -> None:
        begun = False
        while True:
            try:
                if not begun:
                    await self.recompute()
                    begun = True
                await asyncio.sleep(seconds)
                await self.reload()
            except SettingsError as problem:
                log.error("the days off could not be read; what was known before holds on", reason=str(problem))
            except GatewayError as problem:
                self._seen = ""  # try again
                log.warning("dates could not be counted anew", reason=str(problem))


def calendars(files: CalendarSettings) -> Mapping[str | None, WorkingCalendar]:
    """The calendar of all, under None, and those of authorities with days of their own. Raises SettingsError."""
    national = WorkingCalendar()
    try:
        if files.overrides is not None:
            national = WorkingCalendar.load(files.overrides)
        found: dict[str | None, WorkingCalendar] = {None: national}
        for region in files.regions:
            local = national.with_local(WorkingCalendar.load(region.file))
            found |= dict.fromkeys(region.authorities, local)
    except (OSError, ValueError) as error:
        raise SettingsError("calendar", said_of(error), say("doctor.calendar_file")) from error
    return found


def law_of(settings: Settings) -> Law:
    """The statutes, and an organ's own rows over them. SettingsError names file and place."""
    try:
        return Law().with_files(settings.law.files)
    except (OSError, ValueError) as error:
        raise SettingsError("law.files", said_of(error), say("settings.correct")) from error


def _turned(recount: Recount, since: date | None, after: str, conn: Connection) -> Mapping[str, bool]:
    return recount(conn, since, after, _TOGETHER)


def _paths(files: CalendarSettings) -> list[Path]:
    return [*filter(None, [files.overrides]), *(region.file for region in files.regions)]


def _digest(files: CalendarSettings | None) -> str:
    """What the files say, as one digest; one that is not there counts as such."""
    parts = []
    for path in _paths(files) if files is not None else ():
        try:
            parts.append(hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as error:
            parts.append(type(error).__name__)
    return " ".join(parts)


def _first_difference(
    before: Mapping[str | None, WorkingCalendar], after: Mapping[str | None, WorkingCalendar]
) -> date | None:
    """The first day about which some authority's calendar says something else than before."""
    found = [
        day
        for who in before.keys() | after.keys()
        if (day := (before.get(who) or before[None]).first_difference(after.get(who) or after[None])) is not None
    ]
    return min(found, default=None)
