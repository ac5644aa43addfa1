"""Civil time: an injected clock, and the few conversions that the whole house uses.

Instants are aware datetimes in code, integer microseconds UTC in the database, RFC 3339 with ``+08:00`` outside. Days
are dates in Asia/Shanghai. Timeouts use the monotonic clock of the event loop and are not this module's business.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol
from zoneinfo import ZoneInfo

from gateway.words.saying import UnfitError, say

SHANGHAI = ZoneInfo("Asia/Shanghai")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A fixed offset for writing: the zone itself had summer time (1986-1991) and an odd local mean time before 1901.
_EAST_EIGHT = timezone(timedelta(hours=8))
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Clock(Protocol):
    """The civil clock: what "now" means for everything that the law or a person dates."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds that have really passed since some moment: setting the civil clock does not move them.

        For waits after which something counts as proved, and for telling that the civil clock was set.
        """
        ...


class SystemClock:
    """The machine's clock, moved by ``offset`` (nothing but a rehearsal needs one)."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC) + self.offset

    def elapsed(self) -> float:
        """Seconds since the machine started, those in which it slept included where it tells."""
        return _since_boot()


class ManualClock:
    """A clock that stands still until it is told to move: time travel in tests."""

    def __init__(self, start: datetime) -> None:
        self._now = _utc(start)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The instant it was last set to, in UTC."""
        return self._now

    def elapsed(self) -> float:
        """The seconds of all steps so far."""
        return self._elapsed

    def set(self, instant: datetime) -> None:
        """Jump to an aware instant, forwards or back; no time passes."""
        self._now = _utc(instant)

    def advance(self, step: timedelta) -> None:
        """Let ``step`` pass."""
        self._now += step
        self._elapsed += step.total_seconds()


class Drift:
    """How far the civil clock was set since this object was made, in seconds; forwards is positive."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._from = clock.now(), clock.elapsed()

    def seconds(self) -> float:
        """Civil time that has passed, less the time that really has."""
        began, elapsed = self._from
        return (self._clock.now() - began).total_seconds() - (self._clock.elapsed() - elapsed)


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def to_micros(instant: datetime) -> int:
    """UTC microseconds since 1970, exact. ValueError for a naive datetime."""
    return (_utc(instant) - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC instant of ``to_micros``."""
    return _EPOCH + micros * _MICROSECOND


def rfc3339(instant: datetime) -> str:
    """An instant as text with ``+08:00`` (RFC 3339 section 5.6); fractions only where there are any."""
    return _utc(instant).astimezone(_EAST_EIGHT).isoformat()


def parse_rfc3339(text: str) -> datetime:
    """The UTC instant of an RFC 3339 date-time with an explicit offset and at most microseconds; else ValueError."""
    if not _RFC3339.fullmatch(text):
        raise UnfitError(say("days.no_instant", text=text))
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def day_of(instant: datetime) -> date:
    """The calendar day in Asia/Shanghai on which an instant falls."""
    return _utc(instant).astimezone(SHANGHAI).date()


def start_of(day: date) -> datetime:
    """The first instant, in UTC, of a day in Asia/Shanghai."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("a datetime without a time zone says nothing about when")
    return instant.astimezone(UTC)
