"""A seal that is placed by words stands on them; words missing, or there twice, are errors that say where."""

from __future__ import annotations

import io
from datetime import date

import pytest
from pypdf import PdfReader, PdfWriter

from gateway.ports.seal import Placement
from gateway.rooms.seals.anchors import ByAnchor, ByKeyword, nowhere, place
from gateway.rooms.seals.warden import Limits, Warden
from gateway.rooms.seals.words_in_pdf import find_words
from gateway.typography import Block, Letter, Signature, render, render_ofd
from gateway.words.errors import InvalidProblem

ORGAN = "安澜市望川区综合行政执法局"
SIZE = (42, 40)
WITHIN = 0.5


def letter(*texts: str) -> Letter:
    blocks = tuple(Block(text) for text in texts)
    return Letter("行政处罚决定书", "望综执罚决〔2026〕118号", blocks, Signature(ORGAN, date(2026, 9, 16)))


@pytest.fixture(scope="module")
def warden():
    return Warden(Limits())


def placed(pdf: bytes, **asked: object) -> Placement:
    (found,) = place(pdf, (ByKeyword(**asked),), SIZE, find_words)
    return found


def centre(found: Placement) -> tuple[float, float]:
    return found.x + found.width / 2, found.y + found.height / 2


def test_a_seal_stands_on_the_words_in_its_own_size():
    found = placed(render(letter("罚款五百元。")), keyword=ORGAN)
    assert (found.page, found.width, found.height) == (1, *SIZE)
    x, y = centre(found)
    moved = placed(render(letter("罚款五百元。")), keyword=ORGAN, right=-10, up=5.5)
    assert centre(moved) == pytest.approx((x - 10, y + 5.5), abs=0.01)
    day = placed(render(letter("罚款五百元。")), keyword="2026年9月16日")
    assert y - centre(day)[1] == pytest.approx(26 / 72 * 25.4, abs=3), "the day stands one line below the organ"


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_the_place_is_where_the_reader_sees_the_words(turned):
    """What the reader sees is asked of the page upright, and turned by hand."""
    upright = placed(render(letter("罚款五百元。")), keyword=ORGAN)
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(render(letter("罚款五百元。")))))
    writer.pages[0].rotate(turned)
    out = io.BytesIO()
    writer.write(out)
    x, y = centre(upright)
    wide, high = 210, 297
    seen = {0: (x, y), 90: (y, wide - x), 180: (wide - x, high - y), 270: (high - y, x)}[turned]
    assert centre(placed(out.getvalue(), keyword=ORGAN)) == pytest.approx(seen, abs=WITHIN)


def test_our_own_letters_keep_a_place_for_the_seal_between_organ_and_day():
    pdf = render(letter(*(["罚款五百元。"] * 30)))
    (found,) = place(pdf, (ByAnchor(anchor="signature"),), SIZE, find_words)
    organ, day = (placed(pdf, keyword=words) for words in (ORGAN, "2026年9月16日"))
    assert found.page == organ.page == 2
    assert centre(found)[0] == pytest.approx(centre(organ)[0], abs=1)
    assert day.y < found.y < organ.y


def test_a_document_without_the_anchor_is_an_error_that_names_it(warden):
    unsigned = render(Letter("通知", "1号", (Block("罚款五百元。"),)))
    assert warden.find_words(unsigned, (), ("signature",)) == [[]]
    with pytest.raises(InvalidProblem, match="no anchor signature"):
        place(unsigned, (ByAnchor(anchor="signature"),), SIZE, find_words)


def test_words_that_are_not_there_are_an_error_that_names_them():
    with pytest.raises(InvalidProblem, match="'市场监督管理局' does not stand in the document") as caught:
        placed(render(letter("罚款五百元。")), keyword="市场监督管理局")
    assert "placements.0.keyword" in str(vars(caught.value))


def test_words_that_are_there_twice_are_an_error_that_says_where():
    pdf = render(letter(*(["罚款五百元。"] * 30), f"向{ORGAN}缴纳。"))
    with pytest.raises(InvalidProblem, match=r"2 times: page 2 \(\d+, \d+ mm\), page 2 \(\d+, \d+ mm\)"):
        placed(pdf, keyword=ORGAN)
    with pytest.raises(InvalidProblem, match=r"30 times: page 1 .* and 20 more"):
        placed(pdf, keyword="罚款五百元")


def test_places_in_millimetres_are_left_as_they_are_and_nothing_is_searched_for_them():
    given = Placement(page=1, x=20, y=30, width=42, height=40)
    assert place(b"no document", (given,), SIZE, nowhere) == (given,)


def test_words_are_looked_for_in_a_child(warden):
    pdf = render(letter("罚款五百元。"))
    assert warden.find_words(pdf, ("五百元", "六百元")) == find_words(pdf, ("五百元", "六百元"))
    assert warden.find_words(render_ofd(letter("罚款五百元。")), ("五百元",)) is None
    assert Warden(Limits(size=10)).find_words(pdf, ("五百元",)) is None


def test_a_document_without_text_to_search_is_refused_by_its_cause():
    with pytest.raises(InvalidProblem, match="cannot be searched"):
        place(b"", (ByKeyword(keyword="章"),), SIZE, nowhere)


@pytest.mark.parametrize("keyword", ["", " ", "长" * 101])
def test_a_keyword_is_some_text_and_not_a_whole_page(keyword):
    with pytest.raises(ValueError, match="keyword"):
        ByKeyword(keyword=keyword)
