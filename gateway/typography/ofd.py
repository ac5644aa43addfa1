"""Pages as OFD (GB/T 33190-2016, 版式文档): the marks of our templates, with the font they are set in.

Only what our documents need of the standard is written: one document, text objects with the advance of every
character, filled and ruled paths, one embedded font. The same pages give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from lxml import etree
from reportlab.pdfbase.ttfonts import TTFont

from gateway.typography.recording import Bar, Colour, Mark, Page, Rule, Words
from gateway.typography.subset import unicode_subset

NAMESPACE: Final = "http://www.ofdspec.org/2016"
_FONT_ID: Final = 1
_FONT_FILE: Final = "font_1.ttf"
_WRITTEN: Final = (1980, 1, 1, 0, 0, 0)
_BELOW: Final = 0.35
"""Room under the baseline: what reaches out of an object's boundary may be cut off by a reader."""


@dataclass(frozen=True)
class About:
    """What a document says of itself."""

    title: str
    author: str = ""
    on: date | None = None


def write_ofd(pages: Sequence[Page], about: About, font: TTFont) -> bytes:
    """The pages as one OFD file, not sealed yet. ``font``: what all text was set in."""
    ids = iter(range(_FONT_ID + 1, 1 << 31))
    places = [f"Pages/Page_{number}/Content.xml" for number in range(len(pages))]
    page_ids = [next(ids) for _ in pages]
    contents = [_content(page, ids) for page in pages]
    last = next(ids) - 1
    words = "".join(mark.text for page in pages for mark in page.marks if isinstance(mark, Words))
    parts = {
        "Doc_0/Document.xml": _document(pages[0], list(zip(page_ids, places, strict=True)), last),
        "Doc_0/PublicRes.xml": _resources(font),
        f"Doc_0/Res/{_FONT_FILE}": unicode_subset(font.face, words),
    }
    parts |= {f"Doc_0/{place}": content for place, content in zip(places, contents, strict=True)}
    identity = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts.values())).hexdigest()[:32]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {"OFD.xml": _root(about, identity), **parts}.items():
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN), part, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def number(value: float) -> str:
    """A length as OFD writes it: at most four decimals, no zeros behind them."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.00005 else "0"


def deltas(advances: Iterable[float]) -> str:
    """Advances as ``DeltaX``: equal ones in a row as ``g count value`` (GB/T 33190-2016, 11.3)."""
    written = []
    for value, run in groupby(number(advance) for advance in advances):
        count = len(list(run))
        written.append(f"g {count} {value}" if count > 2 else " ".join([value] * count))
    return " ".join(written)


# --- inside -----------------------------------------------------------------------------------------------------------


def _new(name: str, **attributes: str) -> etree._Element:
    return etree.Element(f"{{{NAMESPACE}}}{name}", attributes, nsmap={"ofd": NAMESPACE})


def _add(above: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(above, f"{{{NAMESPACE}}}{name}", attributes)
    element.text = text
    return element


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _root(about: About, identity: str) -> bytes:
    root = _new("OFD", Version="1.0", DocType="OFD")
    body = _add(root, "DocBody")
    info = _add(body, "DocInfo")
    _add(info, "DocID", identity)
    _add(info, "Title", about.title)
    if about.author:
        _add(info, "Author", about.author)
    if about.on is not None:
        _add(info, "CreationDate", about.on.isoformat())
    _add(body, "DocRoot", "Doc_0/Document.xml")
    return _bytes(root)


def _document(first: Page, pages: list[tuple[int, str]], last: int) -> bytes:
    root = _new("Document")
    common = _add(root, "CommonData")
    _add(common, "MaxUnitID", str(last))
    _add(_add(common, "PageArea"), "PhysicalBox", _box(first))
    _add(common, "PublicRes", "PublicRes.xml")
    listed = _add(root, "Pages")
    for identity, place in pages:
        _add(listed, "Page", ID=str(identity), BaseLoc=place)
    return _bytes(root)


def _resources(font: TTFont) -> bytes:
    root = _new("Res", BaseLoc="Res")
    embedded = _add(_add(root, "Fonts"), "Font", ID=str(_FONT_ID), FontName=font.fontName, FamilyName=font.fontName)
    _add(embedded, "FontFile", _FONT_FILE)
    return _bytes(root)


def _box(page: Page) -> str:
    return f"0 0 {number(page.width)} {number(page.height)}"


def _content(page: Page, ids: Iterator[int]) -> bytes:
    root = _new("Page")
    _add(_add(root, "Area"), "PhysicalBox", _box(page))
    layer = _add(_add(root, "Content"), "Layer", ID=str(next(ids)), Type="Body")
    for _, marks in groupby(page.marks, _look):
        _draw(layer, page, list(marks), ids)
    return _bytes(root)


def _look(mark: Mark) -> tuple[object, ...]:
    """What marks that follow each other must have in common to be one object."""
    match mark:
        case Words():
            return (id(mark),)
        case Bar():
            return "bar", mark.colour
        case Rule():
            return "rule", mark.colour, mark.width


def _draw(layer: etree._Element, page: Page, marks: list[Mark], ids: Iterator[int]) -> None:
    match marks[0]:
        case Words() as words:
            _write(layer, words, next(ids))
        case Bar(colour=colour):
            path = _path(layer, page, next(ids), Fill="true", Stroke="false")
            _colour(path, "FillColor", colour)
            _add(path, "AbbreviatedData", " ".join(_bar(mark) for mark in marks if isinstance(mark, Bar)))
        case Rule(width=width, colour=colour):
            path = _path(layer, page, next(ids), LineWidth=number(width))
            _colour(path, "StrokeColor", colour)
            _add(path, "AbbreviatedData", " ".join(_rule(mark) for mark in marks if isinstance(mark, Rule)))


def _write(layer: etree._Element, words: Words, identity: int) -> None:
    above, below = words.size, _BELOW * words.size
    boundary = " ".join(map(number, (words.x, words.y - above, sum(words.advances), above + below)))
    text = _add(layer, "TextObject", ID=str(identity), Boundary=boundary, Font=str(_FONT_ID), Size=number(words.size))
    _colour(text, "FillColor", words.colour)
    code = {"X": "0", "Y": number(above)}
    if len(words.text) > 1:
        code["DeltaX"] = deltas(words.advances[:-1])
    _add(text, "TextCode", words.text, **code)


def _path(layer: etree._Element, page: Page, identity: int, **attributes: str) -> etree._Element:
    return _add(layer, "PathObject", ID=str(identity), Boundary=_box(page), **attributes)


def _colour(above: etree._Element, name: str, colour: Colour) -> None:
    _add(above, name, Value=" ".join(map(str, colour)))


def _bar(bar: Bar) -> str:
    left, top, right, bottom = map(number, (bar.x, bar.y, bar.x + bar.width, bar.y + bar.height))
    return f"M {left} {top} L {right} {top} L {right} {bottom} L {left} {bottom} C"


def _rule(rule: Rule) -> str:
    return f"M {number(rule.x1)} {number(rule.y1)} L {number(rule.x2)} {number(rule.y2)}"
