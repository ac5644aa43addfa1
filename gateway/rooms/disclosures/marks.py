"""Marks on what is shown: an objection 异议 or an appeal stands with it, a shielding 暂时屏蔽 hides it for a time.

An objection is marked at once (where a region's rule asks for that): as soon as nothing else is under way there.
An appeal is marked at the targets that the settings name: no order that was found asks every target to show it.
Shielding follows a ruling, mostly in bankruptcy (国办发〔2025〕22号): hidden, and shown again or ended after it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.once import NEVER, Once
from gateway.rooms.decisions import Decision, EventKind
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.comparison import Amiss, Kind
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.findings import Findings
from gateway.rooms.disclosures.questions import MarkEffect
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import SHOWN, STANDING, Status
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem
from gateway.words.saying import Sentence, say

Of = Container[str] | None
_BY_HAND = {
    "object": "异议标注",
    "settle": "取消异议标注",
    "appeal": "复议诉讼标注",
    "decide": "取消复议诉讼标注",
    "shield": "暂时屏蔽",
    "unshield": "恢复公示",
}
_WORDS = {"shield": say("disclosures.shielded"), "unshield": say("disclosures.unshielded")}


class Marks:
    """Objections, appeals and shielding. ``of``: whose disclosures the caller may know. Raises NotFoundProblem.

    ``appeals_at``: the targets that show that a decision is under appeal.
    """

    def __init__(self, base: Foundation, effects: Effects, findings: Findings, appeals_at: Container[str] = ()) -> None:
        self._base = base
        self._effects = effects
        self._findings = findings
        self._appeals_at = appeals_at

    async def object(self, disclosure_id: str, reason: str, *, of: Of = None, once: Once = NEVER) -> None:
        """Somebody objects to what is shown 异议. Once more changes nothing. ConflictProblem unless it is shown."""
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> str:
            one = self._effects.lock(conn, disclosure_id, of)
            if one.status not in SHOWN:
                raise _not_shown(one, say("disclosures.objected"))
            if one.objection_at is None:
                records.change(conn, one.id, now, objection_at=now, objection_reason=reason)
                self._effects.tell(conn, one, "objection", reason=reason)
                self.show(conn, self._effects.lock(conn, one.id), now)
            return one.target

        self._base.delivery.wake(await self._base.store.write(once.about(disclosure_id).first(unit)))

    async def settle(
        self,
        disclosure_id: str,
        outcome: Literal["upheld", "dismissed"],
        reason: str,
        *,
        of: Of = None,
        once: Once = NEVER,
    ) -> None:
        """The objection was answered: the mark goes. Upheld: what was wrong is corrected or withdrawn besides.

        ConflictProblem where there is none.
        """
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> str:
            one = self._effects.lock(conn, disclosure_id, of)
            if one.objection_at is None:
                raise ConflictProblem(say("disclosures.no_objection"), type="no-objection")
            records.change(conn, one.id, now, objection_at=None, objection_reason=None)
            self._effects.tell(conn, one, "objection_settled", outcome=outcome, reason=reason)
            self.show(conn, self._effects.lock(conn, one.id), now)
            return one.target

        self._base.delivery.wake(await self._base.store.write(once.about(disclosure_id).first(unit)))

    async def shield(self, disclosure_id: str, reason: str, *, of: Of = None, once: Once = NEVER) -> None:
        """Hide it for a time, on a ruling. ConflictProblem unless it is shown and nothing else is under way."""
        await self._shield(disclosure_id, "shield", reason, SHOWN, of, once)

    async def unshield(self, disclosure_id: str, reason: str, *, of: Of = None, once: Once = NEVER) -> None:
        """Show it again. ConflictProblem unless it is hidden and nothing else is under way."""
        await self._shield(disclosure_id, "unshield", reason, (Status.SHIELDED,), of, once)

    def show(self, conn: Connection, one: Disclosure, now: int) -> None:
        """Have the target show what is known of an objection, unless something is under way: then it comes later."""
        if one.status not in SHOWN or one.effect is not None or one.withdraw_wanted_at is not None:
            return
        if (one.objection_at is None) != (one.objection_marked_at is None):
            effect: MarkEffect = "settle" if one.objection_at is None else "object"
            self._mark(conn, one, effect, one.objection_reason or "异议已处理", now)
        elif (one.appeal_at is None) != (one.appeal_marked_at is None):
            ended = one.appeal_at is None
            words = "行政复议或者行政诉讼已终结" if ended else "该行政处罚决定正在行政复议或者行政诉讼中"
            self._mark(conn, one, "decide" if ended else "appeal", words, now)

    def follow(self, conn: Connection, decision: Decision, now: int) -> None:
        """A decision is appealed against, or is not any more: the targets that show it say so."""
        appealed = under_appeal(decision)
        for one in records.of_decision(conn, decision.id):
            if one.status in STANDING and one.target in self._appeals_at and appealed is (one.appeal_at is None):
                records.change(conn, one.id, now, appeal_at=now if appealed else None)
                self.show(conn, self._effects.lock(conn, one.id), now)

    async def _shield(
        self,
        disclosure_id: str,
        effect: Literal["shield", "unshield"],
        reason: str,
        states: Container[Status],
        of: Of,
        once: Once,
    ) -> None:
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> str:
            one = self._effects.idle(conn, disclosure_id, _WORDS[effect], of, states)
            records.change(conn, one.id, now, shield_reason=reason)
            self._effects.tell(conn, one, f"{effect}_requested", reason=reason)
            self._mark(conn, one, effect, reason, now)
            return one.target

        self._base.delivery.wake(await self._base.store.write(once.about(disclosure_id).first(unit)))

    def _mark(self, conn: Connection, one: Disclosure, effect: MarkEffect, reason: str, now: int) -> None:
        if not self._effects.mark(conn, one, effect, reason, now):
            self._findings.open(conn, one, one.target, Amiss(Kind.BY_HAND, (_BY_HAND[effect],)), now)


def under_appeal(decision: Decision) -> bool:
    """Whether a reconsideration 复议 or a suit 诉讼 about it is open."""
    ended = {one.appeal for one in decision.events if one.kind is EventKind.APPEAL_ENDED}
    return any(one.kind is EventKind.APPEALED and one.appeal not in ended for one in decision.events)


def _not_shown(one: Disclosure, word: Sentence) -> ConflictProblem:
    return ConflictProblem(
        say("disclosures.not_shown", status=one.status, word=word),
        type="disclosure-not-shown",
        disclosure_status=one.status,
    )
