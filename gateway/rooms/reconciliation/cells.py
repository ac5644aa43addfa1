"""What one cell of a statement file says: a text without its dress, an amount, a count, an instant.

Spellings that can mean only one thing are read without being announced: thousands, ``¥`` and ``元``, missing decimals,
times without seconds. What could mean two things is for the profile to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from gateway.foundation.sheets import CUT_NUMBER, Number, amount_of, instant_of, word_of
from gateway.rooms.reconciliation.statement import StatementRefusedError, Window
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.money import MAX_FEN
from gateway.words.saying import UnfitError, said_of, say

BLANKS: Final = " \t\r\n\x0b\x0c\x1a\x85\xa0\u3000\ufeff"
_DRESSED = "=`'‘’"
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ufffd]")
_CUT = re.compile(r"[0-9](\.[0-9]+)?[eE]\+[0-9]{2}")
_YUAN = re.compile(r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.(?P<part>[0-9]*))?")
_COUNT = re.compile(r"([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3})+) ?[笔条项件]?")
_MINUS = str.maketrans("－−＋", "--+")
_YEAR_FIRST = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y年%m月%d日")
_CLOCK = r"(?P<h>[0-9]{1,2}):(?P<i>[0-9]{2})(?::(?P<s>[0-9]{2})(?:\.[0-9]+)?)?"
_PLAIN_TIMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<y>[0-9]{{4}})([-/.])(?P<m>[0-9]{{1,2}})\2(?P<d>[0-9]{{1,2}})(?:[ T]+{_CLOCK})?",
        rf"(?P<y>[0-9]{{4}})年(?P<m>[0-9]{{1,2}})月(?P<d>[0-9]{{1,2}})日(?: *{_CLOCK})?",
        rf"(?P<y>[0-9]{{4}})(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})(?: +{_CLOCK})?",
        r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2}) *(?P<h>[0-9]{2})(?P<i>[0-9]{2})(?P<s>[0-9]{2})",
    )
)


def plain(cell: str) -> str:
    """A text cell without blanks around it and without what keeps a spreadsheet from its digits: ``="…"``, ``'…``."""
    text = cell.strip(BLANKS)
    if text and text[0] in _DRESSED:
        if text.startswith('="') and text.endswith('"') and len(text) > 2:
            return text[2:-1].strip(BLANKS)
        if text[0] != "=" and len(text) > 1:
            return text[1:].strip(BLANKS)
    return text


def _unfit(id: str, text: str, **given: str) -> UnfitError:
    return UnfitError(say(f"files.{id}", text=repr(text[:40]), **given))


def is_dressed(cell: str) -> bool:
    """Whether a cell wears what people put on long numbers before they open a file in a spreadsheet."""
    return cell.strip(BLANKS)[:1] in ("=", "'", "‘")


def word(cell: str) -> str:
    """A cell as text: what it says, or ValueError for characters that no text has."""
    text = word_of(cell) if isinstance(cell, Number) else plain(cell)
    if _NO_TEXT.search(text):
        raise _unfit("no_text", text)
    return text


def number(cell: str) -> str:
    """A long number as text. Raises StatementRefusedError where a spreadsheet has kept a part of its digits only.

    One cell that was cut tells of all: nothing of such a file can be believed.
    """
    try:
        text = word(cell)
    except ValueError as error:
        if said_of(error) == CUT_NUMBER:
            raise StatementRefusedError(say("files.cut", text=cell)) from None
        raise
    if "+" in text and _CUT.fullmatch(text):
        raise StatementRefusedError(say("files.cut", text=text))
    return text


def folded(name: str) -> str:
    """A header's name as it is compared: one width, no blanks."""
    return "".join(unicodedata.normalize("NFKC", plain(name)).split())


def money(cell: str, *, fen: bool) -> int:
    """Fen of an amount, negative with a minus or in brackets. ValueError says what stands there."""
    text = amount_of(cell) if isinstance(cell, Number) and not fen else word(cell)
    bare = text.translate(_MINUS).replace("￥", "¥").removesuffix("元").strip()
    negative = bare.startswith("(") and bare.endswith(")")
    bare = bare[1:-1] if negative else bare
    signs = [sign for sign in bare[:3] if sign in "+-"]
    bare = bare.lstrip("+-¥ ")
    found = _YUAN.fullmatch(bare) if len(signs) < 2 else None
    part = (found["part"] or "") if found else ""
    if found is None or part[2:].strip("0") or (fen and (part or "," in bare)):
        raise _unfit("no_fen" if fen else "no_yuan", text)
    whole = found["whole"].replace(",", "")
    amount = int(whole) if fen else int(whole) * 100 + int(f"{part[:2]:0<2}")
    if amount > MAX_FEN:
        raise _unfit("too_much", text)
    return -amount if negative or signs == ["-"] else amount


