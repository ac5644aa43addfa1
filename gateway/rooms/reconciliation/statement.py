"""A platform's statement 对账文件: fetched page by page, and believed only as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

from gateway.foundation.crypto.sm import sm3
from gateway.ports.base import Pending
from gateway.ports.nontax import NonTaxPlatform, StatementLine, StatementNone, StatementPage
from gateway.rooms.reconciliation.lines import LINE, word
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.errors import BusyError, GatewayError
from gateway.words.saying import Language, Sentence, cure_of, say

Progress = Callable[[int, int], None]
"""How much has been read, and how much there is: pages, or bytes of a file. May be called from another thread."""

NO_RECORD = frozenset({"blank", "comment", "trailer", "end-of-file mark", "the header again"})
"""Why a line of a file is none of its records."""

_TRIES = 3
_MOST_PAGES = 10_000


class CureOf(Sentence):
    """What the catalogue says to do about a sentence, as a sentence."""

    def __init__(self, said: Sentence) -> None:
        super().__init__(said.id, said.given)

    def in_(self, language: Language) -> str:
        """Its words."""
        return self.cure_in(language) or ""


class StatementRefusedError(GatewayError):
    """A statement that contradicts itself: nothing of it is used. ``line``, from 1 over all pages, is to blame.

    ``cure`` says what to do where that is another thing than to ask for a corrected statement.
    """

    def __init__(self, reason: Sentence | str, line: int | None = None, cure: Sentence | str | None = None) -> None:
        self.said = reason if line is None else say("files.on_line", line=line, reason=reason)
        super().__init__(str(self.said))
        self.reason = reason
        self.line = line
        self._cure = cure

    @property
    def what_to_do(self) -> Sentence | str | None:
        """What to do about it, where that is known, as something that can be said."""
        if self._cure is not None or not isinstance(self.reason, Sentence):
            return self._cure
        return CureOf(self.reason) if self.reason.cure_in(Language.ENGLISH) else None

    def cure_in(self, language: Language) -> str | None:
        """What to do about it, where anything is known."""
        return cure_of(self.reason, self._cure, language)


class _MovedError(StatementRefusedError):
    """The totals changed from page to page: the platform was still writing."""


@dataclass(frozen=True)
class Window:
    """A platform's day as instants in microseconds, from ``start`` up to but not including ``end``."""

    start: int
    end: int

    def __contains__(self, instant: int) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Aside:
    """A line of a file that is none of the statement's: ``why`` says so. ``amount`` in fen, None where it is unknown.

    ``line`` is what it would be as one of the statement's, where it could be read.
    """

    number: int
    code: str
    bank_serial: str
    kind: str
    amount: int | None
    why: Sentence | str
    line: StatementLine | None = None


@dataclass(frozen=True)
class Beside:
    """What stands in a file beside the lines of the statement.

    ``passed``: lines passed over, with the reason. ``strangers``: lines of other business, by the profile's word.
    ``unread``: lines that look like ours and cannot be read, each a break. ``remarks`` are for people. ``told``: what
    the file's totals say; without any, a person has to confirm what ``made`` says. ``balance``: first and last one.
    ``refunds``: whether a refund's line means that its money went back.
    """

    passed: tuple[tuple[int, str], ...] = ()
    strangers: tuple[Aside, ...] = ()
    unread: tuple[Aside, ...] = ()
    remarks: tuple[Sentence, ...] = ()
    told: Mapping[str, int] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)
    balance: tuple[int, int] | None = None
    refunds: Literal["done", "accepted"] = "done"


@dataclass(frozen=True)
class Statement:
    """One day as the platform tells it, checked. ``amount`` is the sum of the paid lines in fen.

    ``proven``: totals say how many lines it has, or what they sum to. ``beside``: what else stands in its file.
    """

    day: date
    lines: Sequence[StatementLine]
    amount: int
    digest: bytes
    proven: bool = True
    beside: Beside = Beside()


def taking_back(told: Statement, ours: Collection[str]) -> Statement:
    """The statement with those strangers among its lines whose codes are ``ours`` after all."""
    back = [one.line for one in told.beside.strangers if one.line is not None and one.code in ours]
    if not back:
        return told
    lines = (*told.lines, *back)
    strangers = tuple(one for one in told.beside.strangers if one.line is None or one.code not in ours)
    paid = sum(line.amount for line in lines if line.kind == "paid")
    beside = replace(told.beside, strangers=strangers)
    return replace(told, lines=lines, amount=paid, digest=digest(lines), beside=beside)


