"""Days and instants as requests tell them, and days as files and other systems spell them.

A request writes a day as text yyyy-MM-dd and as nothing else: numbers are seconds to one and serial numbers of a
spreadsheet to another, and an instant is on two days in two places. All that is refused gets one sentence.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from gateway.words.clock import SHANGHAI, parse_rfc3339
from gateway.words.saying import UnfitError, say

DAY_SENTENCE = say("days.day")
"""What everybody is told whose day is none."""

INSTANT_SENTENCE = say("days.instant")
"""What everybody is told whose instant is none."""

FIRST_DAY = date(1990, 1, 1)
_YEARS_AHEAD = 50
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_PRINTED = re.compile(
    r"""(?P<y>[0-9]{4})\s*(?:
        -\s*(?P<m1>[0-9]{1,2})\s*-\s*(?P<d1>[0-9]{1,2})
      | /\s*(?P<m2>[0-9]{1,2})\s*/\s*(?P<d2>[0-9]{1,2})
      | \.\s*(?P<m3>[0-9]{1,2})\s*\.\s*(?P<d3>[0-9]{1,2})
      | 年\s*(?P<m4>[0-9]{1,2})\s*月\s*(?P<d4>[0-9]{1,2})\s*日
      | (?P<m5>[0-9]{2})(?P<d5>[0-9]{2})
    )""",
    re.VERBOSE,
)
_MIDNIGHT = re.compile(r"(?<=[0-9日])[ T\u3000]+00:00(:00(\.0+)?)?(Z|[+-]00:?00|\+08:?00)?$")


def within_bounds(day: date) -> bool:
    """Whether a day is one that people mean here: from 1990 to fifty years ahead."""
    today = datetime.now(SHANGHAI).date()
    return day >= FIRST_DAY and (day.year, day.month, day.day) <= (today.year + _YEARS_AHEAD, today.month, today.day)


def read_day(text: str) -> date:
    """A day written yyyy-MM-dd, within bounds. ValueError with the one sentence."""
    found = _ISO.fullmatch(text)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None
    if day is None or not within_bounds(day):
        raise UnfitError(DAY_SENTENCE)
    return day


def printed_day(text: str) -> date:
    """A day as people and other systems spell it: 2026-06-30, 2026/6/30, 2026.6.30, 20260630, 2026年6月30日.

    Midnight behind it is passed over; any other time of day is refused, and so is what is no day of the calendar. No
    bounds are put to it. ValueError with a sentence of the catalogue.
    """
    found = _PRINTED.fullmatch(_MIDNIGHT.sub("", text.strip()))
    try:
        if found is not None:
            given = found.groupdict()
            month, day = (next(value for name, value in given.items() if name[0] == part and value) for part in "md")
            return date(int(given["y"]), int(month), int(day))
    except ValueError:
        pass
    raise UnfitError(say("days.no_printed_day", text=text[:40]))


def told_day(text: str | None) -> date | None:
    """A day that another system tells beside what is needed: as printed; None where none is told or it is none."""
    try:
        return None if text is None else printed_day(text)
    except ValueError:
        return None


def _day_of_request(value: Any) -> date:
    if type(value) is date:  # our own code's; JSON and addresses have texts and numbers
        return value
    try:
        if isinstance(value, str):
            return read_day(value)
    except ValueError:
        pass
    raise UnfitError(DAY_SENTENCE)


def _instant_of_request(value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    try:
        if isinstance(value, str):
            return parse_rfc3339(value)
    except ValueError:
        pass
    raise UnfitError(INSTANT_SENTENCE)


Day = Annotated[
    date,
    BeforeValidator(_day_of_request),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "description": "A day, yyyy-MM-dd, from 1990 to 50 years ahead",
            "examples": ["2026-11-20"],
        }
    ),
]
"""A day in a request, body and query alike."""

Instant = Annotated[
    datetime,
    BeforeValidator(_instant_of_request),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T09:30:00+08:00"]}),
]
"""An instant in a request: RFC 3339 with its offset."""
