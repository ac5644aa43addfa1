"""The outermost layer: an id for each request, and what every answer says to clients, browsers and caches.

A request keeps the id that its client gave it, or is given one; answers, problems and our log name it. ``HEAD`` is
``GET`` without its body. A record or list read under ``/v1`` has an ``ETag``, and is 304 to whoever knows it by that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from hashlib import sha256
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.foundation.http.language import listen
from gateway.words.identifiers import new_id

RATE: Final = "gateway.rate"
"""Where a request's scope keeps the headers that say how much its client may still ask for."""

_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,100}")
_POLICY: Final = b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_ALWAYS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every answer says that does not say otherwise: records of citizens are kept by nobody on the way."""

_REQUEST: ContextVar[str | None] = ContextVar("request", default=None)


def request_id() -> str | None:
    """What the request is known by that is being served here."""
    return _REQUEST.get()


class Manners:
    """Serves by ``inner``. ``policies``: what a browser may load for the pages at these addresses
    (Content-Security-Policy); for all else nothing."""

    def __init__(self, inner: ASGIApp, policies: Mapping[str, str] | None = None) -> None:
        self._inner = inner
        self._policies = {path: policy.encode() for path, policy in (policies or {}).items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        listen(scope)
        known = _known(scope)
        _REQUEST.set(known)
        structlog.contextvars.bind_contextvars(request=known)
        head = scope["method"] == "HEAD"
        asked = {**scope, "method": "GET"} if head else scope
        said = (
            (b"x-request-id", known.encode()),
            *_ALWAYS,
            (b"content-security-policy", self._policies.get(scope["path"], _POLICY)),
        )
        await self._inner(asked, receive, _Answer(asked, send, said, head=head))


def _known(scope: Scope) -> str:
    """The id that the client gave this request, if it is one; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode("ascii"))
    return new_id("req")


class _Answer:
    """One answer on its way: its head waits for the body where the body decides about it."""

    def __init__(self, scope: Scope, send: Send, said: tuple[tuple[bytes, bytes], ...], *, head: bool) -> None:
        self._scope, self._send, self._said, self._head = scope, send, said, head
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            has = {name.lower() for name, _ in headers}
            headers += [one for one in (*self._said, *self._scope.get(RATE, ())) if one[0] not in has]
            message["headers"] = headers
            if self._may_be_known(message, has):
                self._start = message
                return
        elif self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body"):
                message = self._tag(start, message)
            await self._send(start)
        if self._head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    def _may_be_known(self, start: Message, has: set[bytes]) -> bool:
        scope = self._scope
        if scope["method"] != "GET" or start["status"] != 200 or b"etag" in has or not scope["path"].startswith("/v1/"):
            return False
        return (b"content-type", b"application/json") in start["headers"]

    def _tag(self, start: Message, body: Message) -> Message:
        """Give an answer its tag; without a body to whoever knows it by that."""
        tag = b'W/"%s"' % sha256(body.get("body", b"")).hexdigest()[:32].encode()
        start["headers"].append((b"etag", tag))
        asked = b",".join(value for name, value in self._scope["headers"] if name == b"if-none-match")
        known = {one.strip().removeprefix(b"W/") for one in asked.split(b",")}
        if known.isdisjoint({b"*", tag.removeprefix(b"W/")}):
            return body
        start["status"] = 304
        start["headers"] = [one for one in start["headers"] if one[0] not in (b"content-length", b"content-type")]
        return {**body, "body": b""}
