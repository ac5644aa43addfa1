"""By what a run goes: when a channel's day ends, how long each side may take, and what other rooms say of its money."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path

from sqlalchemy import Connection

from gateway.rooms.payments.collections import Quoted, nothing_quoted
from gateway.rooms.reconciliation.matching import Side
from gateway.rooms.reconciliation.statement import Window, window

#: Says what money is that a statement tells of as gone back: ours, platform, known or unmatched (``rooms.refunds``).
Returned = Callable[[Connection, str, str, int, str, int, str | None], str]


#: Whether refunds know of one with this code, amount (fen) and number of the platform's, if it tells one.
Expected = Callable[[Connection, str, str, int, str | None], bool]


def nothing_expected(*_: object) -> bool:
    """For runs without refunds: nobody waits for money that goes back."""
    return False


def nothing_returned(*_: object) -> str:
    """For runs without refunds: nobody knows of money that goes back."""
    return "unmatched"


@dataclass(frozen=True)
class Grace:
    """How long each side may take. ``late``: paid so shortly before the cut-off, money may be the next day's 跨日.

    ``bank`` and ``treasury`` are days until money must be cleared 清算 and in the treasury 入库; ``receipt``, days
    until a payment must have its receipt, None where receipts are not looked after.
    """

    late: timedelta = timedelta(hours=1)
    bank: int = 3
    treasury: int = 7
    receipt: int | None = None

    @property
    def late_micros(self) -> int:
        """``late`` in microseconds."""
        return self.late // timedelta(microseconds=1)

    def days(self, side: Side) -> int:
        """Days from payment within which a side's statement must have the money."""
        return {Side.PLATFORM: 0, Side.BANK: self.bank, Side.TREASURY: self.treasury}[side]


@dataclass(frozen=True)
class Rules:
    """What is settled before any run. ``cut_offs`` names the channels whose day does not end at midnight.

    ``returned``, ``expected`` and ``quoted`` ask refunds and payments about money; ``folder`` is where big days are
    compared.
    """

    cut_offs: Mapping[str, time] = field(default_factory=dict)
    grace: Grace = Grace()
    returned: Returned = nothing_returned
    expected: Expected = nothing_expected
    quoted: Quoted = nothing_quoted
    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))

    def window(self, channel: str, day: date) -> Window:
        """A channel's day as instants."""
        return window(day, self.cut_offs.get(channel, time.min))
