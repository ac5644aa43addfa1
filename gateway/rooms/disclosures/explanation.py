"""Why a decision is public at a target, or is not, until when, who must act next, and where each stands in the law.

It is answered before anything was asked for as well: then it says what a request would make of it. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.decisions import Decision, Decisions
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.deadlines import Degree
from gateway.rooms.disclosures.judging import Judgement, Plan, Refusal, Wanting
from gateway.rooms.disclosures.planning import NOTHING_MORE, Intent, Planning, Relied
from gateway.rooms.disclosures.publication import Organ
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import SHOWN, STANDING, Status
from gateway.words.clock import day_of
from gateway.words.saying import FieldName, Sentence, Word, say

Who = Literal["authority", "gateway", "target", "operator", "nobody"]
"""Who must act next: the authority's officers, this gateway, the target, a person at the gateway, or nobody."""
ClockName = Literal["pass_on", "publish", "withdraw", "repair", "end"]


@dataclass(frozen=True)
class Clock:
    """One of the clocks of a decision at a target.

    ``name``: ``pass_on`` and ``publish`` are last days of ours, ``withdraw`` too; ``repair`` is the first day on which
    a repair can be asked for, ``end`` the last day on which it is shown. ``state``: ``kept`` in time or not any more
    (``late``), ``running``, or ``over``.
    """

    name: ClockName
    day: date
    provisional: bool
    state: Literal["running", "kept", "late", "over"]
    citation: str


@dataclass(frozen=True)
class Next:
    """Who must act, what is to be done, and by which day, where there is one."""

    who: Who
    what: Sentence
    by: date | None = None


@dataclass(frozen=True)
class AtTarget:
    """Everything about a decision at one target. ``found``: what the rules of today say, whatever was done before."""

    target: str
    disclosure: Disclosure | None
    public: bool
    why: Sentence | str
    citation: str
    found: Judgement
    basis: Relied | None
    clocks: Sequence[Clock]
    next: Next

    @property
    def plan(self) -> Plan | None:
        """By what it is shown, or was while its period ran."""
        found = self.found.plan if isinstance(self.found, Refusal) else self.found
        return found if isinstance(found, Plan) else None

    @property
    def degree(self) -> Degree | None:
        """Its class 失信程度, where that is known."""
        return None if self.plan is None else self.plan.degree

    @property
    def regime(self) -> str | None:
        """The order by which it is shown."""
        return None if self.plan is None else self.plan.regime.citation

    @property
    def until(self) -> date | None:
        """The last day on which it is shown."""
        return next((one.day for one in self.clocks if one.name == "end"), None)


@dataclass(frozen=True)
class Explanation:
    """A decision at every target of its authority."""

    decision: Decision
    organ: Organ
    on: date
    targets: Sequence[AtTarget]


class Explanations:
    """Explains publication. Reads only."""

    def __init__(self, base: Foundation, decisions: Decisions, planning: Planning) -> None:
        self._base = base
        self._decisions = decisions
        self._planning = planning

    async def of(self, authority: str, number: str) -> Explanation:
        """A decision's publication today, at each target. Raises NotFoundProblem, ConflictProblem: no target at all."""
        today = day_of(self._base.clock.now())
        return await self._base.store.read(lambda conn: self.look(conn, authority, number, today))

    def look(self, conn: Connection, authority: str, number: str, today: date) -> Explanation:
        """``of`` inside a query of the caller's."""
        decision = self._decisions.read(conn, authority, number)
        organ = self._planning.organ(conn, authority, today)
        latest = {one.target: one for one in records.of_decision(conn, decision.id)}
        found = [
            self._at(decision, organ, intent, latest.get(intent.target), today)
            for intent in self._planning.judged(conn, decision, organ, None, NOTHING_MORE, today)
        ]
        return Explanation(decision, organ, today, found)

    def _at(self, decision: Decision, organ: Organ, intent: Intent, known: Disclosure | None, today: date) -> AtTarget:
        found = intent.found
        if known is not None and known.status in STANDING:
            found = self._planning.again(decision, organ, known, today)
        plan = found.plan if isinstance(found, Refusal) else found
        why, citation = _why(known, found, decision)
        return AtTarget(
            target=intent.target,
            disclosure=known,
            public=known is not None and known.status in SHOWN,
            why=why,
            citation=citation,
            found=found,
            basis=_basis_of(known) or intent.basis,
            clocks=_clocks(known, plan, today),
            next=_next(known, found, decision),
        )


def said(degree: Degree, decision: Decision) -> Sentence:
    """How a class came about, for people."""
    facts = decision.facts
    sure = say("disclosures.basis_confirm", confirm=degree.confirm) if degree.confirm else ""
    given = {"word": Word(degree.word), "kind": degree.kind, "sure": sure}
    if degree.by == "authority" and facts.seriousness_standard is not None:
        since = facts.seriousness_standard_on
        return say("disclosures.class_standard", **given, standard=facts.seriousness_standard, since=since)
    return say(f"disclosures.class_{degree.by}", **given)


def _basis_of(known: Disclosure | None) -> Relied | None:
    if known is None or known.basis_ground is None:
        return None
    return Relied(known.basis_ground, known.basis_citation or "")


