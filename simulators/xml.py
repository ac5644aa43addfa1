"""The one way in which simulators read XML that came from outside."""

from __future__ import annotations

from typing import Any, cast

from lxml import etree

#: A longer document is no message of any contract.
MOST_BYTES = 16 * 1024 * 1024
MOST_ELEMENTS = 200_000
DEEPEST = 64


def parser() -> etree.XMLParser:
    """A fresh parser: nothing is loaded, no entity is resolved, comments and instructions are passed over."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def parse_xml(body: bytes) -> etree._Element:
    """An untrusted XML document. ValueError when it does not parse, brings a DOCTYPE, or is too long, deep or full."""
    if len(body) > MOST_BYTES:
        raise ValueError(f"XML of {len(body)} bytes; {MOST_BYTES} are the most")
    try:
        root = etree.fromstring(body, parser())
    except etree.XMLSyntaxError as problem:
        raise ValueError(f"not XML: {problem}") from None
    if cast(Any, root.getroottree().docinfo).doctype:
        raise ValueError("a DOCTYPE is not allowed")
    _bounded(root)
    return root


def _bounded(root: etree._Element) -> None:
    """ValueError when elements are too many or stand too deep in each other."""
    depth = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if cast(str, event) == "start" else -1
        count += depth > 0 and event == "start"
        if depth > DEEPEST:
            raise ValueError(f"XML deeper than {DEEPEST} elements")
        if count > MOST_ELEMENTS:
            raise ValueError(f"XML of more than {MOST_ELEMENTS} elements")
