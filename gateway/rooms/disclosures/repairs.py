"""Credit repair 信用修复: forwarded to the authority, answered by two people on its clock, ended everywhere, verified.

The conditions are those of the order: the minimum period has passed, duties are performed (money that came here is
known), the breach is corrected, a commitment 信用承诺 was given. Nothing is granted while one of them is open. What was
granted ends the publication at every target that shows the decision; it is done when read-back has seen that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.access.desk import of_person
from gateway.foundation.base import Foundation
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import columns, reader
from gateway.foundation.two_persons import Part, Person
from gateway.ports.credit import RepairRequest
from gateway.rooms.decisions import Decision, Decisions
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.conditions import Case
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.performance import paid_in_full
from gateway.rooms.disclosures.publication import key_of, reason
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.rules import RepairTerm, Rules, Unrepairable
from gateway.rooms.disclosures.states import REPAIRS, SHOWN, RepairStatus, Status
from gateway.rooms.disclosures.tables import credit_repair
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import Sentence, say

CONDITIONS = {
    "minimum_period": "最短公示期限已经届满",
    "performed": "行政处罚决定规定的义务已经全部履行",
    "corrected": "违法行为已经改正",
    "commitment": "已经向社会公开作出信用承诺",
}
"""What a repair is granted upon, as the party is told of it; an open one is ``wanting`` under the same name."""
CARRIED_AT_ONCE = 200
_STILL_PUBLIC = (*SHOWN, Status.SHIELDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairAsk:
    """What was forwarded to the authority, or handed in there. Texts name the papers and where they are.

    ``performed``: proof that duties are performed, where the money did not come here.
    """

    received_on: date
    forwarded_by: str
    corrected: str | None = None
    commitment: str | None = None
    performed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The authority's answer: ``number`` of the decision on repair, or ``reason`` why not.

    With papers that came meanwhile.
    """

    grants: bool
    number: str | None = None
    reason: str | None = None
    corrected: str | None = None
    commitment: str | None = None
    performed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One request. ``answer_by_on``: the authority's last day; ``end_by_on``: the last day for every target to end.

    ``number`` and ``reason`` are of the answer: 信用修复决定书, or why not. Instants in microseconds.
    """

    id: str
    authority: str
    decision_id: str
    decision_number: str
    status: RepairStatus
    received_on: date
    forwarded_by: str
    corrected: str | None = None
    commitment: str | None = None
    performed: str | None = None
    answer_by_on: date
    answer_by_provisional: bool = False
    answer_citation: str
    grants: bool | None = None
    number: str | None = None
    reason: str | None = None
    end_by_on: date | None = None
    late_at: int | None = None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class RepairSight:
    """A request with what is still wanting, and what its confirmation sends back: None unless an answer waits."""

    repair: Repair
    wanting: dict[str, Sentence]
    seen: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairFilter:
    """Which requests a list shows, newest first. ``before``: the id at which the previous page ended.

    ``held_by``: in this person's hands, and not answered.
    """

    authorities: Collection[str] | None
    status: RepairStatus | None = None
    before: str | None = None
    limit: int = 50
    held_by: str | None = None


_repair = reader(Repair)
_t = credit_repair
_BY_ID = select(_t).where(_t.c.id == bindparam("id"))
_LOCKED = _BY_ID.with_for_update()
_CHANGE = update(_t).where(_t.c.id == bindparam("of"))
_GRANTED = (
    select(_t)
    .where(_t.c.status == constant(RepairStatus.GRANTED.value), _t.c.id > bindparam("after"))
    .order_by(_t.c.id)
    .limit(CARRIED_AT_ONCE)
)
_OPEN = _t.c.status.in_([constant(one.value) for one in (RepairStatus.RECEIVED, RepairStatus.PROPOSED)])
_RESTING = (
    select(_t)
    .where(_OPEN, _t.c.answer_by_provisional | (_t.c.answer_by_on >= bindparam("since")), _t.c.id > bindparam("after"))
    .order_by(_t.c.id)
    .limit(bindparam("most"))
)
_HOW_MANY_REST = select(func.count()).select_from(_t).where(_OPEN, _t.c.answer_by_provisional)
_NEVER_ENDING = date(9999, 12, 31)
_LATE = select(_t).where(
    _t.c.late_at.is_(None),
    (_OPEN & (_t.c.answer_by_on < bindparam("today")))
    | ((_t.c.status == constant(RepairStatus.GRANTED.value)) & (_t.c.end_by_on < bindparam("today"))),
)


def provisional(conn: Connection) -> int:
    """How many last days of the room rest on days that are not published: to publish, to withdraw, to answer."""
    return records.provisional(conn) + int(conn.execute(_HOW_MANY_REST).scalar_one())


def find(conn: Connection, wanted: RepairFilter) -> list[Repair]:
    """Requests, newest first."""
    query = select(_t).order_by(_t.c.id.desc()).limit(wanted.limit)
    if wanted.authorities is not None:
        query = query.where(_t.c.authority.in_(list(wanted.authorities)))
    if wanted.status is not None:
        query = query.where(_t.c.status == wanted.status.value)
    if wanted.held_by is not None:
        query = query.where(_OPEN, _t.c.id.in_(of_person(wanted.held_by)))
    if wanted.before is not None:
        query = query.where(_t.c.id < wanted.before)
    return [_repair(row) for row in conn.execute(query).mappings()]


class Repairs:
    """Takes requests for repair, has them answered by two people, and ends what was granted everywhere."""

    def __init__(self, base: Foundation, decisions: Decisions, effects: Effects, rules: Rules) -> None:
        self._base = base
        self._decisions = decisions
        self._effects = effects
        self._rules = rules
        self._life: Living[RepairStatus, Repair] = Living(
            REPAIRS, base.events, base.clock, lambda one: {"decision_number": one.decision_number}
        )

    async def receive(self, authority: str, number: str, ask: RepairAsk, *, once: Once = NEVER) -> str:
        """Take a request in; its id.

        Raises NotFoundProblem, InvalidProblem for a day to come, and ConflictProblem where one is open, or nothing is
        public.
        """
        repair_id, now = new_id("rpr"), to_micros(self._base.clock.now())
        if ask.received_on > day_of(self._base.clock.now()):
            raise InvalidProblem(say("disclosures.repair_in_future"), field="received_on")

        def unit(conn: Connection) -> None:
            decision = self._decisions.read(conn, authority, number, hold=True)
            shown = self._public(conn, decision.id)
            if not shown:
                raise ConflictProblem(say("disclosures.nothing_to_repair"), type="nothing-to-repair")
            term = self._term(shown)
            last = self._base.reckoning.of(authority).calendar.add_working_days(ask.received_on, term.working_days)
            new = Repair(
                id=repair_id,
                authority=authority,
                decision_id=decision.id,
                decision_number=decision.number,
                status=RepairStatus.RECEIVED,
                received_on=ask.received_on,
                forwarded_by=ask.forwarded_by,
                corrected=ask.corrected,
                commitment=ask.commitment,
                performed=ask.performed,
                answer_by_on=last.value,
                answer_by_provisional=last.provisional,
                answer_citation=term.citation,
                created_at=now,
                updated_at=now,
            )
            conn.execute(insert(_t), columns(new))
            self._life.begin(conn, new, answer_by_on=str(last.value), provisional=last.provisional)

        try:
            await self._base.store.write(once.about(repair_id).first(unit))
        except IntegrityError as error:
            raise ConflictProblem(say("disclosures.repair_open"), type="repair-open") from error
        return repair_id

    async def answer(self, repair_id: str, said: Answer, *, by: Person, once: Once = NEVER) -> None:
        """One person proposes the answer; nothing leaves before another one confirms it.

        Raises NotFoundProblem, ConflictProblem, InvalidProblem naming each condition that is open, or what is missing.
        """
        if not by.operator and by.officer is None:
            raise InvalidProblem(say("disclosures.repair_officer"), field="officer")
        field = "number" if said.grants else "reason"
        if getattr(said, field) is None:
            raise InvalidProblem(say("disclosures.repair_words"), field=field)
        papers = ("corrected", "commitment", "performed")
        came = {name: paper for name in papers if (paper := getattr(said, name)) is not None}

        def unit(conn: Connection) -> None:
            one = replace(self._held(conn, repair_id), **came)
            if said.grants and (wanting := self._wanting(conn, one)):
                raise _unfulfilled(wanting)
            values = {"grants": said.grants, "number": said.number, "reason": said.reason, **came}
            if not self._life.move(conn, one, RepairStatus.PROPOSED, tell={"grants": said.grants}, **values):
                raise _elsewhere(one)
            self._base.two_persons.took_part(conn, one.id, by, Part.PROPOSED)

        await self._base.store.write(once.about(repair_id).first(unit))

    async def confirm(self, repair_id: str, seen: str, *, by: Person, once: Once = NEVER) -> None:
        """Another person confirms the answer as it was seen. What is granted ends at every target at once.

        Raises NotFoundProblem, ConflictProblem, InvalidProblem, and a 403 Problem for a case system.
        """
        now = self._base.clock.now()

        def unit(conn: Connection) -> None:
            one = self._held(conn, repair_id)
            if one.status is not RepairStatus.PROPOSED:
                raise _elsewhere(one)
            if one.grants and (wanting := self._wanting(conn, one)):
                raise _unfulfilled(wanting)
            if not self._base.two_persons.confirm(conn, one.id, by, seen=seen, face=_face(one)):
                return
            if not one.grants:
                decision = fetch_decision(conn, self._base.envelope, one.decision_id)
                self._life.move(conn, one, RepairStatus.REFUSED, tell={"reason": reason(one.reason or "", decision)})
                return
            shown = self._public(conn, one.decision_id)
            days = self._term(shown).relay_working_days if shown else 0
            last = self._base.reckoning.of(one.authority).calendar.add_working_days(day_of(now), days).value
            tell = {"number": one.number, "end_by_on": str(last)}
            self._life.move(conn, one, RepairStatus.GRANTED, tell=tell, end_by_on=last)
            self._carry_out(conn, self._held(conn, one.id), to_micros(now))

        await self._base.store.write(once.about(repair_id).first(unit))
        self._base.delivery.wake()

    async def view(self, repair_id: str) -> RepairSight:
        """One request. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self.look(conn, repair_id))

    def look(self, conn: Connection, repair_id: str) -> RepairSight:
        """``view`` inside a query or unit of the caller's."""
        row = conn.execute(_BY_ID, {"id": repair_id}).mappings().first()
        if row is None:
            raise NotFoundProblem(say("disclosures.no_repair"))
        one = _repair(row)
        waits = one.status is RepairStatus.PROPOSED
        seen = self._base.two_persons.seen(_face(one)) if waits else None
        open_ = waits or one.status is RepairStatus.RECEIVED
        return RepairSight(one, self._wanting(conn, one) if open_ else {}, seen)

    async def find(self, wanted: RepairFilter) -> list[Repair]:
        """Requests, newest first."""
        return await self._base.store.read(lambda conn: find(conn, wanted))

    async def sweep(self) -> int:
        """Carry on what was granted, and raise each alarm once about an answer or an end that is late; how many."""
        now = self._base.clock.now()
        at, today = to_micros(now), day_of(now)

        def carry(conn: Connection, after: str) -> Sequence[str]:
            rows = [_repair(row) for row in conn.execute(_GRANTED, {"after": after}).mappings()]
            for one in rows:
                self._carry_out(conn, self._held(conn, one.id), at)
            return [one.id for one in rows]

        def alarm(conn: Connection) -> int:
            late = [_repair(row) for row in conn.execute(_LATE, {"today": today}).mappings()]
            for one in late:
                conn.execute(_CHANGE, {"of": one.id, "late_at": at, "updated_at": at})
                by = one.end_by_on if one.status is RepairStatus.GRANTED else one.answer_by_on
                self._tell(conn, one, "late", last_day=str(by), status=one.status.value)
            return len(late)

        done, after = 0, ""
        while ids := await self._base.store.write(lambda conn, after=after: carry(conn, after)):  # type: ignore[misc]
            done, after = done + len(ids), ids[-1]
        done += await self._base.store.write(alarm)
        if done:
            self._base.delivery.wake()
        return done

    def recount(self, conn: Connection, since: date | None, after: str, most: int) -> Mapping[str, bool]:
        """Count open answers' last days anew that are provisional, or with ``since`` lie then or later.

        Whether each moved; ``credit_repair.deadline`` tells of it.
        """
        given = {"since": since or _NEVER_ENDING, "after": after, "most": most}
        rows = [_repair(row) for row in conn.execute(_RESTING, given).mappings()]
        return {one.id: self._moved(conn, self._held(conn, one.id)) for one in rows}

    def require_repairable(self, conn: Connection, decision: Decision, one: Disclosure) -> None:
        """That no row keeps a publication until its end. Raises InvalidProblem."""
        if (never := self._never(conn, decision, one)) is not None:
            said = say("disclosures.repair_never", reason=never.reason, citation=never.citation)
            raise _unfulfilled({"penalty_kinds": said})

    # --- inside -------------------------------------------------------------------------------------------------------

    def _moved(self, conn: Connection, one: Repair) -> bool:
        shown = self._public(conn, one.decision_id)
        if not shown or one.status not in (RepairStatus.RECEIVED, RepairStatus.PROPOSED):
            return False
        calendar = self._base.reckoning.of(one.authority).calendar
        last = calendar.add_working_days(one.received_on, self._term(shown).working_days)
        if (last.value, last.provisional) == (one.answer_by_on, one.answer_by_provisional):
            return False
        at = to_micros(self._base.clock.now())
        days = {"answer_by_on": last.value, "answer_by_provisional": last.provisional, "updated_at": at}
        conn.execute(_CHANGE, {"of": one.id, **days})
        told = {"answer_by_on": str(last.value), "answer_by_on_before": str(one.answer_by_on)}
        self._tell(conn, one, "deadline", **told, provisional=last.provisional)
        return True

    def _held(self, conn: Connection, repair_id: str) -> Repair:
        row = conn.execute(_LOCKED, {"id": repair_id}).mappings().first()
        if row is None:
            raise NotFoundProblem(say("disclosures.no_repair"))
        return _repair(row)

    def _carry_out(self, conn: Connection, repair: Repair, now: int) -> None:
        """Have every target end it that shows it and is free; done once none shows it any more."""
        left = self._public(conn, repair.decision_id)
        for each in left:
            one = self._effects.lock(conn, each.id)
            if one.status in _STILL_PUBLIC and one.effect is None and one.withdraw_wanted_at is None:
                assert repair.number is not None, "what is granted has a number"
                send_repair(conn, self._effects, one, repair.number, now)
        if not left:
            self._life.move(conn, repair, RepairStatus.DONE)

    def _wanting(self, conn: Connection, repair: Repair) -> dict[str, Sentence]:
        """The conditions that are open, by the name of what would fulfil them."""
        decision = self._decisions.read(conn, repair.authority, repair.decision_number)
        wanting: dict[str, Sentence] = {}
        today = day_of(self._base.clock.now())
        earliest = max((one.repair_from_on or today for one in self._public(conn, decision.id)), default=today)
        if earliest > today:
            wanting["minimum_period"] = say("disclosures.repair_minimum", earliest=earliest)
        if not repair.performed and not paid_in_full(conn, decision.id, decision.facts):
            wanting["performed"] = say("disclosures.repair_performed")
        if not repair.corrected:
            wanting["corrected"] = say("disclosures.repair_corrected")
        if not repair.commitment:
            wanting["commitment"] = say("disclosures.repair_commitment")
        return wanting

    def _public(self, conn: Connection, decision_id: str) -> list[Disclosure]:
        """What of a decision is public and can be repaired."""
        shown = [one for one in records.of_decision(conn, decision_id) if one.status in _STILL_PUBLIC]
        decision = fetch_decision(conn, self._base.envelope, decision_id) if shown else None
        return [one for one in shown if decision is None or self._never(conn, decision, one) is None]

    def _never(self, conn: Connection, decision: Decision, one: Disclosure) -> Unrepairable | None:
        """The row by which a publication is not ended early."""
        today = day_of(self._base.clock.now())
        organ = records.organ_of(conn, one.authority, today)
        code = "" if organ is None else organ.code
        case = Case(decision.facts, code, one.target, self._effects.adapter_of(one.target))
        return self._rules.unrepairable_at(case, today)

    def _term(self, shown: Sequence[Disclosure]) -> RepairTerm:
        """The shortest of the terms of those targets that show it."""
        today = day_of(self._base.clock.now())
        adapters = [(one.target, self._effects.adapter_of(one.target)) for one in shown]
        return min((self._rules.repair_term(*names, today) for names in adapters), key=lambda one: one.working_days)

    def _tell(self, conn: Connection, repair: Repair, what: str, **data: Any) -> None:
        told = {"decision_number": repair.decision_number, **data}
        self._base.events.emit(
            conn, type=f"credit_repair.{what}", subject=repair.id, authority=repair.authority, data=told
        )


