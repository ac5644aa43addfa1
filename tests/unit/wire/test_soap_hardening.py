"""SOAP answers: what the contract declares is an answer, everything else is doubt, and no XML trick gets through."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.foundation.wire import ChannelWire, MessageSigner, Timeouts, WireTerms
from gateway.foundation.wire.soap import SoapCaller, SoapFault
from gateway.ports.base import RawExchange
from gateway.words.clock import ManualClock
from gateway.words.errors import (
    ContractError,
    DeniedError,
    ExchangeError,
    NotSentError,
    OutcomeUnknownError,
    UnusableError,
)

SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:test" targetNamespace="urn:test"
  elementFormDefault="qualified">
  <xs:simpleType name="Yuan"><xs:restriction base="xs:string"><xs:pattern value="[0-9]+\\.[0-9]{2}"/></xs:restriction>
  </xs:simpleType>
  <xs:element name="Create"><xs:complexType><xs:sequence>
    <xs:element name="No"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="20"/></xs:restriction>
    </xs:simpleType></xs:element>
    <xs:element name="Amt" type="Yuan"/>
    <xs:element name="Line" minOccurs="0" maxOccurs="3"><xs:complexType><xs:sequence>
      <xs:element name="Item" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="CreateResponse"><xs:complexType><xs:sequence>
    <xs:element name="Code" type="xs:string"/>
    <xs:element name="Line" minOccurs="0" maxOccurs="3"><xs:complexType><xs:sequence>
      <xs:element name="Amt" type="Yuan"/></xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="Busy"><xs:complexType><xs:sequence>
    <xs:element name="RetryAfter" type="xs:nonNegativeInteger"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="Other" type="xs:string"/>
</xs:schema>"""

WSDL = """<wsdl:definitions targetNamespace="urn:test" xmlns:n="urn:test" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <wsdl:types><xs:schema><xs:import namespace="urn:test" schemaLocation="test.xsd"/></xs:schema></wsdl:types>
  <wsdl:message name="In"><wsdl:part name="parameters" element="n:Create"/></wsdl:message>
  <wsdl:message name="Out"><wsdl:part name="parameters" element="n:CreateResponse"/></wsdl:message>
  <wsdl:message name="Busy"><wsdl:part name="detail" element="n:Busy"/></wsdl:message>
  <wsdl:portType name="P"><wsdl:operation name="Create"><wsdl:input message="n:In"/><wsdl:output message="n:Out"/>
    <wsdl:fault name="Busy" message="n:Busy"/></wsdl:operation></wsdl:portType>
  <wsdl:binding name="B" type="n:P">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Create"><soap:operation soapAction="urn:test/Create"/>
      <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
      <wsdl:fault name="Busy"><soap:fault name="Busy" use="literal"/></wsdl:fault>
    </wsdl:operation></wsdl:binding>
</wsdl:definitions>"""

BINDING = "{urn:test}B"


def envelope(body: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:test">'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def fault(detail: str) -> bytes:
    return envelope(
        f"<s:Fault><faultcode>s:Server</faultcode><faultstring>系统繁忙</faultstring><detail>{detail}</detail></s:Fault>"
    )


GOOD = envelope("<n:CreateResponse><n:Code>99010026000000000017</n:Code></n:CreateResponse>")
DECLARED = fault("<n:Busy><n:RetryAfter>7</n:RetryAfter></n:Busy>")
UNDECLARED = fault("<n:Other>?</n:Other>")
LAUGHS = (
    b"<!DOCTYPE x [<!ENTITY a 'ha'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b"]>"
)


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    (tmp_path / "test.xsd").write_text(SCHEMA, encoding="utf-8")
    (tmp_path / "test.wsdl").write_text(WSDL, encoding="utf-8")
    return tmp_path / "test.wsdl"


