"""The outermost layer: each answer is counted, by the route that gave it."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.foundation.meters import Meters


class Counted:
    """Serves by ``inner``, and counts what became of it. An answer that never begins is a client that left: 499."""

    def __init__(self, inner: ASGIApp, meters: Meters) -> None:
        self._inner, self._meters = inner, meters

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

        try:
            await self._inner(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "")
            self._meters.request(scope["method"], route, status, time.perf_counter() - began)
