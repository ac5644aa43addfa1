"""``gateway evidence``: prove that nothing kept was changed, and look at one exchange."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from gateway.foundation import rooms
from gateway.foundation.books import Audit, Wrong
from gateway.foundation.channels import Channels
from gateway.foundation.evidence.chain import KEPT_BYTES
from gateway.rooms.evidence.bundle_command import bundle
from gateway.rooms.evidence.export_command import export
from gateway.rooms.evidence.verifying import Wanted, evidence_of, verified
from gateway.terminal.login import FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Exit, Json, Session, facts, head, in_words, progress, session, show, table
from gateway.terminal.running import KeyFile
from gateway.words.clock import ManualClock, SystemClock, from_micros, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Evidence 交互留痕: verify all of it, or show one exchange.", no_args_is_help=True)
app.command("bundle")(bundle)
app.command("export")(export)

_SHOWN = ("id", "node", "seq", "channel", "direction", "action", "operation_id", "subject", "authority")
_WIRE = ("method", "url", "status", "outcome")


class Direction(Word):
    """Which way an exchange went."""


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
        Path | None, typer.Option(help="Heads that somebody else kept: lines of /v1/evidence-heads.")
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

    named = {one.name: one for one in channels.all()}

    def ran(made: Audit) -> tuple[Audit, list[Wrong]]:
        return made, list(made.run(books))

    return ours.read(lambda conn: ran(Audit(conn, evidence, evidence.envelope, named, clock, moved)))


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
        lines.append(table(["kind", "id", "reason"], [(Word(one.what), one.subject, one.said) for one in wrong]))
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
        bool, typer.Option("--exact", help="The exact bytes, with personal data: say who you are and why; kept.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why the exact bytes are needed.")] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """One exchange as it crossed the wire, redacted unless --exact is given."""
    evidence = evidence_of(session(ctx))
    found = session(ctx).read(lambda conn: evidence.open(conn, exchange)).exchange
    about = {name: getattr(found, name) for name in (*_SHOWN, *_WIRE)}
    about |= {"started_at": rfc3339(from_micros(found.started_at)), "ended_at": rfc3339(from_micros(found.ended_at))}
    bodies = {"request": found.request, "response": found.response}
    if exact:
        kept = _exact(ctx, Identity(login, password_stdin, key_file), exchange, reason)
        bodies = {
            name: kept[name] for name in ("request", "response", "decrypted") if kept[name] or name != "decrypted"
        }
        if kept["read_length"] is not None:
            about["response_read"] = in_words(
                say("evidence.read_in_part", length=kept["read_length"], digest=kept["read_digest"], kept=KEPT_BYTES)
            )
    listed = facts(about | {"direction": Direction(found.direction), "outcome": Word(found.outcome)})
    parts = [line for name, body in bodies.items() for line in (f"--- {head(name)}", body)]
    show(about | bodies, as_json, listed, "", *parts)


def _exact(ctx: typer.Context, who: Identity, exchange: str, reason: str | None) -> dict[str, Any]:
    if reason is None or len(reason) < 2:
        raise InvalidProblem(say("evidence.reason"), field="--reason")
    path = f"/v1/evidence/{quote(exchange, safe='')}/exact?unmask={quote(reason, safe='')}"

    return as_operator(ctx, who, lambda asking: dict(asking("GET", path, None)))
