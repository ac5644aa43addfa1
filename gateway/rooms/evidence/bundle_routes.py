"""Evidence bundles over HTTP: one ZIP file per case."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.persons import RIGHT
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Ask
from gateway.rooms.evidence.bundles import BundleAsk, Bundles
from gateway.words.errors import Problem
from gateway.words.saying import say

router = APIRouter(prefix="/v1", tags=["evidence"], responses=responses(401, 403, 404, 422, 503))

Bundler = Annotated[Principal, Depends(may("evidence:bundle"))]
TheBundles = Annotated[Bundles, Depends(service(Bundles))]


class BundleRequest(Ask):
    """The case, who gets the bundle, and why. ``exact``: with the exact bytes of exchanges and unmasked facts."""

    authority: str = Field(min_length=1, max_length=40)
    number: str = Field(min_length=1, max_length=128, description="decision number 决定书文号")
    recipient: str = Field(min_length=2, max_length=200, description="the court, organ or person who gets it")
    reason: str = Field(min_length=2, max_length=200)
    exact: bool = False


@router.post(
    "/evidence-bundles",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "The bundle"}, **responses(400, 413)},
)
async def make_bundle(bundles: TheBundles, who: Bundler, ask: BundleRequest) -> Response:
    """The evidence bundle 证据包 of a case. Exact bytes need the right `persons:unmask` beside `evidence:bundle`."""
    require_authority(who, ask.authority, "decision")
    if ask.exact and RIGHT not in who.scopes:
        raise Problem(say("http.scope", scope=RIGHT), type="scope-missing")
    content = await bundles.make(BundleAsk(**ask.model_dump(), by=who.name))
    headers = {"Content-Disposition": 'attachment; filename="evidence.zip"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/zip", headers=headers)
