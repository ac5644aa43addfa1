"""Doubt ended by people, over HTTP: the evidence side by side, what somebody says happened, a second person's word."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from pydantic_core import to_jsonable_python

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.delivery.resolutions import Possible
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, View, instant
from gateway.rooms.operations.service import Operations, Side, Sight
from gateway.words.text import JsonObject

router = APIRouter(prefix="/v1", tags=["operations"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("operations:read"))]
Writer = Annotated[Principal, Depends(may("operations:write"))]
Desk = Annotated[Operations, Depends(service(Operations))]
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
    """What people say became of an operation, and the evidence. ``rerun``: the operation that was sent instead.

    ``seen`` stands for all that a second person must have looked at: the confirmation says it. ``members``: what an
    answer holds, if it can be said that it happened; ``known``: what of it the request says already.
    """

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
    seen: str | None
    rerun: str | None
    members: list[str]
    known: JsonObject
    evidence: list[SideView]


async def look(base: Foundation, operations: Operations, operation_id: str) -> ResolutionView:
    """The evidence of an operation side by side, and what somebody has said about it. Raises NotFoundProblem."""
    sight = await operations.look(base.evidence, operation_id)
    possible = base.resolutions.possible(sight.operation)
    if sight.said is None:
        return _view(sight, possible, None, None)
    return _view(
        sight, possible, base.resolutions.answer_of(sight.said), base.resolutions.seen(sight.said, sight.operation)
    )


@router.get("/operations/{operation_id}/resolution", response_model=ResolutionView)
async def get_resolution(base: Base, operations: Desk, who: Reader, operation_id: str) -> ResolutionView:
    """The evidence side by side, and what somebody has said about it."""
    view = await look(base, operations, operation_id)
    require_authority(who, view.authority, "operation")
    return view


@router.post("/operations/{operation_id}/resolution", response_model=ResolutionView, responses=responses(400, 409, 413))
async def propose_outcome(
    base: Base, operations: Desk, who: Writer, operation_id: str, ask: ResolutionRequest, key: KeyedRequest
) -> ResolutionView:
    """Say what became of an operation that waits for a person. Money and codes need a second person's confirmation."""
    await _own(operations, who, operation_id)
    happened = ask.outcome == "happened"
    await key.once(
        who,
        ask,
        lambda once: base.resolutions.propose(
            operation_id, person(who), happened=happened, reason=ask.reason, answer=ask.answer, once=once
        ),
    )
    return await look(base, operations, operation_id)


@router.post(
    "/operations/{operation_id}/confirmation", response_model=ResolutionView, responses=responses(400, 409, 413)
)
async def confirm_outcome(
    base: Base, operations: Desk, who: Writer, operation_id: str, ask: Confirmation, key: KeyedRequest
) -> ResolutionView:
    """Confirm what another operator has said, as you saw it; then it counts."""
    await _own(operations, who, operation_id)
    await key.once(
        who,
        ask,
        lambda once: base.resolutions.confirm(operation_id, person(who), seen=ask.seen, once=once),
    )
    return await look(base, operations, operation_id)


@router.delete("/operations/{operation_id}/resolution", status_code=204)
async def withdraw_outcome(base: Base, operations: Desk, who: Writer, operation_id: str) -> Response:
    """Take back what was said before it counted."""
    await _own(operations, who, operation_id)
    await base.resolutions.withdraw(operation_id, person(who))
    return Response(status_code=204)


async def _own(operations: Operations, who: Principal, operation_id: str) -> None:
    require_authority(who, (await operations.held(operation_id)).authority, "operation")


def _side(side: Side) -> SideView:
    return SideView(
        attempt=side.attempt.number,
        kind=side.attempt.kind,
        exchange=side.exchange.id,
        started_at=instant(side.exchange.started_at),
        **{name: getattr(side.exchange, name) for name in ("request", "response", "status", "outcome")},
    )


def _view(sight: Sight, possible: Possible, answer: dict[str, Any] | None, seen: str | None) -> ResolutionView:
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
        seen=seen,
        rerun=sight.rerun,
        members=list(possible.fields) if possible.happened else [],
        known=to_jsonable_python(dict(possible.known)) if possible.happened else {},
        evidence=[_side(one) for one in sight.sides],
    )
