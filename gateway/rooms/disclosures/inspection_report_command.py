"""``gateway disclosures inspection``: how much is shown, looked at and amiss, at the terminal or as a workbook."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gateway.rooms.disclosures.comparison import CHINESE
from gateway.rooms.disclosures.inspection_report import as_workbook, with_findings
from gateway.rooms.disclosures.options import DisclosureOptions
from gateway.rooms.disclosures.views import InspectionReportView
from gateway.terminal.output import Json, session, show, table
from gateway.words.clock import from_micros, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say


def inspection(
    ctx: typer.Context,
    authority: Annotated[str | None, typer.Option(help="Of one authority.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="As a new workbook, with every open finding: .xlsx.")] = None,
    as_json: Json = False,
) -> None:
    """The inspection as a report: what is shown and was looked at in time, and what is amiss, where, for how long."""
    ours, of = session(ctx), None if authority is None else (authority,)
    every_days = ours.settings.of_room("disclosures", DisclosureOptions).look_every_days
    ask = partial(with_findings, authorities=of, now=datetime.now(UTC), every_days=every_days, every=to is not None)
    told, found = ours.read(ask)
    if to is not None:
        try:
            with to.open("xb") as file:
                file.write(as_workbook(told, found))
        except FileExistsError:
            raise InvalidProblem(say("audit.there", file=to), field="--to") from None
        written = say("disclosures.findings_written", file=to, number=len(found))
        show({"file": str(to), "rows": len(found)}, as_json, written)
        return
    heads = [say(f"disclosures.{name}") for name in ("place", "shown_there", "overdue_looks", "oldest_look")]
    looked = table(
        heads,
        (
            (one.target, one.shown, one.overdue, None if one.oldest_at is None else rfc3339(from_micros(one.oldest_at)))
            for one in told.targets
        ),
    )
    ages = ("place", "finding", "open_findings", "age_day", "age_week", "age_month", "age_older")
    amiss = table(
        [say(f"disclosures.{name}") for name in ages],
        ((one.place, CHINESE[one.kind], one.number, one.day, one.week, one.month, one.older) for one in told.counts),
    )
    view = InspectionReportView.of(told).model_dump(mode="json")
    show(view, as_json, looked, amiss if told.counts else say("disclosures.findings_none"))
