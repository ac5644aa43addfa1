"""The API asked from within: a request of somebody whom the gateway knows, without a socket and without a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gateway.foundation.http.local import PRINCIPAL
from gateway.words.errors import UnavailableProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    import httpx
    from starlette.types import ASGIApp

    from gateway.foundation.access import Principal


class Inside:
    """Answers requests from within. ``made_by``: what makes the API, said by the faces; None where none is served."""

    def __init__(self) -> None:
        self.made_by: Callable[[], ASGIApp] | None = None
        self._api: ASGIApp | None = None

    async def ask(
        self, who: Principal, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """What the API answers this person, as if they had asked. Raises UnavailableProblem where it serves nobody."""
        import httpx

        if self._api is None:
            if self.made_by is None:
                raise UnavailableProblem(say("jobs.no_api"))
            self._api = self.made_by()
        api = self._api

        async def as_them(scope: Any, receive: Any, send: Any) -> None:
            await api({**scope, PRINCIPAL: who}, receive, send)

        transport = httpx.ASGITransport(as_them, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            asked = http.request(method, path, json=body, headers=dict(headers or {}))
            return await asyncio.create_task(asked)  # with a context of its own: an answer sets its language in it
