"""``gateway evidence``: prove that nothing kept was changed, and look at one exchange."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from gateway.foundation import rooms
from gateway.foundation.books import Audit, Wrong
from gateway.foundation.channels import Channels
from gateway.rooms.evidence.verifying import Wanted, evidence_of, verified
from gateway.terminal.output import Exit, Json, Session, facts, head, in_words, progress, session, show, table
from gateway.words.clock import ManualClock, SystemClock, from_micros, rfc3339
from gateway.words.saying import say

app = typer.Typer(help="Evidence 交互留痕: verify all of it, or show one exchange.", no_args_is_help=True)

_SHOWN = ("id", "node", "seq", "channel", "direction", "action", "operation_id", "subject", "authority")
_WIRE = ("method", "url", "status", "outcome")


@app.command("verify")
def verify(
    ctx: typer.Context,
    heads: Annotated[
        Path | None, typer.Option(help="Folder of signed heads, for example a copy kept elsewhere; else the settings'.")
    ] = None,
    second: Annotated[
        Path | None, typer.Option(help="The second place of signed heads, as it is mounted here; else the settings'.")
    ] = None,
    seen: Annotated[
        Path | None, typer.Option(help="Heads that somebody else kept: lines of GET /v1/evidence-heads.")
    ] = None,
    since_checkpoint: Annotated[
        bool, typer.Option("--since-checkpoint", help="Only what came after the last verification that found nothing.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core where there is much.")] = 0,
    as_json: Json = False,
) -> None:
    """Check every record against the chain, the signed heads and the second place.

    Exit code 1 names the first altered or missing one.
    """
    wanted = Wanted(heads, second, seen, since_checkpoint, jobs)
    with progress().status(in_words(say("evidence.verifying"))) as status:
        found, begun = verified(
            session(ctx),
            wanted,
            lambda done, total: status.update(in_words(say("evidence.so_far", done=done, total=total))),
        )
    problem = found.first_problem
    result = say("evidence.as_kept") if problem is None else say("evidence.not_as_kept", problem=problem)
    since = () if begun is None else (say("evidence.since", at=begun.at, records=begun.records),)
    show(
        {
            "ok": found.ok,
            "exchanges": found.exchanges,
            "heads": found.heads_checked,
            "shredded": found.shredded,
            "unsigned": found.unsigned,
            "since": begun and begun.at,
            "problem": problem
            and {
                "node": problem.node,
                "record": problem.seq,
                "exchange": problem.exchange_id,
                "what": problem.what,
                "detail": problem.detail,
            },
        },
        as_json,
        *since,
        say("evidence.verified", exchanges=found.exchanges, heads=found.heads_checked, result=result),
    )
    if not found.ok:
        raise typer.Exit(Exit.FOUND)


def audited(
    ours: Session, moved: Callable[[str, int], None] = lambda _what, _number: None
) -> tuple[Audit, list[Wrong]]:
    """The books of every room held against evidence, and what is wrong. ``moved`` hears how many of what were held."""
    evidence, clock = evidence_of(ours), ManualClock(SystemClock().now())
    channels = Channels.build(ours.settings, recorder=lambda _: None, clock=clock)
    books = [one for room in rooms.found() if room.books is not None for one in room.place(room.books)]

    def held(conn: Connection) -> tuple[Audit, list[Wrong]]:
        made = Audit(conn, evidence, evidence.envelope, {one.name: one for one in channels.all()}, clock, moved)
        return made, list(made.run(books))

    return ours.read(held)


@app.command("audit")
def audit(ctx: typer.Context, as_json: Json = False) -> None:
    """Hold payments, refunds and disclosures against what was exchanged. Exit code 1 names every row that differs.

    It believes the evidence: verify that first.
    """
    counted: dict[str, int] = {}
    with progress().status(in_words(say("evidence.auditing", what=""))) as status:

        def moved(what: str, number: int) -> None:
            counted[what] = counted.get(what, 0) + number
            status.update(in_words(say("evidence.auditing", what=f"{what} {counted[what]}")))

        made, wrong = audited(session(ctx), moved)
    result = say("evidence.audit_wrong", number=len(wrong)) if wrong else say("evidence.audit_clean")
    lines: list[Any] = [say("evidence.audited", checked=made.checked, result=result)]
    if made.unread:
        lines.append(say("evidence.audit_unread", number=made.unread, unproven=made.unproven))
    if wrong:
        lines.append(table(["what", "id", "reason"], [(one.what, one.subject, one.said) for one in wrong]))
    show(
        {
            "ok": not wrong,
            "checked": made.checked,
            "unread": made.unread,
            "unproven": made.unproven,
            "wrong": [{"what": one.what, "id": one.subject, "reason": str(one.said)} for one in wrong],
        },
        as_json,
        *lines,
    )
    if wrong:
        raise typer.Exit(Exit.FOUND)


@app.command("show")
def show_exchange(
    ctx: typer.Context,
    exchange: str,
    exact: Annotated[
        bool, typer.Option("--exact", help="The exact bytes, with personal data. Their use is yours to answer for.")
    ] = False,
    as_json: Json = False,
) -> None:
    """One exchange as it crossed the wire, redacted unless --exact is given."""
    evidence = evidence_of(session(ctx))
    opened = session(ctx).read(lambda conn: evidence.open(conn, exchange))
    found = opened.exchange
    about = {name: getattr(found, name) for name in (*_SHOWN, *_WIRE)}
    about |= {"started_at": rfc3339(from_micros(found.started_at)), "ended_at": rfc3339(from_micros(found.ended_at))}
    bodies = {"request": found.request, "response": found.response}
    if exact:
        kept = opened.exact
        bodies = {
            "request": _text(kept.request_body) if kept else in_words(say("evidence.shredded")),
            "response": _text(kept.response_body) if kept else in_words(say("evidence.shredded")),
        }
        if kept is not None and kept.decrypted:
            bodies["decrypted"] = _text(kept.decrypted)
        if kept is not None and kept.read is not None:
            length, digest = kept.read
            about["response_read"] = in_words(
                say("evidence.read_in_part", length=length, digest=digest, kept=len(kept.response_body))
            )
    listed = facts(about)
    parts = [line for name, body in bodies.items() for line in (f"--- {head(name)}", body)]
    show(about | bodies, as_json, listed, "", *parts)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode()
