"""Endpoints of the control API: functions of a request and its JSON body."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulators.naming import words_of


def endpoint(
    handler: Callable[[Request, Any], Any] | Callable[[Request, Any], Awaitable[Any]],
    *,
    read: Callable[[str], Any] = json.loads,
) -> Callable[[Request], Awaitable[Response]]:
    """A control endpoint from a function of the request and its JSON body (None without one) to a JSON value.

    ``read`` makes a value of a body that need not be JSON.

    What the function refuses (ValueError, or a member that it misses or cannot use) is answered with 422 and its words.
    """

    async def served(request: Request) -> Response:
        body = await request.body()
        try:
            result = handler(request, read(body.decode()) if body else None)
            if inspect.isawaitable(result):
                result = await result
        except (ValueError, KeyError, TypeError) as fault:
            return _json({"error": "; ".join(words_of(fault).splitlines())}, 422)
        return _json(result)

    return served


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")
