"""XML that others made: what is data is read, and nothing else that XML can do gets in."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.foundation.wire.xml import XmlBounds, XmlRefusedError, load_schema, load_xml, parse_xml

LAUGHS = (
    b"<!DOCTYPE x [<!ENTITY a 'ha'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b"]><x b='&m;'>&m;</x>"
)
QUADRATIC = b"<!DOCTYPE x [<!ENTITY a '" + b"h" * 50_000 + b"'>]><x>" + b"&a;" * 50_000 + b"</x>"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (LAUGHS, "DOCTYPE"),
        (QUADRATIC, "DOCTYPE"),
        (b"<!DOCTYPE x><x/>", "DOCTYPE"),
        (b"<?xml version='1.0'?>\n<!-- a --><?b c?> <!DOCTYPE x><x/>", "DOCTYPE"),
        (b"<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'><x/>", "DOCTYPE"),
        (b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", "DOCTYPE"),
        (b"<!DOCTYPE x [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><x/>", "DOCTYPE"),
        ("<!DOCTYPE x [<!ENTITY e 'y'>]><x>&e;</x>".encode("utf-16"), "DOCTYPE"),
        (b"\xef\xbb\xbf<!DOCTYPE x><x/>", "DOCTYPE"),
        (b"<!ENTITY a 'b'><x/>", "DOCTYPE"),
        (b"<x>&e;</x>", "not XML"),
        (b"<x a='&e;'/>", "not XML"),
        (b"<a>" * 65 + b"</a>" * 65, "deep"),
        (b"<a>" * 10_000 + b"</a>" * 10_000, "not XML"),
        (b"<a>" + b"<b/>" * 200_000 + b"</a>", "elements"),
        (b"<a>" + b"<b></b>" * 200_000 + b"</a>", "elements"),
        (b"<a " + b" ".join(b"a%d=''" % n for n in range(800_001)) + b"/>", "attributes"),
        (b"<a " + b" ".join(b"xmlns:a%d='u'" % n for n in range(800_001)) + b"/>", "attributes"),
        (b"<!-- x -->" * 7_000 + b"<!DOCTYPE x><x/>", "no element begins"),
        (b"<!--" + b" " * 70_000 + b"--><!DOCTYPE x><x/>", "no element begins"),
        (b"<?x " + b" " * 70_000 + b"?><!DOCTYPE x><x/>", "no element begins"),
        (b"<!-- x -->" * 6_553 + b"      " + b"<!DOCTYPE x><x/>", "DOCTYPE"),
        (b"<a>" + b"x" * 10_000_001 + b"</a>", "not XML"),
        (b"<a b='" + b"x" * 10_000_001 + b"'/>", "not XML"),
        (b"<a>" + b"x" * (16 << 20) + b"</a>", "bytes"),
        (b"", "not XML"),
        (b"{}", "not XML"),
        (b"<a>", "not XML"),
        (b"<a/><b/>", "not XML"),
        (b"<a/>&e;", "not XML"),
        (b"<!-- <a/>", "not XML"),
        (b"<a>\x00</a>", "not XML"),
        (b"<a>\xff</a>", "not XML"),
        (b"<?xml version='1.0' encoding='GBK'?><a>\xff</a>", "not gbk"),
        (b"<?xml version='1.0' encoding='IBM037'?><a/>", "encoding ibm037"),
        (b"<?xml version='1.0' encoding='UTF-7'?><a>+ADw-b/+AD4-</a>", "encoding utf-7"),
        ("<a/>".encode("utf-16-le"), "not XML"),
        ("<a>\ud800</a>", "not XML"),
    ],
)
def test_what_is_more_than_data_is_refused(document: bytes | str, reason: str) -> None:
    with pytest.raises(XmlRefusedError, match=reason):
        parse_xml(document)


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS,
        QUADRATIC,
        b"<a>" * 2_000_000,
        b"<a>" + b"<b/>" * 2_000_000,
        b"<a " + b"b='' " * 2_000_000,
        b"<!---->" * 1_000_000,
        b" " * 8_000_000 + b"<a/",
        b"<?x" * 2_000_000,
    ],
)
def test_a_hostile_document_costs_little_time_and_memory(document: bytes) -> None:
    tracemalloc.start()
    begun = time.thread_time()
    with pytest.raises(XmlRefusedError):
        parse_xml(document)
    assert time.thread_time() - begun < 10
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 << 20


@pytest.mark.parametrize(
    "value",
    ["80<!-- 0 -->.00", "<!-- 1 -->80.00", "80.00<?x 1?>", "8<?x?>0<!---->.<?y?>00", "<![CDATA[80]]>.00", "&#56;0.00"],
)
def test_a_value_is_one_text_whatever_stands_between_its_parts(value: str) -> None:
    root = parse_xml(f"<?a b?><!-- c --><m><Amt>{value}</Amt></m><!-- d -->")
    assert root.findtext("Amt") == "80.00"
    assert [part.tag for part in root.iter()] == ["m", "Amt"]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "gbk", "GB2312", "gb18030", "utf-16"])
def test_a_document_is_read_in_the_encoding_that_it_declares(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><a b="罚款">望川区</a>'
    for root in (parse_xml(text.encode(encoding)), parse_xml(text)):
        assert (root.text, root.get("b")) == ("望川区", "罚款")


def test_a_document_at_its_bounds_is_read() -> None:
    bounds = XmlBounds(bytes=100, elements=4, depth=3)
    assert len(parse_xml(b"<a>" + b"<b/>" * 3 + b"</a>", bounds)) == 3
    assert parse_xml(b"<a><b><c/></b></a>", bounds) is not None
    assert parse_xml(b"<a>" + b"x" * 93 + b"</a>", bounds) is not None
    for beyond in (b"<a>" + b"<b/>" * 4 + b"</a>", b"<a><b><c><d/></c></b></a>", b"<a>" + b"x" * 94 + b"</a>"):
        with pytest.raises(XmlRefusedError):
            parse_xml(beyond, bounds)


TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=40)
NAMES = st.sampled_from(["a", "Amt", "PayNo", "d-e", "F_1"])


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    """A document of elements, attributes and text, with noise in it that is no data."""
    name, noise = draw(NAMES), st.sampled_from(["", "<!-- <b> -->", "<?b <c?>", " "])
    inside = draw(st.lists(documents(depth - 1), max_size=3)) if depth else []
    parts = [escape(draw(TEXT)), *(part + draw(noise) for part in inside), draw(noise)]
    return f"<{name} x={quoteattr(draw(TEXT))}>{''.join(parts)}</{name}>"


@given(documents())
def test_a_document_of_data_is_read_as_a_plain_parser_reads_it(text: str) -> None:
    plain = etree.XMLParser(remove_comments=True, remove_pis=True)
    assert etree.tostring(parse_xml(text)) == etree.tostring(etree.fromstring(text.encode(), plain))
    assert etree.tostring(parse_xml(text.encode())) == etree.tostring(parse_xml(text))


@given(st.one_of(st.binary(max_size=200), st.text(alphabet="<>/!?-[]&;'\"= aDOCTYPE", max_size=200)))
def test_no_bytes_lead_to_anything_but_a_tree_or_a_refusal(content: bytes | str) -> None:
    try:
        root = parse_xml(content)
    except XmlRefusedError:
        return
    assert all(isinstance(part.tag, str) for part in root.iter())


def test_our_own_schemas_complain_by_name(tmp_path: Path) -> None:
    file = tmp_path / "a.xsd"
    file.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><!-- ours --><xs:element name="Amt" type="xs:int"/>'
        "</xs:schema>",
        encoding="utf-8",
    )
    schema = load_schema(file)
    assert schema.complaint(parse_xml("<Amt>1</Amt>")) is None
    assert "Amt" in str(schema.complaint(parse_xml("<Amt>x</Amt>")))
    file.write_text("<xs:schema", encoding="utf-8")
    with pytest.raises(XmlRefusedError, match=r"a\.xsd"):
        load_xml(file)
