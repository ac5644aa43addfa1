"""The running balance of an account statement: it says whether a line is missing between two."""

from __future__ import annotations

from gateway.words.money import format_sum
from gateway.words.saying import Sentence, say


class RunningBalance:
    """Follows the balance from row to row, in a file that is written oldest first or newest first. All in fen."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None  # balance after the row, and what it moved
        self._before: tuple[int, int] | None = None
        self._oldest_first = self._newest_first = True

    def follow(self, balance: int, moved: int) -> Sentence | None:
        """Take the next row's balance and what the row moved; why it cannot follow the row before, or None."""
        if self._before is not None:
            before, moved_before = self._before
            self._oldest_first = self._oldest_first and before + moved == balance
            self._newest_first = self._newest_first and before - moved_before == balance
            if not (self._oldest_first or self._newest_first):
                return say("files.balance", balance=format_sum(balance), before=format_sum(before))
        self._before = (balance, moved)
        self._first = self._first or self._before
        return None

    def interrupt(self) -> None:
        """A row whose balance or amount is unknown: the next one follows nothing."""
        self._before = None

    def opening_and_closing(self) -> tuple[int, int] | None:
        """The balance before the day's first line and after its last, as far as the file tells."""
        if self._first is None or self._before is None:
            return None
        oldest, newest = (self._first, self._before) if self._oldest_first else (self._before, self._first)
        return oldest[0] - oldest[1], newest[0]
