"""A report 对账报告 as plain values: tables of typed cells, each with its headings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args

from gateway.words.clock import SHANGHAI
from gateway.words.money import format_yuan

Kind = Literal["day", "month", "authority", "unit", "ledger", "balance"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Shape = Literal["text", "fen", "number", "day", "time"]
Cell = str | int | date | datetime | None


@dataclass(frozen=True)
class Column:
    """A column with its heading, Chinese first."""

    zh: str
    en: str
    shape: Shape = "text"
    total: bool = False


@dataclass(frozen=True)
class Table:
    """One sheet. Amounts are fen."""

    zh: str
    en: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def totals(self) -> list[int | None]:
        """The sum of each column that has one."""
        return [
            sum(value for row in self.rows if isinstance(value := row[index], int)) if column.total else None
            for index, column in enumerate(self.columns)
        ]


@dataclass(frozen=True)
class Report:
    """A named set of tables about a channel from one day to another. ``note``: under which close it stands, if any.

    ``authorities``: whose rows these are alone; None: everybody's.
    """

    kind: Kind
    zh: str
    channel: str
    first: date
    last: date
    made_at: datetime
    tables: tuple[Table, ...]
    note: str = ""
    authorities: tuple[str, ...] | None = None

    @property
    def title(self) -> str:
        """What stands above every sheet."""
        days = str(self.first) if self.first == self.last else f"{self.first} 至 {self.last}"
        return f"{self.zh}  {self.channel}  {days}"

    @property
    def wanted(self) -> dict[str, str | None]:
        """The filter by which it was made."""
        only = None if self.authorities is None else " ".join(self.authorities) or "-"
        days = {"first": str(self.first), "last": str(self.last)}
        return {"kind": self.kind, "channel": self.channel, **days, "authorities": only}


def as_text(value: Cell, shape: Shape) -> str:
    """A cell for people: yuan, days, local time."""
    if value is None:
        return ""
    if shape == "fen" and isinstance(value, int):
        return format_yuan(value) if value >= 0 else f"-{format_yuan(-value)}"
    if isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    return str(value)
