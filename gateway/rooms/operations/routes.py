"""Operations, events, webhooks and evidence over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy import Connection, RowMapping

from gateway.foundation.access import Principal
from gateway.foundation.delivery import events, ledger
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
    next_cursor,
)
from gateway.words.errors import InvalidProblem, NotFoundProblem

router = APIRouter(prefix="/v1", responses=responses(401, 403, 422, 503))

OperationsReader = Annotated[Principal, Depends(may("operations:read"))]
OperationsWriter = Annotated[Principal, Depends(may("operations:write"))]
WebhooksWriter = Annotated[Principal, Depends(may("webhooks:write"))]
EventsReader = Annotated[Principal, Depends(may("events:read"))]
State = Literal["queued", "sending", "done", "rejected", "uncertain", "parked"]


class AttemptView(View):
    """One attempt, with the exchanges that it made."""

    number: int
    kind: Literal["call", "find"]
    outcome: str
    reason: str | None
    exchanges: list[str]
    started_at: str
    ended_at: str


class OperationView(View):
    """One intended effect 外呼任务 and where it stands."""

    id: str
    action: str
    channel: str
    authority: str
    subject: str
    reference: str | None
    state: State
    reason: str | None
    code: str | None
    due_at: str
    doubt_since: str | None
    created_at: str
    updated_at: str
    attempts: list[AttemptView] | None = None

    @classmethod
    def of(cls, row: RowMapping, attempts: list[AttemptView] | None = None) -> OperationView:
        """From its row."""
        return cls(
            **{
                name: row[name]
                for name in (
                    "id",
                    "action",
                    "channel",
                    "authority",
                    "subject",
                    "reference",
                    "state",
                    "reason",
                    "code",
                )
            },
            due_at=instant(row["due_at"]) or "",
            doubt_since=instant(row["doubt_since_at"]),
            created_at=instant(row["created_at"]) or "",
            updated_at=instant(row["updated_at"]) or "",
            attempts=attempts,
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
    def of(cls, row: RowMapping) -> EndpointView:
        """From its row, without its secret."""
        names = ("id", "authority", "url", "types", "ordered", "disabled_reason")
        return cls(**{name: row[name] for name in names}, disabled_since=instant(row["disabled_at"]))


@router.get("/operations", response_model=Page[OperationView], tags=["operations"])
async def list_operations(
    gateway: Gateway,
    who: OperationsReader,
    state: State | None = None,
    channel: Annotated[str | None, Query(max_length=60)] = None,
    subject: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OperationView]:
    """Operations, newest first."""
    rows = await gateway.store.read(
        lambda conn: ledger.search(
            conn,
            authorities=list(who.authorities),
            state=state,
            channel=channel,
            subject=subject,
            before=after(cursor),
            limit=limit,
        )
    )
    return Page(items=[OperationView.of(row) for row in rows], next=next_cursor(rows, limit))


@router.get("/operations/{operation_id}", response_model=OperationView, tags=["operations"], responses=responses(404))
async def get_operation(gateway: Gateway, who: OperationsReader, operation_id: str) -> OperationView:
    """One operation with its attempts."""

    def query(conn: Connection) -> OperationView:
        row = ledger.fetch(conn, operation_id)
        if row is None:
            raise NotFoundProblem("no such operation")
        own(who, row["authority"], "operation")
        attempts = [
            AttemptView(
                number=one["number"],
                kind=one["kind"],
                outcome=one["outcome"],
                reason=one["reason"],
                exchanges=one["exchanges"],
                started_at=instant(one["started_at"]) or "",
                ended_at=instant(one["ended_at"]) or "",
            )
            for one in ledger.attempts_of(conn, operation_id)
        ]
        return OperationView.of(row, attempts)

    return await gateway.store.read(query)


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
        rows = await gateway.store.read(
            lambda conn: events.page(conn, list(who.authorities), subject=subject, after=since, limit=limit)
        )
    except ValueError:
        raise InvalidProblem("this cursor was not made here", field="cursor", cure="Begin without a cursor.") from None
    last = encode_cursor(events.place(rows[-1])) if len(rows) == limit else None
    return Page(items=[EventView.of(row) for row in rows], next=last)


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
    found = [row for row in await gateway.webhooks.endpoints([ask.authority]) if row["id"] == made]
    if not found:
        raise NotFoundProblem("this webhook endpoint was removed")
    return EndpointView.of(found[0]).model_copy(update={"secret": await gateway.webhooks.secret_of(made)})


@router.get("/webhook-endpoints", response_model=list[EndpointView], tags=["webhooks"])
async def list_endpoints(gateway: Gateway, who: WebhooksWriter) -> list[EndpointView]:
    """The active endpoints, without their secrets."""
    rows = await gateway.webhooks.endpoints(list(who.authorities))
    return [EndpointView.of(row) for row in rows]


@router.delete("/webhook-endpoints/{endpoint_id}", status_code=204, tags=["webhooks"], responses=responses(404))
async def remove_endpoint(gateway: Gateway, who: WebhooksWriter, endpoint_id: str) -> Response:
    """Post nothing more to an endpoint."""
    mine = {row["id"] for row in await gateway.webhooks.endpoints(list(who.authorities))}
    if endpoint_id not in mine:
        raise NotFoundProblem("no such webhook endpoint")
    await gateway.webhooks.remove_endpoint(endpoint_id)
    return Response(status_code=204)
