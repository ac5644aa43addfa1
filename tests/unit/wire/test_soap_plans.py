"""A plan writes what zeep writes, reads what zeep reads and refuses what zeep refuses, for every contract of ours."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from by_day import examples
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

import contracts
from gateway.foundation.wire import ChannelWire, WireTerms
from gateway.foundation.wire.soap import SoapCaller
from gateway.words.errors import ContractError

XS = "{http://www.w3.org/2001/XMLSchema}"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
ROOT = contracts.path("nontax/v1/nontax.wsdl").parents[2]
WSDLS = sorted(ROOT.rglob("*.wsdl"))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=("Cc", "Cs", "Cn", "Co")))
BUILT_IN = {
    "string": TEXT,
    "positiveInteger": st.integers(1, 10**6),
    "nonNegativeInteger": st.integers(0, 10**6),
    "base64Binary": st.binary(min_size=1, max_size=30),
    "boolean": st.booleans(),
}


# --- what the schemas allow, read from the files themselves -----------------------------------------------------------


class Schema:
    """Values that one contract's XSD files allow, as strategies."""

    def __init__(self, folder: Path) -> None:
        self._named: dict[str, etree._Element] = {}
        self._elements: dict[str, etree._Element] = {}
        self._made: dict[str, st.SearchStrategy[dict[str, Any]]] = {}
        for file in folder.glob("*.xsd"):
            root = etree.parse(str(file)).getroot()
            space = root.get("targetNamespace")
            for child in root.iterchildren(f"{XS}simpleType", f"{XS}complexType"):
                self._named[f"{{{space}}}{child.get('name')}"] = child
            for child in root.iterchildren(f"{XS}element"):
                self._elements[f"{{{space}}}{child.get('name')}"] = child

    def values(self, tag: str) -> st.SearchStrategy[dict[str, Any]]:
        """Values of a global element. Made once: patterns are dear."""
        if tag not in self._made:
            self._made[tag] = self._content(self._elements[tag])
        return self._made[tag]

    def _content(self, element: etree._Element) -> st.SearchStrategy[Any]:
        if name := element.get("type"):
            prefix, _, local = name.rpartition(":")
            space = element.nsmap[prefix or None]
            return BUILT_IN[local] if f"{{{space}}}" == XS else self._type(self._named[f"{{{space}}}{local}"])
        return self._type(next(element.iterchildren(f"{XS}simpleType", f"{XS}complexType")))

    def _type(self, kind: etree._Element) -> st.SearchStrategy[Any]:
        if kind.tag == f"{XS}simpleType":
            return self._text(kind.find(f"{XS}restriction"))
        return self._order(next(kind.iterchildren(f"{XS}sequence", f"{XS}choice")))

    def _text(self, restriction: Any) -> st.SearchStrategy[str]:
        facets = {facet.tag.removeprefix(XS): facet.get("value") for facet in restriction}
        if "enumeration" in facets:
            return st.sampled_from([facet.get("value") for facet in restriction])
        if "pattern" in facets:
            return st.from_regex(f"^({facets['pattern']})\\Z", alphabet=st.characters(codec="ascii"))
        least, most = int(facets.get("minLength", 0)), int(facets.get("maxLength", 40))
        return TEXT.map(lambda text: text[:most]).filter(lambda text: len(text) >= least)

    def _order(self, order: etree._Element) -> st.SearchStrategy[dict[str, Any]]:
        members = [self._member(child) for child in order if isinstance(child.tag, str) and child.tag != f"{XS}any"]
        if order.tag == f"{XS}choice":
            return st.one_of(members)
        return st.tuples(*members).map(lambda parts: {key: value for part in parts for key, value in part.items()})

    def _member(self, child: etree._Element) -> st.SearchStrategy[dict[str, Any]]:
        least, most = int(child.get("minOccurs", 1)), child.get("maxOccurs", "1")
        absent: list[st.SearchStrategy[dict[str, Any]]] = [] if least else [st.just({})]
        if child.tag != f"{XS}element":
            return st.one_of([*absent, self._order(child)])
        name, content = str(child.get("name")), self._content(child)
        if most == "1":
            nothing = [st.just({name: None})] if absent else []
            return st.one_of([*absent, *nothing, content.map(lambda value: {name: value})])
        up_to = 3 if most == "unbounded" else min(3, int(most))
        return st.lists(content, min_size=least, max_size=up_to).map(lambda values: {name: values})


def _operations() -> list[Any]:
    found = []
    for wsdl in WSDLS:
        planned, _ = callers(wsdl)
        found += [pytest.param(wsdl, name, id=f"{wsdl.stem}-{name}") for name in planned.operations]
    return found


@cache
def callers(wsdl: Path) -> tuple[SoapCaller, SoapCaller]:
    """A caller with plans, and one that leaves everything to zeep."""
    wire = ChannelWire("nontax", "http://127.0.0.1:1", WireTerms(lambda _: None))
    root: Any = etree.parse(str(wsdl)).getroot()
    binding = f"{{{root.get('targetNamespace')}}}{root.find('{*}binding').get('name')}"
    planned, zeeps = SoapCaller(wire, wsdl, binding), SoapCaller(wire, wsdl, binding)
    ours = zeeps._operation

    def without(name: str) -> Any:
        known = ours(name)
        return replace(known, plan=None, output=replace(known.output, plan=None), faults={
            tag: replace(element, plan=None) for tag, element in known.faults.items()
        })  # fmt: skip

    zeeps._operation = without  # type: ignore[assignment]
    return planned, zeeps


@cache
def schema(wsdl: Path) -> Schema:
    """The schema of a contract."""
    return Schema(wsdl.parent)


