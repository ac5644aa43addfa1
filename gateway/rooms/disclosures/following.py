"""What follows for publications when a decision moves, a target answers by itself, a day passes, or a rule begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Event, Operation
from gateway.ports.base import Message
from gateway.ports.credit import VerdictNotice
from gateway.rooms.decisions import Decision, EventKind
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.disclosures import records, sweeps
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.marks import Marks
from gateway.rooms.disclosures.outlook import Outlooks
from gateway.rooms.disclosures.planning import Planning
from gateway.rooms.disclosures.recount import judge_again, recount
from gateway.rooms.disclosures.states import STANDING
from gateway.words.clock import day_of, to_micros


class Following:
    """Follows events, days and rules; each in the transaction of whoever tells of them, but for ``sweep``."""

    def __init__(
        self,
        base: Foundation,
        effects: Effects,
        planning: Planning,
        marks: Marks,
        outlooks: Outlooks,
        due_soon_days: Sequence[int],
    ) -> None:
        self._base = base
        self._effects = effects
        self._planning = planning
        self._marks = marks
        self._outlooks = outlooks
        self._due_soon_days = tuple(due_soon_days)

    def renewed(self, conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
        """People found out that a report never arrived: it goes again under a new reference.

        Unless a withdrawal is owed by now: then it never goes, and the withdrawal wins.
        """
        at = new.created_at
        records.change(conn, new.subject, at, effect_operation=new.id, effect_reference=new.reference)
        held = self._effects.lock(conn, new.subject)
        if held.withdraw_wanted_at is not None and held.effect != "withdraw":
            self._effects.withdrawals.stop_sending(conn, held, at)

    def take_notice(self, conn: Connection, channel: str, notice: VerdictNotice, _exchange_id: str) -> None:
        """A target says that it has decided: a hint to ask now."""
        found = records.fetch_by_reference(conn, channel, notice.reference)
        if found is not None:
            self._base.delivery.hurry(conn, channel, subject=found.id)

    def decision_moved(self, conn: Connection, event: Event) -> None:
        """A decision was changed or revoked: its publications are withdrawn. Amended: whatever follows is judged again.

        Appealed against, or not any more: it is marked so where that is shown.

        The clock of a withdrawal runs from the day of the event. A correction of the event moves what is
        owed for it. The reason is read by the public, so it never says why something is secret.
        """
        decision = fetch_decision(conn, self._base.envelope, event.subject)
        assert decision is not None
        now = self._base.clock.now()
        before = None
        if event.type in ("decision.appealed", "decision.appeal_ended", "decision.corrected"):
            self._marks.follow(conn, decision, to_micros(now))
        if event.type in ("decision.appealed", "decision.appeal_ended"):
            return
        if event.type == "decision.amended":
            for one in records.of_decision(conn, decision.id):
                judge_again(conn, self._effects, self._planning, one.id, now)
            return
        cause = _cause(decision)
        if event.type == "decision.corrected":
            before = _cause(decision.before(str(event.data["correction"])))
        if before == cause:
            return
        for one in records.of_decision(conn, decision.id):
            if one.status in STANDING:
                held = self._effects.lock(conn, one.id)
                if before is not None and held.withdraw_reason == before[0]:
                    self._effects.withdrawals.owe_otherwise(conn, held, cause, to_micros(now))
                elif cause is not None:
                    self._effects.withdrawals.owe(conn, held, *cause, to_micros(now))

    def published(self, conn: Connection, event: Event) -> None:
        """It is public: a period that runs from that day is known now."""
        now = self._base.clock.now()
        judge_again(conn, self._effects, self._planning, event.subject, now)
        sweeps.missed(conn, self._effects, event.subject, day_of(now), to_micros(now))
        decision = fetch_decision(conn, self._base.envelope, self._effects.lock(conn, event.subject).decision_id)
        if decision is not None:
            self._marks.follow(conn, decision, to_micros(now))

    def withdrawn(self, conn: Connection, event: Event) -> None:
        """It is public no more."""
        now = self._base.clock.now()
        sweeps.missed(conn, self._effects, event.subject, day_of(now), to_micros(now))

    async def sweep(self) -> int:
        """Tell what is due soon and what is late; how many changed.

        In as many transactions as it takes: what one has told of, the next one does not find any more.
        """
        now = self._base.clock.now()
        today = day_of(now)
        near = sweeps.windows(self._due_soon_days, today, self._base.reckoning.of(None).calendar)
        changed = await self._judge_again(now)
        more = True
        while more:
            count = await self._base.store.write(
                lambda conn: sweeps.sweep(conn, self._effects, near, today, to_micros(now))
            )
            changed, more = changed + count, count >= sweeps.SWEPT_AT_ONCE
        return changed + await self._base.store.write(lambda conn: self._outlooks.tell(conn, now))

    async def _judge_again(self, now: datetime) -> int:
        """Judge anew whatever was judged by other rules than those of today, in as many transactions as it takes."""
        digest, after, changed = self._planning.digest(day_of(now)), "", 0

        def unit(conn: Connection) -> list[bool]:
            nonlocal after
            ids = records.judged_otherwise(conn, digest, after, sweeps.JUDGED_AT_ONCE)
            after = [after, *ids][-1]
            return [judge_again(conn, self._effects, self._planning, one, now) for one in ids]

        while found := await self._base.store.write(unit):
            changed += sum(found)
        return changed

    def recount(self, conn: Connection, since: date | None, after: str, most: int) -> Mapping[str, bool]:
        """What is on the way, or owed, under a last day that is provisional, or with ``since`` lies then or later.

        Whether each moved; ``disclosure.deadline`` tells of it.
        """
        now = self._base.clock.now()
        ids = records.resting_on_days(conn, since, after, most)
        return {one: recount(conn, self._effects, self._planning, one, now) for one in ids}


def _cause(decision: Decision) -> tuple[str, date] | None:
    """Why a decision's publications are withdrawn, in words for the public, and the day of it; None for no reason."""
    causes = [one for one in decision.events if one.kind in (EventKind.CHANGED, EventKind.REVOKED)]
    if not causes:
        return None
    cause = causes[-1]
    words = "该行政处罚决定已被撤销" if cause.kind is EventKind.REVOKED else "该行政处罚决定已变更"
    return (f"{words}：{cause.reason}" if cause.reason else words)[:500], cause.on
