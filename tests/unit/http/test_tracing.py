"""A trace leads from the request to the attempt and its exchange, under whoever asked."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.foundation.http.counted import Counted
from gateway.foundation.meters import Meters
from gateway.foundation.tracing import told
from gateway.ports.base import RawExchange
from gateway.settings import TraceSettings
from gateway.words.errors import SettingsError

ASKED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EXCHANGE = RawExchange("city", "out", "issue", "POST", "https://p.example/x", (), b"", 200, (), b"", "answered", 1, 2)


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    """What this process tells; a process has one provider, and keeps it."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


async def test_a_request_its_exchange_and_who_asked_are_one_trace(spans: InMemorySpanExporter) -> None:
    meters = Meters()
    record = meters.recording(lambda _: None)

    async def inner(scope: Any, _receive: Any, send: Any) -> None:
        scope["route"] = type("Route", (), {"path": "/pay/{token}"})
        record(EXCHANGE)
        await send({"type": "http.response.start", "status": 201, "headers": []})

    async def nothing(*_: Any) -> None: ...

    scope = {"type": "http", "method": "POST", "path": "/pay/secret", "headers": [(b"traceparent", ASKED.encode())]}
    with structlog.testing.capture_logs() as lines:
        await Counted(inner, meters, tells=True)({**scope, "client": ("10.1.1.1", 1)}, nothing, nothing)
    exchange, request = spans.get_finished_spans()
    assert (request.name, exchange.name) == ("POST /pay/{token}", "city issue")
    assert exchange.parent is not None
    assert exchange.parent.span_id == request.context.span_id
    assert f"{request.context.trace_id:x}" in ASKED
    assert [(one["route"], one["status"]) for one in lines] == [("/pay/{token}", 201)]
    told_of = [str(lines), *(span.to_json() for span in (exchange, request))]
    assert not any("secret" in one or "p.example" in one for one in told_of)


def test_traces_without_their_extra_stop_the_start_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match="traces"), told(TraceSettings(otlp="http://127.0.0.1:4318/v1/traces"), "a"):
        pass
