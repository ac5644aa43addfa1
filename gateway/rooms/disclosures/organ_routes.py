"""Who publishes for an authority, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import operator
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Ask, View
from gateway.rooms.disclosures import Organs
from gateway.words.days import Day

router = APIRouter(prefix="/v1", tags=["access"], responses=responses(401, 403, 422, 503))

Writer = Annotated[Principal, Depends(operator("accounts:write"))]


class OrganAsk(Ask):
    """Names and unified codes under which decisions are published, from a day on; what is not said is the authority's.

    ``name``: the penalising organ 处罚机关; ``source_name``: the source of the data 数据来源单位.
    """

    name: str | None = Field(default=None, max_length=200)
    uscc: str | None = Field(default=None, max_length=18)
    source_name: str | None = Field(default=None, max_length=200)
    source_uscc: str | None = Field(default=None, max_length=18)
    since: Day = Field(alias="from")


class OrganView(View):
    """Under which names and unified codes an authority publishes, from a day on."""

    authority: str
    since: Day = Field(alias="from")
    name: str
    code: str
    source_name: str
    source_code: str


@router.put("/authorities/{authority}/organ", response_model=OrganView, responses=responses(404, 413))
async def set_publishing_organ(base: Base, _: Writer, authority: str, ask: OrganAsk) -> OrganView:
    """Say under which names and unified codes an authority publishes. The same again changes nothing."""
    owner = await base.access.authority(authority)
    organ = await Organs(base.store).say(owner, ask.model_dump(), ask.since)
    return OrganView.model_validate({**vars(organ), "authority": authority, "from": ask.since})
