"""Lists for people: what one copies is never broken. Without a terminal they are lines of cells with tabs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from gateway.words.clock import SHANGHAI, SystemClock

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

_MOMENT = re.compile(r"(\d{4})-(\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?\+08:00")
_NUMBER = re.compile(r"-?[\d,]{1,13}(\.\d\d)?")
_WHOLE = re.compile(r"[!-~]+")  # an id, a code, a word: what a double click takes
_LONGEST: Final = 48  # characters of what is kept whole: longer ones are addresses
_SOME: Final = 10  # columns that any other text has at least
_GAP: Final = 2


class Listing:
    """Rows under heads, all in words already. ``heads`` are hidden for a record, whose first column says what each is.

    Columns have the width that they need and the terminal has: text goes over several lines, an id or a code does not.
    Where those alone do not fit beside each other each row is a block, one line a column. Numbers and amounts stand to
    the right. ``even``: columns of one width, whatever stands in them. ``zone`` says once of which
    zone the moments are; they are shown to the second, without this year.
    """

    def __init__(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        title: str | None,
        zone: str,
        *,
        headed: bool = True,
        wide: bool = False,
    ) -> None:
        self.heads, self.rows, self.title = list(heads), [list(row) for row in rows], title
        self.headed, self.wide, self.even, self._zone = headed, wide, False, zone
        self._year = str(SystemClock().now().astimezone(SHANGHAI).year)

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def lines(self) -> Iterator[str]:
        """For programs: cells as they are, with tabs between them; a title stands behind ``#``."""
        if self.title:
            yield f"# {self.title}"
        if self.headed:
            yield "\t".join(self.heads)
        for row in self.rows:
            yield "\t".join(" ".join(cell.split()) for cell in row)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self.title:
            yield _plain(self.title)
        shown = [[self._read(cell) for cell in row] for row in self.rows]
        widths = self._widths(shown, options.max_width)
        yield self._blocks(shown) if widths is None else self._table(shown, widths)
        if shown != self.rows:
            yield self._zone

    def _read(self, cell: str) -> str:
        """A moment as it is read at a glance."""
        if (at := _MOMENT.fullmatch(cell)) is None:
            return cell
        this_year = at[1] == self._year and self.headed and not self.wide
        return f"{at[2]} {at[3]}" if this_year else f"{at[1]}-{at[2]} {at[3]}"

    def _widths(self, shown: Sequence[Sequence[str]], most: int) -> list[int] | None:
        """How wide each column is; None where it cannot be."""
        from rich.cells import cell_len

        if self.even:
            return [(most - _GAP * (len(self.heads) - 1)) // len(self.heads)] * len(self.heads)
        columns = [[head if self.headed else "", *cells] for head, *cells in zip(self.heads, *shown, strict=True)]
        wanted = [max(max(map(cell_len, cell.splitlines()), default=0) for cell in column) for column in columns]
        spare = most - _GAP * (len(columns) - 1) - sum(wanted)
        if spare >= 0 or self.wide:
            return wanted
        least = [min(want, max(map(_least, column))) for want, column in zip(wanted, columns, strict=True)]
        spare = most - _GAP * (len(columns) - 1) - sum(least)
        if spare < 0 and self.headed and len(columns) > 2:
            return None
        widths, left = list(least), len(columns)
        for one in sorted(range(len(columns)), key=lambda one: wanted[one] - least[one]):
            widths[one] += min(wanted[one] - least[one], max(spare, 0) // left)
            spare, left = spare - (widths[one] - least[one]), left - 1
        return widths

    def _table(self, shown: Sequence[Sequence[str]], widths: Sequence[int]) -> Table:
        made = _bare()
        made.show_header = self.headed
        for place, (head, width) in enumerate(zip(self.heads, widths, strict=True)):
            cells = [row[place] for row in shown if row[place]]
            right = bool(cells) and self.headed and all(_NUMBER.fullmatch(cell) for cell in cells)
            made.add_column(head, width=max(width, 1), overflow="fold", justify="right" if right else "left")
        for row in shown:
            made.add_row(*map(_plain, row))
        return made

    def _blocks(self, shown: Sequence[Sequence[str]]) -> Table:
        made = _bare()
        made.show_header = False
        made.add_column(style="bold", no_wrap=True)
        made.add_column(overflow="fold")
        for number, row in enumerate(shown):
            if number:
                made.add_row()
            for head, cell in zip(self.heads, row, strict=True):
                if cell:
                    made.add_row(head, _plain(cell))
        return made


def _plain(cell: str) -> Text:
    """As it stands: what people wrote holds brackets and colons, which mean nothing here."""
    from rich.text import Text

    return Text(cell)


def _bare() -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")


def _least(cell: str) -> int:
    """The columns that a cell needs so that nothing is broken which is one thing."""
    whole = max((len(one) for one in _WHOLE.findall(cell)), default=0)
    return max(_SOME, min(whole, _LONGEST))
