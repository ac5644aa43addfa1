"""Idempotency-Key: one effect per key, scoped to client and path, kept for the life of the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import Connection, RowMapping, bindparam, select, update

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.http.services import Base
from gateway.foundation.once import Once as Effect
from gateway.foundation.once import still_running
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem

T = TypeVar("T")

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
_MINE = (
    idempotency.c.client_id == bindparam("of"),
    idempotency.c.path == bindparam("at"),
    idempotency.c.key == bindparam("under"),
)
_KNOWN = select(idempotency).where(*_MINE)
_FINISH = update(idempotency).where(*_MINE)


@dataclass
class Once:
    """One request under its key. ``subject`` and ``status`` are set when this key was answered before."""

    base: Foundation
    client: str
    path: str
    key: str
    digest: bytes = b""
    subject: str | None = None
    status: int | None = None

    async def open(self, who: Principal, body: BaseModel | None) -> Once:
        """Look the key up. Raises InvalidProblem for another body, ConflictProblem while the first still runs."""
        self.client = who.client_id
        text = "" if body is None else body.model_dump_json()
        self.digest = self.base.envelope.blind_index(text, "idempotency.body")
        row = await self.base.store.read(self._row)
        if row is None:
            return self
        if bytes(row["digest"]) != self.digest:
            raise InvalidProblem(
                "this Idempotency-Key was used before with another body",
                type="idempotency-key-reused",
                field="Idempotency-Key",
                cure="Use a new key for a new request.",
            )
        if row["status"] is None and self._may_still_run(row["created_at"]):
            raise self._running()
        self.subject, self.status = row["subject"], row["status"] or 202
        return self

    def remember(self, conn: Connection, subject: str) -> None:
        """Join the transaction that makes the record."""
        if not insert_new(
            conn,
            idempotency,
            client_id=self.client,
            path=self.path,
            key=self.key,
            digest=self.digest,
            subject=subject,
            created_at=to_micros(self.base.clock.now()),
        ):
            raise self._running()

    async def finish(self, status: int) -> None:
        """Keep the first status, which every replay repeats."""
        await self.base.store.write(lambda conn: self._keep(conn, status))

    async def finish_with(self, view: Callable[[Connection], T], status: Callable[[T], int]) -> T:
        """Read what is answered and keep its status, in one unit. ``status`` of this request is set afterwards."""

        def unit(conn: Connection) -> tuple[T, int]:
            shown = view(conn)
            self._keep(conn, status(shown))
            return shown, status(shown)

        shown, self.status = await self.base.store.write(unit)
        return shown

    def _keep(self, conn: Connection, status: int) -> None:
        conn.execute(_FINISH, {**self._mine(), "status": status})

    def _may_still_run(self, began: int) -> bool:
        """Whether the first request may still be served: not by a process that has ended, where there is only one."""
        if self.base.store.dialect == "sqlite" and began < self.base.opened_at:
            return False
        return to_micros(self.base.clock.now()) - began < _STILL_RUNNING

    def _row(self, conn: Connection) -> RowMapping | None:
        return conn.execute(_KNOWN, self._mine()).mappings().first()

    def _mine(self) -> dict[str, str]:
        return {"of": self.client, "at": self.path, "under": self.key}

    def _running(self) -> ConflictProblem:
        return ConflictProblem(
            "the first request with this Idempotency-Key is still being served",
            type="request-in-progress",
            cure="Repeat it after a few seconds.",
        )


@dataclass
class Keyed:
    """A request that has an effect, under its key. ``status``: what it is answered with, once ``once`` has returned."""

    base: Foundation
    path: str
    key: str
    done: int
    status: int = 0

    async def once(self, who: Principal, body: BaseModel | None, effect: Callable[[Effect], Awaitable[object]]) -> str:
        """Have the effect once, and say which record it is about; a repeat finds the record and the first status.

        ``effect(once)`` calls the service, which says what the request is about. Raises InvalidProblem for another
        body under this key, ConflictProblem while the first request is being served.
        """
        text = "" if body is None else body.model_dump_json()
        digest = self.base.envelope.blind_index(text, "idempotency.body")
        row = await self.base.store.read(partial(_known, who.client_id, self.path, self.key))
        if row is None:
            first = Effect(who.client_id, self.path, self.key, digest, self.base.clock, self.done)
            await effect(first)
            assert first.subject is not None, "the service did not say what the request is about"
            self.status = first.status or self.done
            return first.subject
        if bytes(row["digest"]) != digest:
            raise InvalidProblem(
                "this Idempotency-Key was used before with another body",
                type="idempotency-key-reused",
                field="Idempotency-Key",
                cure="Use a new key for a new request.",
            )
        if row["status"] is None and self._may_still_run(row["created_at"]):
            raise still_running()
        self.status = row["status"] or 202  # accepted, by a process that died before it could keep the status
        return str(row["subject"])

    def _may_still_run(self, began: int) -> bool:
        """Whether the first request may still be served: not by a process that has ended, where there is only one."""
        if self.base.store.dialect == "sqlite" and began < self.base.opened_at:
            return False
        return to_micros(self.base.clock.now()) - began < _STILL_RUNNING


def _known(client: str, path: str, key: str, conn: Connection) -> RowMapping | None:
    return conn.execute(_KNOWN, {"of": client, "at": path, "under": key}).mappings().first()


async def keyed(request: Request, key: Key, base: Base) -> Keyed:
    """The dependency of every request that has an effect. Its route's own status is that of an effect that ended."""
    return Keyed(base, request.url.path[:200], key, request.scope["route"].status_code or 200)


KeyedRequest = Annotated[Keyed, Depends(keyed)]


async def once(request: Request, key: Key, base: Base) -> Once:
    """The dependency of every request that has an effect."""
    return Once(base, "", request.url.path[:200], key)


OnceKey = Annotated[Once, Depends(once)]
