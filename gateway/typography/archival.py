"""Our PDF files for the archive: PDF/A-2b (ISO 19005-2), and tagged (ISO 32000-1, 14.7 and 14.8).

reportlab knows neither. This canvas adds what the standard asks for beside embedded fonts: an output intent with an
sRGB profile, XMP metadata, and a structure tree of what was drawn under which tag. What has no tag is an artifact:
rules, backgrounds, the foot of the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from xml.sax.saxutils import escape

from PIL import ImageCms
from reportlab.lib import textsplit
from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFDictionary,
    PDFName,
    PDFObjectReference,
    PDFPage,
    PDFStream,
    PDFString,
)
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, Table, paragraph

_CONDITION: Final = "sRGB IEC61966-2.1"
_CREATOR: Final = "enforcement-gateway"
_MADE: Final = bytes.fromhex("07EA 0001 0001 0000 0000 0000")
"""The day that the colour profile says it was made, so that it is the same bytes each time: 2026-01-01."""

_NEVER_FIRST: Final = "，；：？！》〉”’…—·"
"""Marks that do not begin a line (标点符号用法, GB/T 15834-2011). reportlab knows those of Japanese; it lacks these."""
for _breaker in (textsplit, paragraph):
    _breaker.ALL_CANNOT_START += _NEVER_FIRST


@dataclass
class Tag:
    """A part of a document: its kind (``P``, ``H1``, ``Table`` …), the parts in it, and where it was drawn.

    ``alternative``: what a figure shows, in words.
    """

    kind: str
    kids: list[Tag] = field(default_factory=list)
    alternative: str = ""
    marks: list[tuple[int, int]] = field(default_factory=list)

    def add(self, kind: str, alternative: str = "") -> Tag:
        """A further part in this one."""
        made = Tag(kind, alternative=alternative)
        self.kids.append(made)
        return made

    @property
    def drawn(self) -> bool:
        """Whether anything of it was drawn."""
        return bool(self.marks) or any(kid.drawn for kid in self.kids)


class ArchiveCanvas(Canvas):  # type: ignore[misc]
    """A canvas whose file is PDF/A-2b and tagged by ``root``. ``font`` is embedded; no other one may be used."""

    def __init__(self, *arguments: Any, root: Tag, font: str, **more: Any) -> None:
        super().__init__(*arguments, **more | {"pdfVersion": (1, 7), "initialFontName": font})
        self._root = root
        self._marked: list[list[Tag]] = [[]]

    def begin(self, tag: Tag) -> None:
        """What is drawn from here on is of this tag, until ``end``."""
        number = len(self._marked[-1])
        self._marked[-1].append(tag)
        tag.marks.append((len(self._marked) - 1, number))
        self.addLiteral(f"/{tag.kind} <</MCID {number}>> BDC")

    def begin_artifact(self) -> None:
        """What is drawn from here on is no part of the document, until ``end``."""
        self.addLiteral("/Artifact BMC")

    def end(self) -> None:
        """The end of what was begun last."""
        self.addLiteral("EMC")

    def showPage(self) -> None:
        """End the page, and name it as a parent of its parts."""
        super().showPage()
        page = self._doc.Pages.pages[-1]
        page.__NoDefault__ = [*PDFPage.__NoDefault__, "StructParents", "Tabs"]
        page.StructParents, page.Tabs = len(self._marked) - 1, PDFName("S")
        self._marked.append([])

    def save(self) -> None:
        """Write the file, with what archives want to know of it."""
        if len(self._code):
            self.showPage()
        info, catalog = self._doc.info, self._doc.Catalog
        info.creator, info.subject = _CREATOR, ""
        catalog.__NoDefault__ = [*type(catalog).__NoDefault__, "OutputIntents"]
        catalog.OutputIntents = PDFArray([self._intent()])
        catalog.Metadata = _Plain(
            PDFDictionary({"Type": PDFName("Metadata"), "Subtype": PDFName("XML")}),
            _metadata(info.title, info.author, info.producer, self._doc._timeStamp.t),
        )
        catalog.MarkInfo = PDFDictionary({"Marked": "true"})
        catalog.ViewerPreferences = PDFDictionary({"DisplayDocTitle": "true"})
        catalog.StructTreeRoot = self._tree()
        super().save()

    def _intent(self) -> PDFDictionary:
        profile = PDFStream(PDFDictionary({"N": 3}), srgb())
        return PDFDictionary(
            {
                "Type": PDFName("OutputIntent"),
                "S": PDFName("GTS_PDFA1"),
                "OutputConditionIdentifier": PDFString(_CONDITION),
                "Info": PDFString(_CONDITION),
                "DestOutputProfile": self._doc.Reference(profile),
            }
        )

    def _tree(self) -> PDFDictionary:
        """The structure: each part with what was drawn of it, and for each page whose its marks are."""
        names: dict[int, PDFObjectReference] = {}
        top = PDFObjectReference("StructTreeRoot")
        pages = [self._doc.Reference(page) for page in self._doc.Pages.pages]

        def build(tag: Tag, above: PDFObjectReference) -> PDFObjectReference:
            own = names[id(tag)] = PDFObjectReference(f"StructElem{len(names)}")
            marks = [PDFDictionary({"Type": PDFName("MCR"), "Pg": pages[p], "MCID": n}) for p, n in tag.marks]
            kids = [build(kid, own) for kid in tag.kids if kid.drawn]
            told = {
                "Type": PDFName("StructElem"),
                "S": PDFName(tag.kind),
                "P": above,
                "K": PDFArray([*marks, *kids]),
            }
            if tag.alternative:
                told["Alt"] = PDFString(tag.alternative)
            return self._doc.Reference(PDFDictionary(told), own.name)

        whole = build(self._root, top)
        parents: list[Any] = []
        for number, marked in enumerate(self._marked[: len(pages)]):
            parents += [number, PDFArray([names[id(tag)] for tag in marked])]
        tree = PDFDictionary(
            {
                "Type": PDFName("StructTreeRoot"),
                "K": PDFArray([whole]),
                "ParentTree": PDFDictionary({"Nums": PDFArray(parents)}),
                "ParentTreeNextKey": len(pages),
            }
        )
        self._doc.Reference(tree, top.name)
        return tree


class Tagged(Paragraph):  # type: ignore[misc]
    """A paragraph with a tag. Pieces of one that is split over pages are of one tag."""

    tag: Tag | None = None

    def of(self, tag: Tag) -> Tagged:
        """Itself, under this tag."""
        self.tag = tag
        return self

    def split(self, availWidth: float, availHeight: float) -> list[Any]:
        """As any paragraph is."""
        parts: list[Any] = super().split(availWidth, availHeight)
        for part in parts:
            part.tag = self.tag
        return parts

    def draw(self) -> None:
        """Draw it, marked."""
        with marked(self.canv, self.tag):
            super().draw()


class RuledTable(Table):  # type: ignore[misc]
    """A table whose rules and backgrounds are artifacts; its cells have tags of their own."""

    def _drawBkgrnd(self) -> None:
        with artifact(self.canv):
            super()._drawBkgrnd()

    def _drawLines(self) -> None:
        with artifact(self.canv):
            super()._drawLines()


class _Plain(PDFStream):  # type: ignore[misc]
    """A stream that is not packed, so that programs find it which know nothing of PDF."""

    def format(self, document: Any) -> Any:
        """As any stream, without filters."""
        packed, document.defaultStreamFilters = document.defaultStreamFilters, None
        try:
            return super().format(document)
        finally:
            document.defaultStreamFilters = packed


@contextmanager
def marked(canvas: Canvas, tag: Tag | None) -> Iterator[None]:
    """What is drawn meanwhile is of this tag, on a canvas that knows tags."""
    if tag is None or not isinstance(canvas, ArchiveCanvas):
        yield
        return
    canvas.begin(tag)
    yield
    canvas.end()


@contextmanager
def artifact(canvas: Canvas) -> Iterator[None]:
    """What is drawn meanwhile is no part of the document, on a canvas that knows tags."""
    if not isinstance(canvas, ArchiveCanvas):
        yield
        return
    canvas.begin_artifact()
    yield
    canvas.end()


@cache
def srgb() -> bytes:
    """An sRGB profile, computed by LittleCMS; the same bytes each time."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = _MADE
    return bytes(made)


def _metadata(title: str, author: str, producer: str, made: float) -> bytes:
    """XMP (ISO 16684-1) that says the same as the information dictionary, and which standard the file keeps."""
    at = datetime.fromtimestamp(int(made), UTC).isoformat()
    creator = f"<dc:creator><rdf:Seq><rdf:li>{escape(author)}</rdf:li></rdf:Seq></dc:creator>" if author else ""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
{creator}
<dc:language><rdf:Bag><rdf:li>zh-CN</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>{_CREATOR}</xmp:CreatorTool>
<xmp:CreateDate>{at}</xmp:CreateDate>
<xmp:ModifyDate>{at}</xmp:ModifyDate>
<pdf:Producer>{escape(producer)}</pdf:Producer>
<pdfaid:part>2</pdfaid:part>
<pdfaid:conformance>B</pdfaid:conformance>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()
