"""Keys, the nodes that have them, and the work that goes on: the SQL, and what is derived from it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.foundation.crypto.keys import EVIDENCE_KEY, INDEX_KEY, WRAPPING_KEY
from gateway.foundation.rotation.tables import key_node, key_sweep, key_version
from gateway.foundation.store import Store
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import columns, reader

SWEPT: Final = (WRAPPING_KEY, INDEX_KEY)
"""Keys under which rows lie that can be moved to the next one."""
KEPT: Final = (EVIDENCE_KEY,)
"""Keys that verify what was made with them: they are never retired by themselves."""


_LOST: Final = 60_000_000
"""Microseconds without a sign after which a node is taken for dead."""


class KeyState(StrEnum):
    """What a key is used for now."""

    MADE = "made"
    CURRENT = "current"
    OLD = "old"
    RETIRED = "retired"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Version:
    """One number of a key. Instants in microseconds of the database's clock."""

    name: str
    number: int
    made_at: int
    used_at: int | None
    settled_at: int | None
    retired_at: int | None
    destroyed_at: int | None
    made_by: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far the work of one place has come. ``found``: rows moved in this pass; ``total``: that were to be moved."""

    name: str
    number: int
    place: str
    cursor: str | None
    began_at: int
    ended_at: int | None
    found: int
    moved: int
    total: int


@dataclass(frozen=True)
class NodeKeys:
    """A node that lives, and the keys that it has and uses."""

    node: str
    works: bool
    holds: Mapping[str, Sequence[int]]
    uses: Mapping[str, int]


@dataclass(frozen=True)
class Known:
    """Everything that stands here, read at one instant."""

    versions: tuple[Version, ...]
    nodes: tuple[NodeKeys, ...]
    sweeps: tuple[Sweep, ...]
    now: int

    def names(self) -> Collection[str]:
        """The names of keys that were changed at least once."""
        return {one.name: None for one in self.versions}

    def of(self, name: str) -> list[Version]:
        """The numbers of a key, the lowest first."""
        return [one for one in self.versions if one.name == name]

    def current(self, name: str) -> Version | None:
        """The number that is used; None for a key that was never changed."""
        return next((one for one in reversed(self.of(name)) if one.used_at is not None), None)

    def made(self, name: str) -> Version | None:
        """The number that is to be used when every node has it."""
        newest = next(reversed(self.of(name)), None)
        return newest if newest is not None and newest.used_at is None and newest.retired_at is None else None

    def olds(self, name: str) -> list[Version]:
        """The numbers before the current one that something may still need."""
        current = self.current(name)
        return [one for one in self.of(name) if current and one.number < current.number and one.retired_at is None]

    def live(self, name: str) -> tuple[int, ...]:
        """The numbers under which something may be found, the current one first."""
        current = self.current(name)
        others = [one.number for one in self.of(name) if one.retired_at is None and one != current]
        return (current.number, *sorted(others, reverse=True)) if current is not None else ()

    def sweeps_to(self, one: Version) -> list[Sweep]:
        """How far the work of moving rows to a number has come, by place."""
        return [sweep for sweep in self.sweeps if (sweep.name, sweep.number) == (one.name, one.number)]

    def state(self, one: Version) -> KeyState:
        """What a number is used for now."""
        if one.destroyed_at is not None:
            return KeyState.DESTROYED
        if one.retired_at is not None:
            return KeyState.RETIRED
        if one.used_at is None:
            return KeyState.MADE
        return KeyState.CURRENT if one == self.current(one.name) else KeyState.OLD


_version = reader(Version)
_sweep = reader(Sweep)
_VERSIONS = select(key_version).order_by(key_version.c.name, key_version.c.number)
_NODES = select(key_node).where(key_node.c.beat_at > bindparam("since")).order_by(key_node.c.node)
_SWEEPS = select(key_sweep).order_by(key_sweep.c.place)
_ONE = (key_version.c.name == bindparam("of"), key_version.c.number == bindparam("which"))
_BEAT = update(key_node).where(key_node.c.node == bindparam("of"))
_HERE = (
    key_sweep.c.name == bindparam("of"),
    key_sweep.c.number == bindparam("to"),
    key_sweep.c.place == bindparam("at"),
)
_WENT = update(key_sweep).where(*_HERE).values(
    cursor=bindparam("reached"),
    ended_at=bindparam("ended"),
    found=key_sweep.c.found + bindparam("rows"),
    moved=key_sweep.c.moved + bindparam("rows"),
)  # fmt: skip


def known(conn: Connection, now: int, lost: int = _LOST) -> Known:
    """What stands here. A node that gave no sign for ``lost`` microseconds is taken for dead."""
    nodes = [
        NodeKeys(row.node, bool(row.works), json.loads(row.holds), json.loads(row.uses))
        for row in conn.execute(_NODES, {"since": now - lost})
    ]
    versions = tuple(_version(row) for row in conn.execute(_VERSIONS).mappings())
    sweeps = tuple(_sweep(row) for row in conn.execute(_SWEEPS).mappings())
    return Known(versions, tuple(nodes), sweeps, now)


async def known_now(store: Store) -> Known:
    """What stands here at this moment of the database's clock."""
    now = await store.database_now()
    return await store.read(partial(known, now=now))


def add(conn: Connection, made: Version) -> bool:
    """Keep a number of a key; False where it is known."""
    return insert_new(conn, key_version, **columns(made))


def mark(conn: Connection, one: Version, step: str, now: int) -> bool:
    """Give a number its next instant (``used_at``, ``settled_at`` …); False where somebody else was first."""
    column = key_version.c[step]
    change = update(key_version).where(*_ONE, column.is_(None)).values({column: now})
    return conn.execute(change, {"of": one.name, "which": one.number}).rowcount == 1


def beat(conn: Connection, node: NodeKeys, now: int) -> None:
    """A node lives, and has and uses these keys."""
    told: dict[str, Any] = {"holds": json.dumps(node.holds), "uses": json.dumps(node.uses)}
    values = {"beat_at": now, "works": node.works, **told}
    if conn.execute(_BEAT.values(values), {"of": node.node}).rowcount != 1:
        insert_new(conn, key_node, node=node.node, **values)


def leave(conn: Connection, node: str) -> None:
    """A node has stopped."""
    conn.execute(delete(key_node).where(key_node.c.node == node))


def begin_pass(conn: Connection, sweeps: Sequence[Sweep]) -> None:
    """Begin to look at these places from their first row, unless they are looked at already."""
    for one in sweeps:
        if insert_new(conn, key_sweep, **columns(one)):
            continue
        again = {"cursor": None, "ended_at": None, "found": 0, "began_at": one.began_at}
        where = update(key_sweep).where(*_HERE, key_sweep.c.ended_at.is_not(None))
        conn.execute(where.values(again), {"of": one.name, "to": one.number, "at": one.place})


def went(conn: Connection, one: Sweep, *, rows: int, cursor: str | None, ended: int | None) -> None:
    """So many rows of a place were moved; the next ones come after ``cursor``."""
    at = {"of": one.name, "to": one.number, "at": one.place}
    conn.execute(_WENT, at | {"reached": cursor, "ended": ended, "rows": rows})
