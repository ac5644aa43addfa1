"""Stopping a seal over HTTP, at once and for good: the seal that is made anew is another one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Ask, View, instant
from gateway.rooms.seals.stops import SealStop, SealStops
from gateway.words.wrong import shaped

router = APIRouter(prefix="/v1", tags=["seals"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("seals:read"))]
Writer = Annotated[Principal, Depends(may("seals:write"))]
TheStops = Annotated[SealStops, Depends(service(SealStops))]


class StopAsk(Ask):
    """Which seal is stopped, and why."""

    authority: str = Field(min_length=1, max_length=40)
    seal_id: str = Field(pattern=shaped(r"^[0-9A-Za-z-]{1,32}$", "shapes.seal_id"))
    reason: str = Field(min_length=1, max_length=200)


class StopView(View):
    """One stop of a seal."""

    id: str
    authority: str
    seal_id: str
    reason: str
    stopped_by: str
    stopped_at: str

    @classmethod
    def of(cls, stop: SealStop) -> StopView:
        """From its record."""
        return cls(
            id=stop.id,
            authority=stop.authority,
            seal_id=stop.seal_id,
            reason=stop.reason,
            stopped_by=stop.stopped_name,
            stopped_at=instant(stop.stopped_at),
        )


@router.post("/seal-stops", status_code=201, response_model=StopView, responses={**responses(400, 404, 409)})
async def stop_seal(stops: TheStops, who: Writer, ask: StopAsk, key: KeyedRequest, response: Response) -> StopView:
    """Stop a seal at once 停用, since its key may be known to others. Nothing is asked of the seal service.

    Nothing more is sealed with it here; what waits for its signature is refused. Tell the service as well.
    """
    require_authority(who, ask.authority, "authority")
    asked = SealStop(
        id="",
        authority=ask.authority,
        seal_id=ask.seal_id,
        reason=ask.reason,
        stopped_by=who.client_id,
        stopped_name=who.name,
        stopped_at=0,
    )
    stop_id = await key.once(who, ask, lambda once: stops.stop(asked, once=once))
    response.status_code = key.status
    return next(StopView.of(one) for one in await stops.of(ask.authority) if one.id == stop_id)


@router.get("/seal-stops", response_model=list[StopView], responses=responses(404))
async def list_seal_stops(
    stops: TheStops, who: Reader, authority: Annotated[str, Query(min_length=1, max_length=40)]
) -> list[StopView]:
    """Seals of an authority that were stopped here, newest first."""
    require_authority(who, authority, "authority")
    return [StopView.of(one) for one in await stops.of(authority)]
