"""Seals that are placed by words of the document: each must stand there once, or nobody knows which place is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, StringConstraints

from gateway.ports.seal import Placement
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Sentence, say
from gateway.words.text import Ask
from gateway.words.wrong import shaped

_NAMED = 10


class Hit(NamedTuple):
    """Where words stand: page from 1, their middle in millimetres from the lower-left corner as the reader sees it."""

    page: int
    x: float
    y: float


FindWords = Callable[[bytes, Sequence[str], Sequence[str]], "list[list[Hit]] | None"]
"""Finds in a document keyword by keyword, then anchor by anchor (``Warden.find_words``); None: it cannot be read."""


def nowhere(content: bytes, keywords: Sequence[str], anchors: Sequence[str]) -> None:
    """No document is searched."""


class _Found(Ask):
    """What is looked for gives the centre of the seal; ``right`` and ``up`` move it, in millimetres."""

    right: Annotated[float, Field(ge=-500, le=500)] = 0
    up: Annotated[float, Field(ge=-500, le=500)] = 0

    def at(self, hit: Hit, size: tuple[int, int]) -> Placement:
        """The seal, in its own size, there."""
        wide, high = size
        x, y = hit.x + self.right - wide / 2, hit.y + self.up - high / 2
        return Placement(page=hit.page, x=round(x, 3), y=round(y, 3), width=wide, height=high)


class ByAnchor(_Found):
    """The seal, in its own size, with its centre where a PDF of our own templates keeps room for it.

    ``signature``: over the organ's name and the day, of which there is one in each letter.
    """

    anchor: Literal["signature"]

    def placed(self, hits: Sequence[Hit], size: tuple[int, int], field: str) -> Placement:
        """Where the seal goes. Raises InvalidProblem where the document has no such place."""
        if len(hits) != 1:
            raise InvalidProblem(
                say("seals.no_anchor", anchor=self.anchor),
                field=f"{field}.anchor",
            )
        return self.at(hits[0], size)


class ByKeyword(_Found):
    """The seal, in its own size, with its centre on the middle of these words of a PDF.

    The words stand on one line and once in the document.
    """

    keyword: Annotated[
        str, StringConstraints(min_length=1, max_length=100, pattern=shaped(r"^\S(.*\S)?$", "shapes.keyword"))
    ]

    def placed(self, hits: Sequence[Hit], size: tuple[int, int], field: str) -> Placement:
        """Where the seal goes. Raises InvalidProblem for no hit, and for several, naming each."""
        if len(hits) != 1:
            raise InvalidProblem(_not_once(self.keyword, hits), field=f"{field}.keyword")
        return self.at(hits[0], size)


def place(
    content: bytes, asked: Sequence[Placement | ByKeyword | ByAnchor], size: tuple[int, int], find: FindWords
) -> tuple[Placement, ...]:
    """The placements with those by keyword or anchor found. Raises InvalidProblem naming the first that cannot be."""
    keywords = tuple(dict.fromkeys(one.keyword for one in asked if isinstance(one, ByKeyword)))
    anchors = tuple(dict.fromkeys(one.anchor for one in asked if isinstance(one, ByAnchor)))
    found = find(content, keywords, anchors) if keywords or anchors else []
    if found is None:
        raise InvalidProblem(
            say("seals.no_search"),
            field="document",
            type="document-not-sealable",
        )
    words = dict(zip(keywords, found[: len(keywords)], strict=True))
    places = dict(zip(anchors, found[len(keywords) :], strict=True))
    given: list[Placement] = []
    for index, one in enumerate(asked):
        field = f"placements.{index}"
        match one:
            case ByKeyword():
                given.append(one.placed(words[one.keyword], size, field))
            case ByAnchor():
                given.append(one.placed(places[one.anchor], size, field))
            case _:
                given.append(one)
    return tuple(given)


def _not_once(keyword: str, hits: Sequence[Hit]) -> Sentence:
    """Words that stand nowhere, or at too many places, of which the first are named."""
    if not hits:
        return say("seals.keyword_nowhere", keyword=keyword)
    where = [say("seals.hit", page=hit.page, x=hit.x, y=hit.y) for hit in hits[:_NAMED]]
    if len(hits) > _NAMED:
        return say("seals.keyword_many", keyword=keyword, times=len(hits), where=where, more=len(hits) - _NAMED)
    return say("seals.keyword_often", keyword=keyword, times=len(hits), where=where)
