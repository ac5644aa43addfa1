"""An answer is fitted to its contract: what the contract does not have, or is empty, or stands elsewhere, changes
nothing of what is read; what contradicts the contract is refused as before."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from by_day import examples
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

import contracts
from gateway.foundation.wire import ChannelWire, WireTerms
from gateway.foundation.wire.fitting import Shape
from gateway.foundation.wire.soap import SoapCaller, XmlMessages
from gateway.words.errors import ContractError

SPACE = "urn:nontax-platform:v1"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
BILL = f"""<QueryBillResponse xmlns="{SPACE}"><Result>00000</Result><Information>成功</Information><Bill>
<PayNo>R1</PayNo><PayCode>99010226300000000401</PayCode><Amt>200.00</Amt><PayStats>1</PayStats>
<CrcCode>AB12</CrcCode><PayUrl>http://pay.example/1</PayUrl><ValidDate>20261231</ValidDate>
<Payment><CfmDate>20261120</CfmDate><CfmTime>100000</CfmTime><Amt>150.00</Amt><PayMode>51</PayMode>
<TraNoBus>S1</TraNoBus><PayerName>甲</PayerName></Payment>
<Payment><CfmDate>20261121</CfmDate><CfmTime>100000</CfmTime><Amt>50.00</Amt><PayMode>51</PayMode>
<TraNoBus>S2</TraNoBus></Payment></Bill></QueryBillResponse>"""
OPTIONAL = ("CrcCode", "PayUrl", "ValidDate", "PayerName")
NAMES = st.from_regex(r"[A-Z][A-Za-z]{0,8}X", fullmatch=True)
OFTEN = settings(max_examples=examples(20, 60), deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def caller() -> tuple[SoapCaller, list[tuple[str, str]]]:
    """A caller of the platform's contract, and what it notes as drift."""
    noted: list[tuple[str, str]] = []
    wire = ChannelWire(
        "nontax",
        "http://127.0.0.1:1",
        WireTerms(lambda _: None, drift=lambda _channel, action, path: noted.append((action, path))),
    )
    wsdl = contracts.path("nontax/v1/nontax.wsdl")
    return SoapCaller(wire, wsdl, "{urn:nontax-platform:v1}NonTaxPlatformSoap11"), noted


def read(caller: SoapCaller, payload: Any) -> dict[str, Any]:
    return caller._result("QueryBill", payload)


