"""Files of strangers end their own child, in little time and memory; everybody else's requests go on."""

from __future__ import annotations

import hashlib
import io
import resource
import threading
import time
import zlib
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from ofd_forge import letter_ofd

from gateway.foundation.crypto.sm import sm3
from gateway.ports.seal import Placement
from gateway.rooms.seals.files import Sealing, make_ready
from gateway.rooms.seals.pdf import PdfProfile
from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.seams import Across
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.warden import Limits, Warden
from gateway.typography import Block, Letter, Signature, render
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.saying import Language


def pdf(*objects: bytes, root: int = 1) -> bytes:
    """A PDF of these objects, numbered from 1, with a right table of places."""
    out = io.BytesIO(b"")
    out.write(b"%PDF-1.7\n")
    places = []
    for number, one in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, one))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for place in places:
        out.write(b"%010d 00000 n \n" % place)
    out.write(b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, table))
    return out.getvalue()


PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def form(fields: bytes, *more: bytes) -> bytes:
    return pdf(b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [%s] >> >>" % fields, PAGES, PAGE, *more)


def stream(words: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (words, len(data), data)


def deep(times: int) -> bytes:
    return b"[" * times + b"]" * times


TWO_PLACES = tuple(Placement(page=1, x=x, y=20, width=42, height=42) for x in (20, 120))


def sealing(forge: Any, **other: Any) -> Sealing:
    """How the warden's files are to be sealed: the forge's seal, at two places."""
    how = {"seal": read_seal(forge.issued), "placements": TWO_PLACES, "at": forge.now, "profile": PdfProfile()}
    return Sealing(**how | other)


BOMB = zlib.compress(b"0 " * (200 << 20), 9)

HOSTILE = {
    "field-that-lists-itself": lambda: form(b"4 0 R", b"<< /T (a) /Kids [%s] >>" % (b"4 0 R " * 1000)),
    "fields-in-a-circle": lambda: form(b"4 0 R", b"<< /T (a) /Kids [5 0 R] >>", b"<< /T (b) /Kids [4 0 R] >>"),
    "field-many-times": lambda: form(b"4 0 R " * 50_000, b"<< /FT /Sig /T (a) >>"),
    "wide-form": lambda: form(b" ".join(b"<< /T (a) >>" for _ in range(60_000))),
    "long-names": lambda: form(
        b"4 0 R",
        *(b"<< /T (%s) /Kids [%d 0 R] >>" % (b"n" * 20_000, 5 + at) for at in range(39)),
        b"<< /FT /Sig /T (z) >>",
    ),
    "form-in-itself": lambda: pdf(b"<< /Type /Catalog /Pages 2 0 R /AcroForm 1 0 R /Fields [1 0 R] >>", PAGES, PAGE),
    "pages-in-a-circle": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", b"<< /Kids [2 0 R] >>"
    ),
    "page-a-thousand-times": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count 1000 >>" % (b"3 0 R " * 1000), PAGE
    ),
    "tree-of-a-million-pages": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        *(b"<< /Type /Pages /Kids [%s] /Count 1000000 >>" % (b"%d 0 R " % (3 + at) * 1000) for at in range(3)),
        PAGE,
    ),
    "deep-arrays": lambda: pdf(b"<< /Type /Catalog /Pages 2 0 R /X %s >>" % deep(200_000), PAGES, PAGE),
    "deep-dictionaries": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R /X %s 1 %s >>" % (b"<< /X " * 100_000, b">> " * 100_000), PAGES, PAGE
    ),
    "reference-to-itself": lambda: pdf(b"<< /Type /Catalog /Pages 2 0 R /AcroForm 4 0 R >>", PAGES, PAGE, b"4 0 R"),
    "bomb-of-a-table": lambda: (
        b"%PDF-1.7\n1 0 obj\n"
        + stream(b"/Type /XRef /Size 3 /W [1 4 2] /Root 1 0 R /Filter /FlateDecode", BOMB)
        + b"\nendobj\nstartxref\n9\n%%EOF\n"
    ),
    "tables-in-a-circle": lambda: (
        b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF\n"
    ),
    "a-million-objects": lambda: pdf(b"<< /Type /Catalog /Pages 2 0 R >>", PAGES, PAGE, *[b"1"] * 300_000),
    "half-a-file": lambda: form(b"4 0 R", b"<< /FT /Sig /T (a) >>")[:200],
    "annotations-without-end": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>",
        PAGES,
        PAGE[:-2] + b"/Annots [%s] >>" % (b"4 0 R " * 100_000),
        b"<< /FT /Sig /T (a) /V << /Type /Sig /ByteRange [0 1 2 3] /Contents <00> >> >>",
    ),
}


