"""What a page shows, as marks in millimetres: the same setting of type, written down instead of printed.

reportlab sets the page once for every format. For PDF it writes its own file; for others this canvas keeps what was
drawn and where: words with the advance of each character, filled bars, ruled lines. What our templates do not draw is
not recorded, and says so at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from reportlab.lib.colors import toColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.textobject import PDFTextObject

MM: Final = 25.4 / 72
"""Millimetres in a point."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Words:
    """One run of text: baseline from the upper-left corner of the page, size and advances in millimetres."""

    text: str
    x: float
    y: float
    size: float
    advances: tuple[float, ...]
    colour: Colour


@dataclass(frozen=True)
class Bar:
    """A filled rectangle: upper-left corner and size."""

    x: float
    y: float
    width: float
    height: float
    colour: Colour


@dataclass(frozen=True)
class Rule:
    """A straight line of some width."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    colour: Colour


Mark = Words | Bar | Rule


@dataclass
class Page:
    """One page with its size and its marks, in the order of drawing."""

    width: float
    height: float
    marks: list[Mark] = field(default_factory=list)


Build = Callable[[Callable[..., Canvas]], None]
"""Sets a document on canvases of the kind that is given."""


def record(build: Build) -> list[Page]:
    """The pages that ``build`` draws."""
    pages: list[Page] = []
    build(partial(_Recorder, pages))
    return [page for page in pages if page.marks]


class _Text(PDFTextObject):  # type: ignore[misc]
    """Follows the text line as a PDF reader would: T* begins a line below the last one, Td moves from its start."""

    def __init__(self, canvas: _Recorder, x: float = 0, y: float = 0, direction: str | None = None) -> None:
        self._word_space = self._char_space = 0.0
        super().__init__(canvas, x, y, direction)

    def setTextOrigin(self, x: float, y: float) -> None:
        super().setTextOrigin(x, y)
        self._start_x, self._start_y, self._pen = x, y, x

    def moveCursor(self, dx: float, dy: float) -> None:
        super().moveCursor(dx, dy)
        self._start_x, self._start_y = self._start_x + dx, self._start_y - dy
        self._pen = self._start_x

    def setWordSpace(self, wordSpace: float) -> None:
        super().setWordSpace(wordSpace)
        self._word_space = wordSpace

    def setCharSpace(self, charSpace: float) -> None:
        super().setCharSpace(charSpace)
        self._char_space = charSpace

    def setTextTransform(self, *_matrix: float) -> None:
        raise NotImplementedError("turned text is not recorded")

    def _textOut(self, text: str, TStar: int = 0) -> None:
        super()._textOut(text, TStar)
        self._write(text)
        if TStar:
            self._next_line()

    def textOut(self, text: str) -> None:
        super().textOut(text)
        self._write(text)

    def textLine(self, text: str = "") -> None:
        super().textLine(text)
        self._write(text)
        self._next_line()

    def _next_line(self) -> None:
        self._start_y -= self._leading
        self._pen = self._start_x

    def _write(self, text: str) -> None:
        advances = [
            pdfmetrics.stringWidth(character, self._fontname, self._fontsize)
            + self._char_space
            + (self._word_space if character == " " else 0.0)
            for character in text
        ]
        self._canvas.write(self, str(text), self._pen, self._start_y + self._rise, advances)
        self._pen += sum(advances)


class _Recorder(Canvas):  # type: ignore[misc]
    """A canvas whose PDF is thrown away."""

    def __init__(self, pages: list[Page], *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._pages = pages
        self._turn()

    def _turn(self) -> None:
        width, height = self._pagesize
        self._page = Page(width * MM, height * MM)
        self._pages.append(self._page)

    def showPage(self) -> None:
        super().showPage()
        self._turn()

    def beginText(self, x: float = 0, y: float = 0, direction: str | None = None) -> _Text:
        return _Text(self, x, y, direction)

    def write(self, holder: _Text, text: str, x: float, y: float, advances: list[float]) -> None:
        """Keep a run of text; blanks at its ends move it, and are not kept."""
        shown = text.strip(" ")
        if not shown:
            return
        before = text.index(shown)
        left, top = self._place(x + sum(advances[:before]), y)
        colour = _colour(getattr(holder, "_fillColorObj", None) or self._fillColorObj)
        kept = tuple(advance * MM for advance in advances[before : before + len(shown)])
        self._page.marks.append(Words(shown, left, top, holder._fontsize * MM, kept, colour))

    def rect(self, x: float, y: float, width: float, height: float, stroke: int = 1, fill: int = 0) -> None:
        if stroke or not fill:
            raise NotImplementedError("only filled rectangles are recorded")
        super().rect(x, y, width, height, stroke, fill)
        left, top = self._place(min(x, x + width), max(y, y + height))
        colour = _colour(self._fillColorObj)
        self._page.marks.append(Bar(left, top, abs(width) * MM, abs(height) * MM, colour))

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        super().line(x1, y1, x2, y2)
        ends = (*self._place(x1, y1), *self._place(x2, y2))
        self._page.marks.append(Rule(*ends, self._lineWidth * MM, _colour(self._strokeColorObj)))

    def drawPath(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("curves are not recorded")

    def drawImage(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("pictures are not recorded")

    def _place(self, x: float, y: float) -> tuple[float, float]:
        left, bottom = self.absolutePosition(x, y)
        return left * MM, self._page.height - bottom * MM


def _colour(colour: Any) -> Colour:
    red, green, blue = (round(part * 255) for part in toColor(colour or (0, 0, 0)).rgb())
    return red, green, blue
