"""A payment form 缴款通知 as PDF or OFD on one A4 page: named fields, items with their total, a QR code, and notes.

It has the make-up of the electronic payment notices that finance departments issue: unit and day above the table, the
sum in words and in figures below it. Font and QR code are those of letters.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, SimpleDocTemplate, Spacer, Table, TableStyle

from gateway.typography.archival import ArchiveCanvas, RuledTable, Tag, Tagged, artifact
from gateway.typography.letter import FONT, Qr, QrBlock, check_glyphs, register_font
from gateway.typography.ofd import About, write_ofd
from gateway.typography.recording import record

_WIDTH = 170 * mm
_LINE = "#222222"
_FAINT = "#f1f1f1"

Field = tuple[str, str]


@dataclass(frozen=True)
class Item:
    """One row of the table: code, name, and the amount as it is printed."""

    code: str
    name: str
    amount: str


@dataclass(frozen=True)
class Voucher:
    """A form before it is set.

    ``fields`` stand in pairs above the table, ``wide`` ones below it over the whole width. ``stamp`` says under the
    title what the paper is not.
    """

    title: str
    stamp: str
    fields: tuple[Field, ...]
    items: tuple[Item, ...]
    total: str
    total_in_words: str
    wide: tuple[Field, ...]
    qr: QrBlock
    notes: tuple[str, ...]
    issuer: str
    day: str
    footer: str


def render_voucher(voucher: Voucher) -> bytes:
    """The form as PDF. Characters that the font lacks are refused: ValueError names the first one."""
    out = io.BytesIO()
    root = Tag("Document")
    _build(voucher, out, partial(ArchiveCanvas, root=root, font=FONT), root)
    return out.getvalue()


def render_voucher_ofd(voucher: Voucher) -> bytes:
    """The form as OFD: the same setting as in the PDF. Raises ValueError as ``render_voucher`` does."""
    pages = record(lambda canvas: _build(voucher, io.BytesIO(), canvas))
    return write_ofd(pages, About(voucher.title, voucher.issuer), register_font())


def _build(voucher: Voucher, out: io.BytesIO, canvas: Callable[..., Canvas], root: Tag | None = None) -> None:
    register_font()
    check_glyphs(_words(voucher))
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=voucher.title,
        author=voucher.issuer,
        lang="zh-CN",
    )

    def foot(canvas: Canvas, _document: object) -> None:
        with artifact(canvas):
            canvas.setFont(FONT, 9)
            canvas.drawString(20 * mm, 12 * mm, voucher.footer)
            canvas.drawRightString(A4[0] - 20 * mm, 12 * mm, f"第 {canvas.getPageNumber()} 页")

    document.build(_story(voucher, root or Tag("Document")), onFirstPage=foot, onLaterPages=foot, canvasmaker=canvas)


def _words(voucher: Voucher) -> list[str]:
    words = [voucher.title, voucher.stamp, voucher.total, voucher.total_in_words, voucher.issuer, voucher.day]
    words += [word for pair in (*voucher.fields, *voucher.wide) for word in pair]
    words += [word for item in voucher.items for word in (item.code, item.name, item.amount)]
    return [*words, *voucher.qr.lines, *voucher.notes, voucher.footer]


def _story(voucher: Voucher, root: Tag) -> list[Flowable]:
    body = ParagraphStyle("cell", fontName=FONT, fontSize=10.5, leading=16, wordWrap="CJK")
    label = ParagraphStyle("label", parent=body, textColor="#444444")
    right = ParagraphStyle("right", parent=body, alignment=TA_RIGHT)
    centre = ParagraphStyle("centre", parent=body, alignment=TA_CENTER)
    title = ParagraphStyle("title", fontName=FONT, fontSize=22, leading=30, alignment=TA_CENTER)
    stamp = ParagraphStyle("stamp", parent=centre, fontSize=10.5, leading=20, spaceAfter=6)
    note = ParagraphStyle("note", parent=body, fontSize=10, leading=16.5, alignment=TA_JUSTIFY)
    note = ParagraphStyle("numbered", parent=note, leftIndent=14, firstLineIndent=-14, spaceAfter=1.5)
    sum_ = ParagraphStyle("sum", parent=right, fontSize=13, leading=18)

    def said(text: str, style: ParagraphStyle, kind: str = "P") -> Tagged:
        return Tagged(escape(text), style).of(root.add(kind))

    above = [said(voucher.title, title, "H1"), said(voucher.stamp, stamp)]
    fields, of_fields = [], root.add("Table")
    for number in range(0, len(voucher.fields), 2):
        row = _Row(of_fields)
        for name, value in voucher.fields[number : number + 2]:
            row.cell(name, label, "TH").cell(value, body)
        fields.append(row.filled(4))
    of_items = root.add("Table")
    head = _Row(of_items)
    for text in ("序号", "收入项目编码", "收入项目名称", "金额（元）"):
        head.cell(text, centre, "TH")
    rows = [
        _Row(of_items)
        .cell(str(number), centre)
        .cell(item.code, body)
        .cell(item.name, body)
        .cell(item.amount, right)
        .cells
        for number, item in enumerate(voucher.items, start=1)
    ]
    total = _Row(of_items).cell("金额合计", centre, "TH")
    total.cells.append("")
    total.cell(f"（大写）{voucher.total_in_words}", body).cell(voucher.total, sum_)
    items = _table([head.cells, *rows, total.cells], (16, 40, 72, 42), repeatRows=1)
    items.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), _FAINT),
                ("BACKGROUND", (0, -1), (-1, -1), _FAINT),
                ("SPAN", (0, -1), (1, -1)),
            ]
        )
    )
    of_wide = root.add("Table")
    below = [_Row(of_wide).cell(name, label, "TH").cell(value, body).cells for name, value in voucher.wide]
    wide = _table(below, (27, 143))
    qr = _qr_row(voucher.qr, root)
    notes = [said(f"{number}．{text}", note) for number, text in enumerate(voucher.notes, start=1)]
    signed = [said(voucher.issuer, right), said(voucher.day, right)]
    return [
        *above,
        _table(fields, (27, 48, 27, 68)),
        Spacer(1, 3 * mm),
        items,
        Spacer(1, 3 * mm),
        wide,
        Spacer(1, 3 * mm),
        qr,
        Spacer(1, 4 * mm),
        *notes,
        KeepTogether([Spacer(1, 3 * mm), *signed]),
    ]


class _Row:
    """A row of a table, cell by cell, under its tags."""

    def __init__(self, table: Tag) -> None:
        self._tag = table.add("TR")
        self.cells: list[Any] = []

    def cell(self, text: str, style: ParagraphStyle, kind: str = "TD") -> _Row:
        """One more cell; ``TH`` for one that says what others are."""
        self.cells.append(Tagged(escape(text), style).of(self._tag.add(kind)))
        return self

    def filled(self, width: int) -> list[Any]:
        """The cells, with empty ones up to a width."""
        return [*self.cells, *[""] * (width - len(self.cells))]


def _table(rows: list[list[Any]], widths: tuple[int, ...], **more: int) -> Table:
    table = RuledTable(rows, colWidths=[width * mm for width in widths], **more)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, _LINE),
                ("BOX", (0, 0), (-1, -1), 1, _LINE),
                ("FONTNAME", (0, 0), (-1, -1), FONT),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 3.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ]
        )
    )
    return table


def _qr_row(qr: QrBlock, root: Tag) -> Table:
    big = ParagraphStyle("code", fontName=FONT, fontSize=15, leading=23)
    small = ParagraphStyle("beside", fontName=FONT, fontSize=11, leading=18, wordWrap="CJK")
    picture = Qr(qr.content, 42 * mm, root.add("Figure", f"二维码：{qr.content}"))
    styles = [big, *[small] * (len(qr.lines) - 1)]
    beside = [Tagged(escape(line), style).of(root.add("P")) for line, style in zip(qr.lines, styles, strict=True)]
    table = RuledTable([[picture, beside]], colWidths=[50 * mm, _WIDTH - 50 * mm])
    table.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 1, _LINE),
                ("FONTNAME", (0, 0), (-1, -1), FONT),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LEFTPADDING", (0, 0), (0, 0), 4 * mm),
                ("TOPPADDING", (0, 0), (-1, -1), 1 * mm),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1 * mm),
            ]
        )
    )
    return table
