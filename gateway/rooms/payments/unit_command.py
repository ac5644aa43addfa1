"""``gateway authorities unit``: who collects for an authority."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote

import typer

from gateway.rooms.payments import LineKind
from gateway.terminal.login import Identity, asking_as
from gateway.terminal.output import Json, parse_day, show
from gateway.terminal.running import KeyFile
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
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Say which unit collects for an authority, under which income items 收入项目, from a day on."""
    items = dict(_item(one) for one in item)
    first = day_of(SystemClock().now()) if since is None else parse_day(since, "from")
    asked = {"region": region, "items": items, "unit_code": unit_code, "name": name, "from": str(first)}
    with asking_as(ctx, Identity(key_file=key_file)) as gateway:
        told = gateway("PUT", f"/v1/authorities/{quote(authority, safe='')}/unit", asked)
    about = {"name": told["name"], "code": told["unit_code"], "first": first, "kinds": [*items]}
    show(told, as_json, say("payments.unit_set", authority=authority, **about))


def _item(text: str) -> tuple[str, dict[str, str]]:
    match = re.fullmatch(r"(\w+)=([0-9A-Za-z]{1,20}):(.+)", text)
    if match is None or match[1] not in set(LineKind):
        raise InvalidProblem(say("payments.item_unread", text=text, kinds=[*LineKind]), field="item")
    return match[1], {"code": match[2], "name": match[3]}
