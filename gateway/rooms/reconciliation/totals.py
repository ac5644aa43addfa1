"""What a statement file says about itself 合计, found in its rows, and whether its lines make the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.rooms.reconciliation.cells import count, folded, money, plain
from gateway.rooms.reconciliation.profiles import FIGURES, Place, Profile, Totals
from gateway.rooms.reconciliation.rows import FileRow, is_blank, text_of
from gateway.rooms.reconciliation.statement import StatementRefusedError
from gateway.words.errors import InvalidProblem
from gateway.words.money import format_sum
from gateway.words.saying import said_of, say

TYPED: Final = {"count": "count", "paid": "amount", "refunded": "refunded"}
"""What the other side has told of a file without totals, by the names of what its lines make."""
_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")


@dataclass
class TotalsOfFile:
    """Takes the rows of totals out of a file's rows; ``told`` is what they say, each figure with its row."""

    profile: Profile
    cell: Callable[[FileRow, Place], str]
    told: dict[str, tuple[int, int]] = field(default_factory=dict)
    _names: FileRow | None = None
    _done: bool = False

    def __post_init__(self) -> None:
        totals = self._totals
        self._sentences = {one: _sentence(one) for one in totals.words} if totals else {}

    @property
    def _totals(self) -> Totals | None:
        return None if self.profile.totals == "none" else self.profile.totals

    @property
    def seen(self) -> bool:
        """Whether all of the totals were seen."""
        return self._totals is None or (not self._sentences if self._totals.words else self._done)

    @property
    def begun(self) -> bool:
        """Whether records cannot follow any more: the totals stand at the end, and have begun."""
        at_end = self._totals is not None and bool(self._totals.mark) and self._totals.place == "end"
        return at_end and (self._done or self._names is not None)

    def take(self, row: FileRow) -> bool:
        """Whether this row is of the totals; then it is read. Raises StatementRefusedError."""
        totals = self._totals
        if totals is None or self._done or is_blank(row):
            return False
        if totals.words:
            return self._take_words(row)
        if self._names is None:
            if not self._is_marked(row, totals.mark):
                return False
            if totals.lines == 2:
                self._names = row
                return True
        self._done = True
        for name, place in totals.places.items():
            self._keep(name, self._figure(name, place, row), row)
        return True

    def check(self, made: Mapping[str, int]) -> None:
        """Raises StatementRefusedError where a figure is otherwise than the lines make it, or totals are missing."""
        for name, (told, number) in self.told.items():
            if made[name] != told:
                raise StatementRefusedError(say(f"files.{name}_differs", made=made[name], told=told), number)

    def _is_marked(self, row: FileRow, mark: str) -> bool:
        if self.profile.shape == "fixed":
            return text_of(row.text, self.profile).startswith(mark)
        first = next((plain(cell.removeprefix(self.profile.prefix)) for cell in row.cells if plain(cell)), "")
        return folded(first).rstrip(":") == folded(mark).rstrip(":")

    def _take_words(self, row: FileRow) -> bool:
        text = re.sub(r"\s", "", text_of(row.text, self.profile))
        for words, sentence in list(self._sentences.items()):
            if found := sentence.search(text):
                del self._sentences[words]
                for name, said in found.groupdict().items():
                    self._keep(name, said, row)
                return True
        return False

    def _figure(self, name: str, place: Place, row: FileRow) -> str:
        if isinstance(place, str) and self._names is not None:
            names = [folded(cell) for cell in self._names.cells]
            if names.count(folded(place)) != 1:
                missing = say("files.totals_without", name=place, figure=name)
                raise StatementRefusedError(missing, self._names.number)
            place = names.index(folded(place)) + 1
        try:
            return self.cell(row, place)
        except ValueError:
            raise StatementRefusedError(say("files.totals_short", figure=name), row.number) from None

    def _keep(self, name: str, said: str, row: FileRow) -> None:
        fen = self.profile.amount == "fen"
        try:
            if name in ("count", "paid_count", "refunded_count"):
                told = count(said)
            else:
                told = money(said, fen=fen)
                told = abs(told) if name == "refunded" else told
        except ValueError as problem:
            wrong = say("files.totals_unread", reason=said_of(problem), figure=name)
            raise StatementRefusedError(wrong, row.number) from None
        self.told[name] = (told, row.number)


def require_told(typed: Mapping[str, str], made: Mapping[str, int]) -> None:
    """A file without totals is believed by what the other side has told, typed in. Raises InvalidProblem.

    What the file says is not shown before: who types copies it from the other side's words, not from the page.
    """
    for name, of in TYPED.items():
        said = typed.get(name, "").replace(",", "")
        if not said:
            needed = say("reconciliation.act_totals_needed", field=say(f"reconciliation.act_{name}"))
            raise InvalidProblem(needed, field=name)
        there = str(made[of]) if name == "count" else format_sum(made[of])
        if (said if name == "count" or "." in said else f"{said}.00") != there:
            raise InvalidProblem(say("reconciliation.act_told_otherwise", typed=said, made=there), field=name)


def _sentence(words: str) -> re.Pattern[str]:
    """A sentence of totals as a pattern: each figure in braces once, anything in the others."""
    seen: set[str] = set()

    def figure(found: re.Match[str]) -> str:
        name = found[1]
        if name not in FIGURES or name in seen:
            return ".*?"
        seen.add(name)
        return rf"(?P<{name}>[-+¥￥0-9.,]+)"

    return re.compile(_PLACEHOLDER.sub(figure, re.escape(re.sub(r"\s", "", words))))
