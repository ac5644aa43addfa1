"""Access tokens: fetched when they are needed, shared by the calls of a channel, renewed before they end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.words.clock import Clock
from gateway.words.errors import DeniedError, ExchangeError, NotSentError, OutcomeUnknownError, RejectedError

MARGIN = timedelta(seconds=30)

T = TypeVar("T")


class TokenRefusedError(ExchangeError):
    """The other side refused a token, for its age or as unknown, before anything happened. Stays in the adapter."""


class AccessToken:
    """One channel's token. ``fetch`` asks the other side for a new one: the token, and how long it is good for.

    A token is used until ``margin`` before its end, or for half of a life that is shorter than twice that. Calls that
    need a new one wait for the one call that fetches it.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[tuple[str, timedelta]]], clock: Clock, margin: timedelta = MARGIN
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._margin = margin
        self._token = ""
        self._until: datetime | None = None
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """A token that is good for a while yet.

        Whatever goes wrong here, the request that needs it has provably not left: it is NotSentError, unless the other
        side refuses our credentials (DeniedError) or names a time to come back (BusyError).
        """
        async with self._lock:
            now = self._clock.now()
            if self._until is not None and now < self._until:
                return self._token
            try:
                token, life = await self._fetch()
            except (OutcomeUnknownError, RejectedError, TokenRefusedError) as error:
                raise NotSentError(f"no token, so nothing was sent: {error}") from error
            self._token, self._until = token, now + max(life - self._margin, life / 2)
            return token

    def forget(self, token: str | None = None) -> None:
        """Fetch a new one next time; with ``token``, only if that is still the one in use."""
        if token is None or token == self._token:
            self._until = None

    async def use(self, call: Callable[[str], Awaitable[T]]) -> T:
        """``call`` with a token. One that is refused (TokenRefusedError: nothing happened) is fetched anew, once."""
        for last in (False, True):
            token = await self.get()
            try:
                return await call(token)
            except TokenRefusedError as refused:
                self.forget(token)
                if last:
                    raise DeniedError(f"{refused}: the platform refuses a token that it has just issued") from None
        raise AssertionError("unreachable")
