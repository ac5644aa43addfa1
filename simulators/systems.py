"""From entry points to systems.

Any installed distribution may bring systems in the group ``simulators.systems``; the built-in ones use the same door.
Each entry point names a value of ``System``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from simulators import profile
from simulators.fault_kinds import COMMON
from simulators.naming import unknown
from simulators.system import System

GROUP = "simulators.systems"
#: Names that the control API has for itself.
_TAKEN = (
    *("_sim", "callbacks", "clock", "effects", "faults", "journal", "openapi.json", "reset", "scenario", "seed"),
    *("state", "systems", "verify", "worlds"),
)


def installed() -> Mapping[str, tuple[EntryPoint, ...]]:
    """Every system's name and who declares it, without importing any: the built-in ones first, then by name."""
    return _declared(tuple(sys.path))


@lru_cache(maxsize=8)
def _declared(_path: tuple[str, ...]) -> Mapping[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda one: (not _ours(one), one.name)):
        if entry not in found.get(entry.name, ()):
            found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def _ours(entry: EntryPoint) -> bool:
    return entry.value.startswith("simulators.")


def load(only: Collection[str] = (), profiles: Collection[Path] = ()) -> list[System]:
    """The systems that are installed and those that profiles make, or those named. ValueError for one that cannot be.

    An installed one that was not asked for by name is reported on stderr instead, and left out.
    """
    made = [profile.load(file) for file in profiles]
    own = [one.name for one in made]
    if taken := sorted({name for name in own if own.count(name) > 1 or name in installed() or name in _TAKEN}):
        raise ValueError(f"a profile cannot be called {taken[0]!r}: the name is taken")
    if only and not (only := [name for name in only if name not in own]):
        return made
    return [*_installed(only), *made]


def _installed(only: Collection[str]) -> list[System]:
    if not installed():
        raise ValueError("no system is installed; install this project again, so that its entry points are known")
    loaded: list[System] = []
    for name in only or installed():
        try:
            system = _load(name)
            _agree(system, loaded)
            loaded.append(system)
        except ValueError as wrong:
            if only:
                raise
            print(f"simulators: left out: {wrong}", file=sys.stderr)
    return loaded


def _load(name: str) -> System:
    """One system by its name. ValueError says why there is none."""
    entries = installed().get(name)
    if not entries:
        raise ValueError(unknown("system", name, installed()))
    owners = sorted({entry.dist.name if entry.dist else entry.value for entry in entries})
    if len(entries) > 1:
        raise ValueError(f"system {name!r} is declared by {' and '.join(owners)}; uninstall one, or rename it")
    who = f"system {name!r} of {owners[0]}"
    try:
        system = entries[0].load()
    except Exception as problem:
        raise ValueError(f"{who} cannot be imported: {type(problem).__name__}: {problem}") from problem
    if not isinstance(system, System):
        raise ValueError(f"{who} is not a System but {type(system).__name__}")
    if system.name != name:
        raise ValueError(f"{who} calls itself {system.name!r}; the entry point and the value need one name")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name in _TAKEN:
        raise ValueError(f"{who} cannot be called so: small letters, digits and hyphens, and none of {list(_TAKEN)}")
    if doubled := sorted(COMMON.keys() & system.kinds.keys()):
        raise ValueError(f"{who} describes the kind of fault {doubled[0]!r}, which every system has already")
    return system


def _agree(system: System, others: Collection[System]) -> None:
    """ValueError when it means something else by a kind of fault than a system that was loaded before it."""
    for other in others:
        for kind in other.kinds.keys() & system.kinds.keys():
            if other.kinds[kind] != system.kinds[kind]:
                raise ValueError(f"systems {other.name!r} and {system.name!r} describe the kind {kind!r} differently")
