"""A WSDL as servers publish it is loaded and spoken; what cannot be spoken stops the start with a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.foundation.wire import ChannelWire, WireTerms
from gateway.foundation.wire.soap import SoapFault
from gateway.foundation.wire.wsdl import WsdlRefusedError
from gateway.foundation.wire.xml import parse_xml
from gateway.words.errors import ContractError, UnusableError

CASES = Path(__file__).parents[2] / "cases" / "soap"
INSIDE = (CASES / "w1_schema_inside.wsdl").read_text(encoding="utf-8")
RPC = (CASES / "w2_rpc.wsdl").read_text(encoding="utf-8")
BINDING = "{urn:anlan:ask}B"
SPACES = {11: "http://schemas.xmlsoap.org/soap/envelope/", 12: "http://www.w3.org/2003/05/soap-envelope"}


def envelope(body: str, version: int = 11) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SPACES[version]}" xmlns:t="urn:anlan:ask"><s:Body>{body}</s:Body></s:Envelope>'.encode()
    )


class Service:
    """A service whose WSDL is given, and which answers as told."""

    def __init__(self, folder: Path, peer: Any) -> None:
        self.folder = folder
        self._peer = peer
        self.requests: list[bytes] = []

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def loads(self, wsdl: str, binding: str = BINDING) -> None:
        ChannelWire("ask", "http://127.0.0.1:1", WireTerms(lambda _: None)).soap(self.write("a.wsdl", wsdl), binding)

    async def call(
        self,
        wsdl: str,
        operation: str,
        answer: bytes | Callable[[bytes], bytes],
        *,
        content_type: str = "text/xml",
        status: str = "200 OK",
        binding: str = BINDING,
        **values: Any,
    ) -> dict[str, Any]:
        async def answers(line: Any) -> None:
            request = await line.request()
            body = answer if isinstance(answer, bytes) else answer(request.partition(b"\r\n\r\n")[2])
            await line.answer(body, f"Content-Type: {content_type}", status)

        async with self._peer(answers) as platform:
            wire = ChannelWire("ask", platform.url, WireTerms(lambda _: None))
            try:
                return await wire.soap(self.write("a.wsdl", wsdl), binding).call(operation, **values)
            finally:
                self.requests = platform.requests
                await wire.close()


@pytest.fixture
def service(tmp_path: Path, peer: Any) -> Service:
    return Service(tmp_path, peer)


ASKED = envelope("<t:AskResponse><t:Result>恒筑建设</t:Result></t:AskResponse>")


# --- where schemas stand ----------------------------------------------------------------------------------------------


async def test_a_schema_inside_the_wsdl_is_loaded_and_held_to(service: Service) -> None:
    assert await service.call(INSIDE, "Ask", ASKED, Name="恒筑") == {"Result": "恒筑建设"}
    assert "<ns0:Name>恒筑</ns0:Name>".encode() in service.requests[0]
    with pytest.raises(ValueError, match="Surprise"):
        await service.call(INSIDE, "Ask", ASKED, Name="恒筑", Surprise="1")
    with pytest.raises(ContractError, match="breaks the contract"):
        await service.call(INSIDE, "Ask", envelope("<t:AskResponse/>"), Name="恒筑")


TYPES = '<xs:schema targetNamespace="urn:anlan:types" elementFormDefault="qualified">'
NAMED = (
    '<xs:simpleType name="Name"><xs:restriction base="xs:string"><xs:maxLength value="4"/></xs:restriction>'
    "</xs:simpleType>"
)
TYPED = INSIDE.replace('name="Name" type="xs:string"', 'name="Name" type="y:Name"').replace(
    "<definitions ", '<definitions xmlns:y="urn:anlan:types" '
)
OUTER = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'


def importing(location: str = "") -> str:
    told = f' schemaLocation="{location}"' if location else ""
    head = 'elementFormDefault="qualified">'
    return TYPED.replace(head, f'{head}<xs:import namespace="urn:anlan:types"{told}/>', 1)


BESIDE = {"types.xsd": f"<xs:schema {OUTER} {TYPES[11:]}{NAMED}</xs:schema>"}
FAR = {"types.xsd": BESIDE["types.xsd"].replace(NAMED, '<xs:include schemaLocation="names/n.xsd"/>')}
NAMES = f'<xs:schema {OUTER} targetNamespace="urn:anlan:types">{NAMED}</xs:schema>'


@pytest.mark.parametrize(
    ("wsdl", "files"),
    [
        (
            importing("types.xsd")
            .replace('name="Name" type="y:Name"', 'name="Name" type="y:Other"')
            .replace(
                "</types>",
                f'{TYPES}<xs:simpleType name="Other"><xs:restriction base="y:Name"/></xs:simpleType>'
                "</xs:schema></types>",
            ),
            BESIDE,
        ),
        (importing().replace("<types>", f"<types>{TYPES}{NAMED}</xs:schema>"), {}),
        (importing().replace("</types>", f"{TYPES}{NAMED}</xs:schema></types>"), {}),
        (importing("types.xsd"), BESIDE),
        (importing("types.xsd"), {**FAR, "names/n.xsd": NAMES}),
        (
            importing().replace(
                "<types>",
                '<types><xs:schema><xs:import namespace="urn:anlan:types" schemaLocation="types.xsd"/></xs:schema>',
            ),
            BESIDE,
        ),
        (
            importing().replace("</types>", f'{TYPES}<xs:include schemaLocation="names/n.xsd"/></xs:schema></types>'),
            {"names/n.xsd": NAMES},
        ),
        (
            importing().replace(
                "<types>",
                f'<types>{TYPES}{NAMED}</xs:schema>{TYPES}<xs:simpleType name="Other"><xs:restriction base="y:Name"/>'
                "</xs:simpleType></xs:schema>",
            ),
            {},
        ),
    ],
    ids=[
        "file and inside",
        "inside before",
        "inside behind",
        "beside",
        "beside, included",
        "wrapper",
        "inside, included",
        "two of one",
    ],
)
async def test_schemas_are_found_wherever_they_stand(service: Service, wsdl: str, files: dict[str, str]) -> None:
    (service.folder / "names").mkdir()
    for name, text in files.items():
        service.write(name, text)
    assert await service.call(wsdl, "Ask", ASKED, Name="恒筑建设") == {"Result": "恒筑建设"}
    with pytest.raises(ValueError, match="Name"):
        await service.call(wsdl, "Ask", ASKED, Name="恒筑建设集团")


@pytest.mark.parametrize("place", ["parts/rest.wsdl", "rest.wsdl"])
async def test_a_wsdl_that_imports_its_parts_is_put_together(service: Service, place: str) -> None:
    """Published by frameworks as three files: service, binding, messages with types."""
    (service.folder / "parts").mkdir()
    head = re.match(r"<\?xml.*?\?>\s*<definitions[^>]*>", INSIDE, re.DOTALL)
    assert head is not None
    bound = re.search(r"<binding.*</binding>", INSIDE, re.DOTALL)
    assert bound is not None
    service.write(place, INSIDE.replace(bound[0], "").replace("<service", "<!--").replace("</service>", "-->"))
    told = f'<import namespace="urn:anlan:ask" location="{place}"/>'
    assert await service.call(f"{head[0]}{told}{bound[0]}</definitions>", "Ask", ASKED, Name="恒筑")
    service.write("b.wsdl", f"{head[0]}{told}{bound[0]}</definitions>")
    outermost = f'{head[0]}<import namespace="urn:anlan:ask" location="b.wsdl"/></definitions>'
    assert await service.call(outermost, "Ask", ASKED, Name="恒筑") == {"Result": "恒筑建设"}


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/t.xsd", "file:///etc/passwd", "../../t.xsd", "none.xsd"])
def test_nothing_is_loaded_but_files_of_the_contract(service: Service, location: str) -> None:
    for wsdl in (
        importing(location),
        importing().replace("</types>", f'{TYPES}<xs:include schemaLocation="{location}"/></xs:schema></types>'),
        INSIDE.replace("<types>", f'<import namespace="urn:x" location="{location}"/><types>'),
    ):
        with pytest.raises(WsdlRefusedError, match=r"a\.wsdl cannot be loaded: "):
            service.loads(wsdl)


# --- RPC, and documents inside strings --------------------------------------------------------------------------------


def answered(inner: str, name: str = "askResponse") -> bytes:
    return envelope(f"<t:{name}><return>{inner}</return></t:{name}>")


async def test_rpc_is_callable(service: Service) -> None:
    assert await service.call(RPC, "ask", answered("好"), xml="问") == {"return": "好"}
    payload = parse_xml(service.requests[0].partition(b"\r\n\r\n")[2])[0][0]
    assert payload.tag == "{urn:anlan:ask}ask"
    assert [(one.tag, one.text) for one in payload] == [("xml", "问")]


@pytest.mark.parametrize(
    "body",
    [
        "<t:askResponse><return>1</return><return>2</return></t:askResponse>",
        "<t:askResponse/>",
        "<t:o><return>1</return></t:o>",
        "<askResponse><return>1</return></askResponse>",
    ],
)
async def test_what_is_no_answer_of_an_rpc_breaks_the_contract(service: Service, body: str) -> None:
    with pytest.raises(ContractError):
        await service.call(RPC, "ask", envelope(body), xml="问")


async def test_arguments_of_an_rpc_are_held_to_the_contract_before_anything_is_sent(service: Service) -> None:
    for values in ({}, {"xml": "问", "more": "1"}):
        with pytest.raises(ValueError, match="ask"):
            await service.call(RPC, "ask", answered("好"), **values)
        assert service.requests == []


async def test_an_rpc_with_types_of_its_own_and_several_parts(service: Service) -> None:
    who = '<xs:complexType name="Who"><xs:sequence><xs:element name="Code" type="xs:string"/></xs:sequence>'
    wsdl = (
        RPC.replace("<message", f"<types>{TYPES}{NAMED}{who}</xs:complexType></xs:schema></types><message", 1)
        .replace(
            '<part name="xml" type="xs:string"/>', '<part name="name" type="y:Name"/><part name="who" type="y:Who"/>'
        )
        .replace("<definitions ", '<definitions xmlns:y="urn:anlan:types" ')
    )
    assert await service.call(wsdl, "ask", answered("好"), name="恒筑", who={"Code": "1"}) == {"return": "好"}
    payload = parse_xml(service.requests[0].partition(b"\r\n\r\n")[2])[0][0]
    assert etree.tostring(payload[1], method="c14n").count(b"urn:anlan:types") == 1
    with pytest.raises(ValueError, match="name"):
        await service.call(wsdl, "ask", answered("好"), name="恒筑建设集团", who={"Code": "1"})


ANSWER = '<?xml version="1.0" encoding="GBK"?><ROOT><CODE>0000</CODE><MSG>成功 &amp; 完</MSG></ROOT>'
ESCAPED = ANSWER.replace("&", "&amp;").replace("<", "&lt;")


@pytest.mark.parametrize("inner", [ESCAPED, f"<![CDATA[{ANSWER}]]>", f"<!-- x --><![CDATA[{ANSWER}]]>"])
@pytest.mark.parametrize("rpc", [True, False])
async def test_a_document_inside_a_string_reaches_the_mapping_as_text(service: Service, inner: str, rpc: bool) -> None:
    """``String call(String xml)``: the adapter's mapping writes a document, and reads one."""
    asked = '<?xml version="1.0" encoding="GBK"?><ROOT><CODE>望川〔2026〕1号</CODE></ROOT>'
    if rpc:
        text = (await service.call(RPC, "ask", answered(inner), xml=asked))["return"]
    else:
        text = (await service.call(INSIDE, "Ask", ASKED.replace("恒筑建设".encode(), inner.encode()), Name=asked))[
            "Result"
        ]
    assert text == ANSWER
    document = parse_xml(text)
    assert (document.findtext("CODE"), document.findtext("MSG")) == ("0000", "成功 & 完")
    sent = parse_xml(service.requests[0].partition(b"\r\n\r\n")[2])[0][0][0].text
    assert parse_xml(sent or "").findtext("CODE") == "望川〔2026〕1号"