@OFTEN
@given(data=st.data())
def test_adding_emptying_and_reordering_what_is_not_used_changes_nothing(caller: Any, data: st.DataObject) -> None:
    asks, noted = caller
    payload: Any = etree.fromstring(BILL)
    for name in data.draw(st.sets(st.sampled_from(OPTIONAL)), "absent"):
        for one in payload.findall(f".//{{{SPACE}}}{name}"):
            parent: Any = one.getparent()
            parent.remove(one)
    expected = read(asks, copy.deepcopy(payload))
    assert not noted

    added = set()
    for parent in list(payload.iter()):
        if not len(parent):
            continue
        for _ in range(data.draw(st.integers(0, 2), "how many more")):
            space = data.draw(st.sampled_from([f"{{{SPACE}}}", "{urn:other}", ""]))
            more = etree.Element(f"{space}{data.draw(NAMES)}", {"a": "1"} if data.draw(st.booleans()) else {})
            if data.draw(st.booleans()):
                more.text = "?"
            if data.draw(st.booleans()):
                etree.SubElement(more, f"{{{SPACE}}}PayCode").text = "1"
            parent.insert(data.draw(st.integers(0, len(parent))), more)
            added.add(etree.QName(more).localname)
        absent = [name for name in OPTIONAL if parent.find(f"{{{SPACE}}}{name}") is None]
        mine = [name for name in absent if (name == "PayerName") == parent.tag.endswith("Payment")]
        if mine and parent.tag.endswith(("}Bill", "}Payment")) and data.draw(st.booleans(), "empty"):
            empty = etree.SubElement(parent, f"{{{SPACE}}}{data.draw(st.sampled_from(mine))}")
            match data.draw(st.sampled_from(["nothing", "blank", "nil"])):
                case "blank":
                    empty.text = " \n"
                case "nil":
                    empty.set(f"{{{XSI}}}nil", "true")
        if data.draw(st.booleans(), "another order"):
            payments = [one for one in parent if one.tag.endswith("}Payment")]
            others = data.draw(st.permutations([one for one in parent if one not in payments]))
            parent[:] = others[: len(others) // 2] + payments + others[len(others) // 2 :]

    assert read(asks, etree.fromstring(etree.tostring(payload))) == expected
    assert {path.rpartition("/")[2] for _, path in noted} == added
    noted.clear()


@OFTEN
@given(data=st.data())
def test_what_contradicts_the_contract_is_refused_though_it_stands_among_new_elements(
    caller: Any, data: st.DataObject
) -> None:
    asks, noted = caller
    payload = etree.fromstring(BILL)
    payload[2].insert(data.draw(st.integers(0, 4)), etree.Element(f"{{{SPACE}}}TraceIdX"))
    needed = [
        one for one in payload.iter() if not len(one) and etree.QName(one).localname not in (*OPTIONAL, "TraceIdX")
    ]
    victim: Any = data.draw(st.sampled_from(needed))
    match data.draw(st.sampled_from(["gone", "twice", "empty", "nil", "other", "text beside", "children"])):
        case "gone":
            victim.getparent().remove(victim)
        case "twice":
            victim.addnext(copy.deepcopy(victim))
        case "empty":
            assume(etree.QName(victim).localname != "Information")
            victim.text = ""
        case "nil":
            victim.text = None
            victim.set(f"{{{XSI}}}nil", "true")
        case "other":
            victim.tag = f"{{urn:other}}{etree.QName(victim).localname}"
        case "text beside":
            victim.tail = "200.00"
        case "children":
            etree.SubElement(victim, f"{{{SPACE}}}Amt").text = "1.00"
    with pytest.raises(ContractError):
        read(asks, payload)
    noted.clear()


def test_text_behind_an_unknown_element_is_still_seen_by_the_schema(caller: Any) -> None:
    payload = etree.fromstring(BILL)
    payload[2].insert(1, etree.Element("New"))
    payload[2][1].tail = "999.00"
    with pytest.raises(ContractError):
        read(caller[0], payload)
    caller[1].clear()


def test_an_answer_that_fits_is_not_copied(caller: Any) -> None:
    shape = caller[0]._operation("QueryBill").output.shape
    payload = etree.fromstring(BILL)
    assert shape.fit(payload) == (payload, ())
    assert shape.fit(payload)[0] is payload


def test_attributes_are_noted_and_passed_over_but_a_type_that_is_told_is_not(caller: Any) -> None:
    asks, noted = caller
    payload = etree.fromstring(BILL)
    expected = read(asks, copy.deepcopy(payload))
    payload.set("id", "7")
    payload[2][0].set("{urn:soap-encoding}root", "1")
    payload[2].set(f"{{{XSI}}}schemaLocation", "urn:a a.xsd")
    assert read(asks, copy.deepcopy(payload)) == expected
    assert noted == [("QueryBill", "@id"), ("QueryBill", "Bill/PayNo/@root")]
    noted.clear()
    payload[2].set(f"{{{XSI}}}type", "Payment")
    with pytest.raises(ContractError):
        read(asks, payload)
    noted.clear()


SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:s" targetNamespace="urn:s"
  elementFormDefault="qualified"><xs:element name="M"><xs:complexType><xs:sequence>
  {}</xs:sequence></xs:complexType></xs:element></xs:schema>"""


@pytest.mark.parametrize(
    ("content", "message", "values", "passed"),
    [
        (  # an empty element that can only be empty says something by being there
            '<xs:element name="Done" minOccurs="0"><xs:complexType/></xs:element>',
            "<Done/>",
            {"Done": {}},
            (),
        ),
        (  # two that go together are absent together
            '<xs:sequence minOccurs="0"><xs:element name="Day" type="xs:date"/>'
            '<xs:element name="No" type="xs:int"/></xs:sequence>',
            "<Day/><No/>",
            {"Day": None, "No": None},
            (),
        ),
        (  # entries of a list that say nothing are none
            '<xs:element name="Line" minOccurs="0" maxOccurs="unbounded" type="xs:int"/>',
            "<Line>1</Line><Line/><Line>2</Line>",
            {"Line": [1, 2]},
            (),
        ),
        (  # one of several: what stands beside it is passed over
            '<xs:choice><xs:element name="A" type="xs:int"/><xs:element name="B" type="xs:int"/></xs:choice>',
            "<New>1</New><B>2</B>",
            {"A": None, "B": 2},
            ("New",),
        ),
        (  # what stands in the room that a contract leaves is passed over too
            '<xs:element name="A" type="xs:int"/><xs:any namespace="##other" processContents="lax" minOccurs="0"'
            ' maxOccurs="unbounded"/>',
            '<x:T xmlns:x="urn:x">1</x:T><A>2</A>',
            {"A": 2},
            ("T",),
        ),
    ],
    ids=["flag", "pair", "list", "choice", "room"],
)
def test_shapes_of_other_contracts(tmp_path: Path, content: str, message: str, values: Any, passed: Any) -> None:
    (tmp_path / "s.xsd").write_text(SCHEMA.format(content), encoding="utf-8")
    reading = XmlMessages(tmp_path / "s.xsd").read(etree.fromstring(f'<M xmlns="urn:s">{message}</M>'), "{urn:s}M")
    found = {name: value or {} if name == "Done" else value for name, value in reading.values.items()}
    assert (found, reading.passed_over) == (values, passed)


@pytest.mark.parametrize(
    "content",
    [
        '<xs:any processContents="skip"/>',  # the contract wants something there: it is not room
        '<xs:element name="A" type="xs:int"/><xs:element name="B" type="xs:int"/><xs:element name="A" type="xs:int"/>',
    ],
)
def test_a_shape_that_cannot_be_told_touches_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.xsd").write_text(SCHEMA.format(content), encoding="utf-8")
    element = XmlMessages(tmp_path / "s.xsd")._elements("{urn:s}M")
    payload = etree.fromstring('<M xmlns="urn:s"><New/></M>')
    assert isinstance(element.shape, Shape)
    assert element.shape.fit(payload)[0] is payload


def test_an_element_that_can_only_be_empty_says_something_by_being_there(tmp_path: Path) -> None:
    content = '<xs:element name="Done" minOccurs="0"><xs:complexType/></xs:element>'
    (tmp_path / "s.xsd").write_text(SCHEMA.format(content), encoding="utf-8")
    shape = XmlMessages(tmp_path / "s.xsd")._elements("{urn:s}M").shape
    fitted, passed = shape.fit(etree.fromstring('<M xmlns="urn:s"><New/><Done/></M>'))
    assert ([etree.QName(one).localname for one in fitted], passed) == (["Done"], ("New",))
