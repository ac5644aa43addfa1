"""Where a seal stands on a page: millimetres from the lower-left corner of what the reader sees, pages from 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ports.seal import Placement
from gateway.words.errors import InvalidProblem

MOST = 50
_POINTS = 72 / 25.4
_TOLERANCE = 0.5


@dataclass(frozen=True)
class Page:
    """The visible box of a page in PDF points, as the file has it, and its rotation in degrees."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int = 0


@dataclass(frozen=True)
class Spot:
    """A placement in the coordinates of its page: index from 0, a box in points."""

    page: int
    left: float
    bottom: float
    right: float
    top: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The box in whole points, as signature fields have it."""
        return round(self.left), round(self.bottom), round(self.right), round(self.top)


def spots(placements: Sequence[Placement], pages: Sequence[Page]) -> tuple[Spot, ...]:
    """The placements on these pages. Raises InvalidProblem naming the first that cannot be.

    Outside the page, upon another placement of the same seal, on a page that is turned (its coordinates are not what
    the reader sees), or none or too many at all.
    """
    if not 1 <= len(placements) <= MOST:
        raise InvalidProblem(f"a document is sealed in 1 to {MOST} places", field="placements")
    found: list[Spot] = []
    for index, placement in enumerate(placements):
        field = f"placements.{index}"
        if placement.page > len(pages):
            raise InvalidProblem(f"the document has {len(pages)} pages", field=f"{field}.page")
        page = pages[placement.page - 1]
        if page.rotation % 360:
            raise InvalidProblem(
                f"page {placement.page} is turned by {page.rotation}°",
                field=f"{field}.page",
                cure="Save the page upright.",
            )
        if not (5 <= placement.width <= 200 and 5 <= placement.height <= 200):
            raise InvalidProblem("a seal is 5 to 200 mm wide and high", field=field)
        left, bottom = page.left + placement.x * _POINTS, page.bottom + placement.y * _POINTS
        right, top = left + placement.width * _POINTS, bottom + placement.height * _POINTS
        spot = Spot(placement.page - 1, left, bottom, right, top)
        if (
            left < page.left - _TOLERANCE
            or bottom < page.bottom - _TOLERANCE
            or right > page.right + _TOLERANCE
            or top > page.top + _TOLERANCE
        ):
            raise InvalidProblem(f"the seal would stand outside page {placement.page}", field=field)
        if any(_overlap(spot, other) for other in found):
            raise InvalidProblem("two placements of one seal overlap", field=field)
        found.append(spot)
    return tuple(found)


def _overlap(one: Spot, other: Spot) -> bool:
    return (
        one.page == other.page
        and one.left < other.right
        and other.left < one.right
        and one.bottom < other.top
        and other.bottom < one.top
    )
