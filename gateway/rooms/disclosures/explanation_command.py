"""``gateway disclosures explain``, ``repair-notice`` and ``owed``: why a decision is public, and what is owed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from gateway.terminal.output import Json, Session, session, show, table
from gateway.words.clock import SHANGHAI, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say

if TYPE_CHECKING:
    from gateway.rooms.disclosures import Disclosures

T = TypeVar("T")


def explain(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority, as in the settings.")],
    number: Annotated[str, typer.Argument(help="The decision number 决定书文号.")],
    as_json: Json = False,
) -> None:
    """Why a decision is public at each target or is not, until when, who must act next, and by which rule."""
    from gateway.rooms.disclosures.explanation import said
    from gateway.rooms.disclosures.explanation_routes import PublicationView

    found = asyncio.run(_asked(session(ctx), lambda there: there.explanations.of(authority, number)))
    human: list[Any] = []
    for one in found.targets:
        human += ["" if human else None, say("disclosures.at_target", target=one.target, why=one.why)]
        human.append(say("disclosures.cited", citation=one.citation))
        if one.degree is not None:
            human.append(said(one.degree, found.decision))
        if one.basis is not None:
            ground = say(f"disclosures.ground_{one.basis.ground}")
            sure = say("disclosures.basis_confirm", confirm=one.basis.confirm) if one.basis.confirm else ""
            human.append(say("disclosures.based", ground=ground, citation=one.basis.citation, sure=sure))
        who, by = say(f"disclosures.who_{one.next.who}"), one.next.by
        word = "next_who" if by is None else "next_late" if by < found.on else "next_by"
        human.append(say(f"disclosures.{word}", who=who, what=one.next.what, by=by))
        clocks = [
            (say(f"disclosures.clock_{each.name}"), each.day, Word(each.state), each.provisional or "", each.citation)
            for each in one.clocks
        ]
        if clocks:
            human.append(table(("clock", "day", "state", "provisional", "rule"), clocks))
    human = [one for one in human if one is not None]
    show(PublicationView.of(found).model_dump(mode="json"), as_json, *human)


def repair_notice(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority, as in the settings.")],
    number: Annotated[str, typer.Argument(help="The decision number 决定书文号.")],
    to: Annotated[Path, typer.Option("--to", help="The new file: .pdf or .ofd.")],
    as_json: Json = False,
) -> None:
    """Write the notice of credit repair 信用修复告知书 that is served with the decision, as a letter."""
    if to.suffix not in (".pdf", ".ofd"):
        raise InvalidProblem(say("disclosures.notice_kind", file=to), field="--to")
    kind: Literal["pdf", "ofd"] = "pdf" if to.suffix == ".pdf" else "ofd"
    made = asyncio.run(_asked(session(ctx), lambda there: there.notices.of(authority, number, kind)))
    try:
        with to.open("xb") as file:
            file.write(made)
    except FileExistsError:
        raise InvalidProblem(say("audit.there", file=to), field="--to") from None
    show({"file": str(to)}, as_json, say("disclosures.notice_written", file=to))


def owed(
    ctx: typer.Context,
    begins: Annotated[
        datetime | None,
        typer.Option("--begins", formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="When sending begins; else now."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what will be kept.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    as_json: Json = False,
) -> None:
    """What is owed to each target, in the order of its last days, and what cannot be kept at the target's pace."""
    from gateway.rooms.disclosures.outlook_routes import OutlooksView, OutlookView

    at = None if begins is None else begins.replace(tzinfo=SHANGHAI)
    found = asyncio.run(_asked(session(ctx), lambda there: there.outlooks.of(None, at)))
    human: list[Any] = [] if found else [say("disclosures.nothing_owed")]
    for one in found:
        done = "" if one.done_at is None else rfc3339(one.done_at)
        given = {"target": one.target, "number": len(one.foreseen), "lost": len(one.lost), "done_at": done}
        human.append(say("disclosures.owed", **given))
        shown = (one.foreseen if everything else one.lost)[:limit]
        rows = [
            (each.owed.last_day, Word(each.owed.what), each.owed.decision_number, rfc3339(each.leaves_at), each.kept)
            for each in shown
        ]
        human += [table(("last_day", "due", "decision_number", "leaves_at", "kept"), rows)] if rows else []
    views = OutlooksView(targets=[OutlookView.of(one, limit, everything=everything) for one in found])
    show(views.model_dump(mode="json"), as_json, *human)


async def _asked(run: Session, ask: Callable[[Disclosures], Awaitable[T]]) -> T:
    from gateway.app import App
    from gateway.rooms.disclosures import Disclosures

    async with App.open(run.current) as gateway:
        return await ask(gateway.get(Disclosures))
