"""Impounded vehicles over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from anlan_yard.records import ImpoundFilter
from anlan_yard.service import ImpoundAsk, Impounds
from anlan_yard.states import Status
from anlan_yard.views import ImpoundView
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Cursor, Limit, Page, after, cursor_after

router = APIRouter(prefix="/v1/impounds", tags=["impounds"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("impounds:read"))]
Writer = Annotated[Principal, Depends(may("impounds:write"))]
TheImpounds = Annotated[Impounds, Depends(service(Impounds))]


@router.post(
    "",
    status_code=201,
    response_model=ImpoundView,
    responses={
        202: {"model": ImpoundView, "description": "Accepted; the yard has not answered yet, a webhook tells"},
        **responses(400, 404, 409),
    },
)
async def impound(
    impounds: TheImpounds, who: Writer, ask: ImpoundAsk, key: KeyedRequest, response: Response
) -> ImpoundView:
    """Have a seized vehicle taken in. Waits up to 3 s for the yard."""
    require_authority(who, ask.authority, "authority")
    impound_id = await key.once(who, ask, lambda once: impounds.impound(ask, once=once))
    response.status_code = key.status
    response.headers["Location"] = f"/v1/impounds/{impound_id}"
    return ImpoundView.of(*await impounds.view(impound_id))


@router.get("", response_model=Page[ImpoundView])
async def list_impounds(
    impounds: TheImpounds, who: Reader, status: Status | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[ImpoundView]:
    """Vehicles, newest first."""
    wanted = ImpoundFilter(authorities=who.authorities, status=status, before=after(cursor), limit=limit)
    found = await impounds.find(wanted)
    return Page(items=[ImpoundView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/{impound_id}", response_model=ImpoundView, responses=responses(404))
async def get_impound(impounds: TheImpounds, who: Reader, impound_id: str) -> ImpoundView:
    """One vehicle with its timeline."""
    found, timeline = await impounds.view(impound_id)
    require_authority(who, found.authority, "impounded vehicle")
    return ImpoundView.of(found, timeline)
