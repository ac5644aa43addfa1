"""Idempotency: one effect under one key, remembered in the transaction of the effect.

A service takes a ``Once``. Where it writes, ``once.about(subject)`` joins the transaction: the same key a second time
is a conflict, and a repeat of the request later finds the subject and the first status. ``NEVER`` is for callers
without a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, bindparam, update

from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem

T = TypeVar("T")

_KEEP = update(idempotency).where(
    idempotency.c.client_id == bindparam("of"),
    idempotency.c.path == bindparam("at"),
    idempotency.c.key == bindparam("under"),
)


@dataclass(frozen=True)
class Once:
    """One request under its key: who asked, where, and the digest of what was asked.

    ``done``: the status that the request is answered with when its effect has ended; ``pending``: when it has not.
    ``subject``: the record that the effect is about.
    """

    client: str
    path: str
    key: str
    digest: bytes
    clock: Clock
    done: int = 200
    pending: int = 202
    subject: str | None = None

    def about(self, subject: str) -> Once:
        """The same request, about this record."""
        return replace(self, subject=subject)

    def begin(self, conn: Connection, *, ended: bool) -> None:
        """Join the transaction that makes the record. ``ended``: nothing is waited for, so the status is known now.

        Raises ConflictProblem where the first request under this key is still being served.
        """
        assert self.subject is not None, "say what the request is about"
        if not insert_new(
            conn,
            idempotency,
            client_id=self.client,
            path=self.path,
            key=self.key,
            digest=self.digest,
            subject=self.subject,
            status=self.done if ended else None,
            created_at=to_micros(self.clock.now()),
        ):
            raise still_running()

    def end(self, conn: Connection, *, ended: bool) -> None:
        """Keep the first status, which every repeat is answered with, where it is not known yet."""
        status = self.done if ended else self.pending
        conn.execute(_KEEP, {"of": self.client, "at": self.path, "under": self.key, "status": status})

    def first(self, unit: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """A unit of work that remembers the key first. For effects that nothing is waited for."""

        def remembered(conn: Connection) -> T:
            self.begin(conn, ended=True)
            return unit(conn)

        return remembered


class _Never(Once):
    """No key: nothing is remembered."""

    def about(self, subject: str) -> Once:  # noqa: ARG002 - no key, no record
        return self

    def begin(self, conn: Connection, *, ended: bool) -> None:
        """Remember nothing."""

    def end(self, conn: Connection, *, ended: bool) -> None:
        """Keep nothing."""


class _NoClock:
    def now(self) -> None:
        raise AssertionError("no key was given")


NEVER: Once = _Never("", "", "", b"", _NoClock())  # type: ignore[arg-type]
"""For callers that need no idempotency."""


def still_running() -> ConflictProblem:
    """What a repeat is told while the first request is being served."""
    return ConflictProblem(
        "the first request with this Idempotency-Key is still being served",
        type="request-in-progress",
        cure="Repeat it after a few seconds.",
    )
