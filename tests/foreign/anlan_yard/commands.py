"""``gateway impounds``: the vehicles that are held."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from anlan_yard.records import Impound, ImpoundFilter
from anlan_yard.service import Impounds
from anlan_yard.states import Status
from gateway.settings import Settings
from gateway.terminal.output import Json, session, show, table


def impounds(
    ctx: typer.Context,
    status: Annotated[Status | None, typer.Option(help="Only those that stand so.")] = None,
    as_json: Json = False,
) -> None:
    """List impounded vehicles 暂扣车辆, newest first; the last two hundred."""
    found = asyncio.run(_find(session(ctx).settings, ImpoundFilter(authorities=None, status=status, limit=200)))
    rows = [
        {"id": one.id, "plate": one.plate, "status": one.status, "slot": one.slot, "seized_on": one.seized_on}
        for one in found
    ]
    names = ("id", "plate", "status", "slot", "seized_on")
    show({"impounds": rows}, as_json, table(names, ([row[name] for name in names] for row in rows)))


async def _find(settings: Settings, wanted: ImpoundFilter) -> list[Impound]:
    from gateway.app import App

    async with App.open(settings) as gateway:
        return await gateway.get(Impounds).find(wanted)
