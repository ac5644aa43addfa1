"""Our own letters and forms are PDF/A-2b and tagged, as far as these checks go: each names its clause.

veraPDF is not at hand. Clauses are of ISO 19005-2:2011 (6.x) and of ISO 32000-1:2008 (14.x).
"""

from __future__ import annotations

import io
import re
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from lxml import etree
from PIL import ImageCms
from pypdf import PdfReader
from pypdf.generic import ContentStream
from reportlab.pdfbase.ttfonts import TTFontFile

from gateway.typography import Block, Item, Letter, QrBlock, Signature, Voucher, render, render_voucher
from gateway.typography.archival import srgb

QR = QrBlock("https://pay.anlan.example/pay/abc", ("缴款码：99010226300000000001", "应缴金额：5036.50元"))
LETTER = Letter(
    "行政处罚决定书",
    "望综执罚决〔2026〕118号",
    (
        Block("违法事实", heading=True),
        Block("当事人占用公共场所经营，影响市容环境卫生。" * 80),
        Block("本机关决定罚款。"),
    ),
    Signature("安澜市望川区综合行政执法局", date(2026, 9, 16)),
    QR,
    addressee="恒筑建设有限公司：",
    footer="第一联 <存档> & 送达",
)
VOUCHER = Voucher(
    title="缴款通知",
    stamp="本单不作为收款收据",
    fields=(("缴款码", "99010226300000000001"), ("填制日期", "2026年9月16日"), ("缴款人", "恒筑建设有限公司")),
    items=tuple(Item(f"1030501{number:02d}", "罚没收入", "50.00") for number in range(40)),
    total="2000.00",
    total_in_words="贰仟元整",
    wide=(("收款人", "安澜市财政局"),),
    qr=QR,
    notes=("请在十五日内缴款。", "逾期每日加处罚款。"),
    issuer="安澜市望川区综合行政执法局",
    day="2026年9月16日",
    footer="脚注",
)
FILES = {"letter": lambda: render(LETTER), "voucher": lambda: render_voucher(VOUCHER)}


@pytest.fixture(scope="module", params=FILES)
def pdf(request) -> bytes:
    return FILES[request.param]()


@pytest.fixture(scope="module")
def reader(pdf) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def objects(reader: PdfReader) -> list[Any]:
    """Every object of the file."""
    return [reader.get_object(number) for number in range(1, int(reader.trailer["/Size"]))]


def streams(reader: PdfReader) -> list[Any]:
    return [one for one in objects(reader) if hasattr(one, "get_data")]


def fonts(reader: PdfReader) -> list[Any]:
    return [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]


def operations(reader: PdfReader, page: Any) -> list[tuple[list[Any], str]]:
    return [(operands, operator.decode()) for operands, operator in ContentStream(page["/Contents"], reader).operations]


# --- PDF/A-2b ---------------------------------------------------------------------------------------------------------


def test_the_head_of_the_file(pdf, reader):
    """6.1.2: a version 1.n and a comment of four bytes above 127; 6.1.3: an ID, and no encryption."""
    first, second = pdf.split(b"\n", 2)[:2]
    assert re.fullmatch(rb"%PDF-1\.[0-7]", first)
    assert second[:1] == b"%"
    assert all(one > 127 for one in second[1:5])
    assert len(reader.trailer["/ID"]) == 2
    assert "/Encrypt" not in reader.trailer


def test_streams_are_inside_and_not_packed_in_forbidden_ways(reader):
    """6.1.7: no LZW, no file outside, right lengths (pypdf reads them strictly)."""
    for one in streams(reader):
        assert "/F" not in one
        assert "LZW" not in str(one.get("/Filter"))
        assert one.get_data() is not None


