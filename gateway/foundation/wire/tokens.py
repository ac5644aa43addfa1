"""Access tokens: one for all calls of a channel and for all nodes, renewed before it ends, renewed once when refused.

Platforms give few tokens a day, and often the newest ends the one before: nodes that each fetched their own would take
them from each other. So a token lies on a **shelf** (``delivery.tokens``: sealed, in the database), and whoever finds
none that is good takes a lease and fetches one for all. Whoever comes meanwhile uses the old one while it lasts, or
waits.

Nothing of a token is shown: evidence masks ``Authorization`` and every field with "token" in its name; an adapter whose
platform calls it otherwise names the field in ``info.sensitive``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from gateway.words.clock import Clock
from gateway.words.errors import (
    DeniedError,
    ExchangeError,
    GatewayError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
)

MARGIN = timedelta(seconds=30)
_LOOK_SECONDS: Final = 0.1

T = TypeVar("T")


class TokenRefusedError(ExchangeError):
    """The other side refused a token, for its age or as unknown, before anything happened. Stays in the adapter.

    Raise it only for an answer of which the contract says that it is effect-free.
    """


@dataclass(frozen=True)
class KeptToken:
    """A token; from ``renew_at`` on a new one is fetched, after ``until`` it is worth nothing."""

    token: str
    renew_at: datetime
    until: datetime


class TokenShelf(Protocol):
    """Where the nodes of an installation have the token of one channel. Raises GatewayError when it is out of reach."""

    async def read(self) -> KeptToken | None:
        """The token that was kept last, whatever its age."""
        ...

    async def lease(self) -> int | None:
        """Become the one that fetches: the number of the lease. None while another node is at it."""
        ...

    async def keep(self, lease: int, token: KeptToken) -> bool:
        """Put a token there for all and end the lease. False: it had ended, and another node may have fetched."""
        ...

    async def release(self, lease: int) -> None:
        """End a lease without a token."""
        ...


class OneProcess:
    """The shelf of a process that shares its token with nobody."""

    def __init__(self) -> None:
        self._kept: KeptToken | None = None

    async def read(self) -> KeptToken | None:
        """What was kept."""
        return self._kept

    async def lease(self) -> int | None:
        """Nobody else asks."""
        return 1

    async def keep(self, lease: int, token: KeptToken) -> bool:  # noqa: ARG002 - the shelf's signature
        """Keep it."""
        self._kept = token
        return True

    async def release(self, lease: int) -> None:
        """Nothing to let go."""


class AccessToken:
    """One channel's token: ``ChannelWire.access_token`` makes it.

    ``fetch`` asks the other side for a new one: the token, and how long it is good for. A token is used until
    ``margin`` before its end, or for half of a life that is shorter than twice that. Calls that need a new one wait for
    the one call that fetches it, at most ``patience`` seconds where that is another node's.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[str, timedelta]]],
        clock: Clock,
        shelf: TokenShelf | None = None,
        *,
        margin: timedelta = MARGIN,
        patience: float = 30.0,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._shelf: TokenShelf = OneProcess() if shelf is None else shelf
        self._margin = margin
        self._patience = patience
        self._kept: KeptToken | None = None
        self._refused: str | None = None
        self._anew = False
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """A token that is good for a while yet.

        Whatever goes wrong here, the request that needs it has provably not left: it is NotSentError, unless the other
        side refuses our credentials (DeniedError) or names a time to come back (BusyError).
        """
        async with self._lock:
            if self._good(self._kept):
                assert self._kept is not None
                return self._kept.token
            try:
                self._kept = await self._shared()
            except ExchangeError:
                raise
            except GatewayError as problem:
                raise NotSentError(f"no token, so nothing was sent: {problem}") from problem
            return self._kept.token

    def forget(self, token: str | None = None) -> None:
        """Fetch a new one next time; with ``token``, only if no other one has taken its place."""
        if token is None:
            self._anew, self._kept = True, None
        elif self._kept is not None and token == self._kept.token:
            self._refused, self._kept = token, None

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

    def _good(self, kept: KeptToken | None) -> bool:
        return kept is not None and kept.token != self._refused and self._clock.now() < kept.renew_at

    async def _shared(self) -> KeptToken:
        """The token of all nodes: another's, or a new one for all."""
        kept = await self._shelf.read()
        if self._anew and kept is not None:
            self._refused = kept.token
        ends = asyncio.get_running_loop().time() + self._patience
        while True:
            if kept is not None and self._good(kept):
                return kept
            lease = await self._shelf.lease()
            if lease is not None:
                found = await self._shelf.read()  # who let go of the lease may have brought one
                if found is not None and self._good(found):
                    await self._shelf.release(lease)
                    return found
                fetched = await self._fetched(lease)
                if await self._shelf.keep(lease, fetched):
                    self._anew, self._refused = False, None
                    return fetched
            elif kept is not None and kept.token != self._refused and self._clock.now() < kept.until:
                return kept  # it still lasts, and another node brings the next one
            if asyncio.get_running_loop().time() > ends:
                raise NotSentError("no token, so nothing was sent: another node fetches one and has not brought it")
            await asyncio.sleep(_LOOK_SECONDS)
            kept = await self._shelf.read()

    async def _fetched(self, lease: int) -> KeptToken:
        now = self._clock.now()
        try:
            token, life = await self._fetch()
        except BaseException as error:
            await self._shelf.release(lease)
            if isinstance(error, OutcomeUnknownError | RejectedError | TokenRefusedError):
                raise NotSentError(f"no token, so nothing was sent: {error}") from error
            raise
        return KeptToken(token, now + max(life - self._margin, life / 2), now + life)
