"""What can be done with decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store import Unit
from gateway.rooms.decisions import records
from gateway.rooms.decisions.clocks import Clocks, DueDate
from gateway.rooms.decisions.duties import next_duty
from gateway.rooms.decisions.facts import DecisionEvent, DecisionFacts, Officer
from gateway.rooms.decisions.history import check_appeals, check_day, check_event, check_unmasked
from gateway.rooms.decisions.parts import Part
from gateway.rooms.decisions.party import Warned
from gateway.rooms.decisions.records import Decision
from gateway.rooms.decisions.spot_fines import over_spot_limit
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import clean_text, new_id
from gateway.words.saying import Sentence, said_of, say
from gateway.words.spelling import number_key

if TYPE_CHECKING:
    from gateway.foundation.http.views import View

T = TypeVar("T")

_LONGEST_KEY = 256
_TOGETHER = 200
"""Decisions that are filled in by one transaction."""
_PATHS_OF_OURS = frozenset({"", "events", "explanation"})


@dataclass(frozen=True)
class Overview:
    """What hangs on a decision: the last day to pay, the parts of other rooms by name, and what must be done next."""

    due: DueDate | None
    parts: Mapping[str, Sequence[View]]
    next_duty: Sentence | None


class Decisions:
    """Facts as versions, and the events that move the clocks.

    Emits ``decision.recorded``, ``decision.amended`` and ``decision.<event kind>`` in the transaction of the change.
    """

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._envelope = base.envelope

    async def put(self, authority: str, number: str, facts: DecisionFacts, *, by: str) -> tuple[Decision, bool]:
        """Record the facts; the same facts again change nothing. Returns the decision and whether it is new.

        Another spelling of a known number is that decision; its number stays as it was printed first.

        Raises InvalidProblem, ConflictProblem.
        """
        return await self._base.store.write(self.putting(authority, number, facts, by=by))

    def putting(self, authority: str, number: str, facts: DecisionFacts, *, by: str) -> Unit[tuple[Decision, bool]]:
        """``put``, to be done in a unit of the caller's. Raises InvalidProblem."""
        number = _number(number)
        now = self._base.clock.now()
        if facts.decided_on > day_of(now):
            raise InvalidProblem(
                say("decisions.decided_in_future", decided_on=facts.decided_on),
                field="decided_on",
            )
        decision_id, at = new_id("dec"), to_micros(now)

        def unit(conn: Connection) -> tuple[Decision, bool]:
            known = records.fetch_by_number(conn, self._envelope, authority, number, hold=True)
            check_unmasked(facts, None if known is None else known.facts)
            if known is None:
                records.add(conn, self._envelope, decision_id, authority, number, facts, at)
                records.add_version(conn, self._envelope, decision_id, 1, facts, by, at)
                self._emit(conn, "decision.recorded", authority, decision_id, number)
                return Decision(decision_id, authority, number, 1, facts, (), at, at), True
            if known.facts == facts:
                return known, False
            if known.revoked:
                raise ConflictProblem(
                    say("decisions.revoked_facts"),
                    type="decision-revoked",
                )
            if not records.set_facts(conn, self._envelope, known.id, facts, known.version, at):
                raise ConflictProblem(say("decisions.changed_meanwhile"))
            records.add_version(conn, self._envelope, known.id, known.version + 1, facts, by, at)
            self._emit(conn, "decision.amended", authority, known.id, known.number)
            return self._again(conn, known.id), False

        return unit

    async def fill_parties(self) -> int:
        """Have parties found of which an earlier version recorded decisions. Returns of how many decisions."""
        filled, lately = 0, _TOGETHER
        while lately == _TOGETHER:
            lately = await self._base.store.write(lambda conn: records.fill_parties(conn, self._envelope, _TOGETHER))
            filled += lately
        return filled

    async def knows_party(self, indexes: Sequence[bytes]) -> bool:
        """Whether there is a decision against a party, by its ``records.party_indexes``."""
        return await self._base.store.read(lambda conn: conn.execute(records.of_party(indexes)).first() is not None)

    async def get(self, authority: str, number: str) -> Decision:
        """One decision. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self.read(conn, authority, number))

    async def see(self, authority: str, number: str, look: Callable[[Connection, Decision], T]) -> tuple[Decision, T]:
        """One decision, and what ``look`` sees of it in the same query. Raises NotFoundProblem."""

        def query(conn: Connection) -> tuple[Decision, T]:
            found = self.read(conn, authority, number)
            return found, look(conn, found)

        return await self._base.store.read(query)

    def read(self, conn: Connection, authority: str, number: str, *, hold: bool = False) -> Decision:
        """``get`` inside a query or unit of the caller's; ``hold``: nothing happens to it until the unit has ended."""
        found = records.fetch_by_number(conn, self._envelope, authority, _number(number), hold=hold)
        if found is None:
            raise NotFoundProblem(say("decisions.none"))
        return found

    def officers(self, conn: Connection, decision_id: str) -> tuple[Officer, ...]:
        """Who works a case 执法人员, for those who tell them something; none where nobody was named.

        In the caller's transaction. Personal data: for no event and no log.
        """
        return records.officers_of(conn, self._envelope, decision_id)

    async def record_event(
        self, authority: str, number: str, event: DecisionEvent, *, by: str, once: Once = NEVER
    ) -> Decision:
        """Record that something happened. The same event for the same day again changes nothing.

        ``once`` joins the transaction; what other rooms then owe is begun at once.
        Raises NotFoundProblem, InvalidProblem, ConflictProblem.
        """
        number = _number(number)
        now = self._base.clock.now()
        check_day(event, day_of(now))
        check_unmasked(event)

        def unit(conn: Connection) -> Decision:
            known = self.read(conn, authority, number, hold=True)
            once.about(known.id).begin(conn, once.done)
            if any(_as_told(one, event) == event for one in known.events):
                return known
            if known.revoked:
                raise ConflictProblem(say("decisions.revoked"), type="decision-revoked")
            check_event(event, known.facts, known.events, self.clocks(known).terms)
            check_appeals([*known.events, event])
            records.add_event(conn, self._envelope, known.id, event, by, to_micros(now))
            self._emit(conn, f"decision.{event.kind.value}", authority, known.id, known.number, on=str(event.on))
            return self._again(conn, known.id)

        recorded = await self._base.store.write(unit)
        self._base.delivery.wake()
        return recorded

    def clocks(self, decision: Decision) -> Clocks:
        """Every clock of a decision, by its events in force and the law's rows that count for it."""
        return Clocks(decision.facts, decision.events, self._base.reckoning.of(decision.authority))

    def clocks_of(self, conn: Connection, decision_id: str) -> Clocks:
        """``clocks`` of the decision with this id, which is there; in the caller's transaction."""
        return self.clocks(self._again(conn, decision_id))

    def warnings(self, decision: Decision) -> tuple[Warned, ...]:
        """What is unusual about a decision's facts and events and taken nevertheless."""
        twice = self.clocks(decision).twice_open()
        said = (Warned("events", say("decisions.warn_two_appeals", appeals=list(twice))),) if twice else ()
        return (
            *decision.facts.warnings(),
            *over_spot_limit(decision.facts, self._base.reckoning.of(decision.authority)),
            *said,
        )

    def due(self, decision: Decision) -> DueDate | None:
        """The last day to pay; None while not served."""
        return self.clocks(decision).due()

    async def overview(self, decision: Decision, parts: Sequence[Part]) -> Overview:
        """Everything about a decision: its clocks, what other rooms show of it, and what must be done next."""
        return await self._base.store.read(lambda conn: self.look(conn, decision, parts))

    def look(self, conn: Connection, decision: Decision, parts: Sequence[Part]) -> Overview:
        """``overview`` inside a query or unit of the caller's."""
        found = {part.name: part.of(conn, decision) for part in parts}
        clocks = self.clocks(decision)
        due = clocks.due()
        marks = frozenset(mark for one in found.values() for mark in one.marks)
        duty = next_duty(
            decision.facts,
            revoked=decision.revoked,
            serve=clocks.service_term(),
            due_on=due.on if due else None,
            marks=marks,
        )
        return Overview(due, {name: one.items for name, one in found.items()}, duty)

    def _again(self, conn: Connection, decision_id: str) -> Decision:
        found = records.fetch(conn, self._envelope, decision_id)
        assert found is not None
        return found

    def _emit(self, conn: Connection, type: str, authority: str, decision_id: str, number: str, **data: str) -> None:
        self._base.events.emit(
            conn, type=type, subject=decision_id, authority=authority, data={"decision_number": number, **data}
        )


def _as_told(known: DecisionEvent, told: DecisionEvent) -> DecisionEvent:
    """A known event as it would be told: without the id that an appeal was given here, where none is told."""
    return known.model_copy(update={"appeal": None}) if told.appeal is None else known


def _number(number: str) -> str:
    try:
        cleaned = clean_text(number).strip()
    except ValueError as problem:
        raise InvalidProblem(said_of(problem), field="number") from problem
    if not 1 <= len(cleaned) <= 128 or not 1 <= len(number_key(cleaned)) <= _LONGEST_KEY:
        raise InvalidProblem(say("decisions.number_length"), field="number")
    if any(part.strip().casefold() in _PATHS_OF_OURS for part in cleaned.split("/")):
        raise InvalidProblem(
            say("decisions.number_slashes"),
            field="number",
        )
    return cleaned
