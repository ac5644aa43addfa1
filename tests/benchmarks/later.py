"""A gateway in days to come: ``python later.py DAYS -s gateway.toml serve`` runs it that many days ahead of the clock.

What comes round by the clock does not: whoever leaps over a year does by hand what its nights would have done.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from gateway.foundation.delivery.schedules import Schedules
from gateway.words import identifiers
from gateway.words.clock import SystemClock


def leap(days: int) -> None:
    """From now on this process lives so many days ahead of the machine's clock: what it dates, and its ids."""
    ahead = timedelta(days=days)
    nanoseconds = days * 86_400 * 1_000_000_000
    SystemClock.now = lambda _: datetime.now(UTC) + ahead  # type: ignore[method-assign]
    identifiers.time = SimpleNamespace(time_ns=lambda: time.time_ns() + nanoseconds)  # type: ignore[attr-defined]


async def nothing(_: Schedules) -> None:
    """Tick never."""


if __name__ == "__main__":
    leap(int(sys.argv.pop(1)))
    Schedules.start = nothing  # type: ignore[method-assign]
    from gateway.cli import main

    main()
