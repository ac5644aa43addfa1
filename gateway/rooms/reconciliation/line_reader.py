"""Rows of a statement file to lines of a statement: only the columns that the profile names are judged.

A line of other business is no reason to refuse a day. A line that looks like ours and cannot be read is kept as such,
and becomes a break; only where its amount is unknown and totals are told, nobody can say whether the file is whole.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from gateway.ports.nontax import StatementLine
from gateway.rooms.reconciliation import cells
from gateway.rooms.reconciliation.profiles import Place, Profile
from gateway.rooms.reconciliation.row_fields import Fields, Kind
from gateway.rooms.reconciliation.rows import FileRow, Rows, is_blank, text_of
from gateway.rooms.reconciliation.running_balance import RunningBalance
from gateway.rooms.reconciliation.statement import (
    Aside,
    Beside,
    Statement,
    StatementRefusedError,
    Window,
    check_each,
    digest,
)
from gateway.rooms.reconciliation.totals import TotalsOfFile
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.saying import Sentence, UnfitError, said_of, say

HEADER_WITHIN = 200  # rows
_TELL_EVERY = 20_000  # rows
_LOOK_EVERY = 500  # rows
MOST_ASIDE = 200_000
"""Lines that are none of the statement's, of all kinds: each is kept, and takes more memory than room in its file."""
_LOOKS_LIKE_A_CODE = re.compile(r"[0-9A-Za-z]{1,20}")
_END_OF_FILE = "\x1a"
_TAILS = frozenset({"EOF", "eof"})
_MANY = 10  # of a hundred codes that end in zeros
_SHOWN = 20
_NAMED_BY_THEIR_LINE = "行{}"  # the serial of a line without one


def read_rows(rows: Rows, profile: Profile, day: date, days: Window, tell: Callable[[], None]) -> Statement:
    """The statement in these rows. Raises StatementRefusedError; ``tell`` is called now and then."""
    every = iter(rows.every)
    for _ in range(profile.skip):
        next(every, None)
    totals = TotalsOfFile(profile, cells_of(profile))
    passed: list[tuple[int, str]] = []
    header = None
    if profile.header and profile.shape != "fixed":
        header = find_header(every, profile, totals, passed)
        totals.cell = cells_of(profile, header)
    places = dict(profile.columns) if header is None else header.places
    reader = _Reader(Fields(profile, places, cells_of(profile), days, rows.epoch), passed=passed)
    last = 0
    for count, row in enumerate(every):
        last = row.number
        if count % _LOOK_EVERY == 0 and reader.aside > MOST_ASIDE:
            raise StatementRefusedError(say("files.too_many_aside", most=MOST_ASIDE))
        if last % _TELL_EVERY == 0:
            tell()
        if (why := _nothing(row, profile)) is not None:
            if why != "comment" or not totals.take(row):
                reader.passed.append((row.number, why))
        elif totals.take(row):
            continue
        elif totals.begun:
            raise StatementRefusedError(say("files.after_totals"), row.number)
        elif header is not None and list(row.cells) == header.cells:
            reader.passed.append((row.number, "the header again"))
        else:
            reader.take(row)
    if not totals.seen:
        raise StatementRefusedError(say("files.no_totals"), last + 1)
    return reader.statement(day, totals)


def cells_of(profile: Profile, header: Header | None = None) -> Callable[[FileRow, Place], str]:
    """How the text at a place, or under a name of the header, is had from a row. ValueError where the row is short."""
    if profile.shape == "fixed":

        def part(row: FileRow, place: Place) -> str:
            assert isinstance(place, tuple)
            start, length = place
            assert isinstance(start, int)
            assert isinstance(length, int)
            if len(row.text.rstrip(_END_OF_FILE)) < start + length:
                short = f"files.short_{profile.counted_in}"
                raise UnfitError(say(short, has=len(row.text), needs=start + length))
            return text_of(row.text[start : start + length], profile)

        return part

    prefix = profile.prefix
    names = [] if header is None else [cells.folded(one) for one in header.cells]

    def cell(row: FileRow, place: Place) -> str:
        if isinstance(place, str):
            wanted = cells.folded(place)
            place = names.index(wanted) + 1 if wanted in names else len(row.cells) + 1
        assert isinstance(place, int)
        if place > len(row.cells):
            raise UnfitError(say("files.short", has=len(row.cells), needs=place))
        text = row.cells[place - 1]
        if prefix and type(text) is str:
            return text.strip(cells.BLANKS).removeprefix(prefix)
        return text

    return cell


def _nothing(row: FileRow, profile: Profile) -> str | None:
    """Why a row is none of the records, where it is not; None for others."""
    text = (text_of(row.text, profile) if profile.comment else row.text).strip(cells.BLANKS)
    if not text:
        return "end-of-file mark" if _END_OF_FILE in row.text else "blank"
    if profile.comment and text.startswith(profile.comment):
        return "comment"
    if text in _TAILS:
        return "trailer"
    return "blank" if is_blank(row) else None


