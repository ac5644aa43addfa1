"""Working days, and how far they can be known.

The State Council publishes next year's holidays and swap days in autumn; until the data arrives, any answer about that
year is ``provisional``: made from weekends and the statutory days, and to be computed again later. Days in lieu and
swap days cannot be known before.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Generic, Self, TypeVar

import chinese_calendar

from gateway.words.saying import UnfitError, say

T = TypeVar("T")

_ONE_DAY = timedelta(days=1)
# Days of the solar calendar that 《全国年节及纪念日放假办法》 (国务院令第795号, 2025) art. 2 frees in every year.
_SOLAR = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
_FESTIVALS = Path(__file__).parent / "festivals.toml"


@cache
def _festivals() -> Mapping[str, list[str]]:
    found: Mapping[str, list[str]] = tomllib.loads(_FESTIVALS.read_text(encoding="utf-8"))
    return found


@cache
def statutory_days(year: int) -> frozenset[date]:
    """The days that the law itself frees in a year (放假办法, in force from 2025, art. 2), without those in lieu.

    New Year's Eve of the lunar calendar and the three days after it, Qingming, Dragon Boat, Mid-Autumn, and those of
    the solar calendar. Years without an entry in ``festivals.toml`` have only the latter.
    """
    found = {date(year, month, day) for month, day in _SOLAR}
    if festivals := _festivals().get(str(year)):
        spring, *single = (date.fromisoformat(f"{year}-{day}") for day in festivals)
        found |= {spring + timedelta(days=number) for number in (-1, 0, 1, 2)} | set(single)
    return frozenset(found)


@dataclass(frozen=True)
class Judged(Generic[T]):
    """An answer and whether it rests on days whose holidays are not yet published."""

    value: T
    provisional: bool


NOTICE_IS_DUE = 10
"""The month in which the State Council's notice of the next year's days off comes, or the one after."""


class WorkingCalendar:
    """Which days are worked in mainland China, swap days 调休 included.

    ``overrides`` says of single days whether they are worked, and wins over everything. ``complete_years`` are years
    whose whole notice is in the overrides: their other days follow the week and the law, and are certain.
    """

    def __init__(self, overrides: Mapping[date, bool] | None = None, complete_years: Collection[int] = ()) -> None:
        self._overrides = dict(overrides or {})
        self._complete_years = frozenset(complete_years)

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a JSON file with one member a year: ``{"2027": {"holidays": ["2027-01-01"], "workdays": []}}``.

        Each year listed is taken as complete. ValueError names the year and what is wrong with it.
        """
        overrides: dict[date, bool] = {}
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise UnfitError(say("calendar.no_object", path=path))
        for year, lists in document.items():
            if not isinstance(lists, dict) or set(lists) != {"holidays", "workdays"}:
                raise UnfitError(say("calendar.lists", path=path, year=year))
            for name, working in (("holidays", False), ("workdays", True)):
                for text in lists[name]:
                    day = date.fromisoformat(text)
                    if str(day.year) != year:
                        raise UnfitError(say("calendar.other_year", path=path, text=text, year=year))
                    if overrides.setdefault(day, working) != working:
                        raise UnfitError(say("calendar.twice", path=path, text=text))
        return cls(overrides, {int(year) for year in document})

    def with_local(self, local: WorkingCalendar) -> WorkingCalendar:
        """This calendar with the single days of another over it. Which years are complete stays as it is here."""
        return WorkingCalendar(self._overrides | local._overrides, self._complete_years)

    def first_difference(self, other: WorkingCalendar) -> date | None:
        """The first day about which the two do not say the same, None where there is none."""
        days = self._overrides.keys() | other._overrides.keys()
        for year in self._complete_years ^ other._complete_years:
            first = date(year, 1, 1)
            days |= {first + timedelta(days=number) for number in range((date(year, 12, 31) - first).days + 1)}
        return next((day for day in sorted(days) if self.is_working(day) != other.is_working(day)), None)

    def knows(self, year: int) -> bool:
        """Whether the notice of a year is known; what is said of single days makes no year known."""
        notices = WorkingCalendar(complete_years=self._complete_years)
        return not notices.is_working(date(year, 6, 1)).provisional

    def unknown_years(self, today: date) -> list[int]:
        """Years whose notice should be known and is not: this one, from October on also the next."""
        return [
            one for one in range(today.year, today.year + 1 + (today.month >= NOTICE_IS_DUE)) if not self.knows(one)
        ]

    def is_working(self, day: date) -> Judged[bool]:
        """Whether a day is worked."""
        if (known := self._overrides.get(day)) is not None:
            return Judged(known, provisional=False)
        worked = day.weekday() < 5 and day not in statutory_days(day.year)
        if day.year in self._complete_years:
            return Judged(worked, provisional=False)
        try:
            return Judged(bool(chinese_calendar.is_workday(day)), provisional=False)
        except NotImplementedError:  # outside the years the package has data for
            return Judged(worked, provisional=True)

    def add_working_days(self, start: date, n: int) -> Judged[date]:
        """The ``n``-th working day after ``start``, which is not counted (行政处罚法 art. 85: 工作日). ``n`` ≥ 0."""
        if n < 0:
            raise ValueError("working days are counted forwards only")
        day, provisional = start, False
        while n:
            day += _ONE_DAY
            judged = self.is_working(day)
            provisional |= judged.provisional
            n -= judged.value
        return Judged(day, provisional)

    def roll_forward(self, day: date) -> Judged[date]:
        """``day`` itself if it is worked, else the first working day after it."""
        provisional = False
        while True:
            judged = self.is_working(day)
            provisional |= judged.provisional
            if judged.value:
                return Judged(day, provisional)
            day += _ONE_DAY

    def due_after(self, received: date, days: int) -> Judged[date]:
        """The last day of a period in calendar days from receipt.

        The day of receipt is not counted, and a period that would end on a day off ends on the next working day
        (民事诉讼法 art. 85 for counting and rolling).
        """
        return self.roll_forward(received + timedelta(days=days))
