"""``gateway notices``: messages to officers, and taking one back."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from gateway.rooms.notices.records import Notice, NoticeFilter
from gateway.rooms.notices.service import found, story
from gateway.rooms.notices.states import CHINESE, Status
from gateway.settings import known
from gateway.terminal.login import Identity, asking_as
from gateway.terminal.output import Json, facts, moment, session, show, table
from gateway.terminal.running import KeyFile
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

app = typer.Typer(help="Notices 执法人员消息: list them, look at one, take one back.", no_args_is_help=True)


@app.command("list")
def list_notices(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="PLANNED, SENDING, SENT, DELIVERED, READ, FAILED …")] = None,
    authority: Annotated[str | None, typer.Option(help="Of one authority.")] = None,
    subject: Annotated[str | None, typer.Option(help="What it tells of, for example a payment's id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Messages to officers, newest first."""
    states = {one.value: one for one in Status}
    if status is not None and status.upper() not in states:
        raise InvalidProblem(say("notices.no_state", status=status), field="status", cure=known(status.upper(), states))
    wanted = NoticeFilter(
        authorities=None if authority is None else (authority,),
        status=None if status is None else states[status.upper()],
        subject=subject,
        limit=limit,
    )
    shown = [_plain(one) for one in session(ctx).read(partial(found, wanted))]
    names = ("id", "authority", "template", "items", "status", "zh", "user_id", "due_at", "read_at", "reason")
    show({"notices": shown}, as_json, table(names, ([one[name] for name in names] for one in shown)))


@app.command("show")
def show_notice(ctx: typer.Context, notice: str, as_json: Json = False) -> None:
    """One message: what it tells of, and its story."""
    one, items, timeline = session(ctx).read(partial(story, notice))
    about = _plain(one)
    tells = [
        {"event": one.event, "subject": one.subject, "decision_number": one.number, "at": moment(one.created_at)}
        for one in items
    ]
    events = [{"type": one.type, "at": moment(one.at)} for one in timeline]
    head = facts(about)
    rows = [table(("event", "subject", "decision_number", "at"), (list(one.values()) for one in tells))]
    rows.append(table(("type", "at"), (list(one.values()) for one in events)))
    show({**about, "tells": tells, "events": events}, as_json, head, "", *rows)


@app.command("recall")
def recall_notice(
    ctx: typer.Context,
    notice: str,
    reason: Annotated[str, typer.Option(help="Why, for the record and for the messenger.")],
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Take a message back 撤回: one that was not sent yet is dropped, another goes back once the gateway runs."""
    with asking_as(ctx, Identity(key_file=key_file)) as gateway:
        gateway("POST", f"/v1/notices/{notice}/recall", {"reason": reason})
    about = _plain(session(ctx).read(partial(story, notice))[0])
    show(about, as_json, f"{about['id']}  {about['zh']} {about['status']}")


def _plain(notice: Notice) -> dict[str, Any]:
    """What may be shown: the officer only as the messenger knows them."""
    names = ("id", "authority", "template", "items", "channel", "user_id", "reason", "doubt_reason")
    moments = ("due_at", "held_until_at", "sent_at", "delivered_at", "read_at", "in_doubt_since_at", "created_at")
    return {
        **{name: getattr(notice, name) for name in names},
        "status": notice.status.value,
        "zh": CHINESE[notice.status],
        **{name: moment(getattr(notice, name)) for name in moments},
    }
