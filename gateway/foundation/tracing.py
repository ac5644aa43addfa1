"""Traces: a request, the attempts at operations that it led to, and their exchanges on the wire, as spans.

Without ``[traces] otlp`` nobody takes them and nothing is kept. No span holds a path, a body, a name or a reference:
only our words, ids of our records, channels and outcomes. Nothing is added to what leaves for others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from gateway import __version__
from gateway.words.errors import SettingsError
from gateway.words.saying import say

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from gateway.ports.base import RawExchange
    from gateway.settings import TraceSettings

TRACER: Final = trace.get_tracer("enforcement-gateway", __version__)


def require(settings: TraceSettings) -> None:
    """Raises SettingsError where traces are asked for and the extra ``otlp`` is not installed."""
    if settings.otlp is None:
        return
    try:
        import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        raise SettingsError("traces.otlp", say("settings.no_otlp")) from None


@contextmanager
def told(settings: TraceSettings, node: str) -> Iterator[None]:
    """While it lasts this process sends its spans as the settings say, and at the end what is left of them.

    Raises SettingsError where the extra ``otlp`` is not installed.
    """
    require(settings)
    if settings.otlp is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    about = {"service.name": "enforcement-gateway", "service.version": __version__, "service.instance.id": node}
    provider = TracerProvider(
        resource=Resource.create(about), sampler=ParentBased(TraceIdRatioBased(settings.sample)), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp)))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def parent_of(headers: Iterable[tuple[bytes, bytes]]) -> Context:
    """The span of whoever asks, if the request names one (W3C Trace Context)."""
    said = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
    return propagate.extract(said)


def exchanged(exchange: RawExchange) -> None:
    """An exchange outwards has ended, under whatever is being done here."""
    span = TRACER.start_span(
        f"{exchange.channel} {exchange.action}",
        kind=SpanKind.CLIENT,
        start_time=exchange.started_at * 1000,
        attributes={"gateway.channel": exchange.channel, "gateway.outcome": exchange.outcome},
    )
    if exchange.status is not None:
        span.set_attribute("http.response.status_code", exchange.status)
    span.end(max(exchange.started_at, exchange.ended_at) * 1000)
