"""Who collects for an authority, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BeforeValidator, Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import operator
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Ask, View
from gateway.rooms.payments import IncomeItem, LineKind
from gateway.rooms.payments.units import set_unit
from gateway.words.days import Day
from gateway.words.text import readable

router = APIRouter(prefix="/v1", tags=["access"], responses=responses(401, 403, 422, 503))

Writer = Annotated[Principal, Depends(operator("accounts:write"))]


class ItemAsk(Ask):
    """An income item 收入项目 of the non-tax platform."""

    code: str = Field(min_length=1, max_length=20)
    name: str = Field(min_length=1, max_length=200)


class UnitAsk(Ask):
    """Which unit collects, under which income items, from a day on.

    ``region``: division code of the platform 行政区划. Without ``unit_code`` and ``name`` they are the authority's.
    """

    region: str = Field(min_length=1, max_length=12)
    items: Annotated[dict[LineKind, ItemAsk], BeforeValidator(readable)] = Field(min_length=1)
    unit_code: str | None = Field(default=None, max_length=40)
    name: str | None = Field(default=None, max_length=200)
    since: Day = Field(alias="from")


class UnitView(View):
    """Which unit collects for an authority, from a day on."""

    authority: str
    unit_code: str
    name: str
    region: str
    since: Day = Field(alias="from")
    items: dict[str, dict[str, str]]


@router.put("/authorities/{authority}/unit", response_model=UnitView, responses=responses(404, 413))
async def set_collecting_unit(base: Base, _: Writer, authority: str, ask: UnitAsk) -> UnitView:
    """Say which unit collects for an authority, under which income items. The same again changes nothing."""
    items = {kind: IncomeItem(one.code, one.name) for kind, one in ask.items.items()}
    unit = await set_unit(base, authority, ask.region, items, ask.since, (ask.unit_code, ask.name))
    shown = {kind.value: {"code": one.code, "name": one.name} for kind, one in ask.items.items()}
    known = {"authority": authority, "unit_code": unit.code, "name": unit.name, "region": ask.region, "items": shown}
    return UnitView.model_validate({**known, "from": ask.since})
