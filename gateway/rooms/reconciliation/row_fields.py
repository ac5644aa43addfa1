"""One row of a statement file, field by field, as its profile says. A field that cannot be read is a ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from gateway.foundation.sheets import Number
from gateway.rooms.reconciliation import cells
from gateway.rooms.reconciliation.profiles import Place, Profile
from gateway.rooms.reconciliation.rows import FileRow
from gateway.rooms.reconciliation.statement import Window
from gateway.words.clock import SHANGHAI
from gateway.words.money import format_sum
from gateway.words.saying import Sentence, UnfitError, say

_LONGEST_CODE = _LONGEST_SERIAL = 80
Kind = Literal["paid", "refunded", "ignored"]


@dataclass
class Fields:
    """Reads the fields of one row after the other. ``dressed`` and ``in_zeros``: how many codes were written as a
    spreadsheet writes numbers, and how many end in zeros as if it had rounded them."""

    profile: Profile
    places: dict[str, Place]
    cell: Callable[[FileRow, Place], str]
    days: Window
    epoch: date
    dressed: int = 0
    in_zeros: int = 0

    def __post_init__(self) -> None:
        self._instant = cells.instants(self.profile.time_format, self.days, self.epoch)
        self._when = [self.places[name] for name in ("paid_at", "paid_on", "paid_time") if name in self.places]
        self._code = re.compile(self.profile.code_pattern) if self.profile.code_pattern else None
        self._not_ours = [(self.places[name], re.compile(one)) for name, one in self.profile.not_ours.items()]
        self._letters = sorted(self.profile.kinds, key=len, reverse=True) if "kind" not in self.places else []

    def at(self, row: FileRow, name: str, default: str | None = None) -> str:
        """A field's cell. ValueError where the row is too short for it, and there is no default."""
        place = self.places.get(name)
        if place is None:
            return default or ""
        try:
            return self.cell(row, place)
        except ValueError:
            if default is None:
                raise
            return default

    def kind(self, row: FileRow) -> Kind | None:
        """What kind of line it is, where the file has a column for that. ValueError for a word nobody knows."""
        if "kind" not in self.places:
            return None
        said = cells.word(self.at(row, "kind"))
        if said not in self.profile.kinds:
            raise UnfitError(say("files.unknown_kind", word=repr(said[:40])))
        return self.profile.kinds[said]

    def code(self, row: FileRow) -> str:
        """The payment code, or whatever stands in its place."""
        cell = self.at(row, "code", "")
        text = cells.number(cell)
        self.dressed += cells.is_dressed(cell)
        if self._code is not None and (found := self._code.search(text)):
            text = found.group()
        self.in_zeros += len(text) >= 16 and text.endswith("00000")
        return text[:_LONGEST_CODE]

    def serial(self, row: FileRow) -> str:
        """The bank's serial number. ValueError for one that is too long."""
        serial = cells.number(self.at(row, "bank_serial"))
        if len(serial) > _LONGEST_SERIAL:
            raise UnfitError(say("files.long_serial", limit=_LONGEST_SERIAL))
        return serial

    def money(self, row: FileRow, kind: Kind | None) -> tuple[Literal["paid", "refunded"], int]:
        """The kind and the amount, never negative. ValueError where they cannot be told for certain."""
        fen = self.profile.amount == "fen"
        if "refunded" in self.places:
            if kind is None:
                return self._in_or_out(row, fen)
            name = "refunded" if kind == "refunded" else "amount"
            amount = cells.money(self.at(row, name), fen=fen)
        else:
            text = self.at(row, "amount")
            if self._letters and not isinstance(text, Number):
                kind, text = self._lettered(cells.plain(text))
            amount = cells.money(text, fen=fen)
        if kind is None:
            kind = "refunded" if amount < 0 and self.profile.signed else "paid"
        if amount < 0 and (kind == "paid" or not (self.profile.signed or "kind" in self.places)):
            raise UnfitError(say("files.negative", amount=format_sum(amount)))
        assert kind != "ignored"
        return kind, abs(amount)

    def _in_or_out(self, row: FileRow, fen: bool) -> tuple[Literal["paid", "refunded"], int]:
        texts = [self.at(row, name, "") for name in ("amount", "refunded")]
        paid, refunded = (0 if cells.is_nothing(one) else cells.money(one, fen=fen) for one in texts)
        if all(map(cells.is_nothing, texts)):
            raise UnfitError(say("files.neither"))
        if paid and refunded:
            raise UnfitError(say("files.both"))
        if paid < 0:
            raise UnfitError(say("files.negative_in"))
        return ("refunded", abs(refunded)) if refunded else ("paid", paid)

    def _lettered(self, text: str) -> tuple[Kind, str]:
        for letter in self._letters:
            for rest in (text.removeprefix(letter), text.removesuffix(letter)):
                if rest != text:
                    return self.profile.kinds[letter], rest
        raise UnfitError(say("files.no_letter", text=repr(text[:40]), letters=list(self.profile.kinds)))

    def refund_number(self, row: FileRow) -> str | None:
        """A refund's own number, where the file tells it."""
        return cells.number(self.at(row, "refund_number", ""))[:_LONGEST_SERIAL] or None

    def paid_at(self, row: FileRow) -> datetime:
        """The instant, from a column or two. ValueError."""
        if len(self._when) == 1:
            return self._instant(self.cell(row, self._when[0]))
        day, clock = (self.cell(row, place) for place in self._when[-2:])
        if isinstance(day, Number):
            day = str(self._instant(day).astimezone(SHANGHAI).date())
        return self._instant(f"{cells.plain(day)} {cells.plain(clock)}".strip())

    def items(self, row: FileRow) -> tuple[str, ...]:
        """The codes of income items."""
        items = cells.word(self.at(row, "items", "")).split(self.profile.item_separator)
        return tuple(item for item in (one.strip() for one in items) if item)

    def balance(self, row: FileRow) -> int:
        """What is on the account after this line, in fen. ValueError."""
        return cells.money(self.at(row, "balance"), fen=self.profile.amount == "fen")

    def stranger(self, row: FileRow) -> Sentence | None:
        """Why a line is of other business, by the profile's word."""
        for place, pattern in self._not_ours:
            try:
                text = cells.plain(self.cell(row, place))
            except ValueError:
                text = ""
            if pattern.fullmatch(text):
                return say("files.not_ours", text=repr(text[:40]))
        if self.profile.units:
            unit = cells.plain(self.at(row, "unit_code", ""))
            if unit not in self.profile.units:
                return say("files.not_ours", text=repr(unit[:40]))
        return None
