"""Operations, events, webhooks and evidence over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.delivery.events import EventLog
from gateway.foundation.delivery.operation_records import AttemptRecord, OperationRecord
from gateway.foundation.delivery.states import State
from gateway.foundation.delivery.webhook_records import Endpoint
from gateway.foundation.http.authorization import Gateway, may, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import (
    Ask,
    Cursor,
    EventView,
    Limit,
    Page,
    View,
    after,
    encode_cursor,
    instant,
)
from gateway.rooms.operations.service import Operations
from gateway.words.errors import InvalidProblem, NotFoundProblem

router = APIRouter(prefix="/v1", responses=responses(401, 403, 422, 503))

OperationsReader = Annotated[Principal, Depends(may("operations:read"))]
OperationsWriter = Annotated[Principal, Depends(may("operations:write"))]
WebhooksWriter = Annotated[Principal, Depends(may("webhooks:write"))]
EventsReader = Annotated[Principal, Depends(may("events:read"))]


StateWord = Literal["queued", "sending", "done", "rejected", "uncertain", "parked"]
_SHOWN = ("id", "action", "channel", "authority", "subject", "reference", "state", "reason", "code")


class AttemptView(View):
    """One attempt, with the exchanges that it made."""

    number: int
    kind: Literal["call", "find"]
    outcome: str
    reason: str | None
    exchanges: list[str]
    started_at: str
    ended_at: str

    @classmethod
    def of(cls, made: AttemptRecord) -> AttemptView:
        """From its record."""
        return cls(
            **{name: getattr(made, name) for name in ("number", "kind", "outcome", "reason", "exchanges")},
            started_at=instant(made.started_at) or "",
            ended_at=instant(made.ended_at) or "",
        )


class OperationView(View):
    """One intended effect 外呼任务 and where it stands."""

    id: str
    action: str
    channel: str
    authority: str
    subject: str
    reference: str | None
    state: StateWord
    reason: str | None
    code: str | None
    due_at: str
    doubt_since: str | None
    created_at: str
    updated_at: str
    attempts: list[AttemptView] | None = None

    @classmethod
    def of(cls, found: OperationRecord, attempts: Sequence[AttemptRecord] | None = None) -> OperationView:
        """From its record."""
        return cls(
            **{name: getattr(found, name) for name in _SHOWN},
            due_at=instant(found.due_at) or "",
            doubt_since=instant(found.doubt_since_at),
            created_at=instant(found.created_at) or "",
            updated_at=instant(found.updated_at) or "",
            attempts=None if attempts is None else [AttemptView.of(one) for one in attempts],
        )


class RetryRequest(Ask):
    """Send a parked operation on its way. ``ask``: ask the other side first; a must when the outcome is unknown."""

    ask: bool = True
    reason: str = Field(min_length=1, max_length=500)


class EndpointRequest(Ask):
    """Where events of an authority are posted to, in Standard Webhooks format. Empty ``types``: all."""

    authority: str = Field(min_length=1, max_length=40)
    url: str = Field(min_length=8, max_length=2000)
    types: list[Annotated[str, Field(pattern=r"^[a-z_.]{1,60}$")]] = Field(default_factory=list, max_length=50)
    ordered: bool = Field(default=False, description="events of one record one after another")


class EndpointView(View):
    """A webhook endpoint. ``secret`` is shown once, when it is made."""

    id: str
    authority: str
    url: str
    types: list[str]
    ordered: bool = False
    disabled_since: str | None = None
    disabled_reason: str | None = None
    secret: str | None = None

    @classmethod
    def of(cls, found: Endpoint) -> EndpointView:
        """From its record, without its secret."""
        names = ("id", "authority", "url", "types", "ordered", "disabled_reason")
        return cls(**{name: getattr(found, name) for name in names}, disabled_since=instant(found.disabled_at))


@router.get("/operations", response_model=Page[OperationView], tags=["operations"])
async def list_operations(
    gateway: Gateway,
    who: OperationsReader,
    state: StateWord | None = None,
    channel: Annotated[str | None, Query(max_length=60)] = None,
    subject: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OperationView]:
    """Operations, newest first."""
    wanted = None if state is None else State(state)
    found = await Operations(gateway.store).find(
        list(who.authorities), state=wanted, channel=channel, subject=subject, before=after(cursor), limit=limit
    )
    last = encode_cursor(found[-1].id) if len(found) == limit else None
    return Page(items=[OperationView.of(one) for one in found], next=last)


@router.get("/operations/{operation_id}", response_model=OperationView, tags=["operations"], responses=responses(404))
async def get_operation(gateway: Gateway, who: OperationsReader, operation_id: str) -> OperationView:
    """One operation with its attempts."""
    story = await Operations(gateway.store).view(operation_id)
    own(who, story.operation.authority, "operation")
    return OperationView.of(story.operation, story.attempts)


@router.post(
    "/operations/{operation_id}/retry",
    response_model=OperationView,
    tags=["operations"],
    responses=responses(400, 404, 409, 413),
)
async def retry_operation(
    gateway: Gateway, who: OperationsWriter, operation_id: str, ask: RetryRequest, once: OnceKey
) -> OperationView:
    """Send a parked operation on its way again. What is in doubt is asked about, never sent again."""
    await get_operation(gateway, who, operation_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.delivery.resolve(
            operation_id, ask=ask.ask, reason=f"{who.name}: {ask.reason}", remember=once.remember
        )
        await once.finish(200)
    return await get_operation(gateway, who, operation_id)


@router.get("/events", response_model=Page[EventView], tags=["webhooks"])
async def list_events(
    gateway: Gateway,
    who: EventsReader,
    subject: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EventView]:
    """Everything that happened, oldest first, so that a client can replay what its endpoint missed."""
    since = after(cursor)
    try:
        found = await EventLog(gateway.store).find(list(who.authorities), subject=subject, after=since, limit=limit)
    except ValueError:
        raise InvalidProblem("this cursor was not made here", field="cursor", cure="Begin without a cursor.") from None
    last = encode_cursor(found[-1].place) if len(found) == limit else None
    return Page(items=[EventView.of(one) for one in found], next=last)


@router.post(
    "/webhook-endpoints",
    status_code=201,
    response_model=EndpointView,
    tags=["webhooks"],
    responses=responses(400, 404, 409, 413),
)
async def add_endpoint(gateway: Gateway, who: WebhooksWriter, ask: EndpointRequest, once: OnceKey) -> EndpointView:
    """Have events of an authority posted to an address. The answer holds the signing secret, shown by no other one."""
    own(who, ask.authority, "authority")
    await once.open(who, ask)
    if once.subject is None:
        made, _ = await gateway.webhooks.add_endpoint(
            who.client_id, ask.authority, ask.url, ask.types, ordered=ask.ordered, remember=once.remember
        )
        await once.finish(201)
    else:
        made = once.subject
    found = [one for one in await gateway.webhooks.endpoints.find([ask.authority]) if one.id == made]
    if not found:
        raise NotFoundProblem("this webhook endpoint was removed")
    return EndpointView.of(found[0]).model_copy(update={"secret": await gateway.webhooks.secret_of(made)})


@router.get("/webhook-endpoints", response_model=list[EndpointView], tags=["webhooks"])
async def list_endpoints(gateway: Gateway, who: WebhooksWriter) -> list[EndpointView]:
    """The active endpoints, without their secrets."""
    return [EndpointView.of(one) for one in await gateway.webhooks.endpoints.find(list(who.authorities))]


@router.delete("/webhook-endpoints/{endpoint_id}", status_code=204, tags=["webhooks"], responses=responses(404))
async def remove_endpoint(gateway: Gateway, who: WebhooksWriter, endpoint_id: str) -> Response:
    """Post nothing more to an endpoint."""
    await gateway.webhooks.endpoints.held(endpoint_id, list(who.authorities))
    await gateway.webhooks.remove_endpoint(endpoint_id)
    return Response(status_code=204)
