"""What a part of the gateway measures for ``/metrics``: measures, declared once, and how they are read when asked for.

A scrape scans no table: what is read here is counted from an index over what has not ended, or is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.foundation.base import Foundation


@dataclass(frozen=True, slots=True)
class Measure:
    """A gauge. ``name`` begins with ``gateway_`` and ends with its unit, ``help`` is one sentence."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    def at(self, value: float, *labels: str) -> Figure:
        """The measure as it is now, for these values of its labels."""
        assert len(labels) == len(self.labels)
        return Figure(self, labels, float(value))


@dataclass(frozen=True, slots=True)
class Figure:
    """One number as it is now; ``labels`` in the order of its measure's."""

    measure: Measure
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True)
class Figures:
    """What a part measures, and how it is read: in a thread, by a connection that sees one state of the database."""

    measures: tuple[Measure, ...]
    read: Callable[[Connection, Foundation], Iterable[Figure]]
