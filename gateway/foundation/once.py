"""Idempotency: one effect under one key, remembered in the transaction of the effect.

A service takes a ``Once``. Where it writes, ``once.about(subject)`` joins the transaction, and is its first statement:
an insert that does nothing where the key is known. So a repeat is found by the unit that would have had the effect
(``RepeatedProblem``), and nobody reads before. The unit that ends the request keeps its status and looks at what is
answered. ``NEVER`` is for callers without a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.exc import DBAPIError

from gateway.foundation.store import Store
from gateway.foundation.store.inserting import insert_at_once
from gateway.foundation.store.rows import reader
from gateway.foundation.store.tables import idempotency
from gateway.words.clock import Clock, SystemClock, to_micros
from gateway.words.errors import ConflictProblem

T = TypeVar("T")
log = structlog.get_logger(__name__)

_MINE = (
    idempotency.c.client_id == bindparam("of"),
    idempotency.c.path == bindparam("at"),
    idempotency.c.key == bindparam("under"),
)
_KEEP = (
    update(idempotency)
    .where(*_MINE)
    .values(status=func.coalesce(idempotency.c.status, bindparam("first")))
    .returning(idempotency.c.status)
)
_KNOWN = select(idempotency.c.body_sealed, idempotency.c.subject, idempotency.c.status, idempotency.c.created_at).where(
    *_MINE
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered under a key. ``status``: of the first answer, None while it is not known; microseconds."""

    body_sealed: bytes
    subject: str
    status: int | None
    created_at: int


_kept = reader(Kept)


def kept(conn: Connection, client: str, path: str, key: str) -> Kept | None:
    """What is remembered under a key of this client at this path."""
    row = conn.execute(_KNOWN, {"of": client, "at": path, "under": key}).mappings().first()
    return None if row is None else _kept(row)


class RepeatedProblem(ConflictProblem):
    """This key is known: the request is a repeat. ``kept``: of the first one, which may still be being served."""

    type = "request-in-progress"

    def __init__(self, kept: Kept) -> None:
        super().__init__(
            "the first request with this Idempotency-Key is still being served", cure="Repeat it after a few seconds."
        )
        self.kept = kept


@dataclass(eq=False)
class Once:
    """One request under its key: who asked, where, and the digest of what was asked, sealed.

    ``done``: the status that the request is answered with when its effect has ended; ``pending``: when it has not.
    ``subject``: the record that the effect is about; ``status``: the first answer's, once it is known. ``view`` looks
    at what is answered, given the connection and the subject; ``seen``: what it saw, None where it did not look.
    ``begun``: the key was free when a unit looked.
    """

    client: str
    path: str
    key: str
    body_sealed: bytes
    clock: Clock
    done: int = 200
    pending: int = 202
    subject: str | None = None
    status: int | None = None
    view: Callable[[Connection, str], Any] | None = None
    seen: Any = None
    begun: bool = False

    def about(self, subject: str) -> Once:
        """Say which record the effect is about."""
        self.subject = subject
        return self

    def goes_on(self) -> None:
        """What this is about was begun by an earlier request and has not ended: the answer is ``pending``."""
        self.done = self.pending

    def begin(self, conn: Connection, status: int | None = None) -> None:
        """Join the transaction that makes the record. ``status``: the answer's, where nothing is waited for.

        Raises RepeatedProblem where the key is known.
        """
        assert self.subject is not None, "say what the request is about"
        if not insert_at_once(
            conn,
            idempotency,
            client_id=self.client,
            path=self.path,
            key=self.key,
            body_sealed=self.body_sealed,
            subject=self.subject,
            status=status,
            created_at=to_micros(self.clock.now()),
        ):
            before = kept(conn, self.client, self.path, self.key)
            # Nothing is there yet where another node is just storing the first request.
            raise RepeatedProblem(before or Kept(self.body_sealed, self.subject, None, to_micros(self.clock.now())))
        self.begun = True

    async def look_first(self, store: Store) -> None:
        """For a service that does more than read before its unit: raise RepeatedProblem now where the key is known."""
        before = await store.read(lambda conn: kept(conn, self.client, self.path, self.key))
        if before is not None:
            raise RepeatedProblem(before)

    def end(self, conn: Connection, status: int) -> int:
        """The request ends here: keep its first status, and look at what is answered.

        Every repeat is answered with that status; it is returned, and may be kept since before.
        """
        mine = {"of": self.client, "at": self.path, "under": self.key}
        kept_status = int(conn.execute(_KEEP, {**mine, "first": status}).scalar_one())
        self._look(conn)
        return kept_status

    def answered(self, status: int) -> None:
        """The transaction that kept this status has committed."""
        self.status = status

    def wrote(self, conn: Connection) -> None:
        """The unit has written what it had to: the last word before its transaction ends."""

    def first(self, unit: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """A unit of work that remembers the key first. For effects that nothing is waited for."""

        def remembered(conn: Connection) -> T:
            self.begin(conn, self.done)
            result = unit(conn)
            self._look(conn)
            return result

        return remembered

    def _look(self, conn: Connection) -> None:
        """See what is answered, in the unit that ends the request.

        Only once: a unit that runs again, or whose view failed, leaves that to whoever answers.
        """
        view, self.view, self.seen = self.view, None, None
        if view is None or self.subject is None:
            return
        try:
            self.seen = view(conn, self.subject)
        except DBAPIError:
            raise
        except Exception:  # what was done stays done
            log.exception("an answer could not be prepared", path=self.path, subject=self.subject)


class _Never(Once):
    """No key: nothing is remembered."""

    def about(self, subject: str) -> Once:  # noqa: ARG002 - no key, no record
        return self

    def goes_on(self) -> None:
        """Nobody is answered."""

    def begin(self, conn: Connection, status: int | None = None) -> None:
        """Remember nothing."""

    async def look_first(self, store: Store) -> None:
        """No key is known."""

    def end(self, conn: Connection, status: int) -> int:  # noqa: ARG002 - nothing is kept
        """Keep nothing."""
        return status

    def answered(self, status: int) -> None:
        """Nobody asks."""


NEVER: Once = _Never("", "", "", b"", SystemClock())
"""For callers that need no idempotency."""
