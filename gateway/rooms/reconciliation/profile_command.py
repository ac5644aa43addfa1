"""``gateway reconcile profile``: look at a statement file, propose a profile, show the first lines as it reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.rooms.reconciliation import files
from gateway.rooms.reconciliation.options import as_day
from gateway.rooms.reconciliation.profiles import load_profile, ready
from gateway.rooms.reconciliation.proposing import Proposal, propose
from gateway.rooms.reconciliation.statement import Statement, StatementRefusedError, Window, window
from gateway.settings import known
from gateway.terminal.output import Exit, Json, in_words, session, show, spoken, table
from gateway.words.clock import SHANGHAI, start_of, to_micros
from gateway.words.errors import InvalidProblem, NotFoundProblem, SettingsError
from gateway.words.money import format_sum
from gateway.words.saying import say

_SHOWN = 8
_EVER = Window(0, to_micros(start_of(date(2100, 1, 1))))


def profile(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A statement file; none: the ready profiles.")] = None,
    name: Annotated[str | None, typer.Option("--profile", help="Read it by a block statements.NAME.")] = None,
    like: Annotated[str | None, typer.Option("--ready", help="Read it by a ready profile, or show that one.")] = None,
    day: Annotated[str | None, typer.Option(help="The day it is of, for times without a year; any if none.")] = None,
    as_json: Json = False,
) -> None:
    """Look at a statement file: propose a profile, show the first lines as read, and what is left over.

    Exit code 1 if the file cannot be read so. Nothing is kept.
    """
    if name is not None and like is not None:
        raise InvalidProblem(say("profiles.one_of"), field="profile")
    if file is None:
        _show_ready(like, as_json)
        return
    if not file.is_file():
        raise NotFoundProblem(say("profiles.no_such", path=str(file)), field="file")
    days = _EVER if day is None else window(as_day(day), datetime.min.time())
    try:
        proposal = propose(file) if name is None and like is None else _named(ctx, name, like)
        chosen = proposal.profile()
        told, refused = files.read(file, chosen, date.today() if day is None else as_day(day), days), None  # noqa: DTZ011
    except StatementRefusedError as error:
        told, refused = None, [in_words(error.said), error.cure_in(spoken()) or ""]
        proposal = _or_none(file) if name is None and like is None else _named(ctx, name, like)
    except SettingsError as error:
        told, refused = None, [f"{error.key}: {error.reason_in(spoken())}"]
    show(
        {
            "profile": proposal.text,
            "read": None if told is None else _summary(told),
            "refused": None if refused is None else " ".join(refused).strip(),
            "left_over": proposal.left_over,
            "questions": [in_words(one) for one in proposal.questions],
        },
        as_json,
        "[statements.NAME]",
        proposal.text,
        *(_as_read(told) if told is not None else [*(refused or ()), *proposal.first_rows]),
        *_left_over(proposal, told),
    )
    if told is None:
        raise typer.Exit(Exit.FOUND)


def _show_ready(like: str | None, as_json: bool) -> None:
    if like is not None:
        if like not in ready():
            raise NotFoundProblem(
                say("files.no_ready_profile", name=like, ready=list(ready())), field="ready", cure=known(like, ready())
            )
        show({"name": like, "profile": ready()[like]}, as_json, ready()[like])
        return
    rows = [(name, text.splitlines()[0].lstrip("# ")) for name, text in ready().items()]
    show(
        {"ready": [{"name": name, "about": about} for name, about in rows]},
        as_json,
        table(["like", "about"], rows),
        "",
        say("profiles.show_one"),
    )


def _named(ctx: typer.Context, name: str | None, like: str | None) -> Proposal:
    if like is not None:
        if like not in ready():
            raise NotFoundProblem(say("files.no_ready_profile", name=like, ready=list(ready())), field="ready")
        return Proposal({"like": like})
    blocks = session(ctx).settings.statements
    if name not in blocks:
        raise NotFoundProblem(say("files.no_profile", name=name), cure=known(str(name), blocks))
    load_profile(blocks[name], f"statements.{name}")
    return Proposal(dict(blocks[name]))


def _or_none(file: Path) -> Proposal:
    try:
        return propose(file)
    except StatementRefusedError:
        return Proposal({})


def _summary(told: Statement) -> dict[str, Any]:
    return {
        "lines": len(told.lines),
        **{name: told.beside.made[name] for name in ("count", "paid_count", "refunded_count")},
        "paid": format_sum(told.beside.made["amount"]),
        "refunded": format_sum(told.beside.made["refunded"]),
        "totals": dict(told.beside.told),
        "proven": told.proven,
        "passed": dict(Counter(why for _, why in told.beside.passed)),
        "not_ours": len(told.beside.strangers),
        "unread": [in_words(say("files.on_line", line=one.number, reason=one.why)) for one in told.beside.unread],
    }


def _as_read(told: Statement) -> Iterator[Any]:
    """The first lines, the sums, and whether the totals say the same."""
    rows = (
        (
            one.code,
            str(one.kind),
            format_sum(one.amount),
            f"{one.paid_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
            one.bank_serial[:24],
        )
        for one in told.lines[:_SHOWN]
    )
    yield table(["code", "kind", "yuan", "paid_at", "bank_serial"], rows)
    made = told.beside.made
    paid, back = format_sum(made["amount"]), format_sum(made["refunded"])
    proof = say("profiles.proven" if told.proven else "profiles.unproven")
    yield say("profiles.sums", count=made["count"], paid=paid, refunded=back, proof=proof)
    if told.beside.balance is not None:
        first, last = map(format_sum, told.beside.balance)
        yield say("profiles.balance_runs", first=first, last=last)


def _left_over(proposal: Proposal, told: Statement | None) -> Iterator[Any]:
    if proposal.left_over:
        yield say("profiles.columns_left", columns=proposal.left_over)
    if told is not None:
        passed = Counter(why for _, why in told.beside.passed)
        if passed:
            yield say("profiles.lines_passed", kinds=[f"{many} {why}" for why, many in passed.items()])
        if told.beside.strangers:
            yield say("profiles.lines_not_ours", number=len(told.beside.strangers))
        for one in told.beside.unread[:_SHOWN]:
            yield in_words(say("files.on_line", line=one.number, reason=one.why))
        for said in told.beside.remarks:
            yield in_words(said)
    for question in proposal.questions:
        yield f"? {in_words(question)}"
