"""A seal stands where it was asked for, in its own size, on any page: measured in what other renderers draw.

PDFium draws each page at 10 dots a millimetre, and the seal's red square is looked for in the picture. Poppler
(``pdftoppm``) and pdf.js in Chromium (Debian's libjs-pdf) do the same where they are installed.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pdfjs_renderer
import pypdfium2
import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, FloatObject, NameObject, NumberObject

from gateway.ports.seal import Placement
from gateway.rooms.seals.pdf import PdfProfile, prepare
from gateway.rooms.seals.pdf_reading import PdfFile
from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.ses_checks import Expected

DOTS, FEWER = 10, 4
WITHIN = 0.5

PAGES = {
    "A4": {},
    "A4-turned-90": {"rotate": 90},
    "A4-turned-180": {"rotate": 180},
    "A4-turned-270": {"rotate": 270},
    "A3": {"size": (841.89, 1190.55)},
    "A3-lying": {"size": (1190.55, 841.89)},
    "units-of-two-points": {"unit": 2, "size": (297.64, 420.94)},
    "units-and-turned": {"unit": 2, "size": (297.64, 420.94), "rotate": 90},
    "crop-inside": {"crop": (50, 80, 500, 700)},
    "crop-beyond-the-media": {"crop": (-100, -100, 900, 1000)},
    "crop-and-turned": {"crop": (50, 80, 500, 700), "rotate": 270},
    "media-not-at-zero": {"media": (-200, 100, 395.28, 941.89)},
}


def page_of(size=(595.28, 841.89), rotate=0, unit=None, crop=None, media=None) -> bytes:
    writer = PdfWriter()
    page = writer.add_blank_page(*size)
    for key, box in (("/MediaBox", media), ("/CropBox", crop)):
        if box:
            page[NameObject(key)] = ArrayObject([FloatObject(side) for side in box])
    if rotate:
        page[NameObject("/Rotate")] = NumberObject(rotate)
    if unit:
        page[NameObject("/UserUnit")] = NumberObject(unit)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.fixture(scope="module")
def square(forge):
    """The organ's seal with a red square of 40 mm for a picture; its upper left quarter is blue."""
    image = Image.new("RGBA", (40, 40), "red")
    image.paste("blue", (0, 0, 20, 20))
    out = io.BytesIO()
    image.save(out, "PNG")
    return forge.variant(picture=out.getvalue(), width=40, height=40)


def sealed(forge, square, pdf: bytes, *places: Placement) -> bytes:
    from gateway.rooms.seals.pdf import embed
    from simulators.seal import ses

    made = ses.eseal(square, forge.maker)
    ready = prepare(pdf, read_seal(made), places, at=forge.now, profile=PdfProfile(reserve=4096))
    der = ses.signature(square, made, ready.digest, "/ByteRange", forge.now)
    return embed(ready.content, ready.start, ready.end, der)


def measured(pdf: bytes, unit: float = 1) -> tuple[float, float, float, float, str]:
    """Left, bottom, width, height in millimetres of what is not white, and the colour of its upper left quarter."""
    document = pypdfium2.PdfDocument(pdf)
    document.init_forms()
    # Renderers draw in units of the page and know no UserUnit: so many dots a unit that a millimetre has ten.
    return found_in(document[0].render(scale=DOTS * 25.4 / 72 * unit, may_draw_forms=True).to_pil())