def send_repair(conn: Connection, effects: Effects, one: Disclosure, number: str, now: int) -> None:
    """Have a target end a publication after repair, with what else it shows of the same breach."""
    records.change(conn, one.id, now, repair_number=number)
    effects.tell(conn, one, "repair_requested", repair_number=number)
    key = key_of(one.sent(effects.envelope))
    ask = RepairRequest(reference=effects.new_reference(one), key=key, repair_number=number, inspections=True)
    effects.send(conn, one, "repair", ask, now)


def require_performed(conn: Connection, decision: Decision, proof: str | None) -> None:
    """That duties are performed, as far as money tells, or that there is proof. Raises InvalidProblem."""
    if not proof and not paid_in_full(conn, decision.id, decision.facts):
        raise _unfulfilled({"performed": say("disclosures.repair_performed")})


def _face(repair: Repair) -> dict[str, Any]:
    parts = ("grants", "number", "reason", "corrected", "commitment", "performed")
    return {"repair": repair.id, **{name: getattr(repair, name) for name in parts}}


def _unfulfilled(wanting: dict[str, Sentence]) -> InvalidProblem:
    return InvalidProblem(
        say("disclosures.repair_wanting", wanting=list(wanting.values())),
        type="repair-conditions",
        field=next(iter(wanting)),
        errors=[{"field": name, "in": "repair", "reason": words} for name, words in wanting.items()],
    )


def _elsewhere(one: Repair) -> ConflictProblem:
    return ConflictProblem(say("disclosures.repair_status", status=one.status), type="repair-answered")
