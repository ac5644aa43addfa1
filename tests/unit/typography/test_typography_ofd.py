"""The OFD of a letter is the letter of the PDF: the same characters in the same places, and its own font inside."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from datetime import date

import pytest
from lxml import etree
from pypdf import PdfReader
from reportlab.pdfbase.ttfonts import TTFontFile

import contracts
from gateway.typography import (
    Block,
    Item,
    Letter,
    QrBlock,
    Signature,
    Voucher,
    render,
    render_ofd,
    render_voucher,
    render_voucher_ofd,
)
from gateway.typography.ofd import deltas, number

POINTS = 72 / 25.4
QR = QrBlock("https://pay.anlan.example/pay/abc", ("缴款码：99010226300000000001", "应缴金额：5036.50元"))
LETTER = Letter(
    "行政处罚决定书",
    "望综执罚决〔2026〕118号",
    (
        Block("当事人占用公共场所经营 three words here，影响市容环境卫生。" * 40),
        Block("一、依据", heading=True),
        Block("甲\n<b>乙</b>&丙"),
        Block("当事人姓名中的字：䶮。"),
    ),
    Signature("安澜市望川区综合行政执法局", date(2026, 9, 16)),
    QR,
    addressee="石渡平：",
    footer="望川区  118号",
)
VOUCHER = Voucher(
    title="罚没款缴款通知",
    stamp="（本通知不作为收款收据）",
    fields=(("执收单位编码", "990102"), ("缴款人", "石渡平"), ("缴款码", "99010226300000000001")),
    items=(Item("103050199", "罚没收入（罚款）", "5000.00"), Item("103050103", "罚没收入（加处罚款）", "36.50")),
    total="¥5036.50",
    total_in_words="伍仟零叁拾陆元伍角整",
    wide=(("缴款事由", "占用公共场所经营" * 12),),
    qr=QR,
    notes=("请扫描上方二维码核对后缴款。" * 8, "到期不缴纳罚款的，每日按罚款数额的百分之三加处罚款。"),
    issuer="安澜市望川区综合行政执法局",
    day="2026年9月16日",
    footer="望川区",
)
BOTH = pytest.mark.parametrize(
    ("pdf", "ofd"),
    [
        pytest.param(lambda: render(LETTER), lambda: render_ofd(LETTER), id="letter"),
        pytest.param(lambda: render_voucher(VOUCHER), lambda: render_voucher_ofd(VOUCHER), id="notice"),
    ],
)


def parts(ofd: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pages(ofd: bytes) -> list[etree._Element]:
    found = parts(ofd)
    return [etree.fromstring(found[name]) for name in sorted(found) if name.endswith("Content.xml")]


def named(root: etree._Element, name: str) -> list[etree._Element]:
    return root.xpath(f"//*[local-name()='{name}']")


def origins(page: etree._Element) -> set[tuple[float, float]]:
    """Where runs of text begin, in points from the lower-left corner."""
    found = set()
    for text in named(page, "TextObject"):
        left, top, _, _ = map(float, text.get("Boundary").split())
        (code,) = [one for one in text if one.tag.endswith("TextCode")]
        found.add((round((left + float(code.get("X"))) * POINTS), round((297 - top - float(code.get("Y"))) * POINTS)))
    return found


@BOTH
def test_characters_stand_where_the_pdf_has_them(pdf, ofd):
    reader = PdfReader(io.BytesIO(pdf()))
    ofd_pages = pages(ofd())
    assert len(reader.pages) == len(ofd_pages) >= 1
    for printed, written in zip(reader.pages, ofd_pages, strict=True):
        starts: set[tuple[float, float]] = set()

        def show(operator, operands, cm, tm, starts=starts):
            if operator == b"Tj" and operands[0].strip():
                starts.add((round(cm[4] + tm[4]), round(cm[5] + tm[5])))

        printed.extract_text(visitor_operand_before=show)
        missing = {
            one for one in origins(written) if not any(abs(one[0] - x) <= 1 and abs(one[1] - y) <= 1 for x, y in starts)
        }
        assert missing == set()
        text = "".join(code.text for code in named(written, "TextCode"))
        assert Counter("".join(text.split())) == Counter("".join(printed.extract_text().split()))


@BOTH
def test_rules_and_modules_of_the_code_are_those_of_the_pdf(pdf, ofd):
    for printed, written in zip(PdfReader(io.BytesIO(pdf())).pages, pages(ofd()), strict=True):
        operators: Counter[bytes] = Counter()
        printed.extract_text(visitor_operand_before=lambda operator, *_, seen=operators: seen.update([operator]))
        paths = " ".join(path.text for path in named(written, "AbbreviatedData")).split()
        assert paths.count("C") == operators[b"re"]
        assert paths.count("M") == operators[b"re"] + operators[b"m"]


@BOTH
def test_the_font_inside_has_every_character_and_the_outlines_of_the_whole(pdf, ofd):
    found = parts(ofd())
    (name,) = [name for name in found if name.endswith(".ttf")]
    assert len(found[name]) < 200_000
    subset = TTFontFile(io.BytesIO(found[name]))
    whole = TTFontFile(str(contracts.path("fonts/NotoSerifSC-Regular.ttf")))
    text = "".join(code.text for page in pages(ofd()) for code in named(page, "TextCode"))
    for character in set(text):
        glyph = subset.charToGlyph[ord(character)]
        assert glyph
        assert subset.hmetrics[glyph] == whole.hmetrics[whole.charToGlyph[ord(character)]]
        assert outline(subset, glyph) == outline(whole, whole.charToGlyph[ord(character)])


def outline(font: TTFontFile, glyph: int) -> bytes:
    """The outline without the padding that a table may have; composites name other glyphs and are passed over."""
    start = font.get_table_pos("glyf")[0]
    font.seek(start + font.glyphPos[glyph])
    data = font.get_chunk(start + font.glyphPos[glyph], font.glyphPos[glyph + 1] - font.glyphPos[glyph])
    return b"" if data[:1] >= b"\x80" else data.rstrip(b"\0")


def test_the_same_letter_gives_the_same_bytes():
    assert render_ofd(LETTER) == render_ofd(LETTER)
    assert render_voucher_ofd(VOUCHER) == render_voucher_ofd(VOUCHER)


def test_a_character_that_the_font_lacks_is_named():
    with pytest.raises(ValueError, match="U\\+2A6A5"):
        render_ofd(Letter("甲", "1", (Block("\U0002a6a5"),)))


def test_every_identifier_is_used_once_and_none_is_above_the_highest_named():
    found = parts(render_ofd(LETTER))
    listed = [
        int(one) for name in found if name.endswith(".xml") for one in etree.fromstring(found[name]).xpath("//@ID")
    ]
    assert len(listed) == len(set(listed))
    (highest,) = named(etree.fromstring(found["Doc_0/Document.xml"]), "MaxUnitID")
    assert max(listed) == int(highest.text)


def test_lengths_are_written_short_and_equal_advances_once():
    assert [number(value) for value in (0.00001, -0.00001, 3.175, 42.0, 0.12345, 100.0)] == [
        "0",
        "0",
        "3.175",
        "42",
        "0.1235",
        "100",
    ]
    assert deltas([1, 1, 1, 2, 2, 3.5]) == "g 3 1 2 2 3.5"
