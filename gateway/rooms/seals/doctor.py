"""What ``gateway doctor`` says of seals: whom they are believed, and whether revocation lists are current."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.findings import Finding
from gateway.rooms.seals.trust import TrustFiles, overdue
from gateway.settings import Settings
from gateway.words.clock import SystemClock, rfc3339


def look(settings: Settings, _read: Callable[[Callable[[Connection], Any]], Any]) -> Iterator[Finding]:
    """Trust that is incomplete, and lists whose next one should have come."""
    told = settings.trust
    if not (told.seal_roots or told.maker_roots or told.seal_makers):
        return  # nobody's seals are judged here
    files = TrustFiles(told)
    missing = [key for key in ("seal_roots", "maker_roots", "seal_makers") if not getattr(told, key)]
    late = list(overdue(files.lists(), SystemClock().now()))
    for key in missing:
        yield Finding("seals", "warn", f"[trust] {key} is empty: no seal is ever 有效", f"Set [trust] {key}.")
    for one in late:
        due = rfc3339(one.next_update) if one.next_update else ""
        yield Finding(
            "seals",
            "warn",
            f"the next revocation list should have come {due}",
            "Fetch it into the file that [trust] crls names; it is read again by itself.",
        )
    if not missing and not late:
        yield Finding("seals", "ok", f"{len(files.current().makers)} seal makers, {len(told.crls)} revocation lists")
