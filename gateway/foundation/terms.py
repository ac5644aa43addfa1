"""What a room keeps, how long and why; and which of its records are open matters that nothing may be taken from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Table

from gateway.words.clock import SHANGHAI
from gateway.words.saying import Sentence


@dataclass(frozen=True, kw_only=True)
class Term:
    """How long rows of one kind stay in the database before they go to the archive, and the rule that asks for it.

    ``tables``: the first one's rows age; those of the others hold its key by the same names, and go along. ``days``
    None: they stay for good. ``from_year_end``: the days run from the end of the calendar year. ``age``: the column of
    the instant from which they run (microseconds). ``order``: columns of an index that grow with time, a key of the
    table. ``subject``: the column of the record that a row is about; while it belongs to an open matter the row stays.
    ``stays``: what else keeps a row.
    """

    what: str
    tables: tuple[Table, ...]
    why: Sentence
    days: int | None = None
    from_year_end: bool = False
    age: Column[Any] | None = None
    order: tuple[Column[Any], ...] = ()
    subject: Column[Any] | None = None
    stays: ColumnElement[bool] | None = None

    def before(self, now: datetime) -> datetime | None:
        """What is older than this may go; None: nothing may."""
        if self.days is None:
            return None
        before = now.astimezone(SHANGHAI) - timedelta(days=self.days)
        if self.from_year_end:
            before = before.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        return before


@dataclass(frozen=True, kw_only=True)
class Matter:
    """A kind of record that may be open. ``of``: its columns that name the records it belongs to. ``open``: in SQL."""

    table: Table
    of: tuple[Column[Any], ...] = ()
    open: ColumnElement[bool]

    @property
    def id(self) -> Column[Any]:
        """The column of its name."""
        (column,) = self.table.primary_key.columns
        return column
