"""Answers that say the same a little differently, as platforms do from one release to the next.

The contract's own check has passed by then; what is altered here is what readers must be calm about: elements or
members more, optional ones that are empty instead of absent, another order, other spellings of one amount.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lxml import etree

from simulators.contract import OpenApiContract

KINDS = frozenset({"more_elements", "empty_optionals", "other_order", "other_amounts"})
MORE = "ReleaseNote"
"""The name of the element or member that no contract has."""
_XS = "{http://www.w3.org/2001/XMLSchema}"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}")


def more(body: Any) -> Any:
    """A copy with one element or member more in every structure; of XML an attribute too."""
    if isinstance(body, etree._Element):
        body = copy.deepcopy(body)
        for element in [one for one in body.iter(etree.Element) if len(one)]:
            space = etree.QName(element).namespace
            extra = etree.Element(f"{{{space}}}{MORE}" if space else MORE, {"since": "2026"})
            extra.text = "新增"
            element.insert(len(element) // 2, extra)
        return body
    if isinstance(body, dict):
        return {name: more(value) for name, value in body.items()} | {MORE: {"since": "2026"}}
    return [more(value) for value in body] if isinstance(body, list) else body


def reordered(body: Any) -> Any:
    """A copy in which different elements or members stand the other way round; equal ones keep their order."""
    if isinstance(body, etree._Element):
        body = copy.deepcopy(body)
        for element in list(body.iter(etree.Element)):
            names = list(dict.fromkeys(child.tag for child in element))
            element[:] = sorted(element, key=lambda child: -names.index(child.tag))
        return body
    if isinstance(body, dict):
        return {name: reordered(value) for name, value in reversed(body.items())}
    return [reordered(value) for value in body] if isinstance(body, list) else body


def respelt(body: Any, fields: frozenset[str]) -> Any:
    """A copy in which amounts have no decimals that say nothing, or one too many."""
    if isinstance(body, etree._Element):
        body = copy.deepcopy(body)
        for element in body.iter(etree.Element):
            if etree.QName(element).localname in fields and element.text:
                element.text = _other_spelling(element.text)
        return body
    if isinstance(body, dict):
        return {
            name: _other_spelling(value) if name in fields and isinstance(value, str) else respelt(value, fields)
            for name, value in body.items()
        }
    return [respelt(value, fields) for value in body] if isinstance(body, list) else body


def _other_spelling(text: str) -> str:
    if not _AMOUNT.fullmatch(text):
        return text
    return text[:-3] if text.endswith(".00") else text[:-1] if text.endswith("0") else text + "0"


class XmlOptionals:
    """The optional elements of one XSD file. Empty ones are written in turn without content and as nil."""

    def __init__(self, file: Path) -> None:
        root = etree.parse(str(file)).getroot()
        self._space = f"{{{root.get('targetNamespace')}}}"
        self._types = {one.get("name"): one for one in root.iterchildren(f"{_XS}complexType")}
        self._elements = {one.get("name"): one for one in root.iterchildren(f"{_XS}element")}

    def filled(self, body: etree._Element) -> etree._Element:
        """A copy in which every optional element stands, empty where it was absent."""
        body = copy.deepcopy(body)
        declared = self._elements.get(etree.QName(body).localname)
        content = None if declared is None else self._content(declared)
        if content is not None:
            self._fill(body, content)
        return body

    def _content(self, element: etree._Element) -> etree._Element | None:
        inner = element.find(f"{_XS}complexType")
        return inner if inner is not None else self._types.get(element.get("type"))

    def _fill(self, element: etree._Element, content: etree._Element) -> None:
        children: list[etree._Element] = []
        for number, declared in enumerate(content.iter(f"{_XS}element")):
            tag, inner = f"{self._space}{declared.get('name')}", self._content(declared)
            there = element.findall(tag)
            if inner is not None:
                for child in there:
                    self._fill(child, inner)
            if not there and self._optional(declared, content):
                there = [etree.Element(tag, {_NIL: "true"} if number % 2 else {})]
            children += there
        element[:] = children

    @staticmethod
    def _optional(declared: etree._Element, content: etree._Element) -> bool:
        one: etree._Element | None = declared
        while one is not None and one is not content:
            if one.get("minOccurs") == "0":
                return True
            one = one.getparent()
        return False


def json_filled(contract: OpenApiContract, operation_id: str, status: int, body: Any) -> Any:
    """A copy in which every optional member of the contract stands, empty where it was absent."""
    schema = contract.answer_schema(operation_id, status)
    return body if schema is None else _filled(contract, schema, body)


def _filled(contract: OpenApiContract, schema: Mapping[str, Any], value: Any) -> Any:
    parts = list(_parts(contract, schema))
    if isinstance(value, list):
        items: Mapping[str, Any] = next((part["items"] for part in parts if isinstance(part.get("items"), dict)), {})
        return [_filled(contract, items, one) for one in value]
    if not isinstance(value, dict):
        return value
    made = dict(value)
    needed = {name for part in parts for name in part.get("required", ())}
    for part in parts:
        for number, (name, of) in enumerate(part.get("properties", {}).items()):
            if name in value:
                made[name] = _filled(contract, of, made[name]) if isinstance(of, dict) else made[name]
            elif name not in needed:
                made[name] = (None, "")[number % 2]
    return made


def _parts(contract: OpenApiContract, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A schema and those that it is put together of."""
    schema = contract.resolve(dict(schema))
    yield schema
    for word in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(word, ()):
            if isinstance(part, dict):
                yield from _parts(contract, part)
