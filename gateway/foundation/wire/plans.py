"""Values to XML and back by plans: what zeep works out anew for each message is worked out once, from zeep's own types.

A plan knows what is plain: elements in the order of a sequence, a choice between single elements, simple types. Their
text is made and read by zeep's own types. Whatever is not plain is ``Odd``, and then zeep does it, or says what is
wrong: a plan refuses nothing by itself. A plan reads only what was fitted to the contract (``fitting``) and what its
schema has let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from lxml import etree
from zeep.xsd import Choice, ComplexType, Element, Sequence
from zeep.xsd.types.builtins import BuiltinType, String

from gateway.foundation.wire.fitting import leaves_room

_SCALARS: Final = frozenset({str, int, bool, float, bytes, Decimal, date, datetime, time})
_ATTRIBUTED: Final = etree.XPath("boolean(descendant-or-self::*/@*)")


class Odd(Exception):
    """Not plain: zeep's business."""


@dataclass(frozen=True, slots=True)
class _Simple:
    """A value that is text. None instead of a function: the text is the value."""

    to_text: Callable[[Any], Any]
    from_text: Callable[[str], Any] | None
    is_text: bool

    def write(self, element: etree._Element, value: Any) -> None:
        kind = type(value)
        if kind is str and self.is_text:
            element.text = value
        elif kind in _SCALARS:
            element.text = self.to_text(value)
        else:
            raise Odd

    def read(self, element: etree._Element) -> Any:
        text = element.text
        return text if text is None or self.from_text is None else self.from_text(text)


@dataclass(frozen=True, slots=True)
class _Part:
    """One element of a structure: how often it may stand there, and what is in it."""

    name: str
    tag: str
    least: int
    most: float
    content: _Simple | _Structure

    def write(self, parent: etree._Element, value: Any) -> None:
        if self.most == 1 and value is not None:
            self.content.write(etree.SubElement(parent, self.tag), value)
        elif type(value) is list and self.least <= len(value) <= self.most > 1:
            for one in value:
                self.content.write(etree.SubElement(parent, self.tag), one)
        elif value is not None or self.least:
            raise Odd


@dataclass(frozen=True, slots=True)
class _Structure:
    """A value that is made of others, each under the name of its element.

    ``flat``: its elements stand in one sequence, or are the one choice that there is.
    """

    parts: tuple[_Part, ...]
    by_tag: dict[str, _Part]
    names: frozenset[str]
    choice: bool
    flat: bool

    def write(self, element: etree._Element, values: Any) -> None:
        if not self.flat or type(values) is not dict or not values.keys() <= self.names:
            raise Odd
        parts = self.parts
        if self.choice:
            parts = tuple(part for part in parts if values.get(part.name) is not None)
            if len(parts) != 1 or not values[parts[0].name]:  # of several zeep takes one, and it passes over empty ones
                raise Odd
        for part in parts:
            part.write(element, values.get(part.name))

    def read(self, element: etree._Element) -> dict[str, Any] | None:
        return self.values(element) if len(element) else None

    def values(self, element: etree._Element) -> dict[str, Any]:
        if self.choice:
            raise Odd
        values: dict[str, Any] = {part.name: None if part.most == 1 else [] for part in self.parts}
        for child in element:
            part = self.by_tag.get(child.tag)
            if part is None:
                raise Odd
            value = part.content.read(child)
            if part.most == 1:
                values[part.name] = value
            else:
                values[part.name].append(value)
        return values


class Plan:
    """How one element of a contract is written from values and read into them. Raises Odd for what is not plain."""

    def __init__(self, tag: str, structure: _Structure) -> None:
        self._tag = tag
        self._structure = structure

    @classmethod
    def of(cls, element: Any) -> Plan | None:
        """The plan of an element as zeep knows it; None where its type is not plain."""
        try:
            content = _content(element.type, ())
        except Odd:
            return None
        return cls(element.qname.text, content) if isinstance(content, _Structure) else None

    def write(self, parent: etree._Element, values: Mapping[str, Any]) -> etree._Element:
        """The element, made below ``parent``. ValueError for text that XML cannot hold."""
        element = etree.SubElement(parent, self._tag)
        self._structure.write(element, values)
        return element

    def read(self, element: etree._Element) -> dict[str, Any]:
        """The values of an element that is valid: None for what is absent, a list for what may be repeated."""
        if _ATTRIBUTED(element):  # xsi:type and xsi:nil change what an element means
            raise Odd
        return self._structure.values(element)


def _content(type_: Any, outer: tuple[Any, ...]) -> _Simple | _Structure:
    """What is in an element of a type. Raises Odd."""
    if isinstance(type_, BuiltinType):
        kind = type(type_)
        identical = kind.pythonvalue is String.pythonvalue
        is_text = kind.xmlvalue is String.xmlvalue
        return _Simple(type_.xmlvalue, None if identical else type_.pythonvalue, is_text)
    if (
        not isinstance(type_, ComplexType)
        or any(type_ is one for one in outer)
        or type_.attributes
        or type_._array_type
    ):
        raise Odd
    order: Any = type_._element
    parts = tuple(_part(element, (*outer, type_)) for element in _elements(order))
    structure = _Structure(
        parts,
        {part.tag: part for part in parts},
        frozenset(part.name for part in parts),
        choice=type(order) is Choice,
        flat=all(type(member) is Element for member in order or ()),
    )
    if len(structure.by_tag) != len(parts) or len(structure.names) != len(parts):
        raise Odd
    return structure


def _elements(order: Any) -> Iterator[Any]:
    """The elements of a sequence and of the sequences inside it, or of a choice. Raises Odd."""
    if order is None:
        return
    if type(order) not in (Sequence, Choice) or order.max_occurs != 1:
        raise Odd
    for member in order:
        if type(member) is Element:
            yield member
        elif type(member) is Sequence and type(order) is Sequence:
            yield from _elements(member)
        elif not leaves_room(member):  # what stands in the room left for later is taken off before an answer is read
            raise Odd


def _part(element: Any, outer: tuple[Any, ...]) -> _Part:
    most = float("inf") if element.max_occurs == "unbounded" else element.max_occurs
    if element.nillable or element.default is not None or most < 1 or element.attr_name != element.name:
        raise Odd
    return _Part(element.name, element.qname.text, element.min_occurs, most, _content(element.type, outer))
