"""Letters carry their own font, say what was written, and never show an empty box for a character."""

from __future__ import annotations

import io
from datetime import date

import pytest
from pypdf import PdfReader
from reportlab.pdfbase.ttfonts import TTFontFile

import contracts
from gateway.typography import Block, Letter, QrBlock, Signature, render

ORGAN = "安澜市望川区综合行政执法局"


def letter(text: str) -> Letter:
    qr = QrBlock("https://pay.anlan.example/pay/abc", ("缴款码：99010226300000000001", "应缴金额：5036.50元"))
    return Letter("行政处罚决定书", "望综执罚决〔2026〕118号", (Block(text),), Signature(ORGAN, date(2026, 9, 16)), qr)


def test_a_letter_is_read_back_as_written_on_a4_with_its_font_inside():
    reader = PdfReader(io.BytesIO(render(letter("当事人石渡平，罚款5000.00元。"))))
    (page,) = reader.pages
    text = page.extract_text()
    for words in (
        "行政处罚决定书",
        "望综执罚决〔2026〕118号",
        "当事人石渡平",
        ORGAN,
        "2026年9月16日",
        "99010226300000000001",
    ):
        assert words in text
    assert [round(float(side)) for side in page.mediabox] == [0, 0, 595, 842]
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    chinese = [font for font in fonts if "NotoSerifSC" in font["/BaseFont"]]
    assert chinese
    assert all("/FontFile2" in font["/FontDescriptor"].get_object() for font in chinese)


def test_a_long_letter_goes_on_over_pages_that_are_numbered():
    reader = PdfReader(io.BytesIO(render(letter("当事人占用公共场所经营。" * 300))))
    assert len(reader.pages) > 2
    assert all(f"第 {number} 页" in page.extract_text() for number, page in enumerate(reader.pages, 1))


def test_a_character_that_the_font_lacks_is_named_not_drawn_as_a_box():
    with pytest.raises(ValueError, match="U\\+2A6A5"):
        render(letter("当事人\U0002a6a5"))


@pytest.mark.parametrize("mark", "，。、；：？！》”）")
@pytest.mark.parametrize("more", ["", "\n甲"], ids=["one piece", "with a break"])
@pytest.mark.cases_by_day(4)
def test_no_line_begins_with_a_mark_that_belongs_to_the_words_before_it(mark, more):
    for before in range(20, 34):
        page = PdfReader(io.BytesIO(render(letter("甲" * before + mark + "乙" * 40 + more)))).pages[0]
        assert not [line for line in page.extract_text().splitlines() if line.startswith(mark)], before


def test_markup_in_a_name_is_text():
    page = PdfReader(io.BytesIO(render(letter("<b>甲</b>&乙")))).pages[0]
    assert "<b>甲</b>&乙" in page.extract_text()


def test_the_font_has_every_character_of_gb_2312_and_rare_names():
    known = TTFontFile(str(contracts.path("fonts/NotoSerifSC-Regular.ttf"))).charToGlyph
    hanzi = [
        bytes([first, second]).decode("gb2312", "ignore") for first in range(0xB0, 0xF8) for second in range(0xA1, 0xFF)
    ]
    assert sum(map(bool, hanzi)) == 6763
    assert [character for character in hanzi if character and ord(character) not in known] == []
    assert [character for character in "镕喆堃淼燊赟翀珺昶䶮煊祎弢陳劉" if ord(character) not in known] == []
