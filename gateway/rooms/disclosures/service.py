"""What can be done with disclosures 公示.

One effect is under way per disclosure at a time: sent, judged by the target, then read back from its public page. A
withdrawal that is owed waits for what is under way, and then wins over everything.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Action, Event
from gateway.foundation.delivery.events import timeline
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Person, require_operator
from gateway.ports.credit import DisclosureRecord
from gateway.rooms.decisions import Decision, DecisionFacts, Decisions
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.answers import Answers
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.ending import Ending
from gateway.rooms.disclosures.explanation import Explanations
from gateway.rooms.disclosures.findings import Findings
from gateway.rooms.disclosures.following import Following
from gateway.rooms.disclosures.full_text import FullTexts
from gateway.rooms.disclosures.inspection import Inspection
from gateway.rooms.disclosures.marks import Marks
from gateway.rooms.disclosures.options import Publishing
from gateway.rooms.disclosures.outlook import Outlooks
from gateway.rooms.disclosures.planning import NOTHING_MORE, Intent, Planning, Told
from gateway.rooms.disclosures.publication import key_of, record
from gateway.rooms.disclosures.records import Disclosure, DisclosureFilter
from gateway.rooms.disclosures.repair_notice import RepairNotices
from gateway.rooms.disclosures.repairs import Repairs, require_performed, send_repair
from gateway.rooms.disclosures.rules import load
from gateway.rooms.disclosures.states import SHOWN, STANDING, Status
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.saying import say

Of = Container[str] | None


class Disclosures:
    """Publish, correct, withdraw and repair. ``following`` follows decisions, targets and days.

    ``texts`` shows full texts and has them confirmed; ``explanations``, ``notices`` and ``outlooks`` only read.
    ``marks``, ``repairs`` and ``inspection``: the services beside this one, over the same records.
    """

    def __init__(self, base: Foundation, decisions: Decisions, says: Publishing | None = None) -> None:
        says = says or Publishing()
        self._base = base
        self._decisions = decisions
        self._rules = says.rules or load()
        self._effects = Effects(base, self._rules)
        self.texts = FullTexts(base, decisions, says.full_text)
        self._planning = Planning(self._effects, base.channels, base.reckoning, self._rules, self.texts, says.reading)
        self.explanations = Explanations(base, decisions, self._planning)
        self.notices = RepairNotices(base, self.explanations, self._planning)
        self.outlooks = Outlooks(base, self._effects, dict(says.a_day))
        rounds, findings = says.rounds, Findings(base)
        self._findings = findings
        self.marks = Marks(base, self._effects, findings, says.appeals_at)
        self.following = Following(base, self._effects, self._planning, self.marks, self.outlooks, says.due_soon_days)
        self.repairs = Repairs(base, decisions, self._effects, self._rules)
        ending = Ending(self._effects, findings, base.envelope, rounds.grace_days, self._planning.sector)
        self.inspection = Inspection(base, self._effects, findings, ending, self.marks, rounds)

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: the effects at a target, the questions about them, and the look of the inspection."""
        answers = Answers(self._effects, self._findings, self._base.clock)
        return (*answers.actions(), self.inspection.action())

    # --- for case systems -------------------------------------------------------------------------------------------

    async def request(
        self,
        authority: str,
        number: str,
        *,
        targets: Sequence[str] | None = None,
        told: Told = NOTHING_MORE,
        once: Once = NEVER,
    ) -> tuple[str, ...]:
        """Publish a decision at the authority's targets, or at those named; the ids, one a target, in their order.

        Where the law or a target's profile forbids it, the disclosure is NOT_PUBLISHABLE and says by which rule.
        What is live already is returned as it is. What one target would refuse is entered at none: all that is wanting
        anywhere is told of.
        Raises NotFoundProblem, ConflictProblem, InvalidProblem.
        """
        now = self._base.clock.now()

        def unit(conn: Connection) -> dict[str, str]:
            decision = self._decisions.read(conn, authority, number, hold=True)
            return once.about(decision.id).first(lambda conn: self.enter(conn, decision, targets, told, now))(conn)

        entered = await self._base.store.write(unit)
        self._wake(entered)
        return tuple(entered.values())

    def enter(
        self, conn: Connection, decision: Decision, targets: Sequence[str] | None, told: Told, now: datetime
    ) -> dict[str, str]:
        """``request`` for a decision that a unit of the caller's holds; the ids by target.

        It is sent once the unit is committed and delivery is woken.
        """
        today, at = day_of(now), to_micros(now)
        if decision.revoked:
            raise ConflictProblem(say("disclosures.revoked"), type="decision-revoked")
        organ = self._planning.organ(conn, decision.authority, today)
        intents = self._planning.intents(conn, decision, organ, targets, told, today)
        return {one.target: self._planning.enter(conn, decision, organ, one, told, today, at) for one in intents}

    async def examine(
        self, authority: str, number: str, *, targets: Sequence[str] | None = None, told: Told = NOTHING_MORE
    ) -> tuple[Intent, ...]:
        """What ``request`` would do at each target, and all that each would refuse. Plans and sends nothing.

        Raises NotFoundProblem, ConflictProblem, InvalidProblem.
        """
        today = day_of(self._base.clock.now())

        def query(conn: Connection) -> tuple[Intent, ...]:
            decision = self._decisions.read(conn, authority, number)
            organ = self._planning.organ(conn, authority, today)
            return tuple(self._planning.judged(conn, decision, organ, targets, told, today))

        return await self._base.store.read(query)

    def foresee(self, conn: Connection, authority: str, number: str, facts: DecisionFacts) -> tuple[Intent, ...]:
        """``examine`` for a decision that is not stored, in a query of the caller's. Raises ConflictProblem."""
        now = self._base.clock.now()
        today, at = day_of(now), to_micros(now)
        decision = Decision("", authority, number, 1, facts, (), at, at)
        organ = self._planning.organ(conn, authority, today)
        return tuple(self._planning.judged(conn, decision, organ, None, NOTHING_MORE, today))

    async def release(self, disclosure_id: str, *, of: Of = None, once: Once = NEVER) -> None:
        """Have a draft sent, as it is kept: somebody has looked at it. ConflictProblem where it is none."""
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> str:
            held = self._effects.idle(conn, disclosure_id, say("disclosures.released"), of, (Status.DRAFT,))
            self._effects.move(conn, held, Status.PLANNED)
            self._effects.submit(conn, held, now)
            return held.target

        self._wake([await self._base.store.write(once.about(disclosure_id).first(unit))])

    async def correct(self, disclosure_id: str, reason: str, *, of: Of = None, once: Once = NEVER) -> None:
        """Replace what is shown by the decision's present facts 更正; number, organ and party stay.

        ``of``: whose disclosures the caller may know. Raises NotFoundProblem, and ConflictProblem unless it is shown
        and nothing else is under way.
        """
        now = self._base.clock.now()
        today, at = day_of(now), to_micros(now)

        def unit(conn: Connection) -> str:
            held = self._effects.idle(conn, disclosure_id, say("disclosures.corrected"), of, SHOWN)
            decision = self._decisions.read(conn, held.authority, held.decision_number)
            profile, organ = self._planning.profile_of(held.target), self._planning.organ(conn, held.authority, today)
            self._planning.require_complete_at(conn, decision, organ, held, today)
            assert held.publish_until_on is not None, "what is shown has an end"
            former = held.sent(self._base.envelope)
            text = self.texts.public(conn, decision)
            corrected = record(decision, organ, profile, held.publish_until_on, text)
            if key_of(corrected) != key_of(former):
                raise ConflictProblem(
                    say("disclosures.key_changed"),
                    type="disclosure-key-changed",
                )
            if corrected == former:
                raise ConflictProblem(
                    say("disclosures.nothing_to_correct"),
                    type="nothing-to-correct",
                )
            pending = records.seal_record(self._base.envelope, disclosure_id, corrected)
            records.change(conn, disclosure_id, at, pending_sealed=pending, pending_version=decision.version)
            self._effects.tell(conn, held, "correction_requested", reason=reason)
            self._effects.correct(conn, held, corrected, reason, at)
            return held.target

        self._wake([await self._base.store.write(once.about(disclosure_id).first(unit))])

    async def withdraw(self, disclosure_id: str, reason: str, *, of: Of = None, once: Once = NEVER) -> None:
        """Take a publication back 撤回, with an explanation for the public (行政处罚法 art. 48).

        What has not left us never will; what is under way is waited for; then the withdrawal wins. Withdrawing again
        changes nothing. ``of``: as in ``correct``. Raises NotFoundProblem, and ConflictProblem where nothing is
        published.
        """
        now = self._base.clock.now()

        def unit(conn: Connection) -> str:
            held = self._effects.lock(conn, disclosure_id, of)
            if held.status is not Status.WITHDRAWN:
                if held.status not in STANDING:
                    raise ConflictProblem(
                        say("disclosures.not_withdrawable", status=held.status),
                        type="disclosure-not-shown",
                        disclosure_status=held.status,
                    )
                self._effects.withdrawals.owe(conn, held, reason, day_of(now), to_micros(now))
            return held.target

        self._wake([await self._base.store.write(once.about(disclosure_id).first(unit))])

    async def repair(
        self,
        disclosure_id: str,
        repair_number: str,
        *,
        performed: str | None = None,
        of: Of = None,
        once: Once = NEVER,
    ) -> None:
        """End a publication early after repair 信用修复, under the number of the repair's decision.

        ``performed``: proof that duties are performed, where the money did not come here. ``of``: as in ``correct``.
        Raises NotFoundProblem, InvalidProblem before the minimum period has passed or duties are performed, and
        ConflictProblem unless it is shown and nothing else is under way.
        """
        now = self._base.clock.now()
        at = to_micros(now)

        def unit(conn: Connection) -> str:
            held = self._effects.idle(conn, disclosure_id, say("disclosures.repaired"), of, (*SHOWN, Status.SHIELDED))
            earliest = held.repair_from_on
            if earliest is not None and day_of(now) < earliest:
                raise InvalidProblem(
                    say("disclosures.minimum_period", earliest=earliest, citation=held.citation),
                    type="minimum-period",
                    earliest=str(earliest),
                )
            decision = self._decisions.read(conn, held.authority, held.decision_number)
            self.repairs.require_repairable(conn, decision, held)
            require_performed(conn, decision, performed)
            send_repair(conn, self._effects, held, repair_number, at)
            return held.target

        self._wake([await self._base.store.write(once.about(disclosure_id).first(unit))])

    async def held(self, disclosure_id: str) -> Disclosure:
        """One disclosure. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self._held(conn, disclosure_id))

    async def view(self, disclosure_id: str) -> tuple[Disclosure, list[Event]]:
        """One disclosure with its timeline, oldest first. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self.look(conn, disclosure_id))

    def look(self, conn: Connection, disclosure_id: str) -> tuple[Disclosure, list[Event]]:
        """``view`` inside a query or unit of the caller's."""
        return self._held(conn, disclosure_id), timeline(conn, disclosure_id)

    async def find(self, wanted: DisclosureFilter) -> list[Disclosure]:
        """Disclosures, newest first."""
        return await self._base.store.read(lambda conn: records.find(conn, wanted))

    def looking(self, targets: Sequence[str] | None) -> Callable[[Connection, str], list[Disclosure]]:
        """The disclosures of a decision, by its id, at these targets or all; in a query or unit of the caller's."""

        def look(conn: Connection, decision_id: str) -> list[Disclosure]:
            found = records.of_decision(conn, decision_id)
            return [one for one in found if targets is None or one.target in targets]

        return look

    async def of_decision(self, authority: str, number: str) -> list[Disclosure]:
        """All disclosures of a decision, oldest first. Raises NotFoundProblem."""

        def query(conn: Connection) -> list[Disclosure]:
            return records.of_decision(conn, self._decisions.read(conn, authority, number).id)

        return await self._base.store.read(query)

    def record_of(self, disclosure: Disclosure) -> DisclosureRecord | None:
        """What was sent to the target; None where nothing was."""
        return None if disclosure.record_sealed is None else disclosure.sent(self._base.envelope)

    async def end(self, disclosure_id: str, reason: str, *, by: Person, of: Of = None, once: Once = NEVER) -> None:
        """A person says that a publication ends although its duties are not performed. Nothing before its maximum.

        Raises NotFoundProblem, ConflictProblem where it does not wait for that, and a 403 Problem for a case system.
        """
        require_operator(by, say("disclosures.ending"))
        now = self._base.clock.now()

        def unit(conn: Connection) -> str:
            held = self._effects.lock(conn, disclosure_id, of)
            if held.end_held_at is None or held.end_reason is not None:
                raise ConflictProblem(say("disclosures.not_held"), type="end-not-held")
            records.change(conn, disclosure_id, to_micros(now), end_reason=reason)
            self._effects.tell(conn, held, "end_allowed", reason=reason, by=by.name)
            self._effects.asking.look(conn, held, (held.target,))
            return held.target

        self._wake([await self._base.store.write(once.about(disclosure_id).first(unit))])

    # --- inside -------------------------------------------------------------------------------------------------------

    def _held(self, conn: Connection, disclosure_id: str) -> Disclosure:
        found = records.fetch(conn, disclosure_id)
        if found is None:
            raise NotFoundProblem(say("disclosures.none"))
        return found

    def _wake(self, targets: Iterable[str]) -> None:
        for target in targets:
            self._base.delivery.wake(target)
