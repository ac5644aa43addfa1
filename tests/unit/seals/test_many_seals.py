"""Many seals in one PDF: each over its own revision, a seal across pages whose strips are the whole, none broken."""

from __future__ import annotations

import io
from datetime import timedelta

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageFilter
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, read_object

from gateway.ports.seal import Placement
from gateway.rooms.seals.judging import holds
from gateway.rooms.seals.pdf import PdfProfile, embed, prepare
from gateway.rooms.seals.report import Report, SealReport, Verdict
from gateway.rooms.seals.seams import MOST_SHARES, Across, shares
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.verification import verify_document
from gateway.words.errors import InvalidProblem
from simulators.seal import ses
from simulators.seal.picture import organ_seal
from simulators.seal.pki import Key

PROFILE = PdfProfile(reserve=24 * 1024)
PLACES = [Placement(page=1, x=15 + 60 * number, y=30, width=42, height=42) for number in range(3)]
NAMES = ("安澜市望川区综合行政执法局", "安澜市望川区市场监督管理局", "安澜市望川区交通运输局")
DPMM = 8


class Unit:
    """One unit with a seal of its own."""

    def __init__(self, forge, name: str, seal_id: str, picture: bytes | None = None) -> None:
        key = Key.generate()
        certificate = forge.root.issue(name, key.public)
        other = {"picture": picture} if picture else {}
        self.seal = forge.variant(
            name=name, seal_id=seal_id, key=key, certificate=certificate, listed=(certificate,), **other
        )
        self.issued = ses.eseal(self.seal, forge.maker)
        self.read = read_seal(self.issued)

    def put(self, forge, pdf: bytes, *places: Placement, across: Across | None = None) -> bytes:
        """The file with this unit's seal."""
        made = prepare(pdf, self.read, places, at=forge.now, profile=PROFILE, across=across)
        self.shares = made.shares
        der = ses.signature(self.seal, self.issued, made.digest, "/ByteRange", forge.now)
        return embed(made.content, made.start, made.end, der)


@pytest.fixture(scope="module")
def units(forge) -> list[Unit]:
    return [Unit(forge, name, f"9901020000002{number}") for number, name in enumerate(NAMES)]


def pages(count: int, width: float = 595.276, height: float = 841.89, turn: int = 0) -> bytes:
    """Empty pages, without any inked pixel."""
    writer = PdfWriter()
    for _ in range(count):
        page = writer.add_blank_page(width, height)
        if turn:
            page.rotate(turn)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def drawn(pdf: bytes, number: int) -> Image.Image:
    """A page as another program draws it, 8 pixels a millimetre."""
    document = pypdfium2.PdfDocument(pdf)
    document.init_forms()  # what fields draw is drawn too
    return document[number].render(scale=DPMM * 25.4 / 72, may_draw_forms=True).to_pil().convert("RGB")


# --- several seals ----------------------------------------------------------------------------------------------------


def test_three_units_seal_one_document_and_each_is_judged_over_its_revision(forge, units):
    pdf = forge.document
    for unit, place in zip(units, PLACES, strict=True):
        pdf = unit.put(forge, pdf, place)
    report = forge.judge(pdf)
    assert report.verdict is Verdict.VALID
    assert [one.seal_name for one in report.seals] == list(NAMES)
    assert [one.revision for one in report.seals] == sorted(one.revision for one in report.seals)
    assert len({one.revision for one in report.seals}) == 3
    assert [one.drawn[0].x for one in report.seals] == pytest.approx([place.x for place in PLACES], abs=0.5)
    assert pdf.startswith(forge.document)


def test_what_was_asked_of_the_latest_seal_is_not_held_against_those_before_it(forge, units):
    pdf = units[1].put(forge, units[0].put(forge, forge.document, PLACES[0]), PLACES[1])
    wanted = Expected(
        seal_id=units[1].read.seal_id,
        property_info="/ByteRange",
        placements=(PLACES[1],),
        between=(forge.now, forge.now),
    )
    report = forge.judge(pdf, expected=wanted)
    assert report.verdict is Verdict.VALID
    assert "expected_seal" in {check.name for check in report.seals[1].checks if check.result == "passed"}


def test_a_change_between_two_seals_is_found_in_the_first_alone(forge, units):
    first = units[0].put(forge, forge.document, PLACES[0])
    writer = PdfWriter(io.BytesIO(first), incremental=True)
    writer.pages[0].rotate(180)
    out = io.BytesIO()
    writer.write(out)
    report = forge.judge(units[1].put(forge, out.getvalue(), PLACES[1]))
    assert [one.verdict for one in report.seals] == [Verdict.INVALID, Verdict.VALID]
    assert not holds(report)


def test_a_document_that_is_signed_takes_one_place_and_no_strips(forge, units):
    signed = units[0].put(forge, forge.document, PLACES[0])
    for places, across in ((PLACES[1:], None), (PLACES[1:2], Across())):
        with pytest.raises(InvalidProblem, match="signed already") as refused:
            prepare(signed, units[1].read, places, at=forge.now, profile=PROFILE, across=across)
        assert refused.value.type == "document-already-signed"


