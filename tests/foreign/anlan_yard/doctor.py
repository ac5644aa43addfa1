"""What ``gateway doctor`` looks at in this room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from anlan_yard import records
from anlan_yard.settings import ImpoundSettings
from gateway.foundation.findings import Finding
from gateway.settings import Settings
from gateway.words.clock import SystemClock, day_of


def look(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterable[Finding]:
    """Vehicles that are held longer than the law allows."""
    longest = settings.of_room("impounds", ImpoundSettings).longest_days
    last_day = day_of(SystemClock().now()) - timedelta(days=longest)
    number = len(read(lambda conn: records.held_since(conn, last_day, warned=True)))
    if number:
        cure = "Extend the seizure or give them back (行政强制法 art. 25)."
        yield Finding("impounds", "warn", f"{number} vehicles are held longer than {longest} days", cure)
    else:
        yield Finding("impounds", "ok", f"no vehicle is held longer than {longest} days")
