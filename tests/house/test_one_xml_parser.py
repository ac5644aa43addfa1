"""XML is parsed in one place of the gateway."""

from __future__ import annotations

import re

import pytest
from sources import texts

ONLY = "foundation/wire/xml.py"
PARSES = re.compile(
    r"XMLParser|XMLPullParser|etree\.HTMLParser|iterparse|fromstring|etree\.(parse|XML|HTML)\b"
    r"|(from|import) xml\b(?!\.sax\.saxutils)|expat|minidom|zeep\.loader|import loader"
)


def parsed_in(source: str) -> list[str]:
    return [line for line in source.splitlines() if PARSES.search(line)]


def test_every_document_goes_through_the_one_factory() -> None:
    assert ONLY in texts()
    found = {file: parsed_in(text) for file, text in texts().items() if file != ONLY}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "etree.XMLParser()",
        "etree.fromstring(body)",
        "etree.parse(file)",
        "from xml.etree import ElementTree",
        "import xml",
    ],
)
def test_another_parser_would_be_noticed(line: str) -> None:
    assert parsed_in(f"# before\n{line}\n") == [line]