# --- the header -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Header:
    """The row of names: its number, its cells, and the place (from 1) of each field of the profile."""

    number: int
    cells: list[str]
    places: dict[str, Place]


def find_header(
    rows: Iterator[FileRow],
    profile: Profile,
    totals: TotalsOfFile | None = None,
    passed: list[tuple[int, str]] | None = None,
) -> Header:
    """The first row that has all names that the profile needs. Raises StatementRefusedError naming what is missing.

    ``totals`` takes those of its rows that stand before it; comments before it are added to ``passed``.
    """
    early = totals is not None and profile.totals != "none" and (profile.totals.words or profile.totals.place == "head")
    best: tuple[int, FileRow | None, list[str]] = (-1, None, [])
    for number, row in zip(range(HEADER_WITHIN), rows, strict=False):
        if early and totals is not None and totals.take(row):
            continue
        if (why := _nothing(row, profile)) is not None:
            if passed is not None and why == "comment":
                passed.append((row.number, why))
            continue
        names = [cells.folded(one.strip(cells.BLANKS).removeprefix(profile.prefix)) for one in row.cells]
        found, missing = _found(names, profile)
        if not missing:
            return Header(row.number, list(row.cells), found)
        if len(found) > best[0] and (number == 0 or found or best[0] < 0):
            best = (len(found), row, missing)
    _, nearest, missing = best
    if nearest is None:
        raise StatementRefusedError(say("files.no_header"))
    names = [cells.folded(one) for one in nearest.cells]
    wanted = _alternatives(profile.columns[missing[0]])
    twice = any(names.count(cells.folded(one)) > 1 for one in wanted)
    told = "、".join(cells.plain(one) for one in nearest.cells if one.strip())[:300]
    id = "files.column_twice" if twice else "files.column_missing"
    raise StatementRefusedError(say(id, column=" / ".join(wanted), header=told, field=missing[0]), nearest.number)


def _alternatives(place: Place) -> list[str]:
    return [str(one) for one in place] if isinstance(place, tuple) else [str(place)]


def _found(names: list[str], profile: Profile) -> tuple[dict[str, Place], list[str]]:
    """The places of the columns in a row of names, and the fields for which there is none, or more than one."""
    found: dict[str, Place] = {}
    missing = []
    for name, place in profile.columns.items():
        there = [one for one in map(cells.folded, _alternatives(place)) if names.count(one) == 1]
        if there:
            found[name] = names.index(there[0]) + 1
        else:
            missing.append(name)
    return found, missing


# --- records --------------------------------------------------------------------------------------------------------


