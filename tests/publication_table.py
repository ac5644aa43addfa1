"""By when and until when a decision is public, reckoned from tables by hand: nothing of the gateway is used.

The days off are those of the State Council's notices for 2025 and 2026, typed in; the periods are those of the orders.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

ONE = timedelta(days=1)


def _days(*spans: str) -> set[date]:
    found: set[date] = set()
    for span in spans:
        first, _, last = span.partition("/")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            found.add(day)
            day += ONE
    return found


OFF = _days(
    *("2025-01-01", "2025-01-28/2025-02-04", "2025-04-04/2025-04-06", "2025-05-01/2025-05-05"),
    *("2025-05-31/2025-06-02", "2025-10-01/2025-10-08"),
    *("2026-01-01/2026-01-03", "2026-02-15/2026-02-23", "2026-04-04/2026-04-06", "2026-05-01/2026-05-05"),
    *("2026-06-19/2026-06-21", "2026-09-25/2026-09-27", "2026-10-01/2026-10-07"),
)
MADE_UP = _days(
    *("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11"),
    *("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"),
)


def worked(day: date) -> bool:
    """Whether a day is worked."""
    return day in MADE_UP or (day.weekday() < 5 and day not in OFF)


def working_days_after(day: date, number: int) -> date:
    """The so-manieth working day after a day."""
    while number:
        day += ONE
        number -= worked(day)
    return day


def months_after(day: date, number: int) -> date:
    """The same day so many months later, or the last of that month."""
    year, month = day.year + (day.month - 1 + number) // 12, (day.month - 1 + number) % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def warned(last: date, since: date, done: date | None) -> list[int]:
    """How many working days before a last day it is told, where it is owed from a day on and done on another, or never.

    It is looked at once a day; told three working days before, and one, each once, and not when it is missed or done.
    """
    told: list[int] = []
    day = since
    while day <= last and (done is None or day < done):
        near = next((each for each in (1, 3) if last <= working_days_after(day, each)), None)
        if near is not None and (not told or near < told[-1]):
            told.append(near)
        day += ONE
    return told


# (first day of decision or, for GSXT, of publication; class -> (months at least, months at most); None: not shown)
CREDIT = (
    (date(2026, 4, 1), {"minor": None, "general": (3, 12), "serious": (12, 36)}),
    (date(2023, 5, 1), {"minor": None, "general": (3, 36), "serious": (12, 36)}),
)
MARKET = (
    (date(2025, 12, 25), {"minor": None, "general": (3, 12), "serious": (12, 36)}),
    (date(2021, 9, 1), {"minor": (0, 3), "general": (6, 36), "serious": (6, 36)}),
)
SECTORS = {"food", "drug", "special_equipment", "work_safety", "fire"}
SHOWN_BY_GSXT = {"market", "food", "drug", "special_equipment"}


@dataclass(frozen=True)
class Told:
    """What of a decision matters here. ``word``: its class; ``person``: a natural person; ``police``: 治安."""

    decided_on: date
    word: str
    field: str
    simple: bool = False
    person: bool = False
    minor: bool = False
    police: bool = False
    across: bool = False


@dataclass(frozen=True)
class Reckoned:
    """By when it is public, until when, from when it may be repaired, and by when another province hears of it."""

    by: date
    until: date
    repair_from: date
    pass_on: date | None = None


def reckon(told: Told, target: str, today: date, published_on: date | None = None) -> Reckoned | None:
    """What the tables say; None: it is not shown there."""
    if told.minor or (told.police and today >= date(2026, 1, 1)):
        return None
    if target == "portal":
        if told.person:
            return None
        by, until = working_days_after(told.decided_on, 7), months_after(told.decided_on, 60)
        return Reckoned(by, until, told.decided_on) if until >= today else None
    pass_on = None
    if target == "credit":
        periods = next(row for since, row in CREDIT if since <= told.decided_on)
        period, start = periods[told.word], told.decided_on
        by = working_days_after(told.decided_on, 7)
        sectors = SECTORS if told.decided_on < date(2026, 4, 1) else set()
    else:
        if told.person or told.simple or told.field not in SHOWN_BY_GSXT:
            return None
        start = published_on or today
        since, periods = next((since, row) for since, row in MARKET if since <= start)
        period = periods[told.word]
        passed_on = working_days_after(told.decided_on, 10)
        pass_on = passed_on if told.across else None
        by = working_days_after(passed_on, 10) if told.across else working_days_after(told.decided_on, 20)
        sectors = {"food", "drug", "special_equipment"} if since < date(2025, 12, 25) else set()
    if period is None:
        return None
    least, most = period
    if told.field in sectors:
        least = max(least, 12)
    until = months_after(start, most)
    if until < today:
        return None
    return Reckoned(by, until, min(months_after(start, least), until), pass_on)
