"""Where words stand on the pages of a PDF, as the reader sees them: for seals that are placed by a keyword.

PDFium reads the text. It is foreign, and so is the file: this runs in the warden's child only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from ctypes import c_float, c_int
from typing import Any, Final

from gateway.rooms.seals.anchors import Hit
from gateway.rooms.seals.pdf_reading import PdfFile
from gateway.rooms.seals.placement import Page

MOST_HITS: Final = 100
"""Hits of one keyword after which no more are looked for."""


def find_words(content: bytes, keywords: Sequence[str], anchors: Sequence[str] = ()) -> list[list[Hit]]:
    """For each keyword where it stands: on one line, letter for letter; for each anchor of our templates its place.

    ValueError for what is no PDF to read.
    """
    import pypdfium2

    pages = PdfFile(content).pages
    found: list[list[Hit]] = [[] for _ in keywords]
    with pypdfium2.PdfDocument(content) as document:
        if len(document) != len(pages):
            raise ValueError("two readers count different pages")
        places = [[*_anchored(document, anchor, pages)] for anchor in anchors]
        for number, page in enumerate(pages if keywords else ()):
            with closing(document[number]) as drawn, closing(drawn.get_textpage()) as text:
                for keyword, hits in zip(keywords, found, strict=True):
                    hits += _on_page(text, keyword, page, number + 1, MOST_HITS - len(hits))
    return [*found, *places]


def _anchored(document: Any, anchor: str, pages: Sequence[Page]) -> Iterator[Hit]:
    """The place of a named destination, as ``typography`` writes it."""
    from pypdfium2 import raw

    place = raw.FPDF_GetNamedDestByName(document, f"seal.{anchor}".encode())
    number = raw.FPDFDest_GetDestPageIndex(document, place) if place else -1
    has_x, has_y, has_zoom = c_int(), c_int(), c_int()
    x, y, zoom = c_float(), c_float(), c_float()
    if not 0 <= number < len(pages):
        return
    told = raw.FPDFDest_GetLocationInPage(place, has_x, has_y, has_zoom, x, y, zoom)
    if told and has_x.value and has_y.value:
        yield Hit(number + 1, *pages[number].seen(x.value, y.value))


def _on_page(text: Any, keyword: str, page: Page, number: int, most: int) -> Iterator[Hit]:
    search = text.search(keyword, match_case=True)
    while most > 0 and (place := search.get_next()) is not None:
        first, count = place
        boxes = [text.get_charbox(index) for index in range(first, first + count)]
        left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
        bottom, top = min(box[1] for box in boxes), max(box[3] for box in boxes)
        x, y = page.seen((left + right) / 2, (bottom + top) / 2)
        yield Hit(number, x, y)
        most -= 1
