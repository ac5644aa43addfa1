"""What can be done about breaks 差错: find them, read their story, say who looks into them, explain them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from gateway.foundation.delivery.events import Event, Events
from gateway.foundation.store import Store
from gateway.rooms.reconciliation import break_records
from gateway.rooms.reconciliation.break_records import EVERY_BREAK, Break, BreakFilter
from gateway.rooms.reconciliation.explanation import Explanation, explained
from gateway.rooms.reconciliation.matching import BreakKind
from gateway.rooms.reconciliation.settlement import update_settlements
from gateway.rooms.reconciliation.states import BreakState
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.identifiers import clean_text

Remember = Callable[[Connection, str], None]


def forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class Breaks:
    """The breaks of all channels. Emits ``break.opened``, ``break.closed`` and ``break.assigned``, and
    ``payment.settlement`` where a payment's settlement follows.

    Methods with ``_in`` join the caller's transaction.
    """

    def __init__(self, store: Store, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def find(
        self, wanted: BreakFilter = EVERY_BREAK, *, before: str | None = None, limit: int = 50
    ) -> list[Break]:
        """Breaks, newest first; ``before`` is the id at which the previous page ended."""
        return await self._store.read(lambda conn: break_records.find(conn, wanted, before=before, limit=limit))

    async def held(self, id: str) -> Break:
        """One break. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: break_records.held(conn, id))

    async def explain(self, id: str) -> Explanation:
        """The story of a break in plain words, with its exchanges. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: explained(conn, break_records.held(conn, id), self._clock.now()))

    async def resolve(self, id: str, reason: str, *, by: str, remember: Remember = forget) -> Break:
        """A person explains a break, also one of a closed month. It stays resolved while its figures stay the same.

        Moves no money and no payment. Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is not open.
        """
        (done,) = await self.resolve_many([id], reason, by=by, remember=remember)
        return done

    async def resolve_many(
        self, ids: Sequence[str], reason: str, *, by: str, remember: Remember = forget
    ) -> list[Break]:
        """One explanation for several breaks: all of them, or none. Raises what ``resolve`` raises."""
        words = cleaned(reason)

        def unit(conn: Connection) -> list[Break]:
            done = [self.resolve_in(conn, id, words, by) for id in dict.fromkeys(ids)]
            remember(conn, ids[0])
            return done

        return await self._store.write(unit)

    async def assign(self, id: str, assignee: str | None, *, by: str) -> Break:
        """Say who looks into a break; None: nobody. Raises NotFoundProblem, ConflictProblem when it is not open."""
        name = cleaned(assignee, "assignee")[:80] if assignee is not None else None

        def unit(conn: Connection) -> Break:
            known = break_records.held(conn, id)
            fresh = replace(known, assignee=name)
            if known.state is not BreakState.OPEN or not break_records.change(conn, known, fresh):
                raise not_open(known)
            tell(conn, self._events, "break.assigned", fresh, by=by)
            return fresh

        return await self._store.write(unit)

    def resolve_in(self, conn: Connection, id: str, reason: str, by: str) -> Break:
        """Close a break with words. Raises NotFoundProblem, ConflictProblem when it is not open."""
        now = to_micros(self._clock.now())
        known = break_records.held(conn, id)
        fresh = replace(known, state=BreakState.RESOLVED, closed_at=now, closed_by=by, reason=reason)
        if known.state is not BreakState.OPEN or not break_records.change(conn, known, fresh):
            raise not_open(known)
        self._told(conn, "break.closed", fresh, now)
        return fresh

    def reopen_in(self, conn: Connection, known: Break) -> None:
        """Open a resolved break again: what resolved it did not hold. Nothing happens to one that is not resolved."""
        fresh = replace(known, state=BreakState.OPEN, closed_at=None, closed_by=None, reason=None)
        if known.state is BreakState.RESOLVED and break_records.change(conn, known, fresh):
            self._told(conn, "break.opened", fresh, to_micros(self._clock.now()))

    def receipt_issued(self, conn: Connection, event: Event) -> None:
        """The receipt that was missing is there."""
        closed_at = to_micros(self._clock.now())
        for known in break_records.open_of_payment(conn, event.subject, BreakKind.RECEIPT_MISSING):
            fresh = replace(
                known, state=BreakState.CLEARED, closed_at=closed_at, closed_by=None, reason="其后已开具票据"
            )
            if break_records.change(conn, known, fresh):
                tell(conn, self._events, "break.closed", fresh)

    def _told(self, conn: Connection, type: str, fresh: Break, now: int) -> None:
        """Tell of a break that a person closed or opened; its payment's settlement follows."""
        tell(conn, self._events, type, fresh)
        if fresh.payment_id is not None:
            update_settlements(conn, self._events, fresh.channel, {fresh.payment_id}, now)


def tell(conn: Connection, events: Events, type: str, about: Break, **more: str) -> None:
    """Emit an event about a break."""
    events.emit(
        conn,
        type=type,
        subject=about.id,
        authority=about.authority,
        data={
            "channel": about.channel,
            "side": about.side.value,
            "day": about.day_on.isoformat(),
            "kind": about.kind.value,
            "state": about.state.value,
            "code": about.code,
            "payment_id": about.payment_id,
            **more,
        },
    )


def not_open(known: Break) -> ConflictProblem:
    """What is refused for a break that somebody has closed already."""
    return ConflictProblem(f"this break is {known.state}", type="break-not-open")


def cleaned(text: str, field: str = "reason") -> str:
    """Words of a person, cleaned. Raises InvalidProblem for none."""
    try:
        words = clean_text(text, multiline=True)
    except ValueError as problem:
        raise InvalidProblem(str(problem), field=field) from problem
    if not words:
        raise InvalidProblem("a resolution needs a reason" if field == "reason" else "this is empty", field=field)
    return words
