"""What ``gateway doctor`` sees of changes of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import Connection

from gateway.foundation.crypto.keys import key_id
from gateway.foundation.findings import Finding
from gateway.foundation.rotation import records
from gateway.foundation.rotation.records import Known
from gateway.foundation.store import database_now
from gateway.settings import Settings
from gateway.words.clock import from_micros, rfc3339
from gateway.words.saying import Sentence, say

_STANDS: Final = 24 * 3600 * 1_000_000
"""A change that has not ended after so many microseconds is waiting for somebody."""


def look(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterator[Finding]:  # noqa: ARG001
    """Changes of keys that have not ended: how far each is, and what it waits for."""
    known: Known = read(lambda conn: records.known(conn, database_now(conn)))
    for name in known.names():
        made, current = known.made(name), known.current(name)
        if made is not None:
            lacking = [one.node for one in known.nodes if made.number not in one.holds.get(name, ())]
            yield _finding(known, made.made_at, say("keys.not_used", key=key_id(name, made.number), nodes=lacking))
        elif current is not None and current.used_at is not None and name not in records.KEPT and known.olds(name):
            sweeps = known.sweeps_to(current)
            moved, total = sum(one.moved for one in sweeps), sum(max(one.total, one.moved) for one in sweeps)
            told = {"key": key_id(name, current.number), "moved": moved, "total": total}
            yield _finding(known, current.used_at, say("keys.not_ended", **told))


def _finding(known: Known, since: int, how: Sentence) -> Finding:
    stands = known.now - since > _STANDS
    said = say("keys.stands" if stands else "keys.under_way", how=how, since=rfc3339(from_micros(since)))
    return Finding("keys", "warn" if stands else "ok", said)
