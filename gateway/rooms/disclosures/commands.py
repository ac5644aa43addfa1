"""``gateway disclosures``, and ``gateway authorities organ``: who publishes for an authority."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from gateway.rooms.disclosures.doctor import unconfirmed
from gateway.rooms.disclosures.examination_command import examine
from gateway.rooms.disclosures.explanation_command import explain, owed, repair_notice
from gateway.rooms.disclosures.full_text_command import full_text
from gateway.rooms.disclosures.inspection_command import findings
from gateway.rooms.disclosures.inspection_report_command import inspection
from gateway.rooms.disclosures.repair_command import app as repair
from gateway.terminal.login import Identity, asking_as
from gateway.terminal.output import Json, in_words, parse_day, session, show
from gateway.terminal.running import KeyFile
from gateway.words.clock import SystemClock, day_of
from gateway.words.saying import say

app = typer.Typer(help="Disclosures 信用与执法公示: what the public reads.", no_args_is_help=True)
app.command("text")(full_text)
app.command("examine")(examine)
app.command("explain")(explain)
app.command("owed")(owed)
app.command("repair-notice")(repair_notice)
app.command("findings")(findings)
app.command("inspection")(inspection)
app.add_typer(repair, name="repair")


@app.command("unconfirmed")
def list_unconfirmed(ctx: typer.Context, as_json: Json = False) -> None:
    """Rules of publication that are to be confirmed with the platforms, one a line."""
    marked = [in_words(one) for one in unconfirmed(session(ctx).settings, session(ctx).read)]
    show({"unconfirmed": marked}, as_json, *marked)


def set_organ(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority's code.")],
    name: Annotated[str | None, typer.Option(help="Penalising organ 处罚机关; else the authority's name.")] = None,
    uscc: Annotated[str | None, typer.Option(help="Its unified code; else the authority's.")] = None,
    source_name: Annotated[str | None, typer.Option(help="Source of the data 数据来源单位; else the organ.")] = None,
    source_uscc: Annotated[str | None, typer.Option(help="Its unified code; else the organ's.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First day, as 2027-01-01; today if none.")] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Say under which names and unified codes an authority publishes its decisions, from a day on."""
    first = day_of(SystemClock().now()) if since is None else parse_day(since, "from")
    given = {"name": name, "uscc": uscc, "source_name": source_name, "source_uscc": source_uscc, "from": str(first)}
    with asking_as(ctx, Identity(key_file=key_file)) as gateway:
        told = gateway("PUT", f"/v1/authorities/{quote(authority, safe='')}/organ", given)
    about = {"authority": authority, "name": told["name"], "code": told["code"], "first": first}
    show(told, as_json, say("disclosures.organ_set", **about))
