"""Seals that are placed by words of the document: each must stand there once, or nobody knows which place is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from gateway.ports.seal import Placement
from gateway.words.errors import InvalidProblem
from gateway.words.text import Ask

_NAMED = 10


class Hit(NamedTuple):
    """Where words stand: page from 1, their middle in millimetres from the lower-left corner as the reader sees it."""

    page: int
    x: float
    y: float


FindWords = Callable[[bytes, Sequence[str]], "list[list[Hit]] | None"]
"""Finds words in a document, keyword by keyword (``Warden.find_words``); None where it cannot be read for them."""


def nowhere(content: bytes, keywords: Sequence[str]) -> None:
    """No document is searched."""


class ByKeyword(Ask):
    """The seal, in its own size, with its centre on the middle of these words of a PDF.

    The words stand on one line and once in the document. ``right`` and ``up`` move the seal, in millimetres.
    """

    keyword: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
    right: Annotated[float, Field(ge=-500, le=500)] = 0
    up: Annotated[float, Field(ge=-500, le=500)] = 0

    def placed(self, hits: Sequence[Hit], size: tuple[int, int], field: str) -> Placement:
        """Where the seal goes. Raises InvalidProblem for no hit, and for several, naming each."""
        if len(hits) != 1:
            where = "; ".join(f"page {hit.page} at {hit.x:.0f}, {hit.y:.0f} mm" for hit in hits[:_NAMED])
            more = f" and {len(hits) - _NAMED} more" if len(hits) > _NAMED else ""
            raise InvalidProblem(
                f"{self.keyword!r} stands in the document {len(hits)} times: {where}{more}"
                if hits
                else f"{self.keyword!r} does not stand in the document on one line",
                field=f"{field}.keyword",
                cure="Give words that stand there once, or the place in millimetres.",
            )
        wide, high = size
        x, y = hits[0].x + self.right - wide / 2, hits[0].y + self.up - high / 2
        return Placement(page=hits[0].page, x=round(x, 3), y=round(y, 3), width=wide, height=high)


def place(
    content: bytes, asked: Sequence[Placement | ByKeyword], size: tuple[int, int], find: FindWords
) -> tuple[Placement, ...]:
    """The placements with those by keyword found. Raises InvalidProblem naming the first that cannot be."""
    keywords = tuple(dict.fromkeys(one.keyword for one in asked if isinstance(one, ByKeyword)))
    found = find(content, keywords) if keywords else []
    if found is None:
        raise InvalidProblem(
            "the document cannot be searched for words",
            field="document",
            type="document-not-sealable",
            cure="Keywords are for PDF files with text; give the place in millimetres.",
        )
    hits = dict(zip(keywords, found, strict=True))
    return tuple(
        one if isinstance(one, Placement) else one.placed(hits[one.keyword], size, f"placements.{index}")
        for index, one in enumerate(asked)
    )
