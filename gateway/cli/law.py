"""``gateway law``: the rows of terms, rates and limits that hold on a day, with their sources and marks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.terminal.output import Json, parse_day, session, show, table
from gateway.words.clock import day_of
from gateway.words.saying import say


def law(
    ctx: typer.Context,
    on: Annotated[str | None, typer.Option(help="The day on which they hold; today if not given.")] = None,
    authority: Annotated[
        str | None, typer.Option(help="For this authority; else those without rows of their own.")
    ] = None,
    unconfirmed: Annotated[bool, typer.Option("--unconfirmed", help="Only those that are to be confirmed.")] = False,
    as_json: Json = False,
) -> None:
    """List the law's terms, rates and limits that hold: value, fields of law, source, and what is to be confirmed."""
    from gateway.foundation.reckoning import law_of
    from gateway.words.law import FIELDS_OF_LAW, Matter

    known = law_of(session(ctx).settings)
    day = day_of(datetime.now(UTC)) if on is None else parse_day(on, "on")
    held = {
        (row.matter, row.fields): row
        for matter in Matter
        for of in ("other", *FIELDS_OF_LAW)
        if (row := known.rule(matter, day, of=of, authority=authority)).confirm or not unconfirmed
    }
    rows = list(held.values())
    show(
        {"on": str(day), "rules": [row.model_dump(mode="json", by_alias=True, exclude_defaults=True) for row in rows]},
        as_json,
        table(
            [say("law.matter"), say("law.figure"), say("law.fields"), say("law.source"), say("law.confirm")],
            (
                (
                    row.title,
                    row.figure,
                    say("law.of_fields", fields=[say(f"law.field_{one}") for one in row.fields]),
                    row.cited,
                    row.confirm,
                )
                for row in rows
            ),
        ),
    )
