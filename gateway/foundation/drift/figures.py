"""What is measured of contract drift; how many different elements are noted of a channel is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from gateway.foundation.drift import records
from gateway.foundation.figures import Figure, Figures, Measure

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation

_LABELS: Final = ("channel", "action", "element")
SEEN: Final = Measure(
    "gateway_contract_drift_seen", "How often a channel sent what its contract does not have", _LABELS
)
SINCE: Final = Measure(
    "gateway_contract_drift_first_seen_timestamp_seconds",
    "When a channel first sent what its contract does not have",
    _LABELS,
)


def _read(conn: Connection, _base: Foundation) -> Iterator[Figure]:
    for one in records.all_of(conn):
        yield SEEN.at(one.seen, one.channel, one.action, one.element)
        yield SINCE.at(one.first_seen_at / 1_000_000, one.channel, one.action, one.element)


FIGURES: Final = Figures((SEEN, SINCE), _read)
