"""Operations that wait for a person or are in doubt, as somebody looks for them: the SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, func, select, union_all

from gateway.foundation.access.desk import of_person
from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.delivery.states import FOR_PEOPLE, State
from gateway.foundation.delivery.tables import operation, resolution
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import reader

MOST = 1000
"""Counted so far and no further: nobody reads on."""
_row = operation.c
_FOR_PEOPLE = _row.state.in_([constant(state.value) for state in FOR_PEOPLE])
"""Says nothing new, and has the indexes of what waits for people serve."""
_read = reader(OperationRecord)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Which of them; what is None does not narrow. ``number``: of the operation, its record, or our reference.

    ``said_by``, ``said_besides``: what became of it was said by this person, or by another, and waits for a second one.
    ``held_by``: in this person's hands.
    """

    authorities: Collection[str]
    states: Sequence[State] = FOR_PEOPLE
    channel: str | None = None
    parked_for: str | None = None
    number: str | None = None
    said_by: str | None = None
    said_besides: str | None = None
    held_by: str | None = None


def find(conn: Connection, wanted: Doubtful, before: str | None, limit: int) -> list[OperationRecord]:
    """The newest first; ``before`` is the id at which the previous page ended."""
    ids = union_all(*(select(one.subquery().c.id) for one in _newest(wanted, before, limit)))
    # First the ids: the indexes find them without the rows.
    query = select(operation).where(_row.id.in_(ids)).order_by(_row.id.desc()).limit(limit)
    return [_read(one) for one in conn.execute(query).mappings()]


def count(conn: Connection, wanted: Doubtful) -> int:
    """How many there are; not counted beyond ``MOST``."""
    some = union_all(*(select(one.subquery().c.id) for one in _newest(wanted, None, MOST))).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _newest(wanted: Doubtful, before: str | None, limit: int) -> list[Select[tuple[str]]]:
    """The newest of each state: an index has them in this order, and no more of them are read."""
    narrowed = _fitting(wanted)
    if before is not None:
        narrowed.append(_row.id < before)
    return [
        select(_row.id)
        .where(_row.state == constant(one.value), _FOR_PEOPLE, *narrowed)
        .order_by(_row.id.desc())
        .limit(limit)
        for one in wanted.states
    ]


def _fitting(wanted: Doubtful) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [_row.authority.in_(wanted.authorities)]
    if wanted.channel is not None:
        # As an expression: by the channel SQLite would go through all that was ever sent over it.
        found.append(_row.channel.concat("") == wanted.channel)
    if wanted.parked_for is not None:
        found.append(_row.code == wanted.parked_for)
    if wanted.number is not None:
        found.append(_row.id.in_(_numbered(wanted.number)))
    if wanted.held_by is not None:
        found.append(_row.id.in_(of_person(wanted.held_by)))
    if wanted.said_by is not None or wanted.said_besides is not None:
        by = resolution.c.proposed_by
        mine = by == wanted.said_by if wanted.said_by is not None else by != wanted.said_besides
        said = select(resolution.c.operation_id).where(
            resolution.c.withdrawn_at.is_(None), resolution.c.applied.is_(False), mine
        )
        found.append(_row.id.in_(said))
    return found


def _numbered(number: str) -> CompoundSelect[tuple[str]]:
    """By the id, the record or our reference: each by its own index."""
    return union_all(
        select(_row.id).where(_row.id == number),
        select(_row.id).where(_row.subject == number),
        select(_row.id).where(_row.reference == number, _FOR_PEOPLE),
    )
