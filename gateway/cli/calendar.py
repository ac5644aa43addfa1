"""``gateway calendar``: which days off are known, what a new file of them would change, and dates counted anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.foundation import rooms
from gateway.terminal.output import Json, parse_day, session, show, table
from gateway.words.clock import day_of
from gateway.words.saying import Language, Sentence, say, sentences

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Days off: which years are known, what a new file changes, dates counted anew.")
_YEARS = 3


@app.callback(invoke_without_command=True)
def known(ctx: typer.Context, as_json: Json = False) -> None:
    """Which years' days off are published, and how many dates rest on those that are not."""
    if ctx.invoked_subcommand is not None:
        return
    from gateway.foundation.reckoning import calendars
    from gateway.words.calendar import statutory_days

    ours = session(ctx)
    found = calendars(ours.settings.calendar)
    this = day_of(datetime.now(UTC)).year
    days = {year: sorted(str(day) for day in statutory_days(year)) for year in range(this, this + _YEARS)}
    published = {year: found[None].knows(year) for year in days}
    resting = provisional_dates(ours.read)
    regions = sorted(str(one) for one in found if one is not None)
    show(
        {"years": [{"year": year, "published": published[year], "statutory": days[year]} for year in days]}
        | {"authorities_with_days_of_their_own": regions, "provisional": dict(resting)},
        as_json,
        table(
            [say("calendar.year"), say("calendar.published"), say("calendar.statutory")],
            ((year, say("calendar.yes" if published[year] else "calendar.no"), _short(days[year])) for year in days),
        ),
        resting_said(resting),
    )


@app.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file of days off, as calendar.overrides names one.")],
    as_json: Json = False,
) -> None:
    """Read a file of days off without taking it, and say which days it makes off or worked, against what is known."""
    from gateway.foundation.reckoning import calendars

    ours = session(ctx)
    settings = ours.settings.calendar
    now, new = (calendars(one)[None] for one in (settings, settings.model_copy(update={"overrides": file})))
    first = now.first_difference(new)
    changes: list[tuple[date, str]] = []
    if first is not None:
        for number in range((date(first.year + 1, 12, 31) - first).days + 1):
            day = first + timedelta(days=number)
            if (worked := new.is_working(day).value) != now.is_working(day).value:
                changes.append((day, "worked" if worked else "off"))
    told = {"file": file, "first": first, "days": len(changes)}
    words = say("calendar.checked", **told) if first else say("calendar.same", file=file)
    show(
        {"first": first and str(first), "days": [{"day": str(day), "is": now_is} for day, now_is in changes]},
        as_json,
        table(
            [say("calendar.day"), say("calendar.becomes")],
            ((day, say(f"calendar.{now_is}")) for day, now_is in changes),
        ),
        words,
    )


@app.command()
def recount(
    ctx: typer.Context,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Also dates that are certain, from this day on: after a correction of a notice."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Count kept dates anew. A gateway that runs does so by itself when a file changes: only where none runs."""
    from gateway.app import App

    first = None if since is None else parse_day(since, "from")

    async def run() -> dict[str, int]:
        with session(ctx).changing() as settings:
            async with App.open(settings) as gateway:
                return await gateway.base.reckoning.recompute(first)

    moved = asyncio.run(run())
    show({"moved": moved}, as_json, say("calendar.recounted", dates=_by_room(moved), all=sum(moved.values())))


def provisional_dates(read: Callable[[Callable[[Any], Any]], Any]) -> Mapping[str, int]:
    """How many kept dates of each room rest on days that are not published."""
    return {room.name: read(room.place(room.provisional)) for room in rooms.found() if room.provisional is not None}


def resting_said(resting: Mapping[str, int]) -> Sentence:
    """That in one line."""
    if not any(resting.values()):
        return say("calendar.none_rests")
    return say("calendar.resting", dates=_by_room(resting), all=sum(resting.values()))


def _by_room(numbers: Mapping[str, int]) -> list[Sentence]:
    return [say("calendar.of_room", room=_named(one), number=many) for one, many in numbers.items()]


def _named(room: str) -> Sentence | str:
    """A room in words; one from elsewhere by its name."""
    id = f"calendar.room_{room}"
    return say(id) if id in sentences(Language.ENGLISH) else room


def _short(days: list[str]) -> str:
    return " ".join(day[5:] for day in days)
