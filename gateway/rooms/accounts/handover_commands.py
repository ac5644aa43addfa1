"""``gateway handovers``: which personal data went to whom; list, filter, export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.foundation.handovers import DataKind, Handover, HandoverFilter, find
from gateway.rooms.accounts.audit_commands import Since, Subject, Until, micros_of, write_rows
from gateway.terminal.output import Json, Session, moment, session, show, table
from gateway.words.saying import say

app = typer.Typer(help="Personal data given to others 个人信息提供记录: list, export.", no_args_is_help=True)

_PAGE = 500
_SHOWN = ("at", "recipient", "kinds", "subject", "basis", "by")

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
    listed = table(_SHOWN, ([_word(row[name]) for name in _SHOWN] for row in rows))
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
    found = _all(session(ctx), _wanted(recipient, subject, authority, kind, since, until))
    rows = ({name: _word(value) for name, value in row.items()} for row in found) if to.suffix == ".csv" else found
    number = write_rows(to, list(Handover.__dataclass_fields__), rows)
    show({"file": str(to), "handovers": number}, as_json, say("handovers.exported", number=number, file=to))


def _wanted(
    recipient: str | None,
    subject: str | None,
    authority: str | None,
    kind: DataKind | None,
    since: str | None,
    until: str | None,
) -> HandoverFilter:
    first = None if since is None else micros_of(since, "since")
    end = None if until is None else micros_of(until, "until", timedelta(days=1))
    return HandoverFilter(recipient, subject, authority, kind, first, end)


def _all(ours: Session, wanted: HandoverFilter) -> Iterator[dict[str, Any]]:
    before: str | None = None
    while True:
        page = ours.read(lambda conn, before=before: find(conn, replace(wanted, before=before, limit=_PAGE)))  # type: ignore[misc]
        yield from map(_told, page)
        if len(page) < _PAGE:
            return
        before = page[-1].id


def _told(one: Handover) -> dict[str, Any]:
    return {**asdict(one), "at": moment(one.at), "kinds": [kind.value for kind in one.kinds]}


def _word(value: Any) -> Any:
    return " ".join(value) if isinstance(value, list) else value
