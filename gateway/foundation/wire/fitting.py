"""What an answer brings beyond its contract is taken off before the schema judges it: strict about what is used.

Platforms add elements from one release to the next, send empty elements for what is absent, and write a sequence in
another order. None of that changes what the contract's own elements say, so none of it refuses an answer. What was
passed over is told as paths (``Bill/TraceId``, ``Bill/@id``) for the notes on contract drift. An element that has the
wrong content, stands twice or is missing is not touched: that is for the schema to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree
from zeep.xsd import Any as Wildcard
from zeep.xsd import Choice, ComplexType, Element, Sequence

_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_NIL: Final = f"{_XSI}nil"
_LOCATIONS: Final = frozenset({f"{_XSI}schemaLocation", f"{_XSI}noNamespaceSchemaLocation"})


def leaves_room(member: Any) -> bool:
    """Whether a particle of a contract is room for later elements: anything, any number of times, seen or not."""
    return type(member) is Wildcard and not member.min_occurs and member.process_contents == "lax"


@dataclass(frozen=True, slots=True)
class _Part:
    """One element of a structure: where it stands, whether it may be absent, what is in it."""

    place: int
    optional: bool
    shape: Shape


@dataclass(frozen=True, slots=True)
class Shape:
    """What may be in an element. ``parts`` by tag; None where that cannot be told, and then nothing is touched.

    ``ordered``: they stand in one order. ``attributes``: those that the contract knows.
    """

    parts: dict[str, _Part] | None = None
    ordered: bool = True
    attributes: frozenset[str] | None = None

    @classmethod
    def of(cls, element: Any) -> Shape:
        """The shape of an element as zeep knows it."""
        return _shape(element.type, ())

    def fit(self, element: etree._Element) -> tuple[etree._Element, tuple[str, ...]]:
        """The same element as the contract has it, and the paths of what was taken off.

        It is not copied: of much that would keep every thread waiting.
        """
        if not self._odd(element):
            return element, ()
        element.tail = None
        return element, tuple(dict.fromkeys(self._trim(element, "")))

    def _odd(self, element: etree._Element) -> bool:
        if element.attrib and self.attributes is not None:
            return True
        if self.parts is None:
            return False
        last = 0
        for child in element:
            part = self.parts.get(child.tag)
            if part is None or (part.optional and _empty(child)) or (self.ordered and part.place < last):
                return True
            last = part.place
            if part.shape._odd(child):
                return True
        return False

    def _trim(self, element: etree._Element, path: str) -> Iterator[str]:
        """Take off what is not of the contract; the paths of that. Empty optionals go without a word."""
        if self.attributes is not None:
            for name in [str(one) for one in element.attrib if one not in self.attributes]:
                nothing = name == _NIL and element.get(name) in ("false", "0")
                if not name.startswith(_XSI) or name in _LOCATIONS or nothing:
                    del element.attrib[name]
                if not name.startswith(_XSI):
                    yield f"{path}@{_local(name)}"
        if self.parts is None:
            return
        for child in list(element):
            part = self.parts.get(child.tag)
            if part is None:
                if isinstance(child.tag, str):  # else it is a comment
                    yield f"{path}{_local(child.tag)}"
            elif not (part.optional and _empty(child)):
                yield from part.shape._trim(child, f"{path}{_local(child.tag)}/")
                continue
            _remove(child)
        if self.ordered:
            parts, known = self.parts, list(element)
            straight = sorted(known, key=lambda child: parts[child.tag].place)
            if straight != known:
                element[:] = straight


def _remove(child: etree._Element) -> None:
    """Take an element out; the text behind it stays, for the schema to see."""
    parent, before = child.getparent(), child.getprevious()
    assert parent is not None
    if child.tail and child.tail.strip():
        if before is None:
            parent.text = (parent.text or "") + child.tail
        else:
            before.tail = (before.tail or "") + child.tail
    parent.remove(child)


def _empty(element: etree._Element) -> bool:
    """Whether an element says that there is nothing: no content, or ``xsi:nil``, and no attribute beside."""
    if len(element) or (element.text and element.text.strip()):
        return False
    return not element.attrib or (set(element.attrib) == {_NIL} and element.get(_NIL) in ("true", "1"))


def _local(tag: Any) -> str:
    return str(etree.QName(tag).localname)


_UNKNOWN: Final = Shape()


def _shape(type_: Any, outer: tuple[Any, ...]) -> Shape:
    if not isinstance(type_, ComplexType):
        return Shape(attributes=frozenset())  # text: whatever is in it, its schema says
    if any(type_ is one for one in outer) or type_._array_type or type_._extension or type_._restriction:
        return _UNKNOWN
    attributes = frozenset(one.qname.text for _, one in type_.attributes if hasattr(one, "qname") and one.qname)
    members = list(_members(type_._element, optional=False))
    if any(found is None for found in members):
        return Shape(attributes=attributes if len(attributes) == len(type_.attributes) else None)
    parts: dict[str, _Part] = {}
    for place, found in enumerate(members):
        assert found is not None
        element, optional = found
        if element.qname.text in parts:
            return _UNKNOWN
        shape = _shape(element.type, (*outer, type_))
        flag = shape.parts == {}  # such an element says something by being there
        parts[element.qname.text] = _Part(place, optional and not flag, shape)
    ordered = type_._element is None or all(type(one) is Sequence for one in _orders(type_._element))
    return Shape(parts, ordered, attributes if len(attributes) == len(type_.attributes) else None)


def _members(order: Any, optional: bool) -> Iterator[tuple[Any, bool] | None]:
    """The elements of an order and of those inside it, and whether each may be absent; None for what is no element."""
    if order is None:
        return
    if type(order) not in (Sequence, Choice) or order.max_occurs != 1:
        yield None
        return
    optional = optional or not order.min_occurs
    for member in order:
        if type(member) is Element:
            yield member, optional or not member.min_occurs
        elif type(member) in (Sequence, Choice):
            yield from _members(member, optional)
        elif not leaves_room(member):
            yield None


def _orders(order: Any) -> Iterator[Any]:
    yield order
    for member in order:
        if type(member) in (Sequence, Choice):
            yield from _orders(member)
