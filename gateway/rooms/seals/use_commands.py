"""``gateway seals stop`` and ``gateway seals uses``: stop a seal at once, and read what it was used for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.terminal.listing import Listing
from gateway.terminal.output import Json, moment, parse_day, session, show, spoken, table
from gateway.words.clock import SystemClock, start_of, to_micros
from gateway.words.errors import InvalidProblem
from gateway.words.identifiers import clean_text
from gateway.words.saying import Language, said_of, say

if TYPE_CHECKING:
    from gateway.rooms.seals import SealedDocument

Seal = Annotated[str, typer.Argument(metavar="SEAL", help="The seal's number 印章编号.")]


def stop(
    ctx: typer.Context,
    seal: Seal,
    authority: Annotated[str, typer.Option(help="The authority's code.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    as_json: Json = False,
) -> None:
    """Stop a seal at once 停用, also while a gateway works: its key may be known to others. It is never lifted."""
    from gateway.foundation.access import Access
    from gateway.foundation.delivery import Events
    from gateway.rooms.seals.stops import SealStop, SealStops

    why = _clean(reason, "--reason")
    if not 0 < len(why) <= 200 or not 0 < len(seal) <= 32:
        raise InvalidProblem(say("seals.stop_lengths"), field="--reason")
    clock = SystemClock()
    asked = SealStop(
        id="",
        authority=authority,
        seal_id=seal,
        reason=why,
        stopped_by="command line",
        stopped_name="command line",
        stopped_at=0,
    )

    async def run() -> str:
        with session(ctx).store(exclusive=False) as store:
            await Access(store, clock).authority(authority)
            return await SealStops(store, Events(clock), clock).stop(asked)

    stop_id = asyncio.run(run())
    show(
        {"id": stop_id, "authority": authority, "seal_id": seal, "reason": why},
        as_json,
        say("seals.stop_made", seal=seal, why=why),
        say("seals.tell_service", id=stop_id),
    )


def uses(
    ctx: typer.Context,
    seal: Seal,
    authority: Annotated[str | None, typer.Option(help="Of one authority.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First day, as 2026-09-01.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 200,
    as_json: Json = False,
) -> None:
    """What a seal was used for 用印登记, newest first: when, for what, approved how, asked by whom, how it ended."""
    from gateway.rooms.seals import DocumentFilter, records

    wanted = DocumentFilter(
        authorities=None if authority is None else (authority,),
        seal_id=seal,
        since=None if since is None else to_micros(start_of(parse_day(since, "--from"))),
        until=None if until is None else to_micros(start_of(parse_day(until, "--to") + timedelta(days=1))),
        limit=limit,
    )
    found = session(ctx).read(lambda conn: records.find(conn, wanted))
    human: list[Any] = [_listed(found)] if found else [say("seals.no_use")]
    if len(found) == limit:
        human.append(say("seals.latest_uses", limit=limit))
    show({"seal_id": seal, "uses": [_plain(one) for one in found]}, as_json, *human)


def _listed(found: list[SealedDocument]) -> Listing:
    """For people."""
    from gateway.rooms.seals.states import CHINESE

    chinese = spoken() is Language.CHINESE
    return table(
        ("time", "ended", "document", "approval", "asked_by"),
        (
            (
                moment(one.created_at),
                CHINESE[one.status] if chinese else one.status,
                " ".join(filter(None, (one.title, one.decision_number, one.id))),
                one.approval,
                one.asked_by,
            )
            for one in found
        ),
    )


def _plain(document: SealedDocument) -> dict[str, Any]:
    names = ("id", "authority", "title", "decision_number", "approval", "asked_by", "reason")
    record = document.approval_record
    return {
        **{name: getattr(document, name) for name in names},
        "approval_record": None if record is None else record.model_dump(mode="json"),
        "status": document.status.value,
        "digest": document.digest.hex(),
        "created_at": moment(document.created_at),
        "sealed_at": moment(document.sealed_at),
    }


def _clean(text: str, field: str) -> str:
    try:
        return clean_text(text)
    except ValueError as error:
        raise InvalidProblem(said_of(error), field=field) from None
