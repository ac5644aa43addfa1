"""How terms are counted for one authority: by which days off and by which law. Pure."""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass, field
from datetime import date

from gateway.words.calendar import Judged, WorkingCalendar
from gateway.words.law import FieldOfLaw, Law, Matter, Rule


@dataclass(frozen=True)
class Terms:
    """The calendar and the law of an authority, as they are known now: ask for them anew for each count."""

    calendar: WorkingCalendar = field(default_factory=WorkingCalendar)
    law: Law = field(default_factory=Law)
    authority: str | None = None

    def rule(self, matter: Matter, on: date, of: FieldOfLaw = "other") -> Rule:
        """The row of the law that holds for this authority on a day, in a field of law."""
        return self.law.rule(matter, on, of=of, authority=self.authority)

    def last_day(self, row: Rule, start: date, number: int | None = None) -> Judged[date]:
        """The last day of a term that begins with ``start``, which is not counted; ``number`` replaces the row's.

        Working days as such; calendar days and months end on the next working day where they would end on a day off
        (行政处罚法 art. 85; 民事诉讼法 art. 85 and 法释〔2018〕1号 art. 48 for counting and rolling).
        """
        length = row.number if number is None else number
        if row.unit == "working_days":
            return self.calendar.add_working_days(start, length)
        if row.unit == "months":
            return self.calendar.roll_forward(add_months(start, length))
        return self.calendar.due_after(start, length)


def add_months(day: date, number: int) -> date:
    """The same day ``number`` months later, or the last day of that month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + number, 12)
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))
