"""Doubt ended by people, over HTTP: the evidence side by side, what somebody says happened, a second person's word."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.delivery import Person
from gateway.foundation.http.authorization import Gateway, may, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, View, instant
from gateway.rooms.operations.service import Operations, Side, Sight
from gateway.words.text import JsonObject

router = APIRouter(prefix="/v1", tags=["operations"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("operations:read"))]
Writer = Annotated[Principal, Depends(may("operations:write"))]
Outcome = Literal["happened", "did_not_happen"]


class ResolutionRequest(Ask):
    """What became of an operation. ``answer``: the other side's answer as its own records show it, if it happened."""

    outcome: Outcome
    reason: str = Field(min_length=1, max_length=1000)
    answer: JsonObject | None = None


class SideView(View):
    """One exchange of the operation, masked, to be held beside the others."""

    attempt: int
    kind: Literal["call", "find"]
    exchange: str
    started_at: str
    request: str
    response: str
    status: int | None
    outcome: str


class ResolutionView(View):
    """What people say became of an operation, and the evidence. ``rerun``: the operation that was sent instead."""

    operation: str
    action: str
    channel: str
    authority: str
    subject: str
    reference: str | None
    state: str
    why: str | None
    two_persons: bool
    outcome: Outcome | None
    reason: str | None
    answer: JsonObject | None
    proposed_by: str | None
    proposed_name: str | None
    proposed_at: str | None
    confirmed_by: str | None
    confirmed_name: str | None
    confirmed_at: str | None
    applied: bool
    rerun: str | None
    evidence: list[SideView]


async def look(gateway: App, operation_id: str) -> ResolutionView:
    """The evidence of an operation side by side, and what somebody has said about it. Raises NotFoundProblem."""
    sight = await Operations(gateway.store).look(operation_id)
    return _view(sight, None if sight.said is None else gateway.resolutions.answer_of(sight.said))


@router.get("/operations/{operation_id}/resolution", response_model=ResolutionView)
async def get_resolution(gateway: Gateway, who: Reader, operation_id: str) -> ResolutionView:
    """The evidence side by side, and what somebody has said about it."""
    view = await look(gateway, operation_id)
    own(who, view.authority, "operation")
    return view


@router.post("/operations/{operation_id}/resolution", response_model=ResolutionView, responses=responses(400, 409, 413))
async def propose(
    gateway: Gateway, who: Writer, operation_id: str, ask: ResolutionRequest, once: OnceKey
) -> ResolutionView:
    """Say what became of an operation that waits for a person. Money and codes need a second person's confirmation."""
    await get_resolution(gateway, who, operation_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.resolutions.propose(
            operation_id,
            _person(who),
            happened=ask.outcome == "happened",
            reason=ask.reason,
            answer=ask.answer,
            remember=once.remember,
        )
        await once.finish(200)
    return await get_resolution(gateway, who, operation_id)


@router.post("/operations/{operation_id}/confirmation", response_model=ResolutionView, responses=responses(400, 409))
async def confirm(gateway: Gateway, who: Writer, operation_id: str, once: OnceKey) -> ResolutionView:
    """Confirm what another operator has said; then it counts."""
    await get_resolution(gateway, who, operation_id)
    await once.open(who, None)
    if once.subject is None:
        await gateway.resolutions.confirm(operation_id, _person(who), remember=once.remember)
        await once.finish(200)
    return await get_resolution(gateway, who, operation_id)


@router.delete("/operations/{operation_id}/resolution", status_code=204)
async def withdraw(gateway: Gateway, who: Writer, operation_id: str) -> Response:
    """Take back what was said before it counted."""
    await get_resolution(gateway, who, operation_id)
    await gateway.resolutions.withdraw(operation_id, _person(who))
    return Response(status_code=204)


def _person(who: Principal) -> Person:
    return Person(who.client_id, who.name, who.role if who.kind == "operator" else None)


def _side(side: Side) -> SideView:
    return SideView(
        attempt=side.attempt.number,
        kind=side.attempt.kind,
        exchange=side.exchange.id,
        started_at=instant(side.exchange.started_at) or "",
        **{name: getattr(side.exchange, name) for name in ("request", "response", "status", "outcome")},
    )


def _view(sight: Sight, answer: dict[str, Any] | None) -> ResolutionView:
    found, said = sight.operation, sight.said
    outcome: Outcome | None = None
    if said is not None:
        outcome = "happened" if said.happened else "did_not_happen"
    proposed_by, confirmed_by = (None, None) if said is None else (said.proposed_by, said.confirmed_by)
    return ResolutionView(
        operation=found.id,
        **{name: getattr(found, name) for name in ("action", "channel", "authority", "subject", "reference", "state")},
        why=found.reason,
        two_persons=found.two_persons,
        outcome=outcome,
        reason=None if said is None else said.reason,
        answer=answer,
        proposed_by=proposed_by,
        proposed_name=sight.names.get(proposed_by or ""),
        proposed_at=None if said is None else instant(said.proposed_at),
        confirmed_by=confirmed_by,
        confirmed_name=sight.names.get(confirmed_by or ""),
        confirmed_at=None if said is None else instant(said.confirmed_at),
        applied=said is not None and said.applied,
        rerun=sight.rerun,
        evidence=[_side(one) for one in sight.sides],
    )
