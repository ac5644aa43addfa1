"""``gateway retention``: what is kept how long and why, what has aged, and the archive."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import typer

from gateway.app import App
from gateway.foundation.crypto.rings import own_keys
from gateway.rooms.retention import records
from gateway.rooms.retention.archive import Archive, ArchiveError
from gateway.rooms.retention.assembly import RetentionSettings, terms_of
from gateway.rooms.retention.service import Done, Retention, planned, prove
from gateway.terminal.output import Exit, Json, in_words, moment, progress, session, show, table
from gateway.words.clock import day_of, from_micros, rfc3339
from gateway.words.saying import Sentence, say

app = typer.Typer(help="Retention 保管期限: what is kept how long and why, and the archive.", no_args_is_help=True)


def kind(what: str) -> Sentence:
    """The name of what a term keeps, for people."""
    return say(f"retention.kind_{what.replace(' ', '_').replace('-', '_')}")


@app.command("plan")
def plan(ctx: typer.Context, as_json: Json = False) -> None:
    """What is kept, how long, why, and how many rows have had their time. Changes nothing."""
    ours = session(ctx)
    now = datetime.now(UTC)
    found = [ours.read(partial(planned, term=term, now=now)) for term in terms_of(ours.settings)]
    show(
        {
            "terms": [
                {
                    "what": one.term.what,
                    "tables": [each.name for each in one.term.tables],
                    "days": one.term.days,
                    "why": in_words(one.term.why),
                    "before": None if one.before is None else rfc3339(one.before),
                    "aged": one.aged,
                    "archived": one.archived,
                }
                for one in found
            ]
        },
        as_json,
        table(
            ["what", "days", "aged", "archived", "why"],
            (
                (
                    kind(one.term.what),
                    say("retention.for_good") if one.term.days is None else one.term.days,
                    one.aged or None,
                    one.archived or None,
                    one.term.why,
                )
                for one in found
            ),
        ),
    )


@app.command("run")
def run(
    ctx: typer.Context,
    again: bool = typer.Option(False, "--again", help="Look also at what was kept back for a matter that was open."),
    as_json: Json = False,
) -> None:
    """Archive what has aged, read it back, take it out of the database. A running gateway does it each night."""
    settings = session(ctx).settings

    async def work() -> list[Done]:
        async with App.open(settings) as gateway:
            return await gateway.get(Retention).run(again=again)

    with session(ctx).changing(), progress().status(in_words(say("retention.running"))):
        done = asyncio.run(work())
    show(
        {"done": [vars(one) for one in done]},
        as_json,
        table(
            ["what", "looked", "written", "removed", "parts"],
            ((kind(one.what), one.looked, one.written, one.removed, one.parts) for one in done),
        ),
    )


@app.command("show")
def show_archive(
    ctx: typer.Context,
    verify: bool = typer.Option(False, "--verify", help="Read every part and prove it; exit code 1 names what is not."),
    as_json: Json = False,
) -> None:
    """The parts of the archive."""
    ours = session(ctx)
    folder = ours.settings.of_room("retention", RetentionSettings).folder
    parts = [
        part
        for term in terms_of(ours.settings)
        if term.days is not None
        for part in ours.read(partial(records.parts, what=term.what))
    ]
    wrong = []
    if verify and parts:
        archive = Archive(folder, own_keys(ours.settings.keys))
        with progress().status(in_words(say("retention.proving"))):
            for part in parts:
                try:
                    prove(archive, part)
                except ArchiveError as error:
                    wrong.append(error.said)
    show(
        {
            "folder": str(folder),
            "parts": [
                {**vars(one), "written_at": moment(one.written_at), "removed_at": moment(one.removed_at)}
                for one in parts
            ],
            "wrong": [in_words(one) for one in wrong],
        },
        as_json,
        table(
            ["what", "number", "rows", "removed", "day"],
            (
                (
                    kind(one.what),
                    one.number,
                    one.rows,
                    one.removed,
                    day_of_part(one),
                )
                for one in parts
            ),
        ),
        *wrong,
        *([say("retention.all_proved", number=len(parts))] if verify and not wrong else []),
    )
    if wrong:
        raise typer.Exit(Exit.FOUND)


def day_of_part(part: records.PartRow) -> str:
    """The day on which a part was written."""
    return str(day_of(from_micros(part.written_at)))
