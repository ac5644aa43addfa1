"""Dry runs: an effect is carried out as ever up to the commit, looked at, and undone.

Nothing is checked twice and nothing can be checked otherwise: a dry run is the request itself, in the transaction that
would keep it. What it would send is read from the operations that it wrote, before they are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from gateway.foundation.delivery import operation_records
from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.once import Once
from gateway.foundation.store import Store
from gateway.words.clock import SystemClock
from gateway.words.identifiers import new_id

T = TypeVar("T")


class UndoneError(Exception):
    """Everything that a dry run wrote is taken back with this."""


@dataclass(eq=False)
class DryRun(Once):
    """Instead of a request under its key: the key is not looked at, and stays free.

    ``about``: the records that operations would be of, from the subject and from what ``view`` saw. ``would_send``:
    the operations that were written.
    """

    records: Callable[[str, Any], Iterable[str]] = lambda subject, _: (subject,)
    would_send: list[OperationRecord] = field(default_factory=list)
    _from: str = field(default_factory=lambda: new_id("opn"))

    @classmethod
    def of(cls, view: Callable[[Connection, str], Any], records: Callable[[str, Any], Iterable[str]]) -> DryRun:
        """Of a request that is answered with what ``view`` sees."""
        return cls("", "", "", b"", SystemClock(), view=view, records=records)

    def begin(self, conn: Connection, status: int | None = None) -> None:
        """No key is remembered."""

    async def look_first(self, store: Store) -> None:
        """No key is known."""

    def first(self, unit: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """A unit of work that is undone."""

        def undone(conn: Connection) -> T:
            unit(conn)
            self.wrote(conn)
            raise AssertionError("unreachable")

        return undone

    def wrote(self, conn: Connection) -> None:
        """See what there would be, and undo it."""
        assert self.view is not None
        assert self.subject is not None
        self.seen = self.view(conn, self.subject)
        written = operation_records.of_subjects(conn, set(self.records(self.subject, self.seen)))
        self.would_send = [one for one in written if one.id > self._from]
        raise UndoneError