def found_in(image: Image.Image, dots: int = DOTS) -> tuple[float, float, float, float, str]:
    """The same of a picture with so many dots a millimetre."""
    picture = image.convert("RGB")
    box = Image.eval(picture.convert("L"), lambda value: 255 if value < 200 else 0).getbbox()
    assert box, "nothing is drawn"
    left, top, right, bottom = box
    corner = picture.getpixel((left + (right - left) // 4, top + (bottom - top) // 4))
    colour = "blue" if corner[2] > 200 > corner[0] else "red"
    return left / dots, (picture.size[1] - bottom) / dots, (right - left) / dots, (bottom - top) / dots, colour


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.cases_by_day(6)
def test_it_stands_in_millimetres_where_it_was_asked_for_and_upright(forge, square, kind):
    place = Placement(page=1, x=25, y=60, width=40, height=40)
    pdf = sealed(forge, square, page_of(**PAGES[kind]), place)
    left, bottom, width, height, colour = measured(pdf, PAGES[kind].get("unit", 1))
    assert (left, bottom) == pytest.approx((25, 60), abs=WITHIN)
    assert (width, height) == pytest.approx((40, 40), abs=WITHIN)
    assert colour == "blue"
    report = forge.judge(pdf, expected=Expected(placements=(place,)))
    assert report.verdict is Verdict.VALID, report.why
    (drawn,) = report.seal.drawn
    assert (drawn.x, drawn.y, drawn.width, drawn.height) == pytest.approx((25, 60, 40, 40), abs=0.05)


def stands(image: Image.Image) -> None:
    left, bottom, width, height, colour = found_in(image, FEWER)
    assert (left, bottom) == pytest.approx((25, 60), abs=WITHIN)
    assert (width, height) == pytest.approx((40, 40), abs=WITHIN)
    assert colour == "blue"


@pytest.fixture(scope="module")
def folder(forge, square, tmp_path_factory):
    """Each kind of page, sealed, in a file; ``scales.json``: dots a unit of its page."""
    made = tmp_path_factory.mktemp("pages")
    place = Placement(page=1, x=25, y=60, width=40, height=40)
    for kind, page in PAGES.items():
        (made / f"{kind}.pdf").write_bytes(sealed(forge, square, page_of(**page), place))
    scales = {kind: FEWER * 25.4 / 72 * page.get("unit", 1) for kind, page in PAGES.items()}
    (made / "scales.json").write_text(json.dumps(scales))
    return made


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler is not installed here")
@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.cases_by_day(3)
def test_poppler_draws_it_there_too(folder, kind):
    dots = FEWER * 25.4 * PAGES[kind].get("unit", 1)
    command = [str(shutil.which("pdftoppm")), "-png", "-cropbox", "-r", f"{dots:.3f}", f"{folder / kind}.pdf"]
    drawn = subprocess.run(command, capture_output=True, check=True, timeout=120)
    stands(Image.open(io.BytesIO(drawn.stdout)))


@pytest.fixture(scope="module")
def by_pdfjs(folder):
    """The files drawn by pdf.js, all in one go."""
    script = Path(pdfjs_renderer.__file__)
    subprocess.run([sys.executable, str(script), str(folder)], check=True, timeout=300)
    return folder


@pytest.mark.skipif(
    not pdfjs_renderer.BUILD.is_dir() or pdfjs_renderer.chromium() is None, reason="no pdf.js or no Chromium here"
)
@pytest.mark.nightly
@pytest.mark.parametrize("kind", PAGES)
def test_pdfjs_draws_it_there_too(by_pdfjs, kind):
    stands(Image.open(by_pdfjs / f"{kind}.png"))


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_further_places_of_the_same_seal_are_drawn_and_read_back(forge, square, rotate):
    writer = PdfWriter()
    for _ in range(2):
        writer.append(io.BytesIO(page_of(rotate=rotate)))
    out = io.BytesIO()
    writer.write(out)
    places = (
        Placement(page=2, x=20, y=20, width=40, height=40),
        Placement(page=1, x=120, y=30, width=40, height=40),
    )
    pdf = sealed(forge, square, out.getvalue(), *places)
    assert measured(pdf)[:4] == pytest.approx((120, 30, 40, 40), abs=WITHIN)
    report = forge.judge(pdf, expected=Expected(placements=places))
    assert report.verdict is Verdict.VALID, report.why
    assert {(one.page, round(one.x), round(one.y)) for one in report.seal.drawn} == {(2, 20, 20), (1, 120, 30)}


def test_a_name_that_the_form_has_already_is_not_taken_again(forge, square):
    """f09: a file with an empty field of our own name was sealed elsewhere than asked."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field

    writer = IncrementalPdfFileWriter(io.BytesIO(page_of()))
    append_signature_field(writer, SigFieldSpec("Seal1", box=(10, 10, 90, 90)))
    out = io.BytesIO()
    writer.write(out)
    place = Placement(page=1, x=127, y=47, width=40, height=40)
    pdf = sealed(forge, square, out.getvalue(), place)
    assert [one.field for one in PdfFile(pdf).signatures] == ["Seal2"]
    assert measured(pdf)[:4] == pytest.approx((127, 47, 40, 40), abs=WITHIN)


@pytest.mark.parametrize(("width", "height"), [(5, 5), (42, 20), (200, 200), (38.9, 40), (40, 41.2)])
def test_a_seal_is_not_made_larger_or_smaller_than_it_is(forge, square, width, height):
    """f12."""
    from gateway.words.errors import InvalidProblem
    from simulators.seal import ses

    seal = read_seal(ses.eseal(square, forge.maker))
    place = Placement(page=1, x=5, y=5, width=width, height=height)
    with pytest.raises(InvalidProblem, match="the seal is 40 by 40 mm"):
        prepare(page_of(), seal, (place,), at=forge.now, profile=PdfProfile())
    assert prepare(page_of(), replace(seal, width=41), (place.model_copy(update={"width": 40.5, "height": 39.5}),),
                   at=forge.now, profile=PdfProfile()).content  # fmt: skip