class Platform:
    """Calls ``Create`` against a peer that answers with given bytes."""

    def __init__(self, contract: Path, peer: Any) -> None:
        self._contract = contract
        self._peer = peer
        self.exchanges: list[RawExchange] = []
        self.requests: list[bytes] = []

    async def call(
        self,
        body: bytes,
        status: str = "200 OK",
        content_type: str | None = "text/xml; charset=utf-8",
        *,
        ours: MessageSigner | None = None,
        theirs: Callable[[bytes], dict[str, str]] | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        async def answers(line: Any) -> None:
            await line.request()
            head = [f"Content-Type: {content_type}"] if content_type else []
            head += [f"{name}: {value}" for name, value in (theirs(body) if theirs else {}).items()]
            await line.answer(body, "\n".join(head), status)

        async with self._peer(answers) as platform:
            wire = ChannelWire("nontax", f"{platform.url}/soap", WireTerms(self.exchanges.append))
            try:
                caller = wire.soap(self._contract, BINDING, signer=ours)
                return await caller.call("Create", **(arguments or {"No": "N1", "Amt": "80.00"}))
            finally:
                self.requests = platform.requests
                await wire.close()


@pytest.fixture
def platform(contract: Path, peer: Any) -> Platform:
    return Platform(contract, peer)


Refusing = Callable[[], Awaitable[Any]]


async def test_a_good_answer_gives_its_values_and_the_request_is_what_the_contract_says(platform: Platform) -> None:
    assert await platform.call(GOOD, No="N1", Amt="80.00", Line=[{"Item": "103050101"}]) == {
        "Code": "99010026000000000017",
        "Line": [],
    }
    head, _, body = platform.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /soap HTTP/1.1")
    assert b'SOAPAction: "urn:test/Create"' in head
    assert b"Content-Type: text/xml; charset=utf-8" in head
    assert re.search(rb"<ns0:Item>103050101</ns0:Item>", body)
    (kept,) = platform.exchanges
    assert (kept.action, kept.request_body, kept.response_body, kept.status) == ("Create", body, GOOD, 200)


@pytest.mark.parametrize("status", ["500 Internal Server Error", "200 OK", "400 Bad Request", "403 Forbidden"])
async def test_a_declared_fault_is_an_answer_whatever_the_http_status(platform: Platform, status: str) -> None:
    with pytest.raises(SoapFault) as caught:
        await platform.call(DECLARED, status)
    assert (caught.value.name, caught.value.code, caught.value.message) == ("Busy", "s:Server", "系统繁忙")
    assert caught.value.detail == {"RetryAfter": 7}
    assert isinstance(caught.value, OutcomeUnknownError), "a fault that no adapter maps is doubt"


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (UNDECLARED, "500 Internal Server Error", OutcomeUnknownError),
        (UNDECLARED, "200 OK", ContractError),
        (fault(""), "200 OK", ContractError),
        (fault("<n:Busy><n:RetryAfter>soon</n:RetryAfter></n:Busy>"), "200 OK", ContractError),
        (fault("<n:Busy><n:RetryAfter>1</n:RetryAfter></n:Busy><n:Other/>"), "200 OK", ContractError),
        (b"", "202 Accepted", OutcomeUnknownError),
        (b"", "200 OK", UnusableError),
        (b"", "500 Internal Server Error", OutcomeUnknownError),
        (envelope(""), "200 OK", UnusableError),
        (envelope("<n:Other>x</n:Other>"), "200 OK", ContractError),
        (envelope("<n:CreateResponse/>"), "200 OK", ContractError),
        (envelope("<n:CreateResponse><n:More/></n:CreateResponse>"), "200 OK", ContractError),
        (
            envelope("<n:CreateResponse><n:Code>1</n:Code><n:Code>1</n:Code></n:CreateResponse>"),
            "200 OK",
            ContractError,
        ),
        (envelope("<n:CreateResponse>?<n:Code>1</n:Code></n:CreateResponse>"), "200 OK", ContractError),
        (
            envelope(
                "<n:CreateResponse><n:Code>1</n:Code><n:Line><n:Amt>1e3</n:Amt></n:Line></n:CreateResponse>",
            ),
            "200 OK",
            ContractError,
        ),
        (envelope("<n:CreateResponse><n:Code>1</n:Code></n:CreateResponse>" * 2), "200 OK", UnusableError),
        (b"<n:CreateResponse xmlns:n='urn:test'><n:Code>1</n:Code></n:CreateResponse>", "200 OK", UnusableError),
        (GOOD[:-20], "200 OK", UnusableError),
        (GOOD + b"<more/>", "200 OK", UnusableError),
        (b"<html>down for maintenance", "200 OK", UnusableError),
        (b"<html>bad gateway</html>", "502 Bad Gateway", OutcomeUnknownError),
        (GOOD, "500 Internal Server Error", OutcomeUnknownError),
        (GOOD, "302 Found", OutcomeUnknownError),
        (b"<html>who are you</html>", "401 Unauthorized", DeniedError),
        (UNDECLARED, "403 Forbidden", DeniedError),
        (b"<!DOCTYPE x>" + GOOD, "200 OK", UnusableError),
        (b"<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'>" + GOOD, "200 OK", UnusableError),
        (b"<!DOCTYPE x>" + DECLARED, "500 Internal Server Error", OutcomeUnknownError),
        (LAUGHS + envelope("<n:CreateResponse><n:Code>&m;</n:Code></n:CreateResponse>"), "200 OK", UnusableError),
        (
            b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
            + envelope("<n:CreateResponse><n:Code>&e;</n:Code></n:CreateResponse>"),
            "200 OK",
            UnusableError,
        ),
        (b"<a>" * 10_000 + b"</a>" * 10_000, "200 OK", UnusableError),
        ("系统".encode("gbk"), "200 OK", UnusableError),
    ],
)
@pytest.mark.cases_by_day(10)
async def test_an_answer_outside_the_contract_is_doubt(
    platform: Platform, body: bytes, status: str, expected: type[ExchangeError]
) -> None:
    with pytest.raises(ExchangeError) as caught:
        await platform.call(body, status)
    assert type(caught.value) is expected
    assert "root:" not in str(caught.value)
    assert platform.exchanges[0].response_body == body


