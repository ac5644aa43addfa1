"""``gateway authorities unit``: who collects for an authority."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.foundation.access import Access
from gateway.rooms.payments import IncomeItem, LineKind, Unit, records
from gateway.terminal.output import Json, parse_day, session, show
from gateway.words.clock import SystemClock, day_of
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say


def set_unit(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority's code.")],
    region: Annotated[str, typer.Option(help="Division code of the non-tax platform 行政区划, six digits.")],
    item: Annotated[list[str], typer.Option(help="Income item of a kind of line, as fine=103050199:罚没收入; repeat.")],
    unit_code: Annotated[str | None, typer.Option(help="Collecting unit 执收单位编码; else the authority's.")] = None,
    name: Annotated[str | None, typer.Option(help="Its name on bills; else the authority's.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First day, as 2027-01-01; today if none.")] = None,
    as_json: Json = False,
) -> None:
    """Say which unit collects for an authority, under which income items 收入项目, from a day on."""
    items = dict(_item(one) for one in item)
    first = day_of(SystemClock().now()) if since is None else parse_day(since, "from")
    with session(ctx).store(exclusive=True) as store:
        owner = asyncio.run(Access(store, SystemClock()).authority(authority))
        code = unit_code or owner.unit_code
        if code is None:
            raise InvalidProblem(say("payments.no_unit_code", authority=authority), field="unit_code")
        unit = Unit(code, name or owner.name, region, items)
        store.write_sync(lambda conn: records.set_unit(conn, authority, unit, first))
    kinds = {kind.value: asdict(one) for kind, one in items.items()}
    show(
        {"authority": authority, "unit_code": code, "region": region, "from": first.isoformat(), "items": kinds},
        as_json,
        say("payments.unit_set", name=unit.name, code=code, authority=authority, first=first, kinds=[*items]),
    )


def _item(text: str) -> tuple[LineKind, IncomeItem]:
    match = re.fullmatch(r"(\w+)=([0-9A-Za-z]{1,20}):(.+)", text)
    if match is None or match[1] not in set(LineKind):
        raise InvalidProblem(say("payments.item_unread", text=text, kinds=[*LineKind]), field="item")
    return LineKind(match[1]), IncomeItem(match[2], match[3])
