"""Idempotency-Key: one effect per key, scoped to client and path, kept for the life of the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.http.services import Base
from gateway.foundation.once import Once, kept, still_running
from gateway.words.clock import to_micros
from gateway.words.errors import InvalidProblem

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="One key per intended effect; repeat it to repeat the request safely.",
    ),
]

_STILL_RUNNING = 10_000_000


@dataclass
class Keyed:
    """A request that has an effect, under its key. ``status``: what it is answered with, once ``once`` has returned."""

    base: Foundation
    path: str
    key: str
    done: int
    status: int = 0

    async def once(self, who: Principal, body: BaseModel | None, effect: Callable[[Once], Awaitable[object]]) -> str:
        """Have the effect once, and say which record it is about; a repeat finds the record and the first status.

        ``effect(once)`` calls the service, which says what the request is about. Raises InvalidProblem for another
        body under this key, ConflictProblem while the first request is being served.
        """
        text = "" if body is None else body.model_dump_json()
        digest = self.base.envelope.blind_index(text, "idempotency.body")
        known = await self.base.store.read(lambda conn: kept(conn, who.client_id, self.path, self.key))
        if known is None:
            first = Once(who.client_id, self.path, self.key, digest, self.base.clock, self.done)
            await effect(first)
            assert first.subject is not None, "the service did not say what the request is about"
            self.status = first.status or self.done
            return first.subject
        if known.digest != digest:
            raise InvalidProblem(
                "this Idempotency-Key was used before with another body",
                type="idempotency-key-reused",
                field="Idempotency-Key",
                cure="Use a new key for a new request.",
            )
        if known.status is None and self._may_still_run(known.created_at):
            raise still_running()
        self.status = known.status or 202  # accepted, by a process that died before it could keep the status
        return known.subject

    def _may_still_run(self, began: int) -> bool:
        """Whether the first request may still be served: not by a process that has ended, where there is only one."""
        if self.base.store.dialect == "sqlite" and began < self.base.opened_at:
            return False
        return to_micros(self.base.clock.now()) - began < _STILL_RUNNING


async def keyed(request: Request, key: Key, base: Base) -> Keyed:
    """The dependency of every request that has an effect. Its route's own status is that of an effect that ended."""
    return Keyed(base, request.url.path[:200], key, request.scope["route"].status_code or 200)


KeyedRequest = Annotated[Keyed, Depends(keyed)]
