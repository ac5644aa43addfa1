"""The one layer in front of the routes: what no route may see, how much is read and for how long, and the words for
every failure."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from gateway.foundation.http.plans import Plans
from gateway.foundation.http.problems import answer, fault
from gateway.words.errors import Problem
from gateway.words.saying import Sentence, say

_BYTES_A_SECOND = 16 * 1024
_MOST_MEMBERS = 100_000
"""Of the JSON in a request: each begins behind a comma, so that they are counted before anything is built of them."""


Tell = Callable[[Exception, Scope], Response]
"""Tells of a failure on a page."""


class Door:
    """Serves a request by its plan, else by ``rest``, the router of FastAPI; both fail here, in the same words.

    A request body above ``limit`` bytes is refused (413), or above the limit of the longest matching prefix of
    ``larger``; one that takes longer than ``seconds``, and a second more for each 16 KiB, too (408); an address with a
    NUL character too (422): nothing here is named so, and PostgreSQL takes none. ``pages``: by the beginning of an
    address, who tells of a failure there on a page; everywhere else a problem document does.
    """

    def __init__(
        self,
        rest: Router,
        plans: Plans,
        limit: int = 1 << 20,
        larger: Mapping[str, int] | None = None,
        *,
        seconds: float = 30.0,
        pages: Mapping[str, Tell] | None = None,
    ) -> None:
        self._pages = dict(pages or {})
        self._rest = rest
        self._plans = plans
        self._limit = limit
        self._larger = dict(larger or {})
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._serve(scope, receive, noted)
        except Exception as error:
            if begun:  # too late for words; the server closes the connection of an answer without its end
                fault(error, scope["path"])
                return
            if isinstance(error, HTTPException) and error.status_code == 405:
                error.headers = {"Allow": ", ".join(self._taken(scope["path"]))}
            await self._told(error, scope)(scope, receive, noted)

    def _told(self, error: Exception, scope: Scope) -> Response:
        """A failure in the words of whoever serves the address."""
        path: str = scope["path"]
        for begins, tell in self._pages.items():
            if path == begins or path.startswith(f"{begins}/"):
                told = tell(error, scope)
                if told.status_code == 500:
                    told.headers["Connection"] = "close"
                return told
        return answer(error, path)

    def _taken(self, path: str) -> list[str]:
        """The methods that are taken at an address, by whichever of its routes (RFC 9110, 15.5.6)."""
        there = [route for route in self._rest.routes if isinstance(route, Route) and route.path_regex.match(path)]
        methods = {method for route in there for method in route.methods or ()}
        return sorted(methods | {"HEAD"} if "GET" in methods else methods)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if "\x00" in path or b"%00" in scope["query_string"]:
            raise Problem(say("http.nul"), type="invalid-request")
        limits = [size for prefix, size in self._larger.items() if path.startswith(prefix)]
        is_json = any(name == b"content-type" and b"json" in value.lower() for name, value in scope["headers"])
        members = _MOST_MEMBERS if is_json else math.inf
        body = _Body(receive, max(limits, default=self._limit), self._seconds, members)
        await body.check_declared(scope)
        response = await self._plans.serve(scope, body, body.whole)
        if response is not None:
            await response(scope, body, send)
            return
        async with contextlib.AsyncExitStack() as files:
            scope["fastapi_middleware_astack"] = files  # FastAPI closes what was uploaded with it
            await self._rest(scope, body, send)


class _RefusedError(HTTPException):
    """More than is taken, or too slow. FastAPI passes on no other kind of error from where it reads a body."""

    def __init__(self, status: int, said: Sentence) -> None:
        super().__init__(status, headers={"Connection": "close"})
        self.said = said


class _Body:
    """What the client sends, counted; what ``whole`` has read is heard again by who asks after it.

    What is too much is read and thrown away, up to a bound: a client that is still sending when the connection closes
    would see a reset instead of the reason.
    """

    def __init__(self, receive: Receive, limit: int, seconds: float, most_members: float) -> None:
        self._receive = receive
        self._limit = limit
        self._until: float | None = asyncio.get_running_loop().time() + seconds
        self._taken = self._members = 0
        self._most_members = most_members
        self._again: list[Message] = []

    async def __call__(self) -> Message:
        """The next message of ASGI. Raises HTTPException (408, 413)."""
        if self._again:
            return self._again.pop(0)
        message = await self._in_time()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._members += message.get("body", b"").count(b",")
            if self._taken > self._limit or self._members > self._most_members:
                if message.get("more_body"):
                    await self._pour_away()
                raise self._too_large()
        return message

    async def check_declared(self, scope: Scope) -> None:
        """Refuse at once what says of itself that it is too large. Raises HTTPException (413)."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and len(value) < 20 and int(value) > self._limit:
                await self._pour_away()
                raise self._too_large()

    async def whole(self) -> bytes | None:
        """All of it; None where the client left before its end. Raises HTTPException (408, 413)."""
        heard: list[Message] = []
        while not heard or heard[-1].get("more_body"):
            heard.append(await self())
        self._again = heard
        if heard[-1]["type"] != "http.request":
            return None
        return b"".join([one.get("body", b"") for one in heard])

    async def _in_time(self) -> Message:
        """What comes next; once the body has ended nobody waits for anything but the client's leaving."""
        until = None if self._until is None else self._until + self._taken / _BYTES_A_SECOND
        try:
            async with asyncio.timeout_at(until):
                message = await self._receive()
        except TimeoutError:
            raise _RefusedError(408, say("http.too_slow")) from None
        if not message.get("more_body"):
            self._until = None
        return message

    def _too_large(self) -> HTTPException:
        many = self._members > self._most_members
        said = say("http.members_over", limit=_MOST_MEMBERS) if many else say("http.body_over", limit=self._limit)
        return _RefusedError(413, said)

    async def _pour_away(self) -> None:
        """Read what is still coming, at most 64 MiB of it within five seconds."""
        left = 64 << 20
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body"):
                        return
