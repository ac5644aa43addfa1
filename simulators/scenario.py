"""A scenario: the requests of the control API as one file, JSON or TOML.

Its parts are what the requests take: ``clock`` that of ``POST /_sim/clock``; ``seed`` that of ``POST /_sim/seed``;
``settings`` by system that of ``POST /_sim/<system>/settings``; ``callbacks`` by system the address they go to;
``faults`` the list of ``POST /_sim/faults``, in place of all that were planted before. ``title`` says what it is about.
They are applied in this order, all or none.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators import clock, faults
from simulators.naming import mistakes, unknown, words_of
from simulators.state import Document

if TYPE_CHECKING:
    from simulators.system import System
    from simulators.world import World

FOLDER = Path(__file__).with_name("scenarios")

_BY_SYSTEM: Document = {"type": "object", "additionalProperties": {"type": "object"}}
_PARTS: dict[str, Document] = {
    "title": {"type": "string"},
    "clock": {"type": "object"},
    "seed": _BY_SYSTEM,
    "settings": _BY_SYSTEM,
    "callbacks": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    "faults": {"type": "array"},
}


def shipped() -> dict[str, Path]:
    """The scenarios that come with the simulators, by name."""
    return {file.stem: file for file in sorted(FOLDER.glob("*.toml"))}


def load(named: str) -> Document:
    """A scenario from a file, or one of those that are shipped. ValueError says what cannot be read, and where."""
    file = Path(named)
    if not file.exists():
        if named not in shipped():
            raise ValueError(f"no file {named}, and {unknown('shipped scenario', named, shipped())}")
        file = shipped()[named]
    try:
        return read(file.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise ValueError(f"{file}: {wrong}") from None


def read(text: str) -> Document:
    """A scenario from text: JSON where it begins with a brace, else TOML. ValueError says what cannot be read."""
    if text.lstrip()[:1] == "{":
        told: Any = json.loads(text)
    else:
        told = _plain(tomllib.loads(text))
    assert isinstance(told, dict)
    return told


def apply(world: World, told: Document) -> list[str]:
    """Apply a scenario; the ids of its faults. ValueError names every place that is wrong, and then nothing changes."""
    wrong = [unknown("part", name, _PARTS) for name in told if name not in _PARTS]
    wrong += mistakes({"type": "object", "properties": _PARTS}, told)
    if wrong:
        raise ValueError("\n".join(wrong))
    planted: list[str] = []

    def plant() -> None:
        world.base.faults.remove()
        planted.extend(fault.id for fault in world.base.faults.plant_all(told["faults"]))

    try:
        with world.base.state.transaction():
            for place, act in _steps(world, told, plant):
                try:
                    act()
                except (ValueError, KeyError, TypeError) as refusal:
                    wrong += [place + line for line in words_of(refusal).splitlines()]
            if wrong:
                raise ValueError("\n".join(wrong))
    except Exception:
        world.base.clock.load()
        world.base.faults.load()
        raise
    return planted


def _steps(world: World, told: Document, plant: Callable[[], None]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What there is to do, each with the place that its words of refusal begin with."""
    if "clock" in told:
        yield "clock: ", partial(world.base.clock.change, told["clock"])
    for name, data in told.get("seed", {}).items():
        yield "seed.", partial(world.seed, name, data)
    for name, change in told.get("settings", {}).items():
        yield f"settings.{name}: ", partial(world.change_settings, name, change)
    for name, url in told.get("callbacks", {}).items():
        yield f"callbacks.{name}: ", partial(world.direct_callbacks, name, url)
    if "faults" in told:
        yield "", plant


def _plain(value: Any) -> Any:
    """A TOML value as JSON has it: dates and times are text."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def schema(systems: Sequence[System]) -> Document:
    """The JSON schema of scenarios for these systems, for editors and other programs."""
    seeds = {one.name: {"type": "object", **one.seed} for one in systems if one.seed is not None}
    settings = {
        one.name: {"type": "object", "properties": dict(one.settings.schemas), "additionalProperties": False}
        for one in systems
        if one.settings.defaults
    }
    known = {"enum": [one.name for one in systems]}
    fault = faults.SCHEMA | {"properties": {**faults.SCHEMA["properties"], "system": known}}
    parts = {
        **_PARTS,
        "clock": clock.CHANGE,
        "seed": {"type": "object", "properties": seeds, "additionalProperties": False},
        "settings": {"type": "object", "properties": settings, "additionalProperties": False},
        "callbacks": {**_PARTS["callbacks"], "propertyNames": known},
        "faults": {"type": "array", "items": fault},
    }
    return {"type": "object", "properties": parts, "additionalProperties": False}
