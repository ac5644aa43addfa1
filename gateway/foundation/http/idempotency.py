"""Idempotency-Key: one effect per key, scoped to client and path, kept for the life of the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import Connection

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import same, sm3
from gateway.foundation.http.services import Base
from gateway.foundation.once import Kept, Once, RepeatedProblem, kept
from gateway.words.clock import to_micros
from gateway.words.errors import InvalidProblem, Problem
from gateway.words.saying import say
from gateway.words.wrong import shaped

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=shaped(r"^[\x21-\x7e]+$", "shapes.visible"),
        description="One key per intended effect; repeat it to repeat the request safely.",
    ),
]

T = TypeVar("T")
_STILL_RUNNING = 10_000_000


@dataclass
class Keyed:
    """A request that has an effect, under its key. ``status``: what it is answered with, once ``once`` has returned."""

    base: Foundation
    path: str
    key: str
    done: int
    status: int = 0
    _body: bytes = b""

    async def once(self, who: Principal, body: BaseModel | None, effect: Callable[[Once], Awaitable[object]]) -> str:
        """Have the effect once, and say which record it is about; a repeat finds the record and the first status.

        ``effect(once)`` calls the service, which says what the request is about. Raises InvalidProblem for another
        body under this key, ConflictProblem while the first request is being served.
        """
        return await self._have(effect, self._asked(who, body))

    async def shows(
        self,
        who: Principal,
        body: BaseModel | None,
        effect: Callable[[Once], Awaitable[object]],
        view: Callable[[Connection, str], T],
    ) -> T:
        """The same, and what ``view`` sees of the record: seen by the unit that ends the request, if it can be."""
        first = self._asked(who, body)
        first.view = view
        subject = await self._have(effect, first)
        if first.seen is not None:
            return cast("T", first.seen)
        return await self.base.store.read(lambda conn: view(conn, subject))

    def _asked(self, who: Principal, body: BaseModel | None) -> Once:
        self._body = sm3(b"" if body is None else body.model_dump_json().encode())
        client = f"{who.client_id}.t" if who.test else who.client_id  # a key tried in a sandbox is free outside it
        sealed = self.base.envelope.seal(self._body, _place(client, self.path, self.key), pack=False)
        return Once(client, self.path, self.key, sealed, self.base.clock, self.done)

    async def _have(self, effect: Callable[[Once], Awaitable[object]], first: Once) -> str:
        try:
            await effect(first)
        except RepeatedProblem as repeat:
            return self._again(first, repeat.kept)
        except Problem:
            # What the first request did may be why its repeat is refused before any unit looks at the key.
            known = (
                None
                if first.begun
                else await self.base.store.read(lambda conn: kept(conn, first.client, first.path, first.key))
            )
            if known is None:
                raise
            return self._again(first, known)
        assert first.subject is not None, "the service did not say what the request is about"
        self.status = first.status or self.done
        return first.subject

    def _again(self, asked: Once, known: Kept) -> str:
        """Answer a repeat: with the record and the status of the first request."""
        place = _place(asked.client, asked.path, asked.key)
        if not same(self.base.envelope.open(known.body_sealed, place), self._body):
            raise InvalidProblem(
                say("http.key_reused"),
                type="idempotency-key-reused",
                field="Idempotency-Key",
            )
        if known.status is None and self._may_still_run(known.created_at):
            raise RepeatedProblem(known)
        self.status = known.status or 202  # accepted, by a process that died before it could keep the status
        return known.subject

    def _may_still_run(self, began: int) -> bool:
        """Whether the first request may still be served: not by a process that has ended, where there is only one."""
        if self.base.store.dialect == "sqlite" and began < self.base.opened_at:
            return False
        return to_micros(self.base.clock.now()) - began < _STILL_RUNNING


def _place(client: str, path: str, key: str) -> str:
    return f"idempotency.body|{client}|{path}|{key}"


async def keyed(request: Request, key: Key, base: Base) -> Keyed:
    """The dependency of every request that has an effect. Its route's own status is that of an effect that ended."""
    return Keyed(base, request.url.path[:200], key, request.scope["route"].status_code or 200)


KeyedRequest = Annotated[Keyed, Depends(keyed)]