def test_colours_have_a_profile(reader):
    """6.2.3: one output intent with an ICC profile; 6.2.4.3: only device colours that it covers."""
    (intent,) = reader.trailer["/Root"]["/OutputIntents"]
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/OutputConditionIdentifier"]
    profile = intent["/DestOutputProfile"].get_object()
    assert profile["/N"] == 3
    data = profile.get_data()
    assert (data[12:16], data[16:20], data[36:40], data[8] <= 4) == (b"mntr", b"RGB ", b"acsp", True)
    assert int.from_bytes(data[:4], "big") == len(data)
    assert "sRGB" in ImageCms.getProfileName(ImageCms.ImageCmsProfile(io.BytesIO(data)))
    assert data == srgb() == srgb.__wrapped__()  # the same each time
    used = {operator for page in reader.pages for _, operator in operations(reader, page)}
    assert not used & {"k", "K", "cs", "CS", "sh", "Do", "gs", "ri", "i"}


def test_nothing_is_transparent(reader):
    """6.2.10, which is easiest kept by having none: no graphics state with opacity, no soft mask, no group."""
    for page in reader.pages:
        assert "/ExtGState" not in page["/Resources"]
        assert "/Group" not in page


def test_every_font_is_inside_and_says_what_its_characters_are(reader):
    """6.2.11.4: embedded; .5: widths as in the program; .6: a symbolic TrueType font has no Encoding; .7: ToUnicode."""
    assert fonts(reader)
    for font in fonts(reader):
        descriptor = font["/FontDescriptor"].get_object()
        program = TTFontFile(io.BytesIO(descriptor["/FontFile2"].get_object().get_data()), charInfo=0)
        assert re.match(r"/[A-Z]{6}\+", font["/BaseFont"])
        assert descriptor["/Flags"] & 4
        assert "/Encoding" not in font
        assert "/ToUnicode" in font
        assert program.numGlyphs > 1


def test_every_character_that_is_shown_has_a_glyph_and_a_meaning(reader):
    """6.2.11.8: never .notdef. 6.2.11.7.2: a meaning of each, which level U asks for, and we give."""
    known = {font["/Name"]: font for font in fonts(reader)}
    for page in reader.pages:
        current = ""
        for operands, operator in operations(reader, page):
            if operator == "Tf":
                current = str(operands[0])
            if operator == "Tj":
                font = known[current]
                table = font["/ToUnicode"].get_object().get_data().decode("latin1")
                codes = set(operands[0].original_bytes)
                told = set(range(128)) if "beginbfrange" in table else set()
                assert codes <= told | {int(code, 16) for code in re.findall(r"^<(..)> <", table, re.M)}
                assert max(codes) <= font["/LastChar"]


def test_nothing_acts_and_nothing_is_attached(reader):
    """6.3 to 6.5, 6.8, 6.9: no annotations, forms, actions, files or layers."""
    root = reader.trailer["/Root"]
    assert not {"/AcroForm", "/AA", "/OpenAction", "/Names", "/OCProperties", "/Perms"} & root.keys()
    assert not any("/Annots" in page or "/AA" in page for page in reader.pages)


def test_the_metadata_says_what_the_file_is_and_the_same_as_its_information(reader):
    """6.6.2: XMP, not packed; 6.6.4: part 2, level B."""
    holder = reader.trailer["/Root"]["/Metadata"].get_object()
    assert (holder["/Type"], holder["/Subtype"], "/Filter" in holder) == ("/Metadata", "/XML", False)
    told = etree.fromstring(holder.get_data(), etree.XMLParser(resolve_entities=False))
    words = {etree.QName(one).localname: "".join(one.itertext()).strip() for one in told.iter()}
    info = reader.metadata
    assert (words["part"], words["conformance"], words["language"]) == ("2", "B", "zh-CN")
    assert (words["title"], words["creator"], words["Producer"]) == (info.title, info.author, info.producer)
    assert words["CreatorTool"] == info.creator
    assert words["CreateDate"] == info.creation_date.isoformat()
    assert words["ModifyDate"] == info.modification_date.isoformat()


# --- tags -------------------------------------------------------------------------------------------------------------


def elements(reader: PdfReader) -> list[Any]:
    """The structure elements in their order."""
    waiting, found = [reader.trailer["/Root"]["/StructTreeRoot"]], []
    while waiting:
        one = waiting.pop(0).get_object()
        if one.get("/Type") == "/StructElem":
            found.append(one)
        waiting[:0] = [kid for kid in one.get("/K", []) if kid.get_object().get("/Type") != "/MCR"]
    return found