#: What only drawing and writing meet.
HOSTILE_TO_DRAW = {
    "contents-without-end": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", PAGES, PAGE[:-2] + b"/Contents [%s] >>" % (b"3 0 R " * 100_000)
    ),
    "contents-in-a-circle": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", PAGES, PAGE[:-2] + b"/Contents 4 0 R >>", b"4 0 R"
    ),
    "resources-in-a-circle": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        PAGES,
        PAGE[:-2] + b"/Resources 4 0 R >>",
        b"<< /XObject 5 0 R >>",
        b"5 0 R",
    ),
    "annotations-in-a-circle": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", PAGES, PAGE[:-2] + b"/Annots 4 0 R >>", b"4 0 R"
    ),
    "resources-deep": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", PAGES, PAGE[:-2] + b"/Resources << /XObject %s >> >>" % deep(50_000)
    ),
    "parents-in-a-circle": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 /Parent 4 0 R >>",
        PAGE[:-2] + b"/Parent 4 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 2 0 R >>",
    ),
    "counts-that-lie": lambda: pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count -1000000000 >>", PAGE
    ),
}


@pytest.fixture(scope="module")
def warden(forge):
    """One that has started."""
    made = Warden()
    assert made.verify(forge.sealed(), forge.trust, forge.now + timedelta(minutes=1)).verdict is Verdict.VALID
    return made


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.cases_by_day(5)
def test_a_hostile_file_is_refused_in_little_time_and_memory(warden, forge, kind):
    content = HOSTILE[kind]()
    before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = warden.verify(content, forge.trust, forge.now)
    assert len(content) > 3 << 20 or warden.limits.seconds_for(len(content)) <= 3
    assert report.verdict is not Verdict.VALID
    assert report.why.zh
    # What it costs us, beside the child: nothing but handing it over.
    assert time.process_time() - before[0] < 8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before[1] < 100 << 10


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.cases_by_day(4)
def test_a_hostile_file_that_is_searched_for_words_ends_its_child_alone(warden, kind):
    assert warden.find_words(HOSTILE[kind](), ("a",)) in (None, [[]])


@pytest.mark.parametrize("kind", HOSTILE | HOSTILE_TO_DRAW)
@pytest.mark.cases_by_day(5)
def test_a_hostile_file_is_not_made_ready_and_costs_little_time_and_memory(warden, forge, kind):
    content = (HOSTILE | HOSTILE_TO_DRAW)[kind]()
    before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ask = partial(warden.make_ready, content, sealing(forge))
    if kind in ("long-names", "form-in-itself"):  # odd, and nothing in them hinders
        assert ask().content.startswith(content)
    else:
        with pytest.raises(InvalidProblem) as told:
            ask()
        assert told.value.type in ("document-not-sealable", "document-already-signed")
    assert time.process_time() - before[0] < 8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before[1] < 100 << 10


@pytest.mark.parametrize("across", [None, Across()])
def test_what_the_child_makes_ready_is_what_the_function_makes(warden, forge, across):
    """A PDF bears a random identifier, so the parts are compared that we go on with; an OFD is the same to the byte."""
    how = sealing(forge, across=across)
    text = "当事人占用公共场所经营，影响市容环境卫生。" * 60
    blocks, signature = (Block(text),), Signature(forge.seal.name, date(2026, 9, 16))
    letter = render(Letter("行政处罚决定书", "望综执罚决〔2026〕118号", blocks, signature))
    here, made = (make(letter, how) for make in (make_ready, warden.make_ready))
    assert (made.start, made.end, made.shares) == (here.start, here.end, here.shares)
    assert bool(made.shares) == (across is not None)
    assert made.digest == sm3(made.content[: made.start] + made.content[made.end :])
    ofd = letter_ofd(text)
    assert warden.make_ready(ofd, how) == make_ready(ofd, how)