def is_nothing(cell: str) -> bool:
    """Whether a cell of an amount says that there is none: empty, or dashes."""
    return not plain(cell).strip("-")


def count(cell: str) -> int:
    """A count of lines, with 笔 or without. ValueError says what stands there."""
    text = word(cell)
    found = _COUNT.fullmatch(text)
    if found is None:
        raise _unfit("no_count", text)
    return int(found[1].replace(",", ""))


def instants(time_format: str, days: Window, epoch: date) -> Callable[[str], datetime]:
    """How a cell, or a day and a time with a blank between, is read as an instant of Asia/Shanghai, told as UTC.

    In ``time_format``, else in a spelling that begins with a year of four digits. Without a year, the year is the one
    that lies in ``days`` (or next to them): on 1 January most lines are of the old year. 24:00:00 is the last
    microsecond of its day; a day without a time its first instant within ``days``.
    """
    yearless = "%Y" not in time_format and "%y" not in time_format

    def read(text: str) -> datetime:
        said = instant_of(text, epoch) if isinstance(text, Number) else plain(text)
        last = _ends_day(said, time_format)
        asked = said[: -len(last)] + last.replace("24", "00", 1) if last else said
        plainly = time_format.startswith(_YEAR_FIRST)
        found, whole_day, late = _by_shape(said) if plainly else (None, False, "")
        if found is None:
            found = _by_format(asked, time_format, days, yearless=yearless)
            whole_day = not any(one in time_format for one in ("%H", "%I", "%X", "%c"))
        if found is None and not plainly:
            found, whole_day, late = _by_shape(said)
        last = last or late
        if found is None:
            raise _unfit("no_time", said, format=time_format)
        instant = found.replace(tzinfo=SHANGHAI).astimezone(UTC)
        if whole_day:
            return _within(instant, days)
        return instant + timedelta(days=1, microseconds=-1) if last else instant

    return lru_cache(maxsize=1 << 17)(read)


def _ends_day(text: str, time_format: str) -> str:
    for shape, clock in (("%H%M%S", "240000"), ("%H:%M:%S", "24:00:00"), ("%H%M", "2400"), ("%H:%M", "24:00")):
        if time_format.endswith(shape) and text.endswith(clock):
            return clock
    return ""


def _by_format(text: str, time_format: str, days: Window, *, yearless: bool) -> datetime | None:
    if not yearless:
        try:
            return datetime.strptime(text, time_format)  # noqa: DTZ007 - a wall clock's words
        except ValueError:
            return None
    begin = datetime.fromtimestamp(days.end / 1_000_000, SHANGHAI).year
    found = []
    for year in (begin - 1, begin, begin + 1):
        try:
            found.append(datetime.strptime(f"{year} {text}", f"%Y {time_format}"))  # noqa: DTZ007
        except ValueError:
            continue
    return min(found, key=lambda one: _distance(to_micros(one.replace(tzinfo=SHANGHAI)), days), default=None)


def _distance(instant: int, days: Window) -> int:
    return max(days.start - instant, instant - days.end + 1, 0)


def _by_shape(text: str) -> tuple[datetime | None, bool, str]:
    """An instant spelled so that it means one thing; whether it is a day alone, and whether it is the end of one."""
    for shape in _PLAIN_TIMES:
        if found := shape.fullmatch(text):
            hour, minute, second = (int(found[name] or 0) if found["h"] else 0 for name in ("h", "i", "s"))
            last = (hour, minute, second) == (24, 0, 0)
            try:
                when = datetime(int(found["y"]), int(found["m"]), int(found["d"]), 0 if last else hour, minute, second)  # noqa: DTZ001
            except ValueError:
                return None, False, ""
            return when, found["h"] is None, "24" if last else ""
    return None, False, ""


def _within(day: datetime, days: Window) -> datetime:
    """The first instant of a day that lies in ``days``; that of the day itself where none does."""
    start, end = to_micros(day), to_micros(day + timedelta(days=1))
    if start < days.start < end:
        return day + timedelta(microseconds=days.start - start)
    return day
