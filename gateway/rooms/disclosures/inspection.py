"""The inspection 公示巡查: everything that is public is looked at again and again, and what must not be is looked for.

A look reads what the public sees at a target, and at the copies of it that are known. What is amiss becomes an open
finding: what must not be public any more is taken off again by the gateway itself; the rest waits for a person.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Action, Done, Operation, Outcome
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Person, require_operator
from gateway.rooms.disclosures import findings as found
from gateway.rooms.disclosures import questions, records
from gateway.rooms.disclosures.comparison import Kind, judge
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.ending import OVER as PERIOD_OVER
from gateway.rooms.disclosures.ending import Ending
from gateway.rooms.disclosures.findings import Finding, FindingFilter, Findings
from gateway.rooms.disclosures.inspection_report import InspectionReport, with_findings
from gateway.rooms.disclosures.marks import Marks
from gateway.rooms.disclosures.options import Rounds
from gateway.rooms.disclosures.questions import LookQuery, Page
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import OVER, SHOWN, FindingStatus, Status
from gateway.words.clock import day_of, from_micros, to_micros
from gateway.words.errors import ConflictProblem, NotFoundProblem
from gateway.words.saying import say

AT_ONCE = 500
"""Looks that are begun in one transaction."""


class Inspection:
    """Looks, judges what was seen, and lets people settle what is amiss."""

    def __init__(
        self, base: Foundation, effects: Effects, findings: Findings, ending: Ending, marks: Marks, rounds: Rounds
    ) -> None:
        self._base = base
        self._effects = effects
        self._findings = findings
        self._ending = ending
        self._marks = marks
        self._rounds = rounds

    def action(self) -> Action:
        """The question that a look is."""
        return Action(
            name="credit.look",
            request_model=LookQuery,
            answer_model=Page,
            call=questions.look,
            check=questions.check_page,
            record=self._looked,
            effectful=False,
            hands_over=questions.hands_over,
        )

    async def sweep(self) -> int:
        """Begin the looks that are due today, and have marks set that targets do not show yet; how many."""
        done, more = await self._base.store.write(self._mark), True
        while more:
            count = await self._base.store.write(self._begin)
            done, more = done + count, count >= AT_ONCE
        if done:
            self._base.delivery.wake()
        return done

    async def look_now(self, disclosure_id: str, *, of: Container[str] | None = None, once: Once = NEVER) -> None:
        """Have one disclosure looked at, whenever that is due. ``of``: whose the caller may know.

        Raises NotFoundProblem, ConflictProblem.
        """

        def unit(conn: Connection) -> None:
            one = self._effects.lock(conn, disclosure_id, of)
            if not self._is_looked_at(one):
                raise ConflictProblem(say("disclosures.nothing_to_see", status=one.status), type="disclosure-not-shown")
            self._effects.asking.look(conn, one, self._places(one))

        await self._base.store.write(once.about(disclosure_id).first(unit))
        self._base.delivery.wake()

    async def find(self, wanted: FindingFilter) -> list[Finding]:
        """What is amiss, newest first."""
        return await self._base.store.read(lambda conn: found.find(conn, wanted))

    async def report(
        self, authorities: Collection[str] | None, *, every: bool = False
    ) -> tuple[InspectionReport, list[Finding]]:
        """How much is shown, looked at and amiss; with ``every``, each open finding too. None: of every authority."""
        now, days = self._base.clock.now(), self._rounds.every_days
        return await self._base.store.read(lambda conn: with_findings(conn, authorities, now, days, every=every))

    async def held(self, finding_id: str) -> Finding:
        """One finding. Raises NotFoundProblem."""
        one = await self._base.store.read(lambda conn: found.fetch(conn, finding_id))
        if one is None:
            raise NotFoundProblem(say("disclosures.no_finding"))
        return one

    async def settle(
        self,
        finding_id: str,
        action: Literal["explained", "send_again"],
        explanation: str,
        *,
        by: Person,
        once: Once = NEVER,
    ) -> None:
        """A person handles what is amiss: explains it, or has what should be seen sent again, and then looked at.

        Raises NotFoundProblem, ConflictProblem, and a 403 Problem for a case system.
        """
        require_operator(by, say("disclosures.settling"))
        at = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> str:
            one = found.lock(conn, finding_id)
            if one is None:
                raise NotFoundProblem(say("disclosures.no_finding"))
            if one.status is not FindingStatus.OPEN:
                raise ConflictProblem(say("disclosures.finding_closed", status=one.status), type="finding-closed")
            if action == "explained":
                self._findings.settle(conn, one, by.name, explanation)
            else:
                self._send_again(conn, one, explanation, at)
            return one.place

        self._base.delivery.wake(await self._base.store.write(once.about(finding_id).first(unit)))

    # --- looking ------------------------------------------------------------------------------------------------------

    def _mark(self, conn: Connection) -> int:
        due = records.unmarked(conn, AT_ONCE)
        for one in due:
            self._marks.show(conn, self._effects.lock(conn, one.id), to_micros(self._base.clock.now()))
        return len(due)

    def _begin(self, conn: Connection) -> int:
        now = self._base.clock.now()
        today = day_of(now)
        due = records.to_look_at(conn, today, AT_ONCE)
        for one in due:
            self._effects.asking.look(conn, one, self._places(one) if self._is_looked_at(one) else ())
            records.look_next(conn, one.id, self._next(one, today))
            if self._is_over(one, today) and self._ending.is_late(one, today):
                at = to_micros(now)
                records.change(conn, one.id, at, end_late_at=at)
                self._effects.tell(conn, one, "end_late", publish_until_on=str(one.publish_until_on))
        return len(due)

    def _places(self, disclosure: Disclosure) -> tuple[str, ...]:
        return (disclosure.target, *self._rounds.copies.get(disclosure.target, ()))

    @staticmethod
    def _is_looked_at(disclosure: Disclosure) -> bool:
        shown_otherwise = disclosure.status is Status.ACCEPTED and disclosure.effect is None
        return shown_otherwise or disclosure.status in (*SHOWN, Status.SHIELDED, *OVER)

    @staticmethod
    def _is_over(disclosure: Disclosure, today: date) -> bool:
        until = disclosure.publish_until_on
        return disclosure.status in (*SHOWN, Status.SHIELDED) and until is not None and until < today

    def _next(self, one: Disclosure, today: date) -> date | None:
        """On which day it is looked at next, after today; None: never again."""
        if self._is_over(one, today):
            return today + timedelta(days=1)
        then = today + timedelta(days=self._rounds.every_days)
        if one.status in OVER:
            since = day_of(from_micros(one.updated_at))
            return then if then <= since + timedelta(days=self._rounds.after_days) else None
        if one.publish_until_on is not None:
            then = min(then, one.publish_until_on + timedelta(days=1))
        return then if self._is_looked_at(one) else None

    # --- judging ------------------------------------------------------------------------------------------------------

    def _looked(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What the public sees at a place. Where the disclosure has changed since it was asked, it is asked again."""
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Page):
            return
        one, page, now = self._effects.lock(conn, operation.subject), outcome.answer, self._base.clock.now()
        today, at = day_of(now), to_micros(now)
        latest = records.latest(conn, one.decision_id, one.target)
        if latest is None or latest.id != one.id:
            return  # the page is that of a later disclosure
        if one.updated_at > operation.created_at or (one.effect is not None and page.about == one.target):
            records.look_next(conn, one.id, today)
            return
        own = page.about == one.target
        records.look_next(conn, one.id, one.look_on, looked_at=at)
        public = page.entry is not None and page.entry.state == "published"
        if own and self._is_over(one, today):
            self._ending.reached(conn, one, public, today, at)
            return
        expected = one.status in (*SHOWN, Status.ACCEPTED) and not self._is_over(one, today)
        envelope = self._effects.envelope
        amiss = judge(expected, one.sent(envelope), one.former(envelope), page.entry)
        if amiss is not None and amiss.kind is Kind.MISSING and not own:
            amiss = None  # a copy owes the public nothing
        url = None if page.entry is None else page.entry.url
        self._findings.seen(conn, one, page.about, amiss, at, url)
        if amiss is None and own and page.entry is not None and one.status is Status.ACCEPTED:
            self._effects.move(conn, one, Status.PUBLISHED, published_on=page.entry.published_on, url=url)
        if amiss is not None:
            tomorrow = today + timedelta(days=1)
            records.look_next(conn, one.id, min(one.look_on or tomorrow, tomorrow))
            if own and amiss.kind is Kind.STILL_THERE:
                self._take_off_again(conn, one, at)

    def _take_off_again(self, conn: Connection, one: Disclosure, now: int) -> None:
        """What must not be public is, at its own target: a late copy of our own request, or another's hand."""
        match one.status:
            case Status.WITHDRAWN:
                self._effects.take_off(conn, one, "withdraw", one.withdraw_reason or "该公示已撤回", now)
            case Status.SHIELDED:
                self._effects.mark(conn, one, "shield", one.shield_reason or "暂时屏蔽", now)
            case Status.REPAIRED:
                self._effects.take_off(conn, one, "end", "信用修复，终止公示", now)
            case _:
                self._effects.take_off(conn, one, "end", PERIOD_OVER, now)

    def _send_again(self, conn: Connection, finding: Finding, reason: str, now: int) -> None:
        one = self._effects.lock(conn, finding.disclosure_id)
        if finding.place != one.target or finding.kind not in found.SEEN:
            raise ConflictProblem(say("disclosures.not_sent_again", place=finding.place), type="not-sent-again")
        states = (Status.ACCEPTED, *SHOWN, Status.SHIELDED, *OVER)
        self._effects.idle(conn, one.id, say("disclosures.sent_again"), None, states)
        if finding.kind is Kind.STILL_THERE:
            self._take_off_again(conn, one, now)
            return
        if finding.kind is Kind.MISSING:
            self._effects.submit(conn, one, now)
            return
        sent = one.sent(self._effects.envelope)
        pending = records.seal_record(self._effects.envelope, one.id, sent)
        records.change(conn, one.id, now, pending_sealed=pending, pending_version=one.decision_version)
        self._effects.correct(conn, one, sent, reason, now)
