"""The layer that sees each request come and go: it is counted by its route, traced, and told of in the access log."""

from __future__ import annotations

import time

import structlog
from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.foundation.meters import Meters
from gateway.foundation.tracing import TRACER, parent_of

log = structlog.get_logger("access")


class Counted:
    """Serves by ``inner``. ``tells``: one line a request in the log, without its path: links of parties are secret.

    An answer that never begins is a client that left: 499.
    """

    def __init__(self, inner: ASGIApp, meters: Meters, *, tells: bool = False) -> None:
        self._inner, self._meters, self._tells = inner, meters, tells

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        began, status = time.perf_counter(), 499

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method, parent = scope["method"], parent_of(scope["headers"])
        with TRACER.start_as_current_span(method, parent, kind=SpanKind.SERVER) as span:
            try:
                await self._inner(scope, receive, noted)
            finally:
                route, seconds = getattr(scope.get("route"), "path", ""), time.perf_counter() - began
                self._meters.request(method, route, status, seconds)
                span.update_name(f"{method} {route}")
                span.set_attribute("http.response.status_code", status)
                if self._tells:
                    client = scope["client"][0] if scope.get("client") else None
                    took = round(seconds * 1000)
                    log.info("answered", method=method, route=route, status=status, ms=took, client=client)
