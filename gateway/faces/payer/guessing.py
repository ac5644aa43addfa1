"""Against guessing at the look-up: wrong tries are counted by source address and by code.

Kept in this process's memory: it slows guessing down and decides nothing about money. Each node counts for itself.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque

WINDOW_SECONDS = 600.0
WRONG_BY_SOURCE = 10
WRONG_BY_CODE = 5
_MOST_KEYS = 20_000


class Guesses:
    """Wrong tries of the last ten minutes. The oldest keys are forgotten when there are too many."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def too_many(self, source: str, code: str) -> bool:
        """Whether this source, or anybody for this code, was wrong too often to be answered now."""
        since = time.monotonic() - WINDOW_SECONDS
        limits = ((("source", network(source)), WRONG_BY_SOURCE), (("code", code), WRONG_BY_CODE))
        return any(sum(at > since for at in self._wrong.get(key, ())) >= most for key, most in limits)

    def wrong(self, source: str, code: str) -> None:
        """Count one wrong try."""
        now = time.monotonic()
        for key in (("source", network(source)), ("code", code)):
            self._wrong.setdefault(key, deque(maxlen=WRONG_BY_SOURCE)).append(now)
            self._wrong.move_to_end(key)
        while len(self._wrong) > _MOST_KEYS:
            self._wrong.popitem(last=False)


def network(source: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 that one subscriber has of IPv6."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
