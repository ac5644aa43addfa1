"""Idempotency: one effect under one key, remembered in the transaction of the effect.

A service takes a ``Once``. Where it writes, ``once.about(subject)`` joins the transaction: the same key a second time
is a conflict, and a repeat of the request later finds the subject and the first status. ``NEVER`` is for callers
without a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select, update

from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import reader
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import Clock, SystemClock, to_micros
from gateway.words.errors import ConflictProblem

T = TypeVar("T")

_MINE = (
    idempotency.c.client_id == bindparam("of"),
    idempotency.c.path == bindparam("at"),
    idempotency.c.key == bindparam("under"),
)
_KEEP = update(idempotency).where(*_MINE, idempotency.c.status.is_(None))
_KEPT = select(idempotency.c.status).where(*_MINE)
_KNOWN = select(idempotency.c.digest, idempotency.c.subject, idempotency.c.status, idempotency.c.created_at).where(
    *_MINE
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered under a key. ``status``: of the first answer, None while it is not known; microseconds."""

    digest: bytes
    subject: str
    status: int | None
    created_at: int


_kept = reader(Kept)


def kept(conn: Connection, client: str, path: str, key: str) -> Kept | None:
    """What is remembered under a key of this client at this path."""
    row = conn.execute(_KNOWN, {"of": client, "at": path, "under": key}).mappings().first()
    return None if row is None else _kept(row)


@dataclass(eq=False)
class Once:
    """One request under its key: who asked, where, and the digest of what was asked.

    ``done``: the status that the request is answered with when its effect has ended; ``pending``: when it has not.
    ``subject``: the record that the effect is about; ``status``: the first answer's, once it is known.
    """

    client: str
    path: str
    key: str
    digest: bytes
    clock: Clock
    done: int = 200
    pending: int = 202
    subject: str | None = None
    status: int | None = None

    def about(self, subject: str) -> Once:
        """Say which record the effect is about."""
        self.subject = subject
        return self

    def goes_on(self) -> None:
        """What this is about was begun by an earlier request and has not ended: the answer is ``pending``."""
        self.done = self.pending

    def begin(self, conn: Connection, status: int | None = None) -> None:
        """Join the transaction that makes the record. ``status``: the answer's, where nothing is waited for.

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
            status=status,
            created_at=to_micros(self.clock.now()),
        ):
            raise still_running()

    def end(self, conn: Connection, status: int) -> int:
        """Keep the first status, which every repeat is answered with; that which is kept, maybe since before."""
        mine = {"of": self.client, "at": self.path, "under": self.key}
        if conn.execute(_KEEP, {**mine, "status": status}).rowcount == 1:
            return status
        return int(conn.execute(_KEPT, mine).scalar_one())

    def answered(self, status: int) -> None:
        """The transaction that kept this status has committed."""
        self.status = status

    def first(self, unit: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """A unit of work that remembers the key first. For effects that nothing is waited for."""

        def remembered(conn: Connection) -> T:
            self.begin(conn, self.done)
            return unit(conn)

        return remembered


class _Never(Once):
    """No key: nothing is remembered."""

    def about(self, subject: str) -> Once:  # noqa: ARG002 - no key, no record
        return self

    def goes_on(self) -> None:
        """Nobody is answered."""

    def begin(self, conn: Connection, status: int | None = None) -> None:
        """Remember nothing."""

    def end(self, conn: Connection, status: int) -> int:  # noqa: ARG002 - nothing is kept
        """Keep nothing."""
        return status

    def answered(self, status: int) -> None:
        """Nobody asks."""


NEVER: Once = _Never("", "", "", b"", SystemClock())
"""For callers that need no idempotency."""


def still_running() -> ConflictProblem:
    """What a repeat is told while the first request is being served."""
    return ConflictProblem(
        "the first request with this Idempotency-Key is still being served",
        type="request-in-progress",
        cure="Repeat it after a few seconds.",
    )
