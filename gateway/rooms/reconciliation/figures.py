"""What the room measures: open breaks by kind and age."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, and_, case, func, select

from gateway.foundation.figures import Figure, Figures, Measure
from gateway.foundation.store.base import constant
from gateway.rooms.reconciliation.states import BreakState
from gateway.rooms.reconciliation.tables import breaks
from gateway.words.clock import to_micros
from gateway.words.identifiers import SANDBOX

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation

OPEN: Final = Measure(
    "gateway_breaks_open",
    "Open breaks, by kind and age: under a day, under three, under a week, or older",
    ("kind", "age"),
)
OLDEST: Final = Measure(
    "gateway_breaks_oldest_open_timestamp_seconds", "Since when the oldest open break of a kind is open", ("kind",)
)
_DAY: Final = 24 * 3600 * 1_000_000
_AGES: Final = {"1d": _DAY, "3d": 3 * _DAY, "7d": 7 * _DAY}
_OLDER: Final = "older"


def _read(conn: Connection, base: Foundation) -> Iterator[Figure]:
    now, row = to_micros(base.clock.now()), breaks.c
    age = case(*((row.opened_at > now - longest, word) for word, longest in _AGES.items()), else_=_OLDER)
    open_ones = and_(row.state == constant(BreakState.OPEN.value), row.authority.not_like(f"{SANDBOX}%"))
    oldest: dict[str, int] = {}
    counted = select(row.kind, age, func.count(), func.min(row.opened_at)).where(open_ones).group_by(row.kind, age)
    for kind, word, number, first in conn.execute(counted):
        yield OPEN.at(number, kind, word)
        oldest[kind] = min(first, oldest.get(kind, first))
    for kind, first in oldest.items():
        yield OLDEST.at(first / 1_000_000, kind)


FIGURES: Final = Figures((OPEN, OLDEST), _read)
