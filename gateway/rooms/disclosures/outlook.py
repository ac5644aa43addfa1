"""What is owed to targets, in the order of its last days, and what of it cannot be kept: told before anything is sent.

A target takes so many calls a second, perhaps so many records a day, and is closed at some hours. After an outage more
may be owed than it takes in time. Pure but for reading what is owed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.channels import Channel, QuietHours
from gateway.foundation.delivery.limits import closed_until
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.records import Owed
from gateway.words.clock import SHANGHAI, day_of, to_micros

CALLS_EACH = 3
"""A record is sent, judged, and read back: so many calls at least."""


@dataclass(frozen=True)
class Pace:
    """What a target takes: calls a second, records a day (None: without a bound), and when it is closed."""

    rate: float | None = None
    a_day: int | None = None
    quiet: tuple[QuietHours, ...] = ()


@dataclass(frozen=True)
class Foreseen:
    """What is owed, when it leaves us at that pace, and whether its last day is kept."""

    owed: Owed
    leaves_at: datetime

    @property
    def kept(self) -> bool:
        """Whether it leaves no later than on its last day."""
        return day_of(self.leaves_at) <= self.owed.last_day


def foresee(owed: Iterable[Owed], pace: Pace, begins: datetime) -> list[Foreseen]:
    """When each leaves, in the order of the last days; on one day a withdrawal goes first.

    In this order the longest delay is as short as it can be.
    """
    step = timedelta(seconds=CALLS_EACH / pace.rate if pace.rate else 0)
    found, at, today, taken = [], begins.astimezone(SHANGHAI), None, 0
    for one in sorted(owed, key=lambda one: (one.last_day, not one.withdrawal, one.id)):
        at = _open(at, pace)
        if day_of(at) != today:
            today, taken = day_of(at), 0
        if pace.a_day is not None and taken >= pace.a_day:
            at = _open(datetime.combine(at.date() + timedelta(days=1), time(), SHANGHAI), pace)
            today, taken = day_of(at), 0
        found.append(Foreseen(one, at))
        taken += 1
        at += step
    return found


def _open(at: datetime, pace: Pace) -> datetime:
    return closed_until(pace.quiet, at) or at


@dataclass(frozen=True)
class Outlook:
    """What a target is owed, in order, from an instant on."""

    target: str
    begins: datetime
    foreseen: Sequence[Foreseen]

    @property
    def lost(self) -> Sequence[Foreseen]:
        """What cannot be kept."""
        return [one for one in self.foreseen if not one.kept]

    @property
    def done_at(self) -> datetime | None:
        """When all of it has left."""
        return self.foreseen[-1].leaves_at if self.foreseen else None


class Outlooks:
    """Looks ahead for each target. ``a_day``: how many records a target takes in a day, by its channel."""

    def __init__(self, base: Foundation, effects: Effects, a_day: dict[str, int]) -> None:
        self._base = base
        self._effects = effects
        self._a_day = a_day

    async def of(self, authorities: Sequence[str] | None = None, begins: datetime | None = None) -> list[Outlook]:
        """What is owed, by target, if sending begins at an instant: now, or when an outage is thought to end.

        ``authorities``: whose; None: everybody's. The pace is counted for all of it, whosever it is.
        """
        at = begins or self._base.clock.now()
        found = await self._base.store.read(lambda conn: self._look(conn, at))
        if authorities is None:
            return found
        theirs = set(authorities)
        return [
            Outlook(one.target, one.begins, [each for each in one.foreseen if each.owed.authority in theirs])
            for one in found
        ]

    def _look(self, conn: Connection, at: datetime) -> list[Outlook]:
        owed: dict[str, list[Owed]] = {}
        for one in records.owed(conn):
            owed.setdefault(one.target, []).append(one)
        known = {channel.name: self._pace(channel) for channel in self._base.channels.all()}
        return [
            Outlook(target, at, foresee(several, known.get(target, Pace()), at))
            for target, several in sorted(owed.items())
        ]

    def _pace(self, channel: Channel) -> Pace:
        return Pace(channel.keys.rate, self._a_day.get(channel.name), channel.keys.quiet)

    def tell(self, conn: Connection, now: datetime) -> int:
        """Tell once of each last day that cannot be kept at this pace, before it is missed. How many."""
        told = 0
        for outlook in self._look(conn, now):
            for one in outlook.lost:
                if one.owed.foreseen_late_at is None and one.owed.last_day >= day_of(now):
                    known = self._effects.lock(conn, one.owed.id)
                    records.change(conn, known.id, to_micros(now), foreseen_late_at=to_micros(now))
                    days = {"last_day": str(one.owed.last_day), "leaves_on": str(day_of(one.leaves_at))}
                    self._effects.tell(conn, known, "foreseen_late", due=one.owed.what, **days)
                    told += 1
        return told
