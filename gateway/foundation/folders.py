"""The folders that a gateway writes into: whether it can, tried with a file that nobody sees."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.foundation.store.engine import sqlite_path
from gateway.settings import Settings
from gateway.words.errors import SettingsError
from gateway.words.saying import Sentence, say


def of_serve(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The folders without which ``serve`` does not start, by their settings."""
    if (path := sqlite_path(settings.store.location())) is not None:
        yield "store.url", path.parent
    yield "evidence.heads", settings.evidence.heads
    if settings.evidence.second is not None:
        yield "evidence.second", settings.evidence.second
    if settings.server.socket is not None:
        yield "server.socket", settings.server.socket.parent


def unusable(folder: Path) -> Sentence | None:
    """Why nothing can be written there; None if it can. A folder that is not there yet is made where it belongs."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        return say("settings.no_writing", folder=folder, reason=error.strerror)


def require(settings: Settings) -> None:
    """Raises SettingsError for the first folder of ``serve`` that cannot be written."""
    for key, folder in of_serve(settings):
        if (why := unusable(folder)) is not None:
            raise SettingsError(key, why)