def written(caller: SoapCaller, operation: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """What is sent, in its canonical form, or the words of the refusal."""
    try:
        return "sent", etree.tostring(etree.fromstring(caller._write(operation, values)), method="c14n").decode()
    except ValueError as refusal:
        return "refused", str(refusal)


def told(caller: SoapCaller, operation: str, payload: etree._Element) -> Any:
    """The values of an answer, or the words of the refusal."""
    try:
        return caller._result(operation, payload)
    except ContractError as refusal:
        return str(refusal)


HARM = st.sampled_from([None, "", [], {}, 7, True, 1.5, b"7", "\x00", "\r\n <&>\"'", "x" * 600, ["a", None], object()])


@st.composite
def harmed(draw: st.DrawFn, values: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Values of which one was taken out, put in or exchanged, on any level."""
    whole = draw(values)
    inner: dict[str, Any] = whole
    while nested := [one for value in inner.values() for one in _structures(value)]:
        if draw(st.booleans()):
            break
        inner = draw(st.sampled_from(nested))
    name = draw(st.sampled_from([*inner, "Surprise"]))
    if draw(st.booleans()):
        inner.pop(name, None)
    else:
        inner[name] = draw(HARM)
    return whole


def _structures(value: Any) -> list[dict[str, Any]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict) and one]


OFTEN = settings(max_examples=examples(12, 40), deadline=None, suppress_health_check=list(HealthCheck))
OPERATIONS = pytest.mark.parametrize(("wsdl", "operation"), _operations())


@OPERATIONS
@OFTEN
@given(data=st.data())
def test_what_the_contract_allows_is_written_as_zeep_writes_it(wsdl: Path, operation: str, data: st.DataObject) -> None:
    planned, zeeps = callers(wsdl)
    plan = planned._operation(operation).plan
    assert plan is not None, "every request of our contracts is plain"
    tag = planned._operation(operation).known.input.body.qname.text
    values = data.draw(schema(wsdl).values(tag))
    plan.write(etree.Element("Body"), values)  # and nothing in it is odd
    sent = written(planned, operation, values)
    assert sent == written(zeeps, operation, values)
    assert sent[0] == "sent"


@OPERATIONS
@OFTEN
@given(data=st.data())
def test_what_the_contract_refuses_is_refused_in_the_same_words(
    wsdl: Path, operation: str, data: st.DataObject
) -> None:
    planned, zeeps = callers(wsdl)
    tag = planned._operation(operation).known.input.body.qname.text
    values = data.draw(harmed(schema(wsdl).values(tag)))
    assert written(planned, operation, values) == written(zeeps, operation, values)


@OPERATIONS
@OFTEN
@given(data=st.data())
def test_an_answer_is_read_as_zeep_reads_it(wsdl: Path, operation: str, data: st.DataObject) -> None:
    planned, zeeps = callers(wsdl)
    element = planned._operation(operation).output
    assert element.plan is not None, "every answer of our contracts is plain"
    payload = _rendered(element.known, data.draw(schema(wsdl).values(element.known.qname.text)))
    values = told(planned, operation, payload)
    assert values == element.plan.read(payload) == told(zeeps, operation, payload)


@OPERATIONS
@OFTEN
@given(data=st.data())
def test_an_odd_answer_is_read_or_refused_as_by_zeep(wsdl: Path, operation: str, data: st.DataObject) -> None:
    planned, zeeps = callers(wsdl)
    known = planned._operation(operation).output.known
    payload = _rendered(known, data.draw(schema(wsdl).values(known.qname.text)))
    victim: Any = data.draw(st.sampled_from(list(payload.iter())))
    match data.draw(st.sampled_from(["nil", "type", "empty", "gone", "twice", "unknown", "blanks", "comment"])):
        case "nil":
            victim.set(f"{{{XSI}}}nil", "true")
        case "type":
            victim.set(f"{{{XSI}}}type", "string")
        case "empty":
            victim.text = None
        case "gone":
            assume(victim is not payload)
            victim.getparent().remove(victim)
        case "twice":
            assume(victim is not payload)
            victim.addnext(etree.fromstring(etree.tostring(victim)))
        case "unknown":
            etree.SubElement(victim, "Surprise").text = "1"
        case "blanks":
            victim.text = f"\n {victim.text or ''}\t"
        case "comment":
            victim.insert(0, etree.Comment("?"))
    assert told(planned, operation, payload) == told(zeeps, operation, payload)


@pytest.mark.parametrize("wsdl", WSDLS, ids=lambda wsdl: wsdl.stem)
def test_the_details_of_declared_faults_are_read_by_plans(wsdl: Path) -> None:
    planned, zeeps = callers(wsdl)
    for name in planned.operations:
        for tag, element in planned._operation(name).faults.items():
            assert element.plan is not None
            payload = _rendered(element.known, {"Code": "19001", "Message": "系统繁忙", "RetryAfter": 7})
            ours = planned._values(name, element, payload)
            assert ours == zeeps._values(name, zeeps._operation(name).faults[tag], payload)


def _rendered(known: Any, values: Mapping[str, Any]) -> etree._Element:
    """An element as the other side writes it; values stand in the schema's order."""
    element = etree.Element(known.qname)
    _fill(element, values, known.qname.namespace)
    return element


def _fill(element: etree._Element, values: Mapping[str, Any], space: str) -> None:
    for name, value in values.items():
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            child = etree.SubElement(element, f"{{{space}}}{name}")
            if isinstance(one, dict):
                _fill(child, one, space)
            else:
                child.text = base64.b64encode(one).decode() if isinstance(one, bytes) else str(one)
