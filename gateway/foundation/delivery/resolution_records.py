"""What people have said about operations: the SQL. The tables' constraints hold the rule of two persons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.states import ResolutionState
from gateway.foundation.delivery.tables import resolution
from gateway.foundation.store.rows import reader
from gateway.ports.base import Message
from gateway.words.personal import in_full


@dataclass(frozen=True, slots=True)
class Resolution:
    """What somebody says became of an operation. Instants in microseconds; people by their ids."""

    id: str
    operation_id: str
    two_persons: bool
    happened: bool
    answer_sealed: bytes | None
    reason: str
    proposed_by: str
    proposed_at: int
    confirmed_by: str | None
    confirmed_at: int | None
    withdrawn_at: int | None
    applied: bool
    applied_at: int | None

    @property
    def state(self) -> ResolutionState:
        """Whether it is only proposed, counts, or was taken back."""
        if self.applied:
            return ResolutionState.APPLIED
        return ResolutionState.PROPOSED if self.withdrawn_at is None else ResolutionState.WITHDRAWN

    def answer_json(self, envelope: Envelope) -> bytes | None:
        """The answer typed in, as JSON; None where it did not happen."""
        return None if self.answer_sealed is None else envelope.open(self.answer_sealed, _answer_of(self.id))

    def answer(self, envelope: Envelope) -> dict[str, Any] | None:
        """The same, as values."""
        body = self.answer_json(envelope)
        return None if body is None else dict(json.loads(body))


def sealed_answer(envelope: Envelope, resolution_id: str, answer: Message) -> bytes:
    """An answer typed in, as it is kept."""
    return envelope.seal(in_full(answer), _answer_of(resolution_id))


def _answer_of(resolution_id: str) -> str:
    return f"resolution|answer|{resolution_id}"


_resolution = reader(Resolution)
_STANDING = select(resolution).where(resolution.c.operation_id == bindparam("of"), resolution.c.withdrawn_at.is_(None))
_OPEN = (
    update(resolution)
    .where(resolution.c.operation_id == bindparam("of"), resolution.c.withdrawn_at.is_(None))
    .where(resolution.c.applied.is_(False))
)
_BY_ID = select(resolution).where(resolution.c.id == bindparam("one"))
_ADD = insert(resolution)
_CHANGE = update(resolution).where(resolution.c.id == bindparam("one"))


def add(conn: Connection, **values: Any) -> None:
    """Somebody says what became of an operation."""
    conn.execute(_ADD, values)


def standing(conn: Connection, operation_id: str) -> Resolution | None:
    """What is said about an operation and was not taken back."""
    row = conn.execute(_STANDING, {"of": operation_id}).mappings().first()
    return None if row is None else _resolution(row)


def by_id(conn: Connection, resolution_id: str) -> Resolution:
    """One resolution, which must be there."""
    return _resolution(conn.execute(_BY_ID, {"one": resolution_id}).mappings().one())


def confirm(conn: Connection, resolution_id: str, by: str, now: int) -> None:
    """A second person confirms it."""
    conn.execute(_CHANGE, {"one": resolution_id, "confirmed_by": by, "confirmed_at": now})


def apply(conn: Connection, resolution_id: str, now: int) -> None:
    """It counts from now on."""
    conn.execute(_CHANGE, {"one": resolution_id, "applied": True, "applied_at": now})


def withdraw(conn: Connection, operation_id: str, now: int) -> bool:
    """Take back what does not count yet; False when there is nothing to take back."""
    return conn.execute(_OPEN, {"of": operation_id, "withdrawn_at": now}).rowcount > 0
