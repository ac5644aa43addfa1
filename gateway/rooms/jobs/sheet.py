"""The spreadsheet of breaks 差错表: out with ids and versions, back with explanations, as a job of two people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.sheets import Number, Sheet, amount_of, word_of
from gateway.rooms.jobs.service import Request
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Both, Language, UnfitError, head_in, say

COLUMNS: Final = (
    *("break_id", "version", "channel", "day", "kind_zh", "code", "bank_serial", "ours", "theirs", "age_days"),
    *("assignee", "explanation"),
)
"""What stands in the sheet; ``explanation`` is filled in, ``break_id`` and ``version`` are read back with it."""
_FIGURES: Final = ("state", "kind", "code", "bank_serial", "ours", "theirs", "payment")
_AMOUNTS: Final = ("ours", "theirs")
_SHOWN: Final[tuple[str, ...]] = ("code", "bank_serial", *_AMOUNTS)
"""What of a row has to be that of its break: an explanation that came to another row, by sorting, is not its own."""
_MOST_WORDS: Final = 2000
_BOTH: Final = (Language.CHINESE, Language.ENGLISH)


def version(view: Mapping[str, Any]) -> str:
    """A short mark of what matters of a break; it is another one once its state or its figures are others."""
    text = json.dumps([view[name] for name in _FIGURES], ensure_ascii=False, default=str)
    return "v" + sm3(text.encode()).hex()[:10]


def lines(views: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of the sheet for these breaks, as the interface shows them."""
    for view in views:
        made = {"break_id": view["id"], "version": version(view), "explanation": ""}
        yield {name: made.get(name, view.get(name)) for name in COLUMNS}


@dataclass(frozen=True)
class Line:
    """A row as somebody filled it in. ``shown``: what else stands in it of the break, by column."""

    number: int
    break_id: str
    version: str
    words: str
    shown: Mapping[str, str]

    @property
    def subject(self) -> str:
        """By its place in the sheet and its break: so people find it again."""
        return f"#{self.number} {self.break_id}".rstrip()


def filled(sheet: Sheet) -> tuple[list[Line], list[int]]:
    """What was filled in, and the numbers of the rows without an explanation: nothing is asked of their breaks.

    Raises InvalidProblem for a sheet that is not this one, a break that stands there twice, words that are too long.
    """
    if not sheet.rows:
        raise InvalidProblem(say("jobs.no_sheet"))
    heads = {head_in(name, language): name for name in COLUMNS for language in Language}
    names = [heads.get(cell.strip(), "") for cell in sheet.rows[0].cells]
    if lacking := {"break_id", "version", "explanation"} - set(names):
        raise InvalidProblem(say("jobs.no_column", column=head_in(sorted(lacking)[0], Language.CHINESE)))
    found, left_out, known = list[Line](), list[int](), set[str]()
    for row in sheet.rows[1:]:
        cells = {name: _text(name, cell) for name, cell in zip(names, row.cells, strict=False) if name}
        break_id, words = cells.get("break_id", ""), cells.get("explanation", "")
        if not words:
            left_out += [row.number] if break_id else []
            continue
        if len(words) > _MOST_WORDS:
            raise InvalidProblem(say("jobs.long", line=row.number, most=_MOST_WORDS))
        if break_id and break_id in known:
            raise InvalidProblem(say("jobs.twice", line=row.number, subject=break_id))
        known.add(break_id)
        shown = {name: cells.get(name, "") for name in _SHOWN if name in names}
        found.append(Line(row.number, break_id, cells.get("version", ""), words, shown))
    return found, left_out


def _text(name: str, cell: str) -> str:
    """A cell as its column means it, typed as text or as a number; what a spreadsheet has cut stays cut."""
    try:
        return amount_of(_bare(cell)) if name in _AMOUNTS else word_of(cell).strip()
    except UnfitError:
        return str(cell)


def _bare(cell: str) -> str:
    return cell if isinstance(cell, Number) else cell.strip()


def request(line: Line, view: Mapping[str, Any] | None) -> Request:
    """The row of one break. ``view``: it as it is now, None where there is none for this person."""
    if view is None:
        return Request(line.subject, why=say("jobs.no_break"))
    if view["state"] != "open":
        return Request(line.subject, why=say("jobs.not_open", state=view["state"]))
    if version(view) != line.version:
        return Request(line.subject, why=say("jobs.another_version"))
    other = [name for name, text in line.shown.items() if text != (view[name] or "")]
    if other:
        return Request(line.subject, why=say("jobs.mixed_up", column=Both(*(head_in(other[0], one) for one in _BOTH))))
    return Request(
        f"{line.subject} {view['kind_zh']} {view['code']}",
        path=f"/v1/breaks/{line.break_id}/resolution",
        body={"reason": line.words},
        look=f"/v1/breaks/{line.break_id}",
        known={f"difference.{name}": view[name] for name in _FIGURES},
    )
