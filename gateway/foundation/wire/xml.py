"""XML that others made: the one place of the house where it is parsed.

An answer, a callback, a receipt's file or a workbook is data, so what XML can do beside data has no place in it: a
DOCTYPE (DTD) is refused, and with it every entity; comments and processing instructions are dropped before anybody
looks, so that a value is the same text for the schema, for the reader and for the evidence. Nothing outside the
document is ever loaded. Bytes, elements, attributes and depth are bounded, the first three before a tree is built.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from lxml import etree

from gateway.words.encodings import EncodingRefusedError, Note, in_utf8, trimmed, unheard

_DECLARED = re.compile(rb"""<\?xml\s[^>]{0,120}?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
# A DOCTYPE can stand before the first element, after blanks, comments and instructions; nothing else begins so there.
_BEFORE = re.compile(rb"(?>\s+|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_MOST_BEFORE = 64 * 1024  # bytes: a longer search would hold every thread of the process up
_ATTRIBUTES_AN_ELEMENT = 4
_FEW = 16
_FREED_AT_ONCE = 2048  # smaller pieces cost more than they spare


class XmlRefusedError(ValueError):
    """A document that is not well-formed, or that holds or demands more than data has to."""


@dataclass(frozen=True, slots=True)
class XmlBounds:
    """How large a document may be: bytes in UTF-8, elements (and four attributes for each), elements one in another.

    Depth is at most 255 and one text at most 10 MB whatever is said here: so the parser itself has it.
    """

    bytes: int = 16 * 1024 * 1024
    elements: int = 200_000
    depth: int = 64


USUAL = XmlBounds()
SMALL = XmlBounds(elements=10_000)
"""For messages that hold no list."""


class XmlSchema:
    """A schema, compiled anew in each thread that uses it: lxml's keep what they complained about last."""

    def __init__(self, make: Callable[[], etree.XMLSchema]) -> None:
        self._make = make
        self._own = threading.local()
        self._own.schema = make()

    def complaint(self, element: etree._Element) -> str | None:
        """The first thing that is wrong with an element, naming where; None when it is valid."""
        if not hasattr(self._own, "schema"):
            self._own.schema = self._make()
        schema: etree.XMLSchema = self._own.schema
        if schema.validate(element):
            return None
        log: Any = schema.error_log
        return str(log[0].message) if len(log) else "invalid"


def parse_xml(
    content: bytes | str, bounds: XmlBounds = USUAL, *, charset: str = "", note: Note = unheard
) -> etree._Element:
    """The root of a document, in which there is nothing but elements, attributes and text.

    Bytes are read in the encoding of their byte order mark or declaration, then of ``charset`` (their media type's),
    else as UTF-8; how labels that lie are taken: ``gateway.words.encodings``. Text has been decoded already, and what
    it declares is passed over. Blanks and marks before the document and NUL behind it are passed over, and ``note`` is
    told. Raises XmlRefusedError.
    """
    document = _in_utf8(content, charset, note)
    if len(document) > bounds.bytes:
        raise XmlRefusedError(f"{len(document)} bytes, more than {bounds.bytes}")
    # Every element begins with a "<" that is not of </, <! or <?, and every attribute has a "=": upper bounds at once.
    starts = document.count(b"<") - sum(document.count(other) for other in (b"</", b"<!", b"<?"))
    if starts > bounds.elements:
        raise XmlRefusedError(f"more than {bounds.elements} elements")
    if document.count(b"=") > _ATTRIBUTES_AN_ELEMENT * bounds.elements:
        raise XmlRefusedError(f"more than {_ATTRIBUTES_AN_ELEMENT * bounds.elements} attributes")
    _look_before(document)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlRefusedError(f"not XML: {error}") from None
    if _deeper_than(bounds.depth)(root):
        raise XmlRefusedError(f"elements more than {bounds.depth} deep")
    return root


def walk_xml(
    pieces: Iterable[bytes], tags: Sequence[str], last: Sequence[str], bounds: XmlBounds = SMALL
) -> Iterator[etree._Element]:
    """Each whole element of these tags in a document that comes in pieces, as it is read; it is gone when the next one
    is asked for, and the first element of ``last`` ends it.

    As ``parse_xml`` has it, but ``bounds.elements`` are those that stand at a time, their attributes too, and how deep
    they lie is the parser's bound alone. Raises XmlRefusedError.
    """
    parser = etree.XMLPullParser(
        ("end",),
        tag=(*tags, *last),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    size = held = equals = 0
    looked = False
    try:
        for piece in pieces:
            size += len(piece)
            held += piece.count(b"<")
            equals += piece.count(b"=")
            if size > bounds.bytes:
                raise XmlRefusedError(f"more than {bounds.bytes} bytes")
            parser.feed(piece)
            for _, ended in parser.read_events():
                element = cast(etree._Element, ended)
                if not looked:
                    looked, about = True, cast(Any, element.getroottree().docinfo)
                    if about.doctype:
                        raise XmlRefusedError("a DOCTYPE (DTD) has no place in data")
                if element.tag in last:
                    return
                yield element
                held = equals = 0
                element.clear()
                while (before := element.getprevious()) is not None and (parent := element.getparent()) is not None:
                    parent.remove(before)
            if held > 2 * bounds.elements:
                raise XmlRefusedError(f"more than {bounds.elements} elements in one")
            if equals > (most := _ATTRIBUTES_AN_ELEMENT * bounds.elements):
                raise XmlRefusedError(f"more than {most} attributes in one")
        parser.close()
    except (etree.XMLSyntaxError, ValueError) as error:
        raise error if isinstance(error, XmlRefusedError) else XmlRefusedError(f"not XML: {error}") from None


def let_go(element: etree._Element) -> None:
    """Empty an element that nobody needs any more, some children at a time: freeing much at once holds every thread."""
    if len(element) <= _FEW:
        for child in element:
            let_go(child)
    while len(element):
        del element[:_FREED_AT_ONCE]


def load_xml(file: Path) -> etree._Element:
    """The root of one of our own files: a WSDL or a schema of a contract. Raises OSError or XmlRefusedError."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    try:
        return etree.parse(str(file), parser).getroot()
    except etree.XMLSyntaxError as error:
        raise XmlRefusedError(f"{file}: {error}") from None


def own_xml(content: bytes, base: str = "", resolver: etree.Resolver | None = None) -> etree._Element:
    """The root of a document of our own, from bytes. ``base``: its address; ``resolver``: gives what it refers to."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    if resolver is not None:
        parser.resolvers.add(resolver)
    return etree.fromstring(content, parser, base_url=base)


def load_schema(file: Path) -> XmlSchema:
    """The schema in one of our own files, with those beside it that it includes."""
    return XmlSchema(lambda: etree.XMLSchema(load_xml(file).getroottree()))


def _look_before(document: bytes) -> None:
    """Look at what stands before the first element. Raises XmlRefusedError for a DOCTYPE, and where it does not end."""
    before = _BEFORE.match(document, 0, _MOST_BEFORE)
    at = before.end() if before else 0
    if document.startswith(b"<!", at) and not document.startswith(b"<!--", at):
        raise XmlRefusedError("a DOCTYPE (DTD) has no place in data")
    if len(document) > _MOST_BEFORE and (document[at : at + 1] != b"<" or document[at + 1 : at + 2] in b"!?"):
        raise XmlRefusedError(f"not XML: no element begins in {_MOST_BEFORE} bytes")


def _in_utf8(content: bytes | str, charset: str, note: Note) -> bytes:
    """The document alone, in UTF-8."""
    if isinstance(content, str):
        return trimmed(content.encode("utf-8", "surrogatepass"), note)
    declared = _DECLARED.match(content.lstrip(b" \t\r\n\xef\xbb\xbf"))
    try:
        return trimmed(in_utf8(content, (declared[1].decode() if declared else "", charset), note), note)
    except EncodingRefusedError as error:
        raise XmlRefusedError(str(error)) from None


@lru_cache(maxsize=8)
def _deeper_than(depth: int) -> etree.XPath:
    """A question that the parser's own engine answers: is there an element below ``depth`` others?"""
    return etree.XPath(f"boolean({'/*' * (depth + 1)})")