@dataclass
class _Reader:
    """Takes the rows of records, one after the other; ``statement`` is what they come to."""

    fields: Fields
    lines: list[StatementLine] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    passed: list[tuple[int, str]] = field(default_factory=list)
    strangers: list[Aside] = field(default_factory=list)
    unread: list[Aside] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._made = dict.fromkeys(("count", "paid_count", "refunded_count", "amount", "refunded"), 0)
        self._keys: set[tuple[str, str, str]] = set()
        self._hidden: list[int] = []
        self._refunds: dict[tuple[str, str], list[tuple[int, datetime]]] = {}
        self._balance = RunningBalance()
        totals = self.fields.profile.totals
        self._counts_ignored = totals == "none" or totals.counts_ignored

    @property
    def aside(self) -> int:
        """How many lines are none of the statement's so far."""
        return len(self.passed) + len(self.strangers) + len(self.unread)

    # --- a row ---

    def take(self, row: FileRow) -> None:
        """Read one row of a record, and put it where it belongs."""
        kind: Kind | None = None
        amount: int | None = None
        code = serial = ""
        try:
            kind = self.fields.kind(row)
            if kind == "ignored":
                self._pass(row, f"kind {cells.plain(self.fields.at(row, 'kind'))}")
                return
            kind, amount = self.fields.money(row, kind)
            code = self.fields.code(row)
            serial = self.fields.serial(row)
        except ValueError as problem:
            with contextlib.suppress(ValueError):
                code = code or self.fields.code(row)
            self._keep_unread(row, code, serial, kind, amount, said_of(problem))
            return
        except StatementRefusedError as refused:
            raise StatementRefusedError(refused.reason, row.number) from None
        self._follow(row, kind, amount)
        if amount == 0:
            self._pass(row, "no money")
            return
        try:
            line, why = self._line(row, kind, amount, code, serial), None
        except ValueError as problem:
            line, why = None, said_of(problem)
        if (reason := self.fields.stranger(row)) is not None:
            self._count(kind, amount)
            self.strangers.append(Aside(row.number, code, serial, kind, amount, reason, line))
        elif line is None:
            assert why is not None
            self._keep_unread(row, code, serial, kind, amount, why)
        else:
            self._count(kind, amount)
            self.lines.append(line)
            self.numbers.append(row.number)
        if row.hidden:
            self._hidden.append(row.number)

    def _line(
        self, row: FileRow, kind: Literal["paid", "refunded"], amount: int, code: str, serial: str
    ) -> StatementLine:
        """The line. ValueError says what is wrong with it."""
        ours = _LOOKS_LIKE_A_CODE.fullmatch(code) is not None
        if ours and not serial:
            raise UnfitError(say("files.no_serial"))
        paid_at = self.fields.paid_at(row)
        key = (kind, code, serial or _NAMED_BY_THEIR_LINE.format(row.number))
        if not ours:
            if to_micros(paid_at) not in self.fields.days:
                at = f"{paid_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
                raise UnfitError(say("files.of_another_day", at=at))
            if key in self._keys:
                key = (kind, code, f"{serial} {_NAMED_BY_THEIR_LINE.format(row.number)}".strip())
            self._keys.add(key)
        number = self.fields.refund_number(row) if kind == "refunded" else None
        if kind == "refunded" and number is None:
            key = (kind, code, self._of_several(code, key[2], amount, paid_at))
        return StatementLine(
            kind=kind,
            reference=cells.word(self.fields.at(row, "reference", "")),
            code=code,
            amount=amount,
            paid_at=paid_at,
            bank_serial=key[2],
            unit_code=cells.word(self.fields.at(row, "unit_code", "")),
            refund_number=number,
            item_codes=self.fields.items(row),
        )

    def _of_several(self, code: str, serial: str, amount: int, paid_at: datetime) -> str:
        """The serial of a refund without a number of its own: several of one payment are told apart, a copy is not."""
        earlier = self._refunds.setdefault((code, serial), [])
        if (amount, paid_at) in earlier:
            return serial
        earlier.append((amount, paid_at))
        return serial if len(earlier) == 1 else f"{serial} #{len(earlier)}"

    # --- what is counted ---

    def _pass(self, row: FileRow, why: str) -> None:
        self._made["count"] += self._counts_ignored
        self.passed.append((row.number, why))

    def _count(self, kind: str, amount: int) -> None:
        self._made["count"] += 1
        self._made[f"{kind}_count"] += 1
        self._made["amount" if kind == "paid" else "refunded"] += amount

    def _keep_unread(
        self, row: FileRow, code: str, serial: str, kind: Kind | None, amount: int | None, why: Sentence | str
    ) -> None:
        if amount is None:
            self._balance.interrupt()
        self.unread.append(
            Aside(row.number, code, serial or _NAMED_BY_THEIR_LINE.format(row.number), kind or "", amount, why)
        )
        if amount is None or kind is None:
            self._made["count"] += 1
        else:
            self._count(kind, amount)

    def _follow(self, row: FileRow, kind: str, amount: int) -> None:
        """Hold the row's balance against the one before. Raises StatementRefusedError where a line is missing."""
        if "balance" not in self.fields.places:
            return
        try:
            balance = self.fields.balance(row)
        except ValueError:
            self._balance.interrupt()
            return
        if (torn := self._balance.follow(balance, amount if kind == "paid" else -amount)) is not None:
            raise StatementRefusedError(torn, row.number)

    # --- what it comes to ---

    def statement(self, day: date, totals: TotalsOfFile) -> Statement:
        """The statement, held against the totals. Raises StatementRefusedError."""
        made = {**self._made, "net": self._made["amount"] - self._made["refunded"]}
        unknown = next((one for one in self.unread if one.amount is None), None)
        if unknown is not None and totals.told:
            raise StatementRefusedError(unknown.why, unknown.number)
        totals.check(made)
        check_each(self.lines, day, self.fields.days, self.numbers)
        paid = sum(line.amount for line in self.lines if line.kind == "paid")
        beside = Beside(
            passed=tuple(self.passed),
            strangers=tuple(self.strangers),
            unread=tuple(self.unread),
            remarks=tuple(self._remarks()),
            told={name: said for name, (said, _) in totals.told.items()},
            made=made,
            balance=self._balance.opening_and_closing(),
            refunds=self.fields.profile.refunds,
        )
        return Statement(day, tuple(self.lines), paid, digest(self.lines), bool(totals.told), beside)

    def _remarks(self) -> Iterator[Sentence]:
        if self.fields.dressed:
            yield say("files.dressed", number=self.fields.dressed)
        if self.fields.in_zeros * 100 >= _MANY * max(len(self.lines), 1):
            yield say("files.in_zeros", number=self.fields.in_zeros)
        if self._hidden:
            yield say("files.hidden", rows=self._hidden[:_SHOWN])
        for one in self.unread[:_SHOWN]:
            yield say("files.unread", line=one.number, reason=one.why)
