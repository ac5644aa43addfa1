"""``gateway disclosures findings``: what is amiss with publications, at the terminal or as a table in a file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.rooms.accounts.logs import about_file, write_rows
from gateway.rooms.disclosures.comparison import CHINESE, Kind
from gateway.rooms.disclosures.findings import Finding, FindingFilter, find
from gateway.rooms.disclosures.states import FindingStatus
from gateway.settings import known
from gateway.terminal.output import Json, session, show, table
from gateway.words.clock import from_micros, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say

_PAGE = 500


def findings(
    ctx: typer.Context,
    status: Annotated[str, typer.Option(help="open, mended, settled, or all.")] = "open",
    kind: Annotated[
        str | None, typer.Option(help="missing, stale, altered, still_there, unperformed, by_hand.")
    ] = None,
    place: Annotated[str | None, typer.Option(help="The channel that shows it so.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="All of them as a new file: .csv or .jsonl.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """What is amiss with publications: missing, stale, altered, still there; newest first."""
    states = {str(one).lower(): one for one in FindingStatus}
    if status not in (*states, "all"):
        raise InvalidProblem(
            say("disclosures.no_status", status=status), field="status", cure=known(status, [*states, "all"])
        )
    kinds = {str(one): one for one in Kind}
    if kind is not None and kind not in kinds:
        raise InvalidProblem(say("disclosures.no_kind", kind=kind), field="kind", cure=known(kind, kinds))

    def pages(most: int | None) -> Iterator[dict[str, Any]]:
        before, left = None, most
        while left is None or left > 0:
            wanted = FindingFilter(
                authorities=None,
                status=states.get(status),
                kind=None if kind is None else kinds[kind],
                place=place,
                before=before,
                limit=_PAGE if left is None else min(_PAGE, left),
            )
            found = session(ctx).read(partial(find, wanted=wanted))
            yield from map(_row, found)
            if len(found) < wanted.limit:
                return
            before, left = found[-1].id, None if left is None else left - len(found)

    if to is not None:
        about = about_file("findings", {"status": status, "kind": kind, "place": place})
        number = write_rows(to, about, list(_COLUMNS), pages(None))
        show({"file": str(to), "rows": number}, as_json, say("disclosures.findings_written", file=to, number=number))
        return
    rows = list(pages(limit))
    heads = [say(f"disclosures.{name}") for name in ("number", "place", "finding", "fields", "status", "seen")]
    names = ("decision_number", "place", "zh", "fields", "status", "seen_at")
    shown = [[Word(row[name]) if name == "status" else row[name] for name in names] for row in rows]
    show(
        {"findings": rows},
        as_json,
        table(heads, shown) if rows else say("disclosures.findings_none"),
    )


_COLUMNS = (
    "id", "disclosure", "authority", "decision_number", "place", "kind", "zh", "fields", "status", "url", "seen_at",
    "closed_by", "explanation", "created_at",
)  # fmt: skip


def _row(one: Finding) -> dict[str, Any]:
    return {
        "id": one.id,
        "disclosure": one.disclosure_id,
        "authority": one.authority,
        "decision_number": one.decision_number,
        "place": one.place,
        "kind": one.kind.value,
        "zh": CHINESE[one.kind],
        "fields": "、".join(one.fields),
        "status": one.status.value,
        "url": one.url,
        "seen_at": rfc3339(from_micros(one.seen_at)),
        "closed_by": one.closed_by,
        "explanation": one.explanation,
        "created_at": rfc3339(from_micros(one.created_at)),
    }