def test_the_document_says_that_it_is_tagged_and_in_which_language(reader):
    """14.7.1, 14.9.2; ISO 14289-1 7.1: the title is shown."""
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "zh-CN"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert all(page["/Tabs"] == "/S" for page in reader.pages)


def test_whatever_is_drawn_is_of_a_part_or_an_artifact(reader):
    """14.8.2.2: nothing is drawn outside; marks are closed and do not cross."""
    shows = {"Tj", "TJ", "'", '"', "f", "f*", "F", "S", "s", "B", "b", "B*", "b*", "Do", "sh"}
    for page in reader.pages:
        depth = 0
        for _, operator in operations(reader, page):
            if operator in ("BDC", "BMC"):
                depth += 1
                assert depth == 1
            elif operator == "EMC":
                depth -= 1
            elif operator in shows:
                assert depth == 1, operator
        assert depth == 0


def test_each_mark_leads_to_its_part_and_back(reader):
    """14.7.4: the parent tree and the parts agree, and no mark is of two."""
    tree = reader.trailer["/Root"]["/StructTreeRoot"]
    numbers = tree["/ParentTree"]["/Nums"]
    parents = {int(number): list(holders) for number, holders in zip(numbers[::2], numbers[1::2], strict=True)}
    seen = set()
    for element in elements(reader):
        assert element["/P"].get_object() is not None
        for kid in element["/K"]:
            mark = kid.get_object()
            if mark.get("/Type") != "/MCR":
                continue
            number = mark["/Pg"]["/StructParents"]
            assert parents[number][mark["/MCID"]].get_object() == element
            seen.add((number, int(mark["/MCID"])))
    assert seen == {(number, place) for number, holders in parents.items() for place in range(len(holders))}
    for page in reader.pages:
        marks = [operands[1]["/MCID"] for operands, operator in operations(reader, page) if operator == "BDC"]
        assert marks == list(range(len(parents[page["/StructParents"]])))


def test_the_parts_are_those_of_the_document(reader):
    """14.8.4: a document with one title; tables of rows of cells; figures with words for those who do not see them."""
    found = elements(reader)
    kinds = [one["/S"] for one in found]
    assert kinds[0] == "/Document"
    assert kinds.count("/H1") == 1
    assert kinds.index("/H1") == 1
    for one in found:
        above = one["/P"].get_object().get("/S")
        if one["/S"] == "/TR":
            assert above == "/Table"
        if one["/S"] in ("/TH", "/TD"):
            assert above == "/TR"
    assert [one["/Alt"] for one in found if one["/S"] == "/Figure"] == [f"二维码：{QR.content}"]


def test_a_letter_has_its_headings_and_paragraphs_in_order():
    kinds = [one["/S"] for one in elements(PdfReader(io.BytesIO(render(LETTER))))]
    assert kinds == ["/Document", "/H1", "/P", "/P", "/H2", "/P", "/P", "/Figure", "/P", "/P", "/P", "/P"]


def test_a_table_over_pages_is_one_table():
    reader = PdfReader(io.BytesIO(render_voucher(VOUCHER)))
    assert len(reader.pages) > 1
    found = elements(reader)
    assert [one["/S"] for one in found].count("/Table") == 3
    rows = [len(one["/K"]) for one in found if one["/S"] == "/TR"]
    assert rows[2:-1] == [4] + [4] * len(VOUCHER.items) + [3]


def test_the_order_of_the_marks_is_the_order_of_reading(reader):
    """Parts as the tree has them and marks as they are drawn rise together, but for heads that are drawn again."""
    drawn = [
        (int(mark["/Pg"]["/StructParents"]), int(mark["/MCID"]))
        for element in elements(reader)
        for kid in element["/K"]
        if (mark := kid.get_object()).get("/Type") == "/MCR" and element["/S"] != "/TH"
    ]
    assert all(one < next_one for one, next_one in pairwise(drawn))
