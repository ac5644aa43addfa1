"""``gateway disclosures``, and ``gateway authorities organ``: who publishes for an authority."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.foundation.access import Access
from gateway.rooms.disclosures import Organ, Organs
from gateway.rooms.disclosures.examination_command import examine
from gateway.rooms.disclosures.explanation_command import explain, owed
from gateway.rooms.disclosures.full_text_command import full_text
from gateway.rooms.disclosures.inspection_command import findings
from gateway.rooms.disclosures.inspection_report_command import inspection
from gateway.rooms.disclosures.repair_command import app as repair
from gateway.terminal.output import Json, parse_day, session, show
from gateway.words.clock import SystemClock, day_of
from gateway.words.saying import say

app = typer.Typer(help="Disclosures 信用与执法公示: what the public reads.", no_args_is_help=True)
app.command("text")(full_text)
app.command("examine")(examine)
app.command("explain")(explain)
app.command("owed")(owed)
app.command("findings")(findings)
app.command("inspection")(inspection)
app.add_typer(repair, name="repair")


def set_organ(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority's code.")],
    name: Annotated[str | None, typer.Option(help="Penalising organ 处罚机关; else the authority's name.")] = None,
    uscc: Annotated[str | None, typer.Option(help="Its unified code; else the authority's.")] = None,
    source_name: Annotated[str | None, typer.Option(help="Source of the data 数据来源单位; else the organ.")] = None,
    source_uscc: Annotated[str | None, typer.Option(help="Its unified code; else the organ's.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First day, as 2027-01-01; today if none.")] = None,
    as_json: Json = False,
) -> None:
    """Say under which names and unified codes an authority publishes its decisions, from a day on."""
    first = day_of(SystemClock().now()) if since is None else parse_day(since, "from")
    with session(ctx).store(exclusive=True) as store:
        owner = asyncio.run(Access(store, SystemClock()).authority(authority))
        organ_name, organ_code = name or owner.name, uscc or owner.uscc
        organ = Organ(organ_name, organ_code, source_name or organ_name, source_uscc or organ_code)
        asyncio.run(Organs(store).set(authority, organ, first))
    show(
        {"authority": authority, "from": first.isoformat(), **asdict(organ)},
        as_json,
        say("disclosures.organ_set", authority=authority, name=organ.name, code=organ.code, first=first),
    )