def test_a_document_that_is_certified_against_any_change_takes_no_seal(forge, units):
    signed = units[0].put(forge, forge.document, PLACES[0])
    writer = PdfWriter(io.BytesIO(signed), incremental=True)
    text = "<< /DocMDP << /Reference [<< /TransformMethod /DocMDP /TransformParams << /P 1 >> >>] >> >>"
    writer.root_object.update({NameObject("/Perms"): read_object(io.BytesIO(text.encode()), writer)})
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(InvalidProblem, match="certified"):
        prepare(out.getvalue(), units[1].read, PLACES[1:2], at=forge.now, profile=PROFILE)


def test_sealed_is_what_holds_our_own_seal_and_no_broken_one():
    def one(*results: str) -> SealReport:
        checks = [{"name": "signature", "result": result, "required": True} for result in results]
        return SealReport.model_validate({"kind": "ses-4", "checks": checks})

    def report(*seals: SealReport) -> Report:
        return Report(format="pdf", digest="00", judged_at="2026-09-16T10:00:00+08:00", seals=seals)

    assert holds(report(one("not_made"), one("passed")))
    assert not holds(report(one("passed"), one("not_made")))
    assert not holds(report(one("failed"), one("passed")))
    assert not holds(report())


# --- a seal across pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "size", "turn"),
    [(2, (595.276, 841.89), 0), (5, (595.276, 841.89), 90), (3, (841.89, 1190.55), 0), (3, (595.276, 841.89), 270)],
)
def test_the_strips_of_all_pages_are_the_whole_seal_in_its_true_size(forge, count, size, turn):
    unit = Unit(forge, NAMES[0], "99010200000021", organ_seal(NAMES[0]))
    empty = pages(count, *size, turn)
    with_strips = unit.put(forge, empty, PLACES[0], across=Across())
    high = drawn(with_strips, 0).height
    across = Image.new("RGB", (42 * DPMM, 42 * DPMM), "white")
    left = 0.0
    for number in range(count):
        page = drawn(with_strips, number)
        strip = page.crop(
            (page.width - round(42 * DPMM / count), high // 2 - 21 * DPMM, page.width, high // 2 + 21 * DPMM)
        )
        across.paste(strip, (round(left), 0))
        beside = page.crop((page.width - 42 * DPMM, high // 2 - 21 * DPMM, page.width - strip.width - 1, high // 2))
        assert beside.getextrema() == ((255, 255),) * 3, "nothing shows beside the strip"
        left += 42 * DPMM / count
    direct = drawn(unit.put(forge, empty, Placement(page=1, x=20, y=20, width=42, height=42)), 0)
    top = direct.height - round(62 * DPMM)
    whole = direct.crop((20 * DPMM, top, 62 * DPMM, top + 42 * DPMM))
    assert differing(across, whole) < 0.03
    blank = Image.new("RGB", whole.size, "white")
    assert differing(blank, whole) > 0.1


def differing(one: Image.Image, other: Image.Image) -> float:
    """The share of the pixels that are inked in one and, a pixel around, blank in the other."""

    def inked(image: Image.Image, spread: int) -> Image.Image:
        mask = image.convert("L").point([255] * 200 + [0] * 56)
        return mask.filter(ImageFilter.MaxFilter(spread))

    lost = ImageChops.subtract(inked(other, 1), inked(one, 5))
    added = ImageChops.subtract(inked(one, 1), inked(other, 5))
    return sum(mask.histogram()[255] for mask in (lost, added)) / (one.width * one.height)


def test_strips_are_read_back_where_they_were_asked_for(forge, units):
    pdf = units[0].put(forge, pages(4), PLACES[0], across=Across(middle=100))
    places = (PLACES[0], *units[0].shares)
    moment = forge.now + timedelta(minutes=1)
    between = (forge.now, moment)

    def place(wanted: tuple[Placement, ...]) -> str:
        report = verify_document(pdf, forge.trust, moment, expected=Expected(placements=wanted, between=between))
        return next(check.result for check in report.every_check if check.name == "place")

    assert place(places) == "passed"
    higher = units[0].shares[2].model_copy(update={"y": units[0].shares[2].y + 3})
    assert place((*places[:3], higher, places[4])) == "failed"


def test_a_page_taken_out_breaks_the_signature_and_the_picture(forge, units):
    pdf = units[0].put(forge, pages(3), PLACES[0], across=Across())
    writer = PdfWriter()
    for number in (0, 2):
        writer.add_page(PdfReader(io.BytesIO(pdf)).pages[number])
    out = io.BytesIO()
    writer.write(out)
    assert forge.judge(out.getvalue()).verdict is not Verdict.VALID


def test_more_pages_than_share_one_seal_are_divided_as_evenly_as_can_be():
    found = shares(Across(), [(210.0, 297.0)] * 45, (42, 42))
    widths = [share.strip.width for share in found]
    assert sum(widths) == pytest.approx(3 * 42)
    assert len(found) == 45
    assert min(widths) >= 42 / MOST_SHARES


@pytest.mark.parametrize(
    "across", [Across(first=2, last=2), Across(last=9), Across(middle=5), Across(first=3), Across(middle=290)]
)
def test_strips_that_cannot_be_are_refused(across):
    with pytest.raises(InvalidProblem):
        shares(across, [(210.0, 297.0)] * 3, (42, 42))


def test_a_document_of_200_pages_is_sealed_across_all_of_them(forge, units):
    pdf = units[0].put(forge, pages(200), PLACES[0], across=Across())
    assert len(units[0].shares) == 200
    assert forge.judge(pdf).verdict is Verdict.VALID
