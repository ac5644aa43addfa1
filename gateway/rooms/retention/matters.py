"""Which records belong to an open matter: a matter is all that hangs together, and is open while one thing in it is.

A decision, its payments, their refunds, breaks, receipts and operations are one matter. Every step goes by a key or an
index, so that it costs what the matters asked about hold, and not what the tables hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, select

from gateway.foundation.terms import Matter

_AT_ONCE = 500


def open_among(conn: Connection, matters: Sequence[Matter], subjects: Collection[str]) -> set[str]:
    """Those of these records that belong to an open matter. What is no record of any kind belongs to none."""
    linked: dict[str, set[str]] = defaultdict(set)
    known, asked = set[str](), set[str]()
    waiting = set(subjects)
    while waiting:
        asked |= waiting
        found, near = _step(conn, matters, waiting, linked)
        known |= found
        waiting = near - asked
    opened = {one for matter in matters for one in _open(conn, matter, known)}
    return set(subjects) & _reached(opened, linked)


def _step(
    conn: Connection, matters: Sequence[Matter], ids: Collection[str], linked: dict[str, set[str]]
) -> tuple[set[str], set[str]]:
    """Which of these ids are records, and what they are linked to: above them, and below those that are records."""
    found, near = set[str](), set[str]()

    def link(one: str, other: str) -> None:
        linked[one].add(other)
        linked[other].add(one)
        near.update((one, other))

    for matter in matters:
        for some in _some(ids):
            rows = conn.execute(select(matter.id, *matter.of).where(matter.id.in_(some)))
            for record, *above in rows:
                found.add(record)
                for one in above:
                    if one is not None:
                        link(record, one)
    for matter in matters:
        for column in matter.of:
            for some in _some(found):
                for record, above in conn.execute(select(matter.id, column).where(column.in_(some))):
                    link(record, above)
    return found, near


def _open(conn: Connection, matter: Matter, ids: Collection[str]) -> Iterator[str]:
    for some in _some(ids):
        yield from conn.execute(select(matter.id).where(matter.id.in_(some), matter.open)).scalars()


def _reached(begin: Collection[str], linked: dict[str, set[str]]) -> set[str]:
    reached, waiting = set(begin), list(begin)
    while waiting:
        new = linked[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def _some(ids: Collection[str]) -> Iterator[list[str]]:
    left = iter(sorted(ids))
    while some := list(islice(left, _AT_ONCE)):
        yield some