def _why(known: Disclosure | None, found: Plan | Refusal | Wanting, decision: Decision) -> tuple[Sentence | str, str]:
    """Why it is public or not, and by which rule."""
    if known is not None:
        match known.status:
            case Status.PUBLISHED | Status.CORRECTED:
                return say("disclosures.why_shown", until=known.publish_until_on), known.citation
            case Status.SHIELDED:
                return say("disclosures.why_shielded", reason=known.shield_reason or ""), known.citation
            case Status.DRAFT | Status.PLANNED | Status.SUBMITTED | Status.ACCEPTED:
                return say("disclosures.why_on_the_way", status=known.status), known.submit_citation or known.citation
            case Status.REJECTED:
                return say("disclosures.why_rejected", reason=known.reason or ""), known.citation
            case Status.WITHDRAWN:
                reason = known.withdraw_reason or ""
                return say("disclosures.why_withdrawn", reason=reason), "行政处罚法 第四十八条"
            case Status.REPAIRED | Status.ENDED:
                return say("disclosures.why_over", status=known.status), known.citation
            case _:
                pass
    if decision.revoked:
        return say("disclosures.revoked"), "行政处罚法 第四十八条"
    match found:
        case Refusal(reason=reason, citation=citation):
            return reason, citation
        case Wanting(fields=fields, citation=citation, by=by):
            return say("disclosures.why_wanting", wanting=[*fields.values()], by=by.on), citation
        case Plan(by=by):
            return say("disclosures.why_to_publish", by=by.on), by.citation


def _clocks(known: Disclosure | None, judged: Plan | Wanting | None, today: date) -> list[Clock]:
    """Every clock that runs, or has run, at the target. What is incomplete has a last day like any other."""
    found: list[Clock] = []
    by = judged.by if judged is not None else None
    plan = judged if isinstance(judged, Plan) else None
    publish = known.submit_by_on if known is not None else by.on if by else None
    pass_on = known.pass_on_by_on if known is not None else by.pass_on if by else None
    provisional = known.submit_by_provisional if known is not None else by is not None and by.provisional
    cited = (known.submit_citation if known is not None else by.citation if by else None) or ""
    if pass_on is not None:
        done = known is not None and known.status is not Status.PLANNED
        late = known is not None and known.pass_on_late_at is not None
        found.append(Clock("pass_on", pass_on, provisional, _state(pass_on, today, done=done, late=late), cited))
    if publish is not None:
        done = known is not None and known.published_on is not None and known.published_on <= publish
        late = known is not None and (known.late_at is not None or (known.published_on or publish) > publish)
        found.append(Clock("publish", publish, provisional, _state(publish, today, done=done, late=late), cited))
    if known is not None and known.withdraw_wanted_at is not None and known.withdraw_by_on is not None:
        done, late = known.status is Status.WITHDRAWN, known.withdraw_late_at is not None
        state = _state(known.withdraw_by_on, today, done=done, late=late)
        cited = "行政处罚法 第四十八条、第八十五条"
        found.append(Clock("withdraw", known.withdraw_by_on, known.withdraw_by_provisional, state, cited))
    until = known.publish_until_on if known is not None else plan.until if plan else None
    repair = known.repair_from_on if known is not None else plan.repair_from if plan else None
    cited = known.citation if known is not None else plan.citation if plan else ""
    if repair is not None:
        found.append(Clock("repair", repair, False, "running" if today < repair else "over", cited))
    if until is not None:
        found.append(Clock("end", until, False, "running" if today <= until else "over", cited))
    return found


def _state(day: date, today: date, *, done: bool, late: bool) -> Literal["running", "kept", "late", "over"]:
    if late or (today > day and not done):
        return "late"
    return "kept" if done else "running"


def _next(known: Disclosure | None, found: Plan | Refusal | Wanting, decision: Decision) -> Next:
    """Who must act next."""
    if known is not None and known.in_doubt_since_at is not None:
        return Next("gateway", say("disclosures.next_doubt"))
    owed = known is not None and known.withdraw_wanted_at is not None and known.status is not Status.WITHDRAWN
    if known is not None and owed:
        who: Who = "target" if known.awaiting in ("verdict", "page") else "gateway"
        return Next(who, say("disclosures.next_withdraw"), known.withdraw_by_on)
    if known is not None:
        match known.status:
            case Status.PUBLISHED | Status.CORRECTED:
                return Next("nobody", say("disclosures.next_shown", until=known.publish_until_on))
            case Status.SHIELDED:
                return Next("authority", say("disclosures.next_unshield"))
            case Status.DRAFT:
                return Next("authority", say("disclosures.next_release"), known.pass_on_by_on or known.submit_by_on)
            case Status.PLANNED:
                return Next("gateway", say("disclosures.next_send"), known.pass_on_by_on or known.submit_by_on)
            case Status.SUBMITTED | Status.ACCEPTED:
                what = "next_verdict" if known.status is Status.SUBMITTED else "next_page"
                return Next("target", say(f"disclosures.{what}"), known.submit_by_on)
            case Status.REJECTED:
                return Next("authority", say("disclosures.next_mend"), known.submit_by_on)
            case Status.REPAIRED | Status.ENDED:
                return Next("nobody", say("disclosures.next_nothing"))
            case _:
                pass
    if decision.revoked:
        return Next("nobody", say("disclosures.next_nothing"))
    match found:
        case Wanting(fields=fields, by=by):
            complete = say("disclosures.next_complete", fields=[FieldName(one) for one in fields])
            return Next("authority", complete, by.ours)
        case Refusal(overridable=True):
            return Next("nobody", say("disclosures.next_override"))
        case Refusal():
            return Next("nobody", say("disclosures.next_nothing"))
        case Plan(by=by):
            return Next("authority", say("disclosures.next_ask"), by.ours)
