"""Evidence over HTTP: one exchange as it may be shown."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from gateway.foundation.access import Principal
from gateway.foundation.evidence import Exchange
from gateway.foundation.evidence.second import last_lines
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import View, instant
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

router = APIRouter(prefix="/v1", tags=["evidence"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("evidence:read"))]


class ExchangeView(View):
    """One request and answer on the wire 交互留痕, with secrets and personal data masked."""

    id: str
    node: str
    seq: int
    channel: str
    direction: Literal["out", "in"]
    action: str
    operation: str | None
    subject: str | None
    method: str
    url: str
    request: str
    response: str
    status: int | None
    outcome: str
    started_at: str
    ended_at: str
    chain: str

    @classmethod
    def of(cls, found: Exchange) -> ExchangeView:
        """From its record."""
        return cls.showing(
            found,
            operation=found.operation_id,
            started_at=instant(found.started_at),
            ended_at=instant(found.ended_at),
            chain=found.chain.hex(),
        )


@router.get("/evidence/{exchange_id}", response_model=ExchangeView)
async def get_exchange(base: Base, who: Reader, exchange_id: str) -> ExchangeView:
    """One exchange. The exact bytes are for `gateway evidence show --exact`."""
    found = await base.evidence.held(exchange_id)
    if found.authority is None and who.kind != "operator":  # statements are of many authorities
        raise NotFoundProblem(say("evidence.none"))
    if found.authority is not None:
        require_authority(who, found.authority, "exchange")
    return ExchangeView.of(found)


class HeadView(View):
    """How far the evidence of a node has been signed: the digest (SM3, hex) of its last signed line."""

    node: str
    seq: int
    digest: str


@router.get("/evidence-heads", response_model=list[HeadView])
async def get_heads(base: Base, who: Reader) -> list[HeadView]:  # noqa: ARG001
    """The signed heads as they are now. Who keeps them can prove later that the evidence was rolled back.

    `gateway evidence verify --seen FILE` holds such lines against the evidence.
    """
    return [HeadView.showing(one) for one in await asyncio.to_thread(list, last_lines(base.evidence.heads))]