async def test_json_inside_a_string_reaches_the_mapping_as_text(service: Service) -> None:
    told = '{"code":"0000","msg":"成功 \\u0026 &lt;完&gt;"}'
    answer = await service.call(RPC, "ask", answered(told), xml='{"a":"<b>"}')
    assert answer["return"] == '{"code":"0000","msg":"成功 \\u0026 <完>"}'


# --- SOAP 1.2 ---------------------------------------------------------------------------------------------------------

NEWER = INSIDE.replace("http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")
FAULTY = NEWER.replace(
    '<xs:element name="Ask">', '<xs:element name="No"><xs:complexType><xs:sequence><xs:element name="Code" '
    'type="xs:string"/></xs:sequence></xs:complexType></xs:element><xs:element name="Ask">', 1
).replace("<portType", '<message name="f"><part name="f" element="t:No"/></message><portType').replace(
    '<output message="t:o"/>', '<output message="t:o"/><fault name="No" message="t:f"/>'
)  # fmt: skip
FAULT = (
    "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang='zh'>没有</s:Text></s:Reason>"
    "<s:Detail><t:No><t:Code>404</t:Code></t:No></s:Detail></s:Fault>"
)


async def test_soap_12_is_spoken(service: Service) -> None:
    answer = ASKED.replace(SPACES[11].encode(), SPACES[12].encode())
    told = await service.call(NEWER, "Ask", answer, content_type="application/soap+xml; charset=utf-8", Name="恒筑")
    assert told == {"Result": "恒筑建设"}
    head, _, body = service.requests[0].partition(b"\r\n\r\n")
    assert b'Content-Type: application/soap+xml; charset=utf-8; action="ask"' in head
    assert b"SOAPAction" not in head
    assert parse_xml(body).tag == f"{{{SPACES[12]}}}Envelope"


