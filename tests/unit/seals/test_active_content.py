"""What acts by itself is not sealed, and nothing of it is 有效; what only may surprise is sealed and named."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw
from pyhanko.pdf_utils.generic import BooleanObject as PdfBoolean
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from seal_authority import PLACE

from gateway.rooms.seals.pdf_reading import PdfFile
from gateway.rooms.seals.report import Verdict
from gateway.words.errors import InvalidProblem

Name, Text, Map, List = NameObject, TextStringObject, DictionaryObject, ArrayObject


def action(kind: str) -> DictionaryObject:
    return Map({Name("/S"): Name(kind), Name("/F"): Text("a.exe"), Name("/JS"): Text("app.alert(1)")})


def form(**entries: object) -> DictionaryObject:
    return Map({Name("/Fields"): List(), **{Name(f"/{key}"): value for key, value in entries.items()}})


def with_note(writer: PdfWriter, **entries: object) -> None:
    note = {"Type": Name("/Annot"), "Subtype": Name("/Link"), "Rect": List(NumberObject(one) for one in (9, 9, 50, 50))}
    made = Map({Name(f"/{key}"): value for key, value in (note | entries).items()})
    writer.pages[0][Name("/Annots")] = List([writer._add_object(made)])


def with_field(writer: PdfWriter) -> None:
    field = Map({Name("/FT"): Name("/Tx"), Name("/T"): Text("sum")})
    writer.root_object[Name("/AcroForm")] = form(Fields=List([writer._add_object(field)]))


def in_root(key: str, value: object):
    return lambda writer: writer.root_object.__setitem__(Name(key), value)


ACTING = {
    "an XFA form": in_root("/AcroForm", form(XFA=Text("<xdp/>"))),
    "NeedAppearances": in_root("/AcroForm", form(NeedAppearances=BooleanObject(True))),
    "JavaScript": in_root(
        "/Names",
        Map({Name("/JavaScript"): Map({Name("/Names"): List([Text("a"), action("/JavaScript")])})}),
    ),
    "Launch": in_root("/OpenAction", action("/Launch")),
    "on a page": lambda writer: writer.pages[0].__setitem__(Name("/AA"), Map({Name("/O"): action("/JavaScript")})),
    "under a link": lambda writer: with_note(writer, A=action("/Launch")),
}
NOTED = {
    "files are attached": lambda writer: writer.add_attachment("a.txt", b"a"),
    "optional content": in_root("/OCProperties", Map({Name("/OCGs"): List(), Name("/D"): Map()})),
    "can be filled in": with_field,
}


def made(change) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(595, 842)
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def sealed(forge, pdf: bytes) -> bytes:
    from gateway.rooms.seals.pdf import embed

    ready = forge.prepare(pdf, PLACE)
    return embed(ready.content, ready.start, ready.end, forge.sign(ready.digest))


@pytest.mark.parametrize("kind", ACTING)
def test_what_acts_by_itself_is_not_sealed(forge, kind):
    with pytest.raises(InvalidProblem, match="acts by itself") as refused:
        forge.prepare(made(ACTING[kind]), PLACE)
    assert refused.value.type == "document-not-sealable"


@pytest.mark.parametrize("kind", sorted(ACTING.keys() - {"NeedAppearances"}))
def test_a_seal_over_what_acts_by_itself_cannot_be_judged(forge, monkeypatch, kind):
    with monkeypatch.context() as careless:  # somebody else's service sealed it
        careless.setattr(PdfFile, "acting", ())
        content = sealed(forge, made(ACTING[kind]))
    report = forge.judge(content)
    assert report.verdict is Verdict.UNDETERMINED
    assert "may change" in report.why.en


def test_appearances_that_readers_draw_anew_are_reported_too(forge):
    """By a later revision: pyHanko takes the entry out where it adds a field."""
    writer = IncrementalPdfFileWriter(io.BytesIO(forge.sealed()))
    writer.root["/AcroForm"][pdf_name("/NeedAppearances")] = PdfBoolean(True)
    writer.update_container(writer.root["/AcroForm"])
    out = io.BytesIO()
    writer.write(out)
    report = forge.judge(out.getvalue())
    assert report.verdict is Verdict.UNDETERMINED
    assert [one.reason.en for one in report.checks if one.name == "active_content"] == [
        "NeedAppearances: the reader redraws: what is shown may change"
    ]


@pytest.mark.parametrize("kind", NOTED)
def test_what_may_surprise_is_sealed_and_named(forge, kind):
    report = forge.judge(sealed(forge, made(NOTED[kind])))
    assert report.verdict is Verdict.VALID, report.why
    assert any(kind in note.en for note in report.notes), report.notes


def test_a_page_without_any_of_it_has_no_such_note(forge):
    report = forge.judge(sealed(forge, made(lambda writer: None)))
    assert (report.verdict, report.notes) == (Verdict.VALID, ())


def with_picture(colour: str) -> bytes:
    """A page with a ring of this colour drawn on it before it is sealed."""
    ring = Image.new("RGB", (60, 60), "white")
    ImageDraw.Draw(ring).ellipse((4, 4, 55, 55), outline=colour, width=5)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842))
    canvas.drawImage(ImageReader(ring), 100, 600, 119, 119)
    canvas.save()
    return out.getvalue()


@pytest.mark.parametrize(("colour", "named"), [("red", 1), ("blue", 0)])
def test_a_picture_that_looks_like_a_seal_is_named_and_its_own_is_not(forge, colour, named):
    report = forge.judge(sealed(forge, with_picture(colour)))
    assert report.verdict is Verdict.VALID, report.why
    assert [note.en for note in report.notes] == ["page 1 has a picture that looks like a seal"] * named
