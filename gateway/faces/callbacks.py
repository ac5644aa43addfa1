"""Where external systems tell us what happened. The exact bytes go to the channel's adapter, and its words go back."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gateway.faces.assembled import Gateway
from gateway.foundation.http.problems import document, responses
from gateway.ports.base import Incoming, UnreadableCallbackError
from gateway.words.errors import ContractError

router = APIRouter(tags=["callbacks"])


@router.post(
    "/callbacks/{channel}",
    response_class=Response,
    responses={
        200: {"description": "Acknowledged in the other side's format"},
        **responses(400, 401, 404, 413, 422, 503),
    },
)
async def take_callback(gateway: Gateway, channel: str, request: Request) -> Response:
    """Authenticate, keep, apply once, acknowledge. The same event again gets the same acknowledgement."""
    incoming = Incoming(
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        received_at=gateway.base.clock.now(),
        path=request.url.path,
        source=request.client.host if request.client is not None else "",
    )
    try:
        reply = await gateway.base.callbacks.take(channel, incoming)
    except ContractError as error:
        if isinstance(error, UnreadableCallbackError) and error.refuse is not None:
            return Response(error.refuse.body, error.refuse.status, media_type=error.refuse.content_type)
        return document("callback-unreadable", str(error))
    return Response(reply.body, reply.status, media_type=reply.content_type)
