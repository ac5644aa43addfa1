"""The one layer in front of the routes: what no route may see, how much is read, and the words for every failure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.foundation.http.language import listen
from gateway.foundation.http.plans import Plans
from gateway.foundation.http.problems import answer
from gateway.words.errors import Problem
from gateway.words.saying import Sentence, say


class Door:
    """Serves a request by its plan, else by ``rest``, the router of FastAPI; both fail here, in the same words.

    A request body above ``limit`` bytes is refused (413), or above the limit of the longest matching prefix of
    ``larger``; an address with a NUL character too (422): nothing here is named so, and PostgreSQL takes none.
    """

    def __init__(
        self, rest: ASGIApp, plans: Plans, limit: int = 1 << 20, larger: Mapping[str, int] | None = None
    ) -> None:
        self._rest = rest
        self._plans = plans
        self._limit = limit
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        listen(scope)
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._serve(scope, receive, noted)
        except Exception as error:
            if begun:  # too late for words; the server closes the connection
                raise
            await answer(error, scope["path"])(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if "\x00" in path or b"%00" in scope["query_string"]:
            raise Problem(say("http.nul"), type="invalid-request")
        limits = [size for prefix, size in self._larger.items() if path.startswith(prefix)]
        body = _Body(receive, max(limits, default=self._limit))
        await body.check_declared(scope)
        response = await self._plans.serve(scope, body, body.whole)
        if response is not None:
            await response(scope, body, send)
            return
        async with contextlib.AsyncExitStack() as files:
            scope["fastapi_middleware_astack"] = files  # FastAPI closes what was uploaded with it
            await self._rest(scope, body, send)


class _TooLargeError(HTTPException):
    """More than is taken. FastAPI passes on no other kind of error from where it reads a body."""

    def __init__(self, status: int, *, headers: dict[str, str], said: Sentence) -> None:
        super().__init__(status, headers=headers)
        self.said = said


class _Body:
    """What the client sends, counted; what ``whole`` has read is heard again by who asks after it.

    What is too much is read and thrown away, up to a bound: a client that is still sending when the connection closes
    would see a reset instead of the reason.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._taken = 0
        self._again: list[Message] = []

    async def __call__(self) -> Message:
        """The next message of ASGI. Raises HTTPException (413)."""
        if self._again:
            return self._again.pop(0)
        message = await self._receive()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._limit:
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
        """All of it; None where the client left before its end. Raises HTTPException (413)."""
        heard: list[Message] = []
        while not heard or heard[-1].get("more_body"):
            heard.append(await self())
        self._again = heard
        if heard[-1]["type"] != "http.request":
            return None
        return b"".join([one.get("body", b"") for one in heard])

    def _too_large(self) -> HTTPException:
        return _TooLargeError(413, headers={"Connection": "close"}, said=say("http.body_over", limit=self._limit))

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
