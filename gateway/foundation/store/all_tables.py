"""Defines every table of the foundation and of the installed rooms, by importing the modules that hold them."""

from __future__ import annotations

from functools import cache

from sqlalchemy import MetaData

from gateway.foundation.store.base import metadata
from gateway.foundation.store.branches import branches


@cache
def all_tables() -> MetaData:
    """The one metadata, complete. Raises SettingsError where a room cannot be found."""
    branches()
    return metadata
