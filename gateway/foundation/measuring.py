"""``/metrics``: what this process has counted, and what the parts of the gateway measure when they are asked.

Figures are read at most once in a few seconds, however many ask, and in one transaction. A database that does not
answer in time takes them away, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from gateway.foundation.delivery import figures as of_delivery
from gateway.foundation.drift import figures as of_drift
from gateway.foundation.evidence import figures as of_evidence
from gateway.foundation.figures import Figure, Figures, Measure
from gateway.foundation.store.size import size_of
from gateway.words.errors import GatewayError

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 5.0
"""Figures are as old as this at most."""
_PATIENCE_SECONDS: Final = 5.0

SIZE: Final = Measure("gateway_store_size_bytes", "Size of the database")
UP: Final = Measure("gateway_store_up", "1 while the database answers in time")
WAITING: Final = Measure("gateway_store_waiting", "Units that wait to be stored")
FREE: Final = Measure("gateway_store_free_bytes", "Bytes of it that hold nothing and are used again; of SQLite only")


def _size(conn: Connection, _base: Foundation) -> Iterator[Figure]:
    size = size_of(conn)
    yield SIZE.at(size.all)
    yield FREE.at(size.free)


OF_FOUNDATION: Final = (Figures((SIZE, FREE), _size), of_delivery.FIGURES, of_drift.FIGURES, of_evidence.FIGURES)


class Measuring(Collector):
    """The figures of every part, as they were when last read, beside the counters of this process."""

    def __init__(self, base: Foundation, parts: Sequence[Figures]) -> None:
        self._base = base
        self._parts = (*OF_FOUNDATION, *parts)
        self._kept: list[Figure] = []
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self.registry = base.meters.registry
        self._up = Gauge(UP.name, UP.help, registry=self.registry)
        waiting = Gauge(WAITING.name, WAITING.help, registry=self.registry)
        waiting.set_function(lambda: base.store.waiting)
        self.registry.register(self)

    async def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        async with self._reading:
            now = asyncio.get_running_loop().time()
            if self._read_at is None or now - self._read_at > FRESH_SECONDS:
                await self._look()
                self._read_at = now
        return generate_latest(self.registry)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Every measure, without its values."""
        for part in self._parts:
            for measure in part.measures:
                yield GaugeMetricFamily(measure.name, measure.help, labels=measure.labels)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every measure, with the values that were read last."""
        families = {family.name: family for family in self.describe()}
        for one in self._kept:
            families[one.measure.name].add_metric(one.labels, one.value)
        yield from families.values()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                self._kept = await self._base.store.read(self._read)
            self._up.set(1)
        except (TimeoutError, GatewayError) as problem:
            log.warning("figures could not be read", reason=str(problem) or "no answer in time")
            self._kept = []
            self._up.set(0)

    def _read(self, conn: Connection) -> list[Figure]:
        return [figure for part in self._parts for figure in part.read(conn, self._base)]
