"""``gateway reconcile breaks`` and ``explain``: what differs, and the story of one difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer

from gateway.foundation.delivery import Events
from gateway.rooms.reconciliation import CHINESE, BreakFilter, BreakKind, Breaks, BreakState
from gateway.rooms.reconciliation.options import Channel, as_day
from gateway.settings import known
from gateway.terminal.output import Json, in_words, session, show, table
from gateway.words.clock import SystemClock
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.money import format_yuan
from gateway.words.saying import say

T = TypeVar("T")


def explain(
    ctx: typer.Context, break_id: Annotated[str, typer.Argument(metavar="BREAK")], as_json: Json = False
) -> None:
    """Tell the story of a break in plain words, with its exchanges."""
    try:
        found = _asked(ctx, lambda breaks: breaks.explain(break_id))
    except NotFoundProblem as problem:
        raise NotFoundProblem(say("reconciliation.no_break_called", id=break_id)) from problem
    about = found.about
    told = {
        "id": about.id,
        "kind": str(about.kind),
        "zh": CHINESE[about.kind],
        "state": str(about.state),
        "age_days": found.age,
        "assignee": about.assignee,
        "cause": found.cause,
        "proposal": found.proposal,
        "story": list(found.story),
        "exchanges": list(found.exchanges),
    }
    show(
        told,
        as_json,
        say("reconciliation.break_head", id=about.id, kind=about.kind, state=about.state, age=found.age),
        say("reconciliation.break_cause", cause=found.cause),
        say("reconciliation.break_proposal", proposal=found.proposal),
        *(f"  {in_words(sentence)}" for sentence in found.story),
        *([say("reconciliation.break_exchanges")] if found.exchanges else []),
        *(f"  {one}" for one in found.exchanges),
    )


def list_breaks(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(help="open, resolved, healed, cleared, or all.")] = "open",
    channel: Channel = None,
    day: Annotated[str | None, typer.Option(help="Of one day, as 2026-06-30.")] = None,
    kind: Annotated[str | None, typer.Option(help="paid_twice, unknown_code, …")] = None,
    assignee: Annotated[str | None, typer.Option(help="Who looks into it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """Breaks 差错 with their age and who looks into them, newest first."""
    kinds = {str(one): one for one in BreakKind}
    if kind is not None and kind not in kinds:
        raise InvalidProblem(say("reconciliation.no_kind", kind=kind), field="kind", cure=known(kind, kinds))
    states = {str(one): one for one in BreakState}
    if state not in (*states, "all"):
        raise InvalidProblem(
            say("reconciliation.no_state", state=state), field="state", cure=known(state, [*states, "all"])
        )
    wanted = BreakFilter(
        channel=channel,
        day_on=None if day is None else as_day(day),
        kind=None if kind is None else kinds[kind],
        state=states.get(state),
        assignee=assignee,
    )
    found = _asked(ctx, lambda breaks: breaks.find(wanted, limit=limit))
    now = SystemClock().now()
    rows = [
        {
            "id": one.id,
            "day": one.day_on.isoformat(),
            "channel": one.channel,
            "side": str(one.side),
            "kind": str(one.kind),
            "zh": CHINESE[one.kind],
            "code": one.code,
            "ours": yuan(one.ours),
            "theirs": yuan(one.theirs),
            "state": str(one.state),
            "age_days": one.age_in_days(now),
            "assignee": one.assignee,
        }
        for one in found
    ]
    names = ("id", "day", "zh", "kind", "code", "ours", "theirs", "state", "age_days", "assignee")
    show({"breaks": rows}, as_json, table(names, ([row[name] for name in names] for row in rows)))


def yuan(amount: int | None) -> str | None:
    """Fen as yuan; None where a side has nothing."""
    return None if amount is None else format_yuan(amount)


def _asked(ctx: typer.Context, question: Callable[[Breaks], Coroutine[Any, Any, T]]) -> T:
    """Ask about breaks, also while a gateway works on them."""
    clock = SystemClock()
    with session(ctx).store(exclusive=False) as store:
        return asyncio.run(question(Breaks(store, Events(clock), clock)))
