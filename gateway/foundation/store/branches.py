"""Branches of the schema: the foundation has one, and so has each room that brings tables.

A table belongs to the branch of the room whose module of tables holds it. A branch is a line of Alembic revisions in a
folder of the room's own, ``<room>_0001`` and so on; the first one carries the room's name as its label. Where a table
refers to one of another room, the revision names that room's revision in ``depends_on``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from sqlalchemy import Table

from gateway.foundation import rooms
from gateway.foundation.store.base import metadata
from gateway.words.errors import SettingsError
from gateway.words.saying import say

FOUNDATION = "foundation"
_PACKAGE = "gateway.foundation"


@dataclass(frozen=True)
class Branch:
    """One branch: its name, its tables, and the folder of its revisions."""

    name: str
    tables: tuple[Table, ...]
    folder: Path

    def refers_to(self) -> frozenset[str]:
        """The names of the tables of others to which a table of this branch refers."""
        mine = {table.name for table in self.tables}
        targets = (key.target_fullname.rpartition(".")[0] for table in self.tables for key in table.foreign_keys)
        return frozenset(targets) - mine


def branches() -> tuple[Branch, ...]:
    """Every branch, the foundation first, then rooms in the order of their needs. Defines every table.

    Raises SettingsError where a room cannot be found, or has tables and no revisions.
    """
    taken: set[str] = set()

    def claimed(*modules: ModuleType) -> tuple[Table, ...]:
        """The tables that stand in these modules and in none before them."""
        named = {one.name: one for module in modules for one in vars(module).values() if isinstance(one, Table)}
        mine = {name: one for name, one in named.items() if one.metadata is metadata and name not in taken}
        taken.update(mine)
        return tuple(mine.values())

    made = [Branch(FOUNDATION, claimed(*_foundation()), _folder(f"{_PACKAGE}.revisions"))]
    for room in rooms.found():
        if room.tables is None:
            continue
        if room.revisions is None:
            raise SettingsError("rooms", say("rooms.no_revisions", room=room.name))
        place = room.package + room.revisions if room.revisions.startswith(".") else room.revisions
        made.append(Branch(room.name, claimed(room.place(room.tables)), _folder(place)))
    return tuple(made)


def branch_of(revision: str) -> str:
    """The name of the branch of a revision, also of one that is not installed; empty for a name of another kind."""
    return revision.rpartition("_")[0]


def _foundation() -> Iterator[ModuleType]:
    for module in iter_modules(import_module(_PACKAGE).__path__):
        if module.ispkg and find_spec(f"{_PACKAGE}.{module.name}.tables"):
            yield import_module(f"{_PACKAGE}.{module.name}.tables")


def _folder(place: str) -> Path:
    """The folder at a dotted place; it need not be there yet."""
    parent, _, name = place.rpartition(".")
    return Path(import_module(parent).__path__[0]) / name
