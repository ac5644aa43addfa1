"""Sends calls, and repeats what is safe to repeat: with the same key, after as long as the gateway says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter
from tenacity import AsyncRetrying, RetryCallState, Retrying, stop_after_delay, wait_exponential_jitter
from tenacity.retry import retry_if_exception

from enforcement_gateway_client.calls import Call
from enforcement_gateway_client.errors import ProblemError, UnreachableError
from enforcement_gateway_client.models import Page

T = TypeVar("T")

_AGAIN = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class _Manner:
    """How a client asks: shared by the one that waits and the one that awaits."""

    key: str
    patience: float
    headers: Mapping[str, str]

    def request(self, http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
        headers = {"Authorization": f"Bearer {self.key}", **self.headers}
        if call.key is not None:
            headers["Idempotency-Key"] = call.key
        body = call.body.model_dump(mode="json", exclude_none=True) if isinstance(call.body, BaseModel) else call.body
        params = {name: _text(value) for name, value in call.params.items()}
        return http.build_request(call.method, call.path, json=body, params=params, headers=headers)

    def options(self, call: Call[Any], sleep: Callable[[float], Any] | None) -> dict[str, Any]:
        """When to ask again, and for how long."""
        options: dict[str, Any] = {
            "retry": retry_if_exception(lambda error: call.repeatable and _passes(error)),
            "stop": stop_after_delay(self.patience),
            "wait": _wait,
            "reraise": True,
        }
        return options if sleep is None else {**options, "sleep": sleep}


class Gateway:
    """A gateway, for code that waits. ``key``: an API key, ``gwk_…``; ``patience``: seconds of repeating a call.

    ``timeout``: seconds of one try; the gateway itself answers within some four. ``headers`` go with every call, for
    instance your ``X-Request-Id``.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: float = 60.0,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._manner = _Manner(key, patience, headers or {})
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """The answer. Raises ProblemError (refused) and UnreachableError (nobody knows: send the same call again)."""

        def once() -> T:
            return _read(self._http.send(self._manner.request(self._http, call)), call)

        try:
            answer: T = Retrying(**self._manner.options(call, self._sleep))(once)
        except httpx.HTTPError as error:
            raise UnreachableError(str(error) or type(error).__name__) from error
        return answer

    def every(self, call: Call[Page[T]]) -> Iterator[T]:
        """All entries of a list, page by page."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page = self.send(following)
            yield from page.items
            following = call.asking(cursor=page.next) if page.next else None


class AsyncGateway:
    """The same for code that awaits."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: float = 60.0,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] | None = None,
    ) -> None:
        self._manner = _Manner(key, patience, headers or {})
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout, transport=transport)
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """As ``Gateway.send``."""

        async def once() -> T:
            return _read(await self._http.send(self._manner.request(self._http, call)), call)

        try:
            answer: T = await AsyncRetrying(**self._manner.options(call, self._sleep))(once)
        except httpx.HTTPError as error:
            raise UnreachableError(str(error) or type(error).__name__) from error
        return answer

    async def every(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """As ``Gateway.every``."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page = await self.send(following)
            for one in page.items:
                yield one
            following = call.asking(cursor=page.next) if page.next else None


def _read(answer: httpx.Response, call: Call[T]) -> T:
    """What an answer says. Raises ProblemError."""
    if not answer.is_success:
        raise _problem(answer)
    if call.reads is bytes:
        return answer.content  # type: ignore[return-value]
    if call.reads is type(None):
        return None
    return TypeAdapter(call.reads).validate_json(answer.content)


def _problem(answer: httpx.Response) -> ProblemError:
    try:
        members = answer.json()
    except ValueError:
        members = {}
    told = answer.headers.get("retry-after", "")
    return ProblemError(
        answer.status_code, members if isinstance(members, dict) else {}, float(told) if told.isdigit() else None
    )


def _passes(error: BaseException) -> bool:
    """Whether it may well be otherwise soon."""
    if isinstance(error, ProblemError):
        return error.status in _AGAIN or error.type == "request-in-progress"
    return isinstance(error, httpx.TransportError)


_BACKOFF = wait_exponential_jitter(multiplier=0.2, max=10)


def _wait(state: RetryCallState) -> float:
    error = None if state.outcome is None else state.outcome.exception()
    told = error.retry_after if isinstance(error, ProblemError) else None
    return _BACKOFF(state) if told is None else told


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
