"""The spreadsheet of breaks 差错表: out with ids and versions, back with explanations, as a job of two people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.sheets import Sheet
from gateway.rooms.jobs.service import Request
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Language, head_in, say

COLUMNS: Final = (
    *("break_id", "version", "channel", "day", "kind_zh", "code", "bank_serial", "ours", "theirs", "age_days"),
    *("assignee", "explanation"),
)
"""What stands in the sheet; ``explanation`` is filled in, ``break_id`` and ``version`` are read back with it."""
_FIGURES: Final = ("state", "kind", "code", "bank_serial", "ours", "theirs", "payment")
_MOST_WORDS: Final = 2000


def version(view: Mapping[str, Any]) -> str:
    """A short mark of what matters of a break; it is another one once its state or its figures are others."""
    text = json.dumps([view[name] for name in _FIGURES], ensure_ascii=False, default=str)
    return "v" + sm3(text.encode()).hex()[:10]


def lines(views: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of the sheet for these breaks, as the interface shows them."""
    for view in views:
        made = {"break_id": view["id"], "version": version(view), "explanation": ""}
        yield {name: made.get(name, view.get(name)) for name in COLUMNS}


def filled(sheet: Sheet) -> dict[str, tuple[str, str, int]]:
    """What was filled in: version, explanation and line by the break's id; lines without an explanation are left out.

    Raises InvalidProblem for a sheet that is not this one, a break that stands there twice, words that are too long.
    """
    if not sheet.rows:
        raise InvalidProblem(say("jobs.no_sheet"))
    heads = {head_in(name, language): name for name in COLUMNS for language in Language}
    names = [heads.get(cell.strip(), "") for cell in sheet.rows[0].cells]
    if lacking := {"break_id", "version", "explanation"} - set(names):
        raise InvalidProblem(say("jobs.no_column", column=head_in(sorted(lacking)[0], Language.CHINESE)))
    found: dict[str, tuple[str, str, int]] = {}
    for row in sheet.rows[1:]:
        cells = {name: str(cell).strip() for name, cell in zip(names, row.cells, strict=False) if name}
        break_id, words = cells.get("break_id", ""), cells.get("explanation", "")
        if not words:
            continue
        if len(words) > _MOST_WORDS:
            raise InvalidProblem(say("jobs.long", line=row.number, most=_MOST_WORDS))
        if break_id in found:
            raise InvalidProblem(say("jobs.twice", line=row.number, subject=break_id))
        found[break_id] = (cells.get("version", ""), words, row.number)
    return found


def request(break_id: str, mark: str, words: str, line: int, view: Mapping[str, Any] | None) -> Request:
    """The row of one break. ``view``: it as it is now, None where there is none for this person."""
    subject = break_id or f"#{line}"
    if view is None:
        return Request(subject, why=say("jobs.no_break"))
    if view["state"] != "open":
        return Request(subject, why=say("jobs.not_open", state=view["state"]))
    if version(view) != mark:
        return Request(subject, why=say("jobs.another_version"))
    return Request(
        f"{break_id} {view['kind_zh']} {view['code']}",
        path=f"/v1/breaks/{break_id}/resolution",
        body={"reason": words},
        look=f"/v1/breaks/{break_id}",
        known={f"difference.{name}": view[name] for name in _FIGURES},
    )
