"""A seal across pages 骑缝章: each page shows a strip of it at its right edge; the strips of a group are the whole.

Whoever takes a page out or puts one in breaks the picture. Sizes are true: the strips are not scaled, and together they
are as wide as the seal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final, TypeVar

from pydantic import Field

from gateway.ports.seal import Placement
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say
from gateway.words.text import Ask

T = TypeVar("T")

MOST_SHARES: Final = 20
"""Pages that share one seal; more are divided into groups of nearly equal size, each with a whole one."""


class Across(Ask):
    """Which pages bear the seal across their edges, from 1, and how high its centre stands above the lower edge (mm).

    Without ``last`` to the last page; without ``middle`` in the middle of each page.
    """

    first: Annotated[int, Field(ge=1)] = 1
    last: Annotated[int, Field(ge=2)] | None = None
    middle: Annotated[float, Field(ge=0, le=2000)] | None = None

    def of(self, pages: Sequence[T]) -> Sequence[T]:
        """The pages that are meant. Raises InvalidProblem unless there are two or more."""
        last = len(pages) if self.last is None else self.last
        if last > len(pages):
            raise InvalidProblem(say("seals.pages", pages=len(pages)), field="across.last")
        if last - self.first < 1:
            raise InvalidProblem(say("seals.across_two"), field="across")
        return pages[self.first - 1 : last]


@dataclass(frozen=True)
class Share:
    """One page's share: where the whole picture would stand (it reaches beyond the page), and the strip that shows."""

    whole: Placement
    strip: Placement


def shares(across: Across, pages: Sequence[tuple[float, float]], size: tuple[int, int]) -> tuple[Share, ...]:
    """The shares on pages of these sizes of a seal of this size, all in millimetres. Raises InvalidProblem."""
    wide, high = size
    found = []
    numbers = range(1, len(pages) + 1)
    for group in groups(across.of(numbers), MOST_SHARES):
        part = wide / len(group)
        for index, number in enumerate(group):
            page_wide, page_high = pages[number - 1]
            bottom = (page_high / 2 if across.middle is None else across.middle) - high / 2
            if bottom < 0 or bottom + high > page_high or part > page_wide:
                raise InvalidProblem(say("seals.across_outside", page=number), field="across.middle")
            left = page_wide - part * (index + 1)
            whole = Placement(page=number, x=left, y=bottom, width=wide, height=high)
            found.append(Share(whole, Placement(page=number, x=page_wide - part, y=bottom, width=part, height=high)))
    return tuple(found)


def groups(pages: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The pages in groups of at most so many, as equal as can be."""
    count = -(-len(pages) // most)
    bounds = [len(pages) * number // count for number in range(count + 1)]
    return (pages[first:last] for first, last in pairwise(bounds))
