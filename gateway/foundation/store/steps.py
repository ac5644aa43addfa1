"""Which steps a schema has taken, and what they mean to a program: written down in the database beside the revisions.

A step *expands* unless it says otherwise: a table more, a column more that may be left out, an index more. A program
that has never heard of it goes on beneath it. A step that *contracts* (``contracts = True`` in its revision) takes away
or forbids what the version before it did; it is taken last, when no node of such a version works any more. So nodes can
be exchanged one after the other, and back: expand, exchange, contract (docs/upgrading.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, delete, insert, inspect, select

from gateway import __version__
from gateway.foundation.store.branches import branch_of
from gateway.words.clock import to_micros
from gateway.words.errors import SettingsError
from gateway.words.saying import say

STEP = Table(
    "schema_step",
    MetaData(),  # its own, as Alembic's table has: it tells of this database and is in no backup
    Column("revision", String(80), primary_key=True),
    Column("contracts", Integer, nullable=False),
    Column("program", String(40), nullable=False, comment="the version that took it"),
    Column("taken_at", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Step:
    """One revision that a schema has: whether it contracts, and the version of the program that took it."""

    revision: str
    contracts: bool
    program: str = ""


@dataclass(frozen=True)
class Fit:
    """What a program finds of a schema.

    ``lacking``: revisions without which it does not work. ``pending``: contractions that are still to be taken, without
    which it does. ``ahead``: steps of a newer version beneath which it works. ``strange``: those beneath which it must
    not. ``heads``: the last revision of each branch that it knows and the schema has.
    """

    lacking: tuple[str, ...]
    pending: tuple[str, ...]
    ahead: tuple[Step, ...]
    strange: tuple[Step, ...]
    heads: frozenset[str]


@dataclass(frozen=True)
class Chart:
    """What a program knows: the steps of each branch from the first to the last."""

    branches: Mapping[str, tuple[Step, ...]]

    @property
    def heads(self) -> frozenset[str]:
        """The last revision of each branch."""
        return frozenset(steps[-1].revision for steps in self.branches.values())

    def fit(self, taken: Collection[Step]) -> Fit:
        """What a schema that has taken these steps is to this program."""
        there = {one.revision for one in taken}
        known = {one.revision for steps in self.branches.values() for one in steps}
        lacking: list[str] = []
        pending: list[str] = []
        heads: set[str] = set()
        for steps in self.branches.values():
            last = {one.revision for one in takewhile(lambda one: one.contracts, reversed(steps))}
            for one in steps:
                if one.revision not in there:
                    (pending if one.revision in last and there else lacking).append(one.revision)
            heads |= {one.revision for one in [each for each in steps if each.revision in there][-1:]}
        unknown = sorted((one for one in taken if one.revision not in known), key=lambda one: one.revision)
        borne = [one for one in unknown if branch_of(one.revision) in self.branches and not one.contracts]
        return Fit(
            tuple(sorted(lacking)),
            tuple(sorted(pending)),
            tuple(borne),
            tuple(one for one in unknown if one not in borne),
            frozenset(heads),
        )

    def unlike(self, heads: Collection[str]) -> list[str]:
        """Which revisions keep this program from working on a schema with these last ones; none if it works."""
        known = {one.revision for steps in self.branches.values() for one in steps}
        there = [
            one
            for steps in self.branches.values()
            for number, one in enumerate(steps)
            if any(later.revision in heads for later in steps[number:])
        ]
        return sorted({*self.fit(there).lacking, *(set(heads) - known)})

    def refuse(self, fit: Fit) -> None:
        """Raise SettingsError where a schema has steps beneath which this program must not work."""
        if gone := sorted({branch_of(one.revision) for one in fit.strange} - self.branches.keys() - {""}):
            raise SettingsError("database", say("store.room_gone", tables=gone, room=gone[0]))
        if fit.strange:
            raise SettingsError("database", say("store.newer", unknown=[one.revision for one in fit.strange]))


def taken(conn: Connection) -> tuple[Step, ...]:
    """The steps of a schema; none of a database that was never migrated."""
    if not inspect(conn).has_table(STEP.name):
        return ()
    return tuple(Step(row.revision, bool(row.contracts), row.program) for row in conn.execute(select(STEP)))


def note(conn: Connection, applied: Collection[Step], known: Collection[str]) -> None:
    """Write down that of the ``known`` revisions the schema has now taken ``applied``. What is not known here stays."""
    STEP.create(conn, checkfirst=True)
    there = {one.revision for one in taken(conn)}
    now = to_micros(datetime.now(UTC))
    new = [
        {"revision": one.revision, "contracts": int(one.contracts), "program": __version__, "taken_at": now}
        for one in applied
        if one.revision not in there
    ]
    if new:
        conn.execute(insert(STEP), new)
    if gone := (there & set(known)) - {one.revision for one in applied}:
        conn.execute(delete(STEP).where(STEP.c.revision.in_(gone)))
