"""The case system's end of the webhooks: a small receiver that believes only what it has verified."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from gateway.demo.installation import free_port

_FRESH_SECONDS = 300


def verified(secret: str, headers: Any, body: bytes) -> bool:
    """Whether a message carries a fresh ``v1`` signature of this secret (Standard Webhooks)."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > _FRESH_SECONDS:
        return False
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(right, one) for one in given)


class Receiver:
    """Listens on a free port; ``events`` holds what was verified, in order of arrival, each id once."""

    def __init__(self) -> None:
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        self.refused = 0
        self._seen: set[str] = set()
        self._arrived = asyncio.Condition()
        app = FastAPI(openapi_url=None)
        app.post("/webhooks")(self._take)
        self._port = free_port()
        config = uvicorn.Config(app, host="127.0.0.1", port=self._port, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where webhooks are to be posted."""
        return f"http://127.0.0.1:{self._port}/webhooks"

    async def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._server._serve())
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Listen no more."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    async def expect(self, type: str, subject: str, seconds: float = 15.0) -> dict[str, Any]:
        """The verified event of this type about this record, as soon as it is there. Raises TimeoutError."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.events if one["type"] == type and one["data"]["subject"] == subject), None)

        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: found() is not None)
        event = found()
        assert event is not None
        return event

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if not verified(self.secret, request.headers, body):
            self.refused += 1
            return Response(status_code=401)
        message_id = request.headers["webhook-id"]
        async with self._arrived:
            if message_id not in self._seen:
                self._seen.add(message_id)
                self.events.append(json.loads(body))
                self._arrived.notify_all()
        return Response(status_code=204)
