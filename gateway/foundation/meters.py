"""What this process counts as it goes: requests, calls, exchanges and callbacks. It begins at 0 with the process.

Names and units follow Prometheus (prometheus.io/docs/practices/naming). Labels are words of ours, of the settings or of
a contract, never of whoever sends a request: so there are only so many series.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector

from gateway import __version__
from gateway.foundation.figures import Measure
from gateway.foundation.tracing import exchanged

if TYPE_CHECKING:
    from gateway.ports.base import RawExchange, Recorder

BUILD: Final = Measure("gateway_build_info", "The version of the gateway and of Python", ("version", "python"))
REQUESTS: Final = Measure(
    "gateway_http_requests_total", "Requests answered, by route and status", ("method", "route", "status")
)
REQUEST_SECONDS: Final = Measure(
    "gateway_http_request_duration_seconds",
    "Time from the head of a request to the end of its answer, by route",
    ("method", "route"),
)
CALLS: Final = Measure(
    "gateway_calls_total",
    "Attempts at operations that have ended, by channel, kind (call or find) and outcome",
    ("channel", "action", "kind", "outcome"),
)
CALL_SECONDS: Final = Measure(
    "gateway_call_duration_seconds", "Time that an attempt took, by channel and kind", ("channel", "kind")
)
EXCHANGES: Final = Measure(
    "gateway_exchanges_total",
    "Exchanges on the wire outwards, webhooks included, by outcome and class of status",
    ("channel", "outcome", "status"),
)
EXCHANGE_SECONDS: Final = Measure(
    "gateway_exchange_duration_seconds", "Time that an exchange on the wire outwards took", ("channel",)
)
CALLBACKS: Final = Measure(
    "gateway_callbacks_total",
    "Messages of external systems, by what was made of them: taken, forged, unreadable or failed",
    ("channel", "outcome"),
)
COUNTERS: Final = (REQUESTS, CALLS, EXCHANGES, CALLBACKS)
TIMES: Final = (REQUEST_SECONDS, CALL_SECONDS, EXCHANGE_SECONDS)

_HERE: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_FAR: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECOND: Final = 1_000_000


class Meters:
    """The counters of one process, in ``registry``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        about = Info(BUILD.name.removesuffix("_info"), BUILD.help, registry=self.registry)
        about.info({"version": __version__, "python": platform.python_version()})
        self._requests, self._calls, self._exchanges, self._callbacks = map(self._counter, COUNTERS)
        self._request_seconds = self._times(REQUEST_SECONDS, _HERE)
        self._call_seconds = self._times(CALL_SECONDS, _FAR)
        self._exchange_seconds = self._times(EXCHANGE_SECONDS, _FAR)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. ``route``: the template of its path, empty where there is none."""
        method, route = method if method in _METHODS else "other", route or "none"
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def call(self, channel: str, action: str, kind: str, outcome: str, seconds: float) -> None:
        """An attempt at an operation has ended."""
        self._calls.labels(channel, action, kind, outcome).inc()
        self._call_seconds.labels(channel, kind).observe(seconds)

    def callback(self, channel: str, outcome: str) -> None:
        """A message of an external system was taken, or was not."""
        self._callbacks.labels(channel, outcome).inc()

    def recording(self, recorder: Recorder) -> Recorder:
        """``recorder``, with what passes counted and traced."""

        def record(exchange: RawExchange) -> None:
            if exchange.direction == "out":
                status = "none" if exchange.status is None else f"{exchange.status // 100}xx"
                self._exchanges.labels(exchange.channel, exchange.outcome, status).inc()
                took = (exchange.ended_at - exchange.started_at) / _SECOND
                self._exchange_seconds.labels(exchange.channel).observe(max(0.0, took))
                exchanged(exchange)
            recorder(exchange)

        return record

    def _counter(self, measure: Measure) -> Counter:
        return Counter(measure.name, measure.help, measure.labels, registry=self.registry)

    def _times(self, measure: Measure, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(measure.name, measure.help, measure.labels, buckets=buckets, registry=self.registry)
