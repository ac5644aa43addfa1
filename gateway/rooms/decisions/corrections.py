"""Corrections 更正: an event that was recorded wrongly is corrected or voided; what was recorded stays visible.

Every clock is computed from the events in force, so that a correction moves due dates, surcharges and terms by itself;
other rooms hear ``decision.corrected`` with the old value and the new one. Where money has moved, or a publication
leans on the decision, a second person must agree to what they see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store.rows import columns, reader
from gateway.foundation.two_persons import Part, Person, require_operator
from gateway.rooms.decisions import records
from gateway.rooms.decisions.facts import DecisionEvent, EventKind
from gateway.rooms.decisions.history import check_appeals, check_day, check_event, check_unmasked
from gateway.rooms.decisions.records import Decision, RecordedEvent
from gateway.rooms.decisions.service import Decisions
from gateway.rooms.decisions.states import LIFE, CorrectionStatus
from gateway.rooms.decisions.tables import decision_correction
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import say

Leans = Callable[[Connection, str], bool]
"""Whether something of a room leans on a decision, by its id: money that moved, a publication."""


class At(NamedTuple):
    """Which event is meant: its decision's authority and number, and its own id."""

    authority: str
    number: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction of an event. ``event_sealed``: the event in its place, None where it is voided.

    ``officer``: for whom a case system spoke. ``authority`` is the decision's. Instants in microseconds.
    """

    id: str
    decision_id: str
    authority: str
    event_id: str
    status: CorrectionStatus
    reason: str
    proposed_by: str
    proposed_name: str
    created_at: int
    updated_at: int
    event_sealed: bytes | None = None
    officer: str | None = None
    confirmed_name: str | None = None
    withdrawn_because: str | None = None

    def event(self, envelope: Envelope) -> DecisionEvent | None:
        """What is to stand in the place of the event; None where it is voided."""
        if self.event_sealed is None:
            return None
        return DecisionEvent.model_validate_json(envelope.open(self.event_sealed, _context(self.id)))


@dataclass(frozen=True, slots=True)
class CorrectionSight:
    """A correction, what it puts in the event's place, and what its confirmation sends back: None unless it waits."""

    correction: Correction
    event: DecisionEvent | None
    seen: str | None


_read = reader(Correction)
_OF = (
    select(decision_correction)
    .where(decision_correction.c.decision_id == bindparam("id"))
    .order_by(decision_correction.c.id)
)


