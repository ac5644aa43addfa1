"""What can be done about breaks 差错: find them, read their story, explain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.delivery.events import Event, Events
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person, require_operator
from gateway.rooms.reconciliation import break_records
from gateway.rooms.reconciliation.break_records import EVERY_BREAK, Break, BreakFilter
from gateway.rooms.reconciliation.closing import RECEIPTED
from gateway.rooms.reconciliation.explanation import Explanation, explained
from gateway.rooms.reconciliation.matching import BreakKind
from gateway.rooms.reconciliation.settlement import update_settlements
from gateway.rooms.reconciliation.states import BREAKS, BreakState
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.identifiers import clean_text
from gateway.words.saying import said_of, say


class Breaks:
    """The breaks of all channels. ``life`` is their life at work, which runs share. Emits ``payment.settlement`` beside
    it, where a payment's settlement follows.

    Methods with ``_in`` join the caller's transaction.
    """

    def __init__(self, store: Store, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self.life: Living[BreakState, Break] = Living(BREAKS, events, clock, facts)

    async def find(
        self, wanted: BreakFilter = EVERY_BREAK, *, before: str | None = None, limit: int = 50
    ) -> list[Break]:
        """Breaks, newest first; ``before`` is the id at which the previous page ended."""
        return await self._store.read(lambda conn: break_records.find(conn, wanted, before=before, limit=limit))

    async def seek(
        self, wanted: BreakFilter, *, before: str | None = None, limit: int = 50
    ) -> tuple[Sequence[Break], int]:
        """``find``, and how many there are in all, counted up to ``break_records.MOST``."""
        return await self._store.read(
            lambda conn: (
                break_records.find(conn, wanted, before=before, limit=limit),
                break_records.count(conn, wanted),
            )
        )

    async def count(self, wanted: BreakFilter) -> int:
        """How many there are, counted up to ``break_records.MOST``."""
        return await self._store.read(lambda conn: break_records.count(conn, wanted))

    async def held(self, id: str) -> Break:
        """One break. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: break_records.held(conn, id))

    async def explain(self, id: str) -> Explanation:
        """The story of a break in plain words, with its exchanges. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: explained(conn, break_records.held(conn, id), self._clock.now()))

    async def resolve(self, id: str, reason: str, *, by: Person, once: Once = NEVER) -> Break:
        """An operator explains a break, also one of a closed month. It stays resolved while its figures stay the same.

        Moves no money and no payment. Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is not open, and
        Problem 403 for a case system: closing a difference of money is an operator's.
        """
        (done,) = await self.resolve_many([id], reason, by=by, once=once)
        return done

    async def resolve_many(self, ids: Sequence[str], reason: str, *, by: Person, once: Once = NEVER) -> list[Break]:
        """One explanation for several breaks: all of them, or none. Raises what ``resolve`` raises."""
        require_operator(by, say("reconciliation.what_break"))
        words = cleaned(reason)

        def unit(conn: Connection) -> list[Break]:
            return [self.resolve_in(conn, id, words, by.name) for id in dict.fromkeys(ids)]

        return await self._store.write(once.about(ids[0]).first(unit))

    def resolve_in(self, conn: Connection, id: str, reason: str, by: str) -> Break:
        """Close a break with words. Raises NotFoundProblem, ConflictProblem when it is not open."""
        now = to_micros(self._clock.now())
        known = break_records.held(conn, id)
        fresh = replace(known, state=BreakState.RESOLVED, closed_at=now, closed_by=by, reason=reason)
        if not step(conn, self.life, known, fresh):
            raise not_open(known)
        self._settle(conn, fresh)
        return fresh

    def reopen_in(self, conn: Connection, known: Break) -> None:
        """Open a resolved break again: what resolved it did not hold. Nothing happens to one that is not resolved."""
        fresh = replace(known, state=BreakState.OPEN, closed_at=None, closed_by=None, reason=None)
        if known.state is BreakState.RESOLVED and step(conn, self.life, known, fresh):
            self._settle(conn, fresh)

    def receipt_issued(self, conn: Connection, event: Event) -> None:
        """The receipt that was missing is there."""
        closed_at = to_micros(self._clock.now())
        for known in break_records.open_of_payment(conn, event.subject, BreakKind.RECEIPT_MISSING):
            fresh = replace(known, state=BreakState.CLEARED, closed_at=closed_at, closed_by=None, reason=RECEIPTED)
            step(conn, self.life, known, fresh)

    def _settle(self, conn: Connection, fresh: Break) -> None:
        """A person closed or opened a break: its payment's settlement follows."""
        if fresh.payment_id is not None:
            update_settlements(conn, self._events, fresh.channel, {fresh.payment_id})


def facts(about: Break) -> Mapping[str, Any]:
    """What every event says of a break."""
    return {
        "channel": about.channel,
        "side": about.side.value,
        "day": about.day_on.isoformat(),
        "kind": about.kind.value,
        "state": about.state.value,
        "code": about.code,
        "payment_id": about.payment_id,
    }


def step(conn: Connection, life: Living[BreakState, Break], known: Break, fresh: Break) -> bool:
    """Take a break from what it is to what it becomes, which its event tells. False when no step leads there."""
    return life.move(conn, fresh, fresh.state, **break_records.differing(known, fresh))


def not_open(known: Break) -> ConflictProblem:
    """What is refused for a break that somebody has closed already."""
    return ConflictProblem(say("reconciliation.break_state", state=known.state), type="break-not-open")


def cleaned(text: str) -> str:
    """Words of a person, cleaned. Raises InvalidProblem for none."""
    try:
        words = clean_text(text, multiline=True)
    except ValueError as problem:
        raise InvalidProblem(said_of(problem), field="reason") from problem
    if not words:
        raise InvalidProblem(say("reconciliation.reason"), field="reason")
    return words
