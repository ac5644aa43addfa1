"""What ``gateway doctor`` sees of the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.crypto.rings import own_keys
from gateway.foundation.findings import Finding
from gateway.foundation.store import months
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import sqlite_path
from gateway.foundation.store.size import size_of
from gateway.rooms.retention import records
from gateway.rooms.retention.archive import Archive, ArchiveError
from gateway.rooms.retention.assembly import RetentionSettings, terms_of
from gateway.settings import Settings
from gateway.words.clock import day_of
from gateway.words.saying import say


def look(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterable[Finding]:
    """The last part of each kind is there, and signed by us; large tables have the next month's part.

    ``gateway retention show --verify`` reads all parts of the archive.
    """
    return list(_look(settings, read))


def _look(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterator[Finding]:
    folder, number = settings.of_room("retention", RetentionSettings).folder, 0
    for term in terms_of(settings):
        parts = read(partial(records.parts, what=term.what)) if term.days is not None else []
        number += len(parts)
        if not parts:
            continue
        try:
            Archive(folder, own_keys(settings.keys)).part(term.what, parts[-1].number)
        except ArchiveError as error:
            yield Finding("retention", "fail", error.said)
    size = read(size_of)
    mostly_free = size.free * 2 > size.all and not size.gives_back
    said = say("retention.free" if mostly_free else "retention.size", all=size.all / 1e6, free=size.free / 1e6)
    yield Finding("size", "warn" if mostly_free else "ok", said)
    lack = read(partial(months.lacking, tables=months.monthly(all_tables()), today=day_of(datetime.now(UTC))))
    if lack:
        yield Finding("partitions", "warn", say("retention.months_lack", names=lack))
    elif sqlite_path(settings.store.location()) is None:
        yield Finding("partitions", "ok", say("retention.months_there"))
    yield Finding("retention", "ok", say("retention.parts_there", number=number, folder=folder))
