"""An official letter as PDF or OFD: centred title, number, justified paragraphs with indent, signature, QR code.

The page follows the look of 党政机关公文格式 (GB/T 9704-2012): A4, wide margins, date at the right under the organ's
name. The font (Noto Serif SC, SIL Open Font License) is embedded as a subset, so the file looks the same everywhere.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from xml.sax.saxutils import escape

import segno
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFDictionary
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, SimpleDocTemplate, Spacer, Table, TableStyle

import contracts
from gateway.typography.archival import ArchiveCanvas, RuledTable, Tag, Tagged, artifact, marked
from gateway.typography.ofd import About, write_ofd
from gateway.typography.recording import record

FONT = "NotoSerifSC"
_BODY = 14.0
_LEADING = 26.0
SEAL_PLACE = "seal.signature"
_END = 28.0
"""Points between the signature and the right margin: two characters."""


@dataclass(frozen=True)
class Block:
    """One paragraph. ``heading`` sets it off; ``indent`` by two characters, as running text is."""

    text: str
    heading: bool = False
    indent: bool = True


@dataclass(frozen=True)
class QrBlock:
    """A QR code with what stands beside it, line by line."""

    content: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Signature:
    """The organ that signs, and the day. The seal is placed over both."""

    organ: str
    on: date


@dataclass(frozen=True)
class Letter:
    """A document before it is set. ``footer`` stands small at the foot of each page, beside the page number."""

    title: str
    number: str
    blocks: tuple[Block, ...]
    signature: Signature | None = None
    qr: QrBlock | None = None
    addressee: str | None = None
    footer: str = ""
    subject: str = field(default="")


def chinese_date(day: date) -> str:
    """A day as documents write it: 2026年9月16日."""
    return f"{day.year}年{day.month}月{day.day}日"


def render(letter: Letter) -> bytes:
    """The letter as PDF. Characters that the font lacks are refused: ValueError names the first one."""
    out = io.BytesIO()
    root = Tag("Document")
    _build(letter, out, partial(ArchiveCanvas, root=root, font=FONT), root)
    return out.getvalue()


def render_ofd(letter: Letter) -> bytes:
    """The letter as OFD: the same setting as in the PDF, mark for mark. Raises ValueError as ``render`` does."""
    pages = record(lambda canvas: _build(letter, io.BytesIO(), canvas))
    signed = letter.signature
    about = About(letter.subject or letter.title, signed.organ if signed else "", signed.on if signed else None)
    return write_ofd(pages, about, register_font())


def _build(letter: Letter, out: io.BytesIO, canvas: Callable[..., Canvas], root: Tag | None = None) -> None:
    register_font()
    check_glyphs(_words(letter))
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=28 * mm,
        rightMargin=26 * mm,
        topMargin=34 * mm,
        bottomMargin=28 * mm,
        title=letter.subject or letter.title,
        author=letter.signature.organ if letter.signature else "",
        lang="zh-CN",
    )

    def foot(canvas: Canvas, _document: object) -> None:
        with artifact(canvas):
            canvas.setFont(FONT, 9)
            canvas.drawString(28 * mm, 16 * mm, letter.footer)
            canvas.drawRightString(A4[0] - 26 * mm, 16 * mm, f"第 {canvas.getPageNumber()} 页")

    document.build(_story(letter, root or Tag("Document")), onFirstPage=foot, onLaterPages=foot, canvasmaker=canvas)


def qr_matrix(content: str) -> list[list[bool]]:
    """The modules of a QR code, level M, without margin."""
    return [[bool(module) for module in row] for row in segno.make(content, error="m", micro=False).matrix]


@cache
def register_font() -> TTFont:
    """Make the embedded font known to reportlab, once."""
    font = TTFont(FONT, str(contracts.path("fonts/NotoSerifSC-Regular.ttf")))
    pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=FONT, italic=FONT, boldItalic=FONT)
    return font


def check_glyphs(words: Iterable[str]) -> None:
    """Refuse what would print as an empty box: ValueError names the first character that the font lacks."""
    known = register_font().face.charToGlyph
    for word in words:
        for character in word:
            if character not in "\n" and ord(character) not in known:
                raise ValueError(f"the document's font has no glyph for {character!r} (U+{ord(character):04X})")


def _words(letter: Letter) -> list[str]:
    words = [letter.title, letter.number, letter.footer, letter.addressee or ""]
    words += [block.text for block in letter.blocks]
    words += list(letter.qr.lines) if letter.qr else []
    words += [letter.signature.organ] if letter.signature else []
    return words


def _story(letter: Letter, root: Tag) -> list[Flowable]:
    body = ParagraphStyle(
        "body",
        fontName=FONT,
        fontSize=_BODY,
        leading=_LEADING,
        alignment=TA_JUSTIFY,
        wordWrap="CJK",
        firstLineIndent=28,
    )
    plain = ParagraphStyle("plain", parent=body, firstLineIndent=0)
    heading = ParagraphStyle("heading", parent=body, spaceBefore=6, keepWithNext=1)
    title = ParagraphStyle("title", fontName=FONT, fontSize=22, leading=32, alignment=TA_CENTER, spaceAfter=8)
    number = ParagraphStyle("number", fontName=FONT, fontSize=_BODY, leading=20, alignment=TA_CENTER, spaceAfter=14)
    right = ParagraphStyle("right", parent=plain, alignment=TA_RIGHT, rightIndent=_END)

    def said(text: str, style: ParagraphStyle, kind: str = "P") -> Tagged:
        return Tagged(escape(text).replace("\n", "<br/>"), style).of(root.add(kind))

    story: list[Flowable] = [said(letter.title, title, "H1"), said(letter.number, number)]
    if letter.addressee:
        story.append(said(letter.addressee, plain))
    for block in letter.blocks:
        style = heading if block.heading else (body if block.indent else plain)
        story.append(said(block.text, style, "H2" if block.heading else "P"))
    end: list[Flowable] = []
    if letter.qr is not None:
        end += [Spacer(1, 10), _qr_table(letter.qr, root)]
    if letter.signature is not None:
        day = chinese_date(letter.signature.on)
        organ = letter.signature.organ
        end += [Spacer(1, 26), said(organ, right), SealPlace(organ), said(day, right)]
    if end:
        story.append(KeepTogether(end))
    return story


def _qr_table(qr: QrBlock, root: Tag) -> Table:
    small = ParagraphStyle("small", fontName=FONT, fontSize=11, leading=18, wordWrap="CJK")
    picture = Qr(qr.content, 34 * mm, root.add("Figure", f"二维码：{qr.content}"))
    lines = [Tagged(escape(line), small).of(root.add("P")) for line in qr.lines]
    table = RuledTable([[picture, lines]], colWidths=[42 * mm, 112 * mm])
    table.setStyle(
        TableStyle(
            [
                ("FONTNAME", (0, 0), (-1, -1), FONT),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("BOX", (0, 0), (-1, -1), 0.6, "#555555"),
                ("LEFTPADDING", (0, 0), (-1, -1), 4 * mm),
                ("TOPPADDING", (0, 0), (-1, -1), 3 * mm),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3 * mm),
            ]
        )
    )
    return table


class SealPlace(Flowable):  # type: ignore[misc]
    """Takes no room, and names the place between the organ's name and the day: destination ``seal.signature``.

    The seal of the organ goes there (``gateway.rooms.seals.anchors``).
    """

    def __init__(self, organ: str) -> None:
        super().__init__()
        self._organ = organ
        self._wide = 0.0

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:  # noqa: ARG002
        """No height; the width is needed to find the middle of the name."""
        self._wide = availWidth
        return 0, 0

    def draw(self) -> None:
        """Name the place."""
        name = min(pdfmetrics.stringWidth(self._organ, FONT, _BODY), self._wide - _END)
        x, y = self.canv.absolutePosition(self._wide - _END - name / 2, 0)
        self.canv.bookmarkPage(SEAL_PLACE, fit="XYZ", left=x, top=y, zoom=0)
        # reportlab writes destinations where a link leads to them, and gives them no name in the file.
        named = {SEAL_PLACE: self.canv._bookmarkReference(SEAL_PLACE)}
        self.canv._doc.Catalog.Dests = PDFDictionary(named)


class Qr(Flowable):  # type: ignore[misc]
    """A QR code drawn as vectors, ``size`` points wide, with the four modules of quiet zone inside."""

    def __init__(self, content: str, size: float, tag: Tag | None = None) -> None:
        super().__init__()
        self._tag = tag
        self._matrix = qr_matrix(content)
        self.width = self.height = size

    def draw(self) -> None:
        """Draw each dark module; neighbours in a row as one bar, so that no hairlines show."""
        with marked(self.canv, self._tag):
            self._draw()

    def _draw(self) -> None:
        module = self.width / (len(self._matrix) + 8)
        for row, modules in enumerate(self._matrix):
            y = self.height - (row + 5) * module
            start: int | None = None
            for column, dark in enumerate([*modules, False]):
                if dark and start is None:
                    start = column
                elif not dark and start is not None:
                    self.canv.rect((start + 4) * module, y, (column - start) * module, module, stroke=0, fill=1)
                    start = None