async def test_an_answer_in_the_other_version_is_read(service: Service) -> None:
    assert await service.call(NEWER, "Ask", ASKED, Name="恒筑") == {"Result": "恒筑建设"}


@pytest.mark.parametrize("status", ["500 Internal Server Error", "200 OK"])
async def test_a_declared_fault_of_soap_12_is_an_answer_whatever_the_status(service: Service, status: str) -> None:
    with pytest.raises(SoapFault) as caught:
        await service.call(FAULTY, "Ask", envelope(FAULT, 12), status=status, Name="恒筑")
    assert (caught.value.name, caught.value.code, caught.value.message) == ("No", "s:Receiver", "没有")
    assert caught.value.detail == {"Code": "404"}


async def test_an_undeclared_fault_of_soap_12_is_doubt(service: Service) -> None:
    with pytest.raises(ContractError, match="a fault that the contract does not declare: 没有"):
        await service.call(NEWER, "Ask", envelope(FAULT, 12), Name="恒筑")


async def test_an_envelope_of_no_version_is_no_answer(service: Service) -> None:
    with pytest.raises(UnusableError, match=r"not a SOAP 1\.1 envelope"):
        await service.call(INSIDE, "Ask", ASKED.replace(SPACES[11].encode(), b"urn:other"), Name="恒筑")


