"""``gateway handovers``: which personal data went to whom; list, filter, export."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.foundation.handovers import DataKind, Handover, HandoverFilter, find
from gateway.rooms.accounts.logs import Since, Subject, Until, about_file, between, every, write_rows
from gateway.terminal.output import Json, in_words, moment, session, show, table
from gateway.words.saying import say

_AFTER = ("subject", "basis", "by")

app = typer.Typer(help="Personal data given to others 个人信息提供记录: list, export.", no_args_is_help=True)


Recipient = Annotated[str | None, typer.Option(help="A channel, or the organ or person who got it.")]
Kind = Annotated[DataKind | None, typer.Option(help="A kind of personal data.")]
Of = Annotated[str | None, typer.Option("--authority", help="Only of this authority.")]


@app.command("list")
def list_handovers(
    ctx: typer.Context,
    recipient: Recipient = None,
    subject: Subject = None,
    authority: Of = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Which personal data went to whom, newest first."""
    wanted = replace(_wanted(recipient, subject, authority, kind, since, until), limit=limit)
    rows = [_told(one) for one in session(ctx).read(lambda conn: find(conn, wanted))]
    heads = ("at", "recipient", "kinds", "subject", say("handovers.basis"), "by")
    listed = table(heads, ((row["at"], row["recipient"], _kinds(row), *map(row.get, _AFTER)) for row in rows))
    show({"handovers": rows}, as_json, listed)


@app.command("export")
def export(
    ctx: typer.Context,
    to: Annotated[Path, typer.Option("--to", help="The file: .csv for spreadsheets, .jsonl for programs.")],
    recipient: Recipient = None,
    subject: Subject = None,
    authority: Of = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Write them into a file, newest first. The file must not be there yet."""
    found = map(_told, every(session(ctx), find, _wanted(recipient, subject, authority, kind, since, until)))
    given = {"recipient": recipient, "subject": subject, "authority": authority, "kind": kind and kind.value}
    about = about_file("handovers", {**given, "since": since, "until": until})
    number = write_rows(to, about, list(Handover.__dataclass_fields__), found)
    show({"file": str(to), "handovers": number}, as_json, say("handovers.exported", number=number, file=to))


def _wanted(
    recipient: str | None,
    subject: str | None,
    authority: str | None,
    kind: DataKind | None,
    since: str | None,
    until: str | None,
) -> HandoverFilter:
    return HandoverFilter(recipient, subject, authority, kind, *between(since, until))


def _told(one: Handover) -> dict[str, Any]:
    return {**asdict(one), "at": moment(one.at), "kinds": [kind.value for kind in one.kinds]}


def _kinds(row: dict[str, Any]) -> str:
    return " / ".join(in_words(say(f"handovers.kind_{one}")) for one in row["kinds"])
