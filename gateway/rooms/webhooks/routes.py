"""Webhooks over HTTP: what was delivered and how often it was tried, delivering again, rotating the secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.delivery.states import DeliveryState
from gateway.foundation.delivery.webhook_records import DeliveryStory, WebhookAttempt
from gateway.foundation.http.authorization import Gateway, may
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, encode_cursor, instant
from gateway.words.clock import to_micros
from gateway.words.errors import InvalidProblem

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"], responses=responses(401, 403, 404, 422, 503))

StateWord = Literal["queued", "delivered", "failed"]
Writer = Annotated[Principal, Depends(may("webhooks:write"))]


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
        return cls(
            node=made.node,
            status=made.status,
            error=made.error,
            started_at=instant(made.started_at) or "",
            ended_at=instant(made.ended_at) or "",
        )


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
            due_at=instant(story.delivery.due_at) or "",
            delivered_at=instant(story.delivery.delivered_at),
            attempts=[TryView.of(one) for one in story.tries],
        )


class ResendRequest(Ask):
    """What to deliver again: one event, those of a range of time, or all that were given up. Exactly one of them."""

    event: str | None = Field(default=None, max_length=40)
    since: datetime | None = None
    until: datetime | None = None
    failed: bool = False


class Resent(View):
    """How many deliveries are on their way again."""

    deliveries: int


class SecretView(View):
    """The new signing secret, shown only now. The old one signs beside it for a day."""

    secret: str


@router.get("/{endpoint_id}/deliveries", response_model=Page[DeliveryView])
async def list_deliveries(
    gateway: Gateway,
    who: Writer,
    endpoint_id: str,
    state: StateWord | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeliveryView]:
    """Deliveries with their attempts, newest event first."""
    await _mine(gateway, who, endpoint_id)
    since = after(cursor)
    if since is not None and not (since.isdigit() and len(since) < 19):
        raise InvalidProblem("this cursor was not made here", field="cursor", cure="Begin without a cursor.")
    wanted = None if state is None else DeliveryState(state)
    found = await gateway.webhooks.endpoints.deliveries(
        endpoint_id, state=wanted, before=None if since is None else int(since), limit=limit
    )
    last = encode_cursor(str(found[-1].delivery.event_seq)) if len(found) == limit else None
    return Page(items=[DeliveryView.of(one) for one in found], next=last)


@router.post("/{endpoint_id}/resend", response_model=Resent, responses=responses(413))
async def resend(gateway: Gateway, who: Writer, endpoint_id: str, ask: ResendRequest) -> Resent:
    """Deliver again. A receiver knows an event by its `webhook-id`, which stays the same: no Idempotency-Key needed."""
    await _mine(gateway, who, endpoint_id)
    for name in ("since", "until"):
        moment = getattr(ask, name)
        if moment is not None and moment.tzinfo is None:
            raise InvalidProblem("an instant names its offset", field=name, cure="For example +08:00.")
    again = await gateway.webhooks.resend(
        endpoint_id,
        event=ask.event,
        since=None if ask.since is None else to_micros(ask.since),
        until=None if ask.until is None else to_micros(ask.until),
        failed=ask.failed,
    )
    return Resent(deliveries=again)


@router.post("/{endpoint_id}/secret", response_model=SecretView, responses=responses(400, 409))
async def rotate(gateway: Gateway, who: Writer, endpoint_id: str, once: OnceKey) -> SecretView:
    """A new signing secret. For a day every message bears both signatures."""
    await _mine(gateway, who, endpoint_id)
    await once.open(who, None)
    if once.subject is None:
        await gateway.webhooks.rotate_secret(endpoint_id, remember=once.remember)
        await once.finish(200)
    return SecretView(secret=await gateway.webhooks.secret_of(endpoint_id))


@router.post("/{endpoint_id}/enabling", status_code=204)
async def enable(gateway: Gateway, who: Writer, endpoint_id: str) -> Response:
    """Let an endpoint go again that was disabled because nothing arrived. Repeating it changes nothing."""
    await _mine(gateway, who, endpoint_id)
    await gateway.webhooks.enable(endpoint_id)
    return Response(status_code=204)


async def _mine(gateway: Gateway, who: Principal, endpoint_id: str) -> None:
    await gateway.webhooks.endpoints.held(endpoint_id, list(who.authorities))
