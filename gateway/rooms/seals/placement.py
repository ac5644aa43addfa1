"""Where a seal stands on a page: millimetres from the lower-left corner of what the reader sees, pages from 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.ports.seal import Placement
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

MOST = 50
_POINTS: Final = 72 / 25.4
_TOLERANCE: Final = 0.2
SIZE_TOLERANCE: Final = 1.0
"""How far, in millimetres, a seal may be drawn from its own size."""
PLACE_TOLERANCE: Final = 0.5
"""How far, in millimetres, it may stand from where it was asked for."""


@dataclass(frozen=True)
class Page:
    """What is visible of a page, in the file's own coordinates; its rotation in degrees clockwise; points per unit."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int = 0
    unit: float = 1.0

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in millimetres as the reader sees them."""
        wide, high = self.millimetres(self.right - self.left), self.millimetres(self.top - self.bottom)
        return (high, wide) if self.rotation % 180 else (wide, high)

    def millimetres(self, length: float) -> float:
        """A length of the page's coordinates in millimetres."""
        return length * self.unit / _POINTS

    def length(self, millimetres: float) -> float:
        """Millimetres as a length of the page's coordinates."""
        return millimetres * _POINTS / self.unit

    def seen(self, x: float, y: float) -> tuple[float, float]:
        """A point of the file's coordinates as the reader sees it: millimetres from the lower-left corner."""
        right, up = x - self.left, y - self.bottom
        wide, high = self.right - self.left, self.top - self.bottom
        u, v = {0: (right, up), 90: (up, wide - right), 180: (wide - right, high - up), 270: (high - up, right)}[
            self.rotation % 360
        ]
        return self.millimetres(u), self.millimetres(v)

    def box(self, placement: Placement) -> tuple[float, float, float, float]:
        """A placement in the file's coordinates: left, bottom, right, top."""
        left, bottom = self.length(placement.x), self.length(placement.y)
        right, top = left + self.length(placement.width), bottom + self.length(placement.height)
        match self.rotation % 360:
            case 90:
                return self.right - top, self.bottom + left, self.right - bottom, self.bottom + right
            case 180:
                return self.right - right, self.top - top, self.right - left, self.top - bottom
            case 270:
                return self.left + bottom, self.top - right, self.left + top, self.top - left
        return self.left + left, self.bottom + bottom, self.left + right, self.bottom + top


@dataclass(frozen=True)
class Spot:
    """A placement in the coordinates of its page: index from 0, a box, and the page's rotation."""

    page: int
    left: float
    bottom: float
    right: float
    top: float
    rotation: int = 0

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The box in whole units, as signature fields are made with; the exact one is set afterwards."""
        return round(self.left), round(self.bottom), round(self.right), round(self.top)


def spots(
    placements: Sequence[Placement], pages: Sequence[Page], size: tuple[int, int] | None = None
) -> tuple[Spot, ...]:
    """The placements on these pages. Raises InvalidProblem naming the first that cannot be.

    Outside the page, upon another placement of the same seal, of another size than the seal's own (``size`` in
    millimetres, within 1 mm), or none or too many at all.
    """
    if not 1 <= len(placements) <= MOST:
        raise InvalidProblem(say("seals.places", most=MOST), field="placements")
    found: list[Spot] = []
    for index, placement in enumerate(placements):
        field = f"placements.{index}"
        if placement.page > len(pages):
            raise InvalidProblem(say("seals.pages", pages=len(pages)), field=f"{field}.page")
        page = pages[placement.page - 1]
        if page.rotation % 90:
            raise InvalidProblem(say("seals.turned", page=placement.page, angle=page.rotation), field=f"{field}.page")
        if not (5 <= placement.width <= 200 and 5 <= placement.height <= 200):
            raise InvalidProblem(say("seals.size"), field=field)
        if size is not None and not _is_true(placement, size):
            raise InvalidProblem(
                say("seals.own_size", wide=size[0], high=size[1], width=placement.width, height=placement.height),
                field=field,
            )
        wide, high = page.size
        if (
            placement.x < -_TOLERANCE
            or placement.y < -_TOLERANCE
            or placement.x + placement.width > wide + _TOLERANCE
            or placement.y + placement.height > high + _TOLERANCE
        ):
            raise InvalidProblem(say("seals.outside", page=placement.page), field=field)
        spot = spot_of(placement, page)
        if any(_overlap(spot, other) for other in found):
            raise InvalidProblem(say("seals.overlap"), field=field)
        found.append(spot)
    return tuple(found)


def spot_of(placement: Placement, page: Page) -> Spot:
    """A placement in its page's own coordinates, whether it is on the page or not."""
    return Spot(placement.page - 1, *page.box(placement), page.rotation % 360)


def _is_true(placement: Placement, size: tuple[int, int]) -> bool:
    return abs(placement.width - size[0]) <= SIZE_TOLERANCE and abs(placement.height - size[1]) <= SIZE_TOLERANCE


def _overlap(one: Spot, other: Spot) -> bool:
    return (
        one.page == other.page
        and one.left < other.right
        and other.left < one.right
        and one.bottom < other.top
        and other.bottom < one.top
    )
