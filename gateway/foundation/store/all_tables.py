"""Defines every table of the foundation and of the installed rooms, by importing the modules that hold them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from sqlalchemy import MetaData

from gateway.foundation import rooms
from gateway.foundation.store.base import metadata


@cache
def all_tables() -> MetaData:
    """The one metadata, complete. Raises SettingsError where a room cannot be found."""
    foundation = "gateway.foundation"
    for module in iter_modules(import_module(foundation).__path__):
        if module.ispkg and find_spec(f"{foundation}.{module.name}.tables"):
            import_module(f"{foundation}.{module.name}.tables")
    for room in rooms.found():
        if room.tables is not None:
            room.place(room.tables)
    return metadata