async def test_a_cut_answer_is_doubt_and_its_part_is_kept(contract: Path, peer: Any) -> None:
    async def cuts(line: Any) -> None:
        await line.request()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n" + GOOD[:50])

    kept: list[RawExchange] = []
    async with peer(cuts) as platform:
        wire = ChannelWire("nontax", platform.url, WireTerms(kept.append))
        with pytest.raises(OutcomeUnknownError):
            await SoapCaller(wire, contract, BINDING).call("Create", No="N1", Amt="80.00")
        await wire.close()
    assert (kept[0].outcome, kept[0].status, kept[0].response_body) == ("RemoteProtocolError", 200, GOOD[:50])


async def test_a_platform_that_is_down_is_unsent(contract: Path) -> None:
    wire = ChannelWire("nontax", "http://127.0.0.1:1", WireTerms(lambda _: None, timeouts=Timeouts(connect=1)))
    with pytest.raises(NotSentError):
        await wire.soap(contract, BINDING).call("Create", No="N1", Amt="80.00")
    await wire.close()


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"No": "N" * 21, "Amt": "80.00"}, "No"),
        ({"No": "N1", "Amt": "80"}, "Amt"),
        ({"No": "N1"}, "Amt"),
        ({"No": "N1", "Amt": "80.00", "Surprise": 1}, "Surprise"),
        ({"No": "N\x00", "Amt": "80.00"}, ""),
        ({"No": "N1", "Amt": "80.00", "Line": [{"Item": "1"}] * 4}, "Line"),
    ],
)
async def test_arguments_outside_the_contract_are_a_fault_of_ours_and_never_sent(
    platform: Platform, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValueError, match=f"^Create: .*{field}"):
        await platform.call(GOOD, **arguments)
    assert platform.requests == []
    assert platform.exchanges == []


# --- signatures over the exact bytes ----------------------------------------------------------------------------------

CLOCK = ManualClock(datetime(2026, 11, 2, tzinfo=UTC))
OURS = MessageSigner("UNIT", b"secret" * 6, CLOCK, peer="PLATFORM")
THEIRS = MessageSigner("PLATFORM", b"secret" * 6, CLOCK, peer="UNIT")


@pytest.mark.parametrize("body", [GOOD, DECLARED])
async def test_the_exact_bytes_are_signed_and_those_of_the_answer_are_checked(platform: Platform, body: bytes) -> None:
    call = platform.call(body, ours=OURS, theirs=THEIRS.sign)
    if body is GOOD:
        assert (await call)["Code"]
    else:
        with pytest.raises(SoapFault):
            await call
    head, _, sent = platform.requests[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert THEIRS.verify(headers, sent).node == "UNIT"


@pytest.mark.parametrize(
    "theirs",
    [None, lambda body: THEIRS.sign(body + b" "), OURS.sign, MessageSigner("PLATFORM", b"wrong" * 6, CLOCK).sign],
    ids=["none", "other bytes", "our own, reflected", "other key"],
)
@pytest.mark.parametrize(("body", "status"), [(GOOD, "200 OK"), (DECLARED, "500 Internal Server Error")])
async def test_an_answer_that_is_not_authentic_says_nothing(
    platform: Platform, theirs: Any, body: bytes, status: str
) -> None:
    with pytest.raises(ContractError, match="signature"):
        await platform.call(body, status, ours=OURS, theirs=theirs)


# --- the contract's files ---------------------------------------------------------------------------------------------


def wire() -> ChannelWire:
    return ChannelWire("nontax", "http://127.0.0.1:1", WireTerms(lambda _: None))


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:1/test.xsd", "https://platform.test/test.xsd", "file:///etc/passwd", "../../test.xsd"],
)
def test_a_contract_is_loaded_from_files_beside_it_alone(contract: Path, location: str) -> None:
    contract.write_text(WSDL.replace("test.xsd", location), encoding="utf-8")
    with pytest.raises(Exception, match=r"Forbidden|not a file of the contract"):
        wire().soap(contract, BINDING)


def test_a_wsdl_with_a_doctype_is_refused(contract: Path) -> None:
    contract.write_text("<!DOCTYPE x>" + WSDL, encoding="utf-8")
    with pytest.raises(Exception, match="DTDForbidden"):
        wire().soap(contract, BINDING)
