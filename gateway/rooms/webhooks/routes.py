"""Events and webhooks over HTTP: what happened, endpoints, what reached them, delivering again, the secret."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.delivery.events import EventLog
from gateway.foundation.delivery.states import DeliveryState
from gateway.foundation.delivery.webhook_records import DeliveryStory, Endpoint, WebhookAttempt
from gateway.foundation.delivery.webhooks import Webhooks
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.views import Ask, Cursor, EventView, Limit, Page, View, after, encode_cursor, instant
from gateway.words.clock import to_micros
from gateway.words.days import Instant
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say
from gateway.words.wrong import shaped

router = APIRouter(prefix="/v1", tags=["webhooks"], responses=responses(401, 403, 422, 503))

StateWord = Literal["queued", "delivered", "failed"]
Reader = Annotated[Principal, Depends(may("events:read"))]
Writer = Annotated[Principal, Depends(may("webhooks:write"))]
Log = Annotated[EventLog, Depends(service(EventLog))]


class EndpointRequest(Ask):
    """Where events of an authority are posted to, in Standard Webhooks format. Empty ``types``: all."""

    authority: str = Field(min_length=1, max_length=40)
    url: str = Field(min_length=8, max_length=2000)
    types: list[Annotated[str, Field(pattern=shaped(r"^[a-z_.]{1,60}$", "shapes.event_type"))]] = Field(
        default_factory=list, max_length=50
    )
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
        return cls.showing(found, disabled_since=instant(found.disabled_at), secret=None)


class TryView(View):
    """One attempt at delivering."""

    node: str
    status: int | None
    error: str | None
    started_at: str
    ended_at: str

    @classmethod
    def of(cls, made: WebhookAttempt) -> TryView:
        """From its record."""
        return cls.showing(made, started_at=instant(made.started_at), ended_at=instant(made.ended_at))


class DeliveryView(View):
    """One event on its way to one endpoint."""

    event: str
    subject: str
    state: StateWord
    due_at: str
    delivered_at: str | None
    attempts: list[TryView]

    @classmethod
    def of(cls, story: DeliveryStory) -> DeliveryView:
        """From its record, with its attempts."""
        return cls(
            event=story.delivery.event_id,
            subject=story.delivery.subject,
            state=story.delivery.state.value,
            due_at=instant(story.delivery.due_at),
            delivered_at=instant(story.delivery.delivered_at),
            attempts=[TryView.of(one) for one in story.tries],
        )


class ResendRequest(Ask):
    """What to deliver again: one event, those of a range of time, or all that were given up. Exactly one of them."""

    event: str | None = Field(default=None, max_length=40)
    since: Instant | None = None
    until: Instant | None = None
    failed: bool = False


class Resent(View):
    """How many deliveries are on their way again."""

    deliveries: int


class SecretView(View):
    """The new signing secret, shown only now. The old one signs beside it for a day."""

    secret: str


@router.get("/events", response_model=Page[EventView])
async def list_events(
    log: Log,
    who: Reader,
    subject: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EventView]:
    """Everything that happened, oldest first, so that a client can replay what its endpoint missed."""
    since = after(cursor)
    try:
        found = await log.find(list(who.authorities), subject=subject, after=since, limit=limit)
    except ValueError:
        raise InvalidProblem(say("http.cursor"), field="cursor") from None
    last = encode_cursor(found[-1].place) if len(found) == limit else None
    return Page(items=[EventView.of(one) for one in found], next=last)


@router.post(
    "/webhook-endpoints",
    status_code=201,
    response_model=EndpointView,
    responses=responses(400, 404, 409, 413),
)
async def add_endpoint(base: Base, who: Writer, ask: EndpointRequest, key: KeyedRequest) -> EndpointView:
    """Have events of an authority posted to an address. The answer holds the signing secret, shown by no other one."""
    require_authority(who, ask.authority, "authority")
    made = await key.once(
        who,
        ask,
        lambda once: base.webhooks.add_endpoint(
            who.client_id, ask.authority, ask.url, ask.types, ordered=ask.ordered, once=once
        ),
    )
    found = await base.webhooks.endpoints.held(made)
    return EndpointView.of(found).model_copy(update={"secret": await base.webhooks.secret_of(made)})


@router.get("/webhook-endpoints", response_model=list[EndpointView])
async def list_endpoints(base: Base, who: Writer) -> list[EndpointView]:
    """The active endpoints, without their secrets."""
    return [EndpointView.of(one) for one in await base.webhooks.endpoints.find(list(who.authorities))]


@router.delete("/webhook-endpoints/{endpoint_id}", status_code=204, responses=responses(404))
async def remove_endpoint(base: Base, who: Writer, endpoint_id: str) -> Response:
    """Post nothing more to an endpoint."""
    await base.webhooks.endpoints.held(endpoint_id, list(who.authorities))
    await base.webhooks.remove_endpoint(endpoint_id)
    return Response(status_code=204)


@router.get("/webhook-endpoints/{endpoint_id}/deliveries", response_model=Page[DeliveryView], responses=responses(404))
async def list_webhook_deliveries(
    base: Base,
    who: Writer,
    endpoint_id: str,
    state: StateWord | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeliveryView]:
    """Deliveries with their attempts, newest event first."""
    await _mine(base.webhooks, who, endpoint_id)
    since = after(cursor)
    if since is not None and not (since.isdigit() and len(since) < 19):
        raise InvalidProblem(say("http.cursor"), field="cursor")
    wanted = None if state is None else DeliveryState(state)
    found = await base.webhooks.endpoints.deliveries(
        endpoint_id, state=wanted, before=None if since is None else int(since), limit=limit
    )
    last = encode_cursor(str(found[-1].delivery.event_seq)) if len(found) == limit else None
    return Page(items=[DeliveryView.of(one) for one in found], next=last)


@router.post("/webhook-endpoints/{endpoint_id}/resend", response_model=Resent, responses=responses(404, 413))
async def resend_deliveries(base: Base, who: Writer, endpoint_id: str, ask: ResendRequest) -> Resent:
    """Deliver again. A receiver knows an event by its `webhook-id`, which stays the same: no Idempotency-Key needed."""
    await _mine(base.webhooks, who, endpoint_id)
    again = await base.webhooks.resend(
        endpoint_id,
        event=ask.event,
        since=None if ask.since is None else to_micros(ask.since),
        until=None if ask.until is None else to_micros(ask.until),
        failed=ask.failed,
    )
    return Resent(deliveries=again)


@router.post("/webhook-endpoints/{endpoint_id}/secret", response_model=SecretView, responses=responses(400, 404, 409))
async def rotate_webhook_secret(base: Base, who: Writer, endpoint_id: str, key: KeyedRequest) -> SecretView:
    """A new signing secret. For a day every message bears both signatures."""
    await _mine(base.webhooks, who, endpoint_id)
    await key.once(who, None, lambda once: base.webhooks.rotate_secret(endpoint_id, once=once))
    return SecretView(secret=await base.webhooks.secret_of(endpoint_id))


@router.post("/webhook-endpoints/{endpoint_id}/enabling", status_code=204, responses=responses(404))
async def enable_endpoint(base: Base, who: Writer, endpoint_id: str) -> Response:
    """Let an endpoint go again that was disabled because nothing arrived. Repeating it changes nothing."""
    await _mine(base.webhooks, who, endpoint_id)
    await base.webhooks.enable(endpoint_id)
    return Response(status_code=204)


@router.post("/webhook-endpoints/{endpoint_id}/test", status_code=202, responses=responses(400, 404, 409))
async def send_test_event(base: Base, who: Writer, endpoint_id: str, key: KeyedRequest) -> Response:
    """Post `webhook.test`, which tells nothing, to one endpoint: its deliveries say whether it arrived."""
    await _mine(base.webhooks, who, endpoint_id)
    await key.once(who, None, lambda once: base.webhooks.test(endpoint_id, who.name, once=once))
    return Response(status_code=202)


async def _mine(webhooks: Webhooks, who: Principal, endpoint_id: str) -> None:
    await webhooks.endpoints.held(endpoint_id, list(who.authorities))