def window(day: date, cut_off: time) -> Window:
    """The platform's day: it ends at the cut-off 日切 in Asia/Shanghai, and later money is the next day's."""
    end = datetime.combine(day, cut_off, SHANGHAI)
    if cut_off == time.min:
        end += timedelta(days=1)
    return Window(to_micros(end - timedelta(days=1)), to_micros(end))


def unseen(_done: int, _all: int) -> None:
    """For callers that nobody watches."""


async def fetch(platform: NonTaxPlatform, day: date, days: Window, progress: Progress = unseen) -> Statement:
    """All pages of a day, checked. Raises StatementRefusedError, and the adapter's ExchangeErrors.

    Money that arrives between two pages changes the totals; then the pages are read again.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return await asyncio.to_thread(check, await _pages(platform, day, progress), day, days)
        except _MovedError:
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


async def _pages(platform: NonTaxPlatform, day: date, progress: Progress) -> list[StatementPage]:
    pages = [await _page(platform, day, 1)]
    if pages[0].pages > _MOST_PAGES:
        raise StatementRefusedError(say("files.pages_over", pages=pages[0].pages))
    progress(1, pages[0].pages)
    for number in range(2, pages[0].pages + 1):
        pages.append(await _page(platform, day, number))
        progress(number, pages[0].pages)
    return pages


async def _page(platform: NonTaxPlatform, day: date, number: int) -> StatementPage:
    """One page; a day on which nothing happened is one empty page. Raises BusyError while it is not made yet."""
    told = await platform.statement(day, number)
    if isinstance(told, Pending):
        raise BusyError(told.words or f"the statement of {day} is not made yet", told.ask_after)
    if isinstance(told, StatementNone):
        return StatementPage(day=told.day, page=number, pages=1, count=0, amount=0, lines=())
    return told


def check(pages: Sequence[StatementPage], day: date, days: Window) -> Statement:
    """One statement from its pages, or StatementRefusedError.

    Day, page numbers, the counts and totals that every page repeats, money outside the day, negative or empty lines,
    and lines that occur twice: each of these refuses the whole.
    """
    first = pages[0]
    for number, page in enumerate(pages, start=1):
        if page.day != day:
            raise StatementRefusedError(say("files.page_day", number=number, day=page.day, asked=day))
        if page.page != number:
            raise StatementRefusedError(say("files.page_number", number=number, page=page.page))
        if (page.pages, page.count, page.amount) != (first.pages, first.count, first.amount):
            raise _MovedError(f"page {number} repeats other totals than page 1")
    if len(pages) != first.pages:
        raise StatementRefusedError(say("files.pages_announced", pages=len(pages), announced=first.pages))
    return check_lines(tuple(line for page in pages for line in page.lines), day, days, first.count, first.amount)


def check_lines(
    lines: tuple[StatementLine, ...], day: date, days: Window, count: int, amount: int, numbers: Sequence[int] = ()
) -> Statement:
    """One statement from its lines and what its totals say. ``numbers``: the lines' places in their file."""
    if len(lines) != count:
        raise StatementRefusedError(say("files.lines_total", lines=len(lines), count=count))
    check_each(lines, day, days, numbers)
    total = sum(line.amount for line in lines if line.kind == "paid")
    if total != amount:
        raise StatementRefusedError(say("files.fen_total", total=total, amount=amount))
    return Statement(day, lines, total, digest(lines))


def check_each(lines: Sequence[StatementLine], day: date, days: Window, numbers: Sequence[int] = ()) -> None:
    """No line without money, outside the day, or twice. Raises StatementRefusedError naming it."""
    seen: dict[tuple[str, str, str, str], int] = {}
    for number, line in zip(numbers or range(1, len(lines) + 1), lines, strict=True):
        if line.amount == 0:
            raise StatementRefusedError(say("files.no_money"), number)
        if line.kind == "paid" and to_micros(line.paid_at) not in days:
            at = f"{line.paid_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
            raise StatementRefusedError(say("files.other_day", at=at, day=day), number)
        key = (line.kind, line.code, line.bank_serial, line.refund_number or "")
        if key in seen:
            twice = say("files.doubled", line=seen[key], code=line.code, serial=line.bank_serial)
            raise StatementRefusedError(twice, number)
        seen[key] = number


def digest(lines: Sequence[StatementLine]) -> bytes:
    """The same for the same lines in any order."""
    return sm3(LINE.join(sorted(map(word, lines))).encode())
