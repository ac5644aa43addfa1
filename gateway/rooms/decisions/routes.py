"""Decisions over HTTP: facts as versions, events, and the one view of everything about a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import create_model

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.language import in_words
from gateway.foundation.http.persons import Plainly
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import RuleView, View, instant
from gateway.rooms.decisions import (
    Corrections,
    Decision,
    DecisionEvent,
    DecisionFacts,
    Decisions,
    EventKind,
    RecordedEvent,
)
from gateway.rooms.decisions.corrections import CorrectionSight
from gateway.rooms.decisions.facts import AppealKind
from gateway.rooms.decisions.parts import installed
from gateway.rooms.decisions.service import Overview
from gateway.rooms.decisions.states import CorrectionStatus

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("decisions:read"))]
Writer = Annotated[Principal, Depends(may("decisions:write"))]
TheDecisions = Annotated[Decisions, Depends(service(Decisions))]
TheCorrections = Annotated[Corrections, Depends(service(Corrections))]
Authority = Annotated[str, Path(min_length=1, max_length=40)]
Number = Annotated[str, Path(min_length=1, max_length=128, description="decision number 决定书文号, percent-encoded")]


class DueView(View):
    """The last day to pay; ``provisional`` while the holidays of that time are not published yet. ``rule``: by which
    row of the law, null where a deferral names the day.
    """

    on: date
    provisional: bool
    because: str
    rule: RuleView | None


class DecisionEventView(View):
    """One recorded event. ``in_force`` is false once it was corrected or voided; ``replaces`` is the one it corrects.

    ``appeal`` is the id of the appeal that began or ended; ``party`` who appealed, if not the decision's party.
    """

    id: str
    kind: EventKind
    on: date
    method: str | None
    evidence: str | None
    undelivered: str | None
    shown_by: str | None
    appeal: str | None
    appeal_kind: AppealKind | None
    party: str | None
    applied_on: date | None
    until: date | None
    reason: str | None
    in_force: bool
    replaces: str | None
    recorded_by: str
    recorded_at: str

    @classmethod
    def of(cls, one: RecordedEvent, *, plainly: bool) -> DecisionEventView:
        """From the record; who appealed is masked unless ``plainly``."""
        event = one.event if plainly else one.event.masked()
        return cls(
            **event.model_dump(),
            id=one.id,
            in_force=one.ended_by is None,
            replaces=one.replaces,
            recorded_by=one.recorded_by,
            recorded_at=instant(one.recorded_at),
        )


class CorrectionView(View):
    """A correction 更正 of one event, or its voiding 作废 where ``event`` is null. ``seen``: what the second person
    sends back who agrees; null unless it waits for one.
    """

    id: str
    event_id: str
    status: CorrectionStatus
    event: DecisionEvent | None
    reason: str
    proposed_by: str
    officer: str | None
    confirmed_by: str | None
    withdrawn_because: str | None
    created_at: str
    seen: str | None

    @classmethod
    def of(cls, sight: CorrectionSight, *, plainly: bool) -> CorrectionView:
        """From the record; who appealed is masked unless ``plainly``."""
        one, event = sight.correction, sight.event
        view = cls(
            id=one.id,
            event_id=one.event_id,
            status=one.status,
            event=event,
            reason=one.reason,
            proposed_by=one.proposed_name,
            officer=one.officer,
            confirmed_by=one.confirmed_name,
            withdrawn_because=one.withdrawn_because,
            created_at=instant(one.created_at),
            seen=sight.seen,
        )
        return view if plainly or event is None else view.model_copy(update={"event": event.masked()})


class WarningView(View):
    """Something unusual about facts or events that is taken nevertheless: the field, and a sentence for people."""

    field: str
    reason: str


class _Facts(View):
    """What this room itself shows, before the parts of others."""

    id: str
    authority: str
    number: str
    version: int
    facts: DecisionFacts
    warnings: list[WarningView]
    events: list[DecisionEventView]
    corrections: list[CorrectionView]
    due: DueView | None


PARTS = installed()
_members: dict[str, Any] = {part.name: (list[part.view], ...) for part in PARTS}  # type: ignore[name-defined]
DecisionView: type[View] = create_model(
    "DecisionView",
    __base__=_Facts,
    __doc__="A decision with everything that hangs on it.",
    **_members,
    next_duty=(str | None, ...),
    created_at=(str, ...),
    updated_at=(str, ...),
)


@dataclass(frozen=True)
class OneView:
    """The one view of a decision for who asks. ``plainly``: persons are not masked."""

    decisions: Decisions
    corrections: Corrections
    plainly: bool

    async def of(self, decision: Decision) -> View:
        """The view of a decision that was read already."""
        found = await self.decisions.overview(decision, PARTS)
        return self._made(decision, found, await self.corrections.of(decision))

    async def at(self, authority: str, number: str) -> View:
        """The view of the decision with this number, all of it read at once. Raises NotFoundProblem."""
        decision, (found, corrections) = await self.decisions.see(
            authority,
            number,
            lambda conn, one: (self.decisions.look(conn, one, PARTS), self.corrections.look(conn, one)),
        )
        return self._made(decision, found, corrections)

    def _made(self, decision: Decision, found: Overview, corrections: Sequence[CorrectionSight]) -> View:
        due = found.due
        members: dict[str, Any] = {
            "id": decision.id,
            "authority": decision.authority,
            "number": decision.number,
            "version": decision.version,
            "facts": decision.facts.for_official_use() if self.plainly else decision.facts.masked(),
            "warnings": [
                WarningView(field=one.field, reason=in_words(one.reason)) for one in self.decisions.warnings(decision)
            ],
            "events": [DecisionEventView.of(one, plainly=self.plainly) for one in decision.recorded],
            "corrections": [CorrectionView.of(one, plainly=self.plainly) for one in corrections],
            "due": DueView.showing(due, because=in_words(due.because), rule=due.rule and RuleView.of(due.rule))
            if due
            else None,
            **found.parts,
            "next_duty": found.next_duty and in_words(found.next_duty),
            "created_at": instant(decision.created_at),
            "updated_at": instant(decision.updated_at),
        }
        return DecisionView(**members)


async def _one_view(decisions: TheDecisions, corrections: TheCorrections, plainly: Plainly) -> OneView:
    return OneView(decisions, corrections, plainly)


TheView = Annotated[OneView, Depends(_one_view)]


@router.put(
    "/{authority}/{number:path}",
    response_model=DecisionView,
    responses={201: {"model": DecisionView, "description": "Recorded as new"}, **responses(400, 409, 413)},
)
async def put_decision(
    decisions: TheDecisions,
    view: TheView,
    who: Writer,
    authority: Authority,
    number: Number,
    facts: DecisionFacts,
    response: Response,
) -> View:
    """Record the facts of a decision, or a new version of them. The same facts again change nothing."""
    require_authority(who, authority, "authority")
    decision, new = await decisions.put(authority, number, facts, by=who.name)
    response.status_code = 201 if new else 200
    return await view.of(decision)


@router.get("/{authority}/{number:path}", response_model=DecisionView)
async def get_decision(view: TheView, who: Reader, authority: Authority, number: Number) -> View:
    """The one view: facts, events, money, seal, disclosures, and what is due next."""
    require_authority(who, authority, "decision")
    return await view.at(authority, number)


@router.post("/{authority}/{number:path}/events", response_model=DecisionView, responses=responses(400, 409, 413))
async def record_event(
    decisions: TheDecisions,
    view: TheView,
    who: Writer,
    authority: Authority,
    number: Number,
    event: DecisionEvent,
    key: KeyedRequest,
) -> View:
    """Record that the decision was served, appealed, deferred, urged 催告, changed or revoked."""
    require_authority(who, authority, "decision")
    await key.once(who, event, lambda once: decisions.record_event(authority, number, event, by=who.name, once=once))
    return await view.at(authority, number)