class Corrections:
    """Corrects and voids events of decisions; other rooms say what leans on a decision (``leaned_on``)."""

    def __init__(self, base: Foundation, decisions: Decisions) -> None:
        self._base = base
        self._decisions = decisions
        self._leans: list[Leans] = []
        self._life: Living[CorrectionStatus, Correction] = Living(
            LIFE, base.events, base.clock, lambda one: {"correction": one.id}, subject="decision_id"
        )

    def leaned_on(self, leans: Leans) -> None:
        """Ask a room whether something of its own leans on a decision, when an event of it is to be corrected."""
        self._leans.append(leans)

    async def correct(self, at: At, event: DecisionEvent | None, reason: str, *, by: Person, once: Once = NEVER) -> str:
        """Put ``event`` in the place of a recorded one, or void that (None). Returns the correction's id.

        It is in force at once, unless something leans on the decision: then it waits for a second person.
        Raises NotFoundProblem, InvalidProblem, ConflictProblem.
        """
        if not by.operator and by.officer is None:
            raise InvalidProblem(say("decisions.correction_officer"), field="officer")
        correction_id, now = new_id("dcr"), self._base.clock.now()

        def unit(conn: Connection) -> str:
            decision, old = self._recorded(conn, at)
            once.about(decision.id).begin(conn, once.done)
            if self._open(conn, decision, old.id) is not None:
                raise ConflictProblem(say("decisions.correction_open"), type="correction-exists")
            new = self.fitting(decision, old, event)
            leans = any(asks(conn, decision.id) for asks in self._leans)
            sealed = None if new is None else self._sealed(correction_id, new)
            made = Correction(
                id=correction_id,
                decision_id=decision.id,
                authority=decision.authority,
                event_id=old.id,
                status=CorrectionStatus.PROPOSED if leans else CorrectionStatus.APPLIED,
                reason=reason,
                proposed_by=by.id,
                proposed_name=by.name,
                officer=by.officer,
                event_sealed=sealed,
                created_at=to_micros(now),
                updated_at=to_micros(now),
            )
            conn.execute(insert(decision_correction), columns(made))
            self._base.two_persons.took_part(conn, correction_id, by, Part.PROPOSED)
            told = self._told(decision, old, new, made) if leans else self._apply(conn, decision, made, old, new)
            self._life.begin(conn, made, **told)
            return correction_id

        made_id = await self._base.store.write(unit)
        self._base.delivery.wake()
        return made_id

    def fitting(self, decision: Decision, old: RecordedEvent, event: DecisionEvent | None) -> DecisionEvent | None:
        """What would stand in the place of a recorded event; None where it is voided.

        Raises InvalidProblem and ConflictProblem for what cannot, as a day before the decision.
        """
        new = None if event is None else _with_appeal(event.unmasked_by(old.event), old)
        if new is not None:
            check_unmasked(new, old.event)
            check_day(new, day_of(self._base.clock.now()))
        self._check(decision, old, new)
        return new

    async def confirm(self, at: At, *, by: Person, seen: str, once: Once = NEVER) -> None:
        """A second person agrees to what they saw, and the correction is in force.

        Raises NotFoundProblem, InvalidProblem, ConflictProblem, and Problem 403 for a case system.
        """

        def unit(conn: Connection) -> None:
            decision, old = self._recorded(conn, at)
            once.about(decision.id).begin(conn, once.done)
            waits = self._waiting(conn, decision, old)
            self._base.two_persons.confirm(conn, waits.id, by, seen=seen, face=self._face(decision, old, waits))
            new = waits.event(self._base.envelope)
            self._check(decision, old, new)
            told = self._apply(conn, decision, waits, old, new)
            if not self._life.move(
                conn, waits, CorrectionStatus.APPLIED, tell=told | {"by": by.name}, confirmed_name=by.name
            ):
                raise NotFoundProblem(say("decisions.no_correction_waits"))

        await self._base.store.write(unit)
        self._base.delivery.wake()

    async def withdraw(self, at: At, reason: str, *, by: Person, once: Once = NEVER) -> None:
        """Take a correction back before anybody has agreed. Raises NotFoundProblem, and Problem 403 for a key."""
        require_operator(by, say("decisions.withdrawing_a_correction"))

        def unit(conn: Connection) -> None:
            decision, old = self._recorded(conn, at)
            once.about(decision.id).begin(conn, once.done)
            waits = self._waiting(conn, decision, old)
            self._base.two_persons.withdraws(conn, waits.id, by)
            told = {"decision_number": decision.number, "reason": reason, "by": by.name}
            self._life.move(conn, waits, CorrectionStatus.WITHDRAWN, tell=told, withdrawn_because=reason)

        await self._base.store.write(unit)

    async def of(self, decision: Decision) -> Sequence[CorrectionSight]:
        """All corrections of a decision, oldest first."""
        return await self._base.store.read(lambda conn: self.look(conn, decision))

    def look(self, conn: Connection, decision: Decision) -> Sequence[CorrectionSight]:
        """``of`` inside a query or unit of the caller's."""
        recorded = {one.id: one for one in decision.recorded}
        return [
            CorrectionSight(
                one,
                one.event(self._base.envelope),
                self._base.two_persons.seen(self._face(decision, recorded[one.event_id], one))
                if one.status is CorrectionStatus.PROPOSED
                else None,
            )
            for one in self._all(conn, decision)
        ]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _recorded(self, conn: Connection, at: At) -> tuple[Decision, RecordedEvent]:
        """The decision, held, and the event that is meant. Raises NotFoundProblem."""
        decision = self._decisions.read(conn, at.authority, at.number, hold=True)
        old = next((one for one in decision.recorded if one.id == at.event_id), None)
        if old is None:
            raise NotFoundProblem(say("decisions.no_event"))
        return decision, old

    def _all(self, conn: Connection, decision: Decision) -> list[Correction]:
        return [_read(row) for row in conn.execute(_OF, {"id": decision.id}).mappings()]

    def _open(self, conn: Connection, decision: Decision, event_id: str) -> Correction | None:
        open_ones = (one for one in self._all(conn, decision) if one.status is CorrectionStatus.PROPOSED)
        return next((one for one in open_ones if one.event_id == event_id), None)

    def _waiting(self, conn: Connection, decision: Decision, old: RecordedEvent) -> Correction:
        found = self._open(conn, decision, old.id)
        if found is None:
            raise NotFoundProblem(say("decisions.no_correction_waits"))
        return found

    def _check(self, decision: Decision, old: RecordedEvent, new: DecisionEvent | None) -> None:
        """Whether the events that remain fit together. Raises InvalidProblem, ConflictProblem."""
        if old.ended_by is not None:
            raise ConflictProblem(say("decisions.event_ended"), type="event-not-in-force")
        others = [one.event for one in decision.recorded if one.ended_by is None and one.id != old.id]
        if new is not None:
            if new.kind is not old.event.kind:
                raise InvalidProblem(say("decisions.other_kind", kind=old.event.kind), field="event.kind")
            if new == old.event:
                raise ConflictProblem(say("decisions.nothing_to_correct"), type="event-unchanged")
            check_event(new, decision.facts, others, self._decisions.clocks(decision).terms)
        check_appeals([*others, *([] if new is None else [new])])

    def _apply(
        self, conn: Connection, decision: Decision, made: Correction, old: RecordedEvent, new: DecisionEvent | None
    ) -> dict[str, Any]:
        """Have the correction count from now on; what its event tells."""
        now = to_micros(self._base.clock.now())
        if not records.end_event(conn, old.id, made.id):
            raise ConflictProblem(say("decisions.event_ended"), type="event-not-in-force")
        replaced = {}
        if new is not None:
            replaced["new_event_id"] = records.add_event(
                conn, self._base.envelope, decision.id, new, made.proposed_name, now, replaces=old.id
            )
        return self._told(decision, old, new, made) | replaced

    def _told(
        self, decision: Decision, old: RecordedEvent, new: DecisionEvent | None, made: Correction
    ) -> dict[str, Any]:
        """Old and new value, of the event and of the last day to pay. No personal data."""
        clocks = self._decisions.clocks(decision)
        others = [one.event for one in decision.recorded if one.ended_by is None and one.id != old.id]
        before, after = clocks.due(), replace(clocks, events=[*others, *([] if new is None else [new])]).due()
        return {
            "decision_number": decision.number,
            "event_id": old.id,
            "event": old.event.kind.value,
            "old": _plain(old.event),
            "new": None if new is None else _plain(new),
            "due_on_before": None if before is None else str(before.on),
            "due_on": None if after is None else str(after.on),
            "reason": made.reason,
            "by": made.proposed_name,
        }

    def _face(self, decision: Decision, old: RecordedEvent, made: Correction) -> Mapping[str, Any]:
        """What two people must agree about."""
        new = made.event(self._base.envelope)
        return {
            "correction": made.id,
            "decision": decision.version,
            "old": old.event.model_dump(mode="json"),
            "new": None if new is None else new.model_dump(mode="json"),
            "others": [one.id for one in decision.recorded if one.ended_by is None],
            "reason": made.reason,
        }

    def _sealed(self, correction_id: str, event: DecisionEvent) -> bytes:
        return self._base.envelope.seal(event.model_dump_json().encode(), _context(correction_id))


def _context(correction_id: str) -> str:
    return f"decision_correction|event|{correction_id}"


def _with_appeal(event: DecisionEvent, old: RecordedEvent) -> DecisionEvent:
    """A corrected appeal keeps its id, which its end names."""
    if event.kind is EventKind.APPEALED and event.appeal is None:
        return event.model_copy(update={"appeal": old.event.appeal})
    return event


def _plain(event: DecisionEvent) -> dict[str, Any]:
    """An event without what may name people."""
    return {"on": str(event.on), **{name: value for name, value in event.data().items() if name != "evidence"}}