# --- what stops the start ---------------------------------------------------------------------------------------------


def one_way(wsdl: str) -> str:
    return wsdl.replace('<output message="t:o"/>', "").replace('<output><soap:body use="literal"/></output>', "")


@pytest.mark.parametrize(
    ("wsdl", "sentence"),
    [
        (RPC.replace('use="literal"', 'use="encoded"'), "the operation ask wants SOAP encoding"),
        (INSIDE.replace('use="literal"', 'use="encoded"', 1), "the operation Ask wants SOAP encoding"),
        (
            INSIDE.replace(
                '<output><soap:body use="literal"/></output>',
                '<output><m:multipartRelated xmlns:m="http://schemas.xmlsoap.org/wsdl/mime/"/></output>',
            ),
            "the operation Ask has attachments",
        ),
        (one_way(INSIDE), "the operation Ask has no answer"),
        (INSIDE.replace('<part name="parameters" element="t:Ask"/>', ""), "the operation Ask has an empty Body"),
        (
            INSIDE.replace('element="t:Ask"/>', 'element="t:Ask"/><part name="more" element="t:Ask"/>'),
            "the operation Ask has several parts in one Body",
        ),
        (INSIDE.replace('element="t:Ask"', 'type="xs:string"'), "the operation Ask has the style document and a part"),
        (INSIDE.replace('binding name="B"', 'binding name="C"'), "no SOAP binding {urn:anlan:ask}B; there are: .*}C"),
        (
            re.sub(r"<soap:body[^>]*>", "<h:urlEncoded/>", INSIDE)
            .replace("<definitions ", '<definitions xmlns:h="http://schemas.xmlsoap.org/wsdl/http/" ')
            .replace('<soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>', '<h:binding verb="GET"/>')
            .replace('<soap:operation soapAction="ask"/>', '<h:operation location="/ask"/>')
            .replace("<soap:address", "<h:address"),
            "no SOAP binding",
        ),
        (INSIDE.replace('element="t:Ask"', 'element="t:Nothing"'), "the operation Ask refers to a message"),
        (INSIDE.replace('type="xs:string"', 'type="t:Nothing"', 1), "cannot be loaded"),
        ("<definitions", "cannot be loaded"),
        ("<html/>", "no SOAP binding"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:The wsdl")
def test_what_cannot_be_spoken_stops_the_start_with_a_sentence(service: Service, wsdl: str, sentence: str) -> None:
    with pytest.raises(WsdlRefusedError, match=rf"a\.wsdl[: ].*{sentence}"):
        service.loads(wsdl)


def test_a_wsdl_that_is_not_there_stops_the_start_with_a_sentence(service: Service) -> None:
    wire = ChannelWire("ask", "http://127.0.0.1:1", WireTerms(lambda _: None))
    with pytest.raises(WsdlRefusedError, match=r"none\.wsdl cannot be loaded"):
        wire.soap(service.folder / "none.wsdl", BINDING)