def test_room_for_a_layer_is_made_in_the_child(warden, forge):
    sealed = forge.sealed(forge.der)
    made = warden.make_room(sealed, at=forge.now, reserve=2048)
    assert made.content.startswith(sealed)
    assert (made.end - made.start, made.digest) == (
        2 * 2048 + 2,
        hashlib.sha256(made.content[: made.start] + made.content[made.end :]).digest(),
    )
    for kind in ("pages-in-a-circle", "deep-arrays", "bomb-of-a-table"):
        with pytest.raises(InvalidProblem) as told:
            warden.make_room(HOSTILE[kind](), at=forge.now, reserve=2048)
        assert told.value.type == "document-not-sealable"


def test_a_refusal_comes_out_of_the_child_as_it_is(warden, forge):
    far = Placement(page=9, x=20, y=20, width=42, height=42)
    with pytest.raises(InvalidProblem, match="1 pages") as told:
        warden.make_ready(forge.document, sealing(forge, placements=(far,)))
    assert (told.value.field, told.value.type) == ("placements.0.page", "invalid-value")
    assert (told.value.detail_in(Language.CHINESE), told.value.cure) == ("文件共1页", None)
    unknown = replace(read_seal(forge.issued), picture=b"GIF89a")
    with pytest.raises(ConflictProblem) as told:
        warden.make_ready(forge.document, sealing(forge, seal=unknown))
    assert (told.value.field, told.value.type) == ("seal_id", "seal-not-usable")
    with pytest.raises(InvalidProblem) as told:
        warden.make_ready(HOSTILE["pages-in-a-circle"](), sealing(forge))
    assert "不是可用印的 PDF" in told.value.detail_in(Language.CHINESE)


def test_a_file_that_is_too_large_to_judge_is_too_large_to_seal(forge):
    with pytest.raises(InvalidProblem, match="MB") as told:
        Warden(Limits(size=100)).make_ready(forge.document, sealing(forge))
    assert told.value.type == "document-not-sealable"


def test_a_file_that_takes_too_long_or_too_much_ends_its_child_alone(forge, warden):
    strict = Warden(Limits(seconds=1, megabytes=8))
    results = []
    others = [
        threading.Thread(target=lambda: results.append(warden.verify(forge.sealed(), forge.trust, forge.now).verdict))
        for _ in range(3)
    ]
    for one in others:
        one.start()
    report = strict.verify(HOSTILE["bomb-of-a-table"](), forge.trust, forge.now)
    for one in others:
        one.join()
    assert report.verdict is Verdict.UNDETERMINED
    assert results == [Verdict.VALID] * 3


def test_a_file_that_is_too_large_is_not_even_handed_over(forge):
    report = Warden(Limits(size=100)).verify(forge.sealed(), forge.trust, forge.now)
    assert (report.verdict, report.checks[0].name) == (Verdict.UNDETERMINED, "readable")
    assert "MB" in report.why.zh


def test_the_child_says_what_the_function_says(forge, warden):
    now = forge.now + timedelta(minutes=1)
    assert warden.verify(forge.sealed(forge.der), forge.trust, now) == forge.judge(forge.sealed(forge.der))


def test_a_nursery_that_died_is_started_again(forge):
    from gateway.foundation import nursery

    first = Warden()
    now = forge.now + timedelta(minutes=1)
    assert first.verify(forge.sealed(), forge.trust, now).verdict is Verdict.VALID
    nursery._NURSERY._process.kill()
    nursery._NURSERY._process.wait()
    assert first.verify(forge.sealed(), forge.trust, now).verdict is Verdict.VALID
