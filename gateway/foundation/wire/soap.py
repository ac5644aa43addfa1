"""SOAP 1.1 and 1.2, literal, with zeep for the contract and every trap of zeep and XML disarmed here.

The WSDL and its schemas come from local files only (``wsdl``). Values are written and read by plans made from zeep's
types (``plans``), and by zeep itself where a contract or a value is not plain. What goes out and what comes in is
validated against the contract's XSD, facets included, which zeep alone does not look at. Before that an answer is
fitted to its contract (``fitting``): elements that the contract does not have are passed over and noted as drift. The
envelope is opened here and not by zeep, which answers an empty 202 with None and an empty Body with an IndexError. It
is judged by its bytes: a media type or a label that is wrong is noted, and so is what stands around the document
(``answers``).

What an answer means (SOAP 1.1 section 6.2 lets faults travel as 500; DESIGN section 5):

- the operation's declared output with 200: the value;
- a fault whose detail the operation declares, whatever the HTTP status: SoapFault, an answer that the adapter maps;
- 401 and 403 otherwise: DeniedError; every other status but 200: OutcomeUnknownError;
- what is no answer, with 200 (malformed XML, a web page, an empty Body), and any bad signature: UnusableError;
- anything else with 200: ContractError.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import zeep.exceptions
from lxml import etree
from zeep import Settings, helpers
from zeep.xsd import Schema

from gateway.foundation.wire.answers import is_page, media_type_of, shown, speaks_xml, start_part
from gateway.foundation.wire.bounds import apart
from gateway.foundation.wire.fitting import Shape
from gateway.foundation.wire.plans import Odd, Plan
from gateway.foundation.wire.transport import redirected
from gateway.foundation.wire.wsdl import HARDENED, SOAP_11, SOAP_12, LocalFiles, Spoken, Version, load_wsdl
from gateway.foundation.wire.xml import (
    SMALL,
    USUAL,
    XmlRefusedError,
    XmlSchema,
    let_go,
    load_schema,
    load_xml,
    parse_xml,
)
from gateway.words.errors import ContractError, DeniedError, ForgedCallbackError, OutcomeUnknownError, UnusableError

if TYPE_CHECKING:
    from gateway.foundation.wire.channel import Answer, ChannelWire
    from gateway.foundation.wire.signing import MessageSigner

_FAULT = f"{{{SOAP_11.envelope}}}Fault"
_plain: Any = helpers.serialize_object  # zeep's own type hints are wrong or missing here
_types: Any = Schema


class SoapFault(OutcomeUnknownError):
    """A fault that the contract declares: an answer. The adapter maps it by its code table; unmapped, it is doubt.

    ``name`` is the local name of the detail's element, ``code`` and ``message`` the fault's own, ``detail`` its values.
    """

    def __init__(self, name: str, code: str, message: str, detail: dict[str, Any]) -> None:
        super().__init__(f"{name} {code}: {message}")
        self.name = name
        self.code = code
        self.message = message
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of the contract: as zeep knows it, its plan if it is plain, and what it may hold."""

    known: Any
    plan: Plan | None
    shape: Shape

    @classmethod
    def of(cls, known: Any) -> _Element:
        return cls(known, Plan.of(known), Shape.of(known))

    def read(self, payload: etree._Element, schema: XmlSchema, types: Any, what: str = "the answer") -> Reading:
        """The values of an element, fitted to the contract. ContractError if it breaks the schema."""
        payload, passed = self.shape.fit(payload)
        if broken := schema.complaint(payload):
            raise ContractError(f"{what} breaks the contract: {broken}")
        if self.plan is not None:
            with suppress(Odd, ValueError, TypeError, ArithmeticError):  # zeep has the word on what it cannot read
                return Reading(self.plan.read(payload), passed)
        try:
            values = _plain(self.known.parse(payload, types), dict)
        except (zeep.exceptions.Error, ValueError, TypeError, ArithmeticError) as error:
            raise ContractError(f"{what} breaks the contract: {error}") from error
        return Reading(_without_room(values) if isinstance(values, dict) else {}, passed)


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of an element, and the paths of what the contract does not have and was passed over."""

    values: dict[str, Any]
    passed_over: tuple[str, ...]


class XmlMessages:
    """Messages whose global elements one XSD file of a contract describes: what a platform posts to us."""

    def __init__(self, file: Path) -> None:
        node, loader = load_xml(file), cast(Any, LocalFiles(file.parent))
        self._schema = load_schema(file)
        self._types: Any = _types(node, loader, str(file.resolve()), Settings(**HARDENED))
        self._elements = cache(lambda tag: _Element.of(self._types.get_element(tag)))

    def read(self, message: etree._Element, tag: str) -> Reading:
        """A message that is to be the element ``tag``, fitted to it. ContractError if it is not, or invalid."""
        if message.tag != tag:
            raise ContractError(f"{message.tag} instead of {tag}")
        return self._elements(tag).read(message, self._schema, self._types, "the message")


@dataclass(frozen=True, slots=True)
class _Operation:
    """What the contract says of one operation. ``plan`` writes its request, where that is plain and has no header."""

    known: Any
    headers: dict[str, str]
    plan: Plan | None
    output: _Element
    faults: dict[str, _Element]

    @classmethod
    def of(cls, spoken: Spoken, version: Version) -> _Operation:
        known = spoken.known
        faults = [part.element for told in known.abstract.fault_messages.values() for part in told.parts.values()]
        return cls(
            known,
            version.headers(spoken.action),
            None if known.input.header.type._element else Plan.of(spoken.request),
            _Element.of(spoken.answer),
            {element.qname.text: _Element.of(element) for element in faults if element is not None},
        )


class SoapCaller:
    """Calls the operations of one binding of one WSDL over a channel. Built once, at start: loading blocks.

    ``signer`` signs the exact bytes of each request and checks those of each answer. Raises WsdlRefusedError, a
    ValueError, for a contract that cannot be loaded or spoken (``wsdl``).
    """

    def __init__(
        self, wire: ChannelWire, wsdl: Path, binding: str, address: str = "", signer: MessageSigner | None = None
    ) -> None:
        self._wire = wire
        self._address = address
        self._signer = signer
        loaded = load_wsdl(wsdl, binding)
        self.operations = tuple(loaded.operations)
        self._document = loaded.document
        self._version = loaded.version
        self._schema = loaded.schema
        self._operation = cache(lambda name: _Operation.of(loaded.operations[name], loaded.version))

    async def call(self, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Call ``operation`` and give the values of its answer.

        Raises ValueError before anything is sent when the arguments break the contract, naming the field; SoapFault
        for a declared fault; otherwise as the module says.
        """
        body = self._write(operation, arguments)
        headers = self._operation(operation).headers
        if self._signer is not None:
            headers = headers | self._signer.sign(body, "POST", self._wire.url(self._address))
        response = await self._wire.post(operation, self._address, body, headers)
        return await apart(len(response.content), self._read, operation, response)

    def _write(self, operation: str, arguments: Mapping[str, Any]) -> bytes:
        """The envelope's exact bytes."""
        try:
            envelope, payloads = self._envelope(self._operation(operation), arguments)
        except (zeep.exceptions.Error, TypeError, ValueError) as error:
            raise ValueError(f"{operation}: {error}") from error
        for payload in payloads:
            if broken := self._schema.complaint(payload):
                raise ValueError(f"{operation}: {broken}")
        return etree.tostring(envelope, encoding="utf-8", xml_declaration=True)

    def _envelope(self, operation: _Operation, arguments: Mapping[str, Any]) -> tuple[etree._Element, Any]:
        """The envelope, and what is in its Body."""
        if operation.plan is not None:
            space = self._version.envelope
            envelope = etree.Element(f"{{{space}}}Envelope", nsmap={"soap-env": space})
            body = etree.SubElement(envelope, f"{{{space}}}Body")
            with suppress(Odd):
                return envelope, (operation.plan.write(body, arguments),)
        envelope = operation.known.create(**arguments).content
        return envelope, envelope.find(f"{{{self._version.envelope}}}Body")

    def _read(self, operation: str, response: Answer) -> dict[str, Any]:
        """The values of an answer, or what it means instead."""
        status = response.status
        if 300 <= status < 400:
            raise OutcomeUnknownError(f"{operation}: {redirected(status, response.headers.get('location', ''))}")
        try:
            payload = self._open(operation, response)
            if payload.tag == _FAULT:
                fault = self._declared_fault(operation, payload)
                if fault is not None:
                    raise fault
                raise ContractError(f"a fault that the contract does not declare: {payload.findtext('faultstring')}")
            if status == 200:
                try:
                    return self._result(operation, payload)
                finally:
                    let_go(payload)
        except ContractError as error:
            if status in (401, 403):
                raise DeniedError(f"{operation}: HTTP {status}") from error
            if status == 200 or isinstance(error.__cause__, ForgedCallbackError):
                raise type(error)(f"{operation}: HTTP {status}, {error}") from error
            raise OutcomeUnknownError(f"{operation}: HTTP {status}, {error}") from error
        raise OutcomeUnknownError(f"{operation}: HTTP {status} with an answer that belongs to 200")

    def _open(self, operation: str, response: Answer) -> etree._Element:
        """The one element of a well-formed, authentic envelope's Body. UnusableError for anything less.

        A fault is one of SOAP 1.1, whatever was sent.
        """
        if not response.content:
            raise UnusableError("an empty answer")
        told, _ = media_type_of(response.headers.get("content-type", ""))
        # Of what a proxy or a firewall says nothing was ever to be signed.
        if not (told.startswith("multipart/") or speaks_xml(response.content)):
            raise UnusableError(f"{shown(told, response.content)} instead of an answer")
        if self._signer is not None:
            try:
                url, status = self._wire.url(self._address), response.status
                self._signer.verify(response.headers, response.content, "POST", url, kind="answer", status=status)
            except ForgedCallbackError as error:
                raise UnusableError(f"the answer's signature: {error}") from error
        note = self._wire.notes_on(operation)
        header, content = start_part(response.headers.get("content-type", ""), response.content, note)
        media_type, charset = media_type_of(header)
        try:
            bounds = USUAL if operation in self._wire.large else SMALL
            envelope = parse_xml(content, bounds, charset=charset, note=note)
        except XmlRefusedError as error:
            if is_page(content):
                raise UnusableError("a web page (HTML) instead of an answer") from error
            raise UnusableError(f"unusable XML: {error}") from error
        version = next((one for one in (SOAP_11, SOAP_12) if envelope.tag == f"{{{one.envelope}}}Envelope"), None)
        body = None if version is None else envelope.find(f"{{{version.envelope}}}Body")
        if version is None or body is None or len(body) != 1:
            what = "a web page (HTML), and not" if is_page(content) else "not"
            raise UnusableError(f"{what} a {self._version.name} envelope with exactly one element in its Body")
        if version is not self._version:
            note(f"envelope: {version.name} instead of {self._version.name}")
        if media_type not in (version.media_type, "application/xop+xml"):
            note(f"media type: {media_type or 'none'} instead of {version.media_type}")
        payload: etree._Element = body[0]
        return _as_11(payload) if payload.tag == f"{{{SOAP_12.envelope}}}Fault" else payload

    def _result(self, operation: str, payload: etree._Element) -> dict[str, Any]:
        output = self._operation(operation).output
        if payload.tag != output.known.qname.text:
            raise ContractError(f"{payload.tag} instead of {output.known.qname.text}")
        return self._values(operation, output, payload)

    def _declared_fault(self, operation: str, fault: etree._Element) -> SoapFault | None:
        """The fault, if its detail is one that the operation declares and is valid."""
        declared = self._operation(operation).faults
        ours = {etree.QName(tag).namespace for tag in declared}
        details: list[etree._Element] = []
        beside: list[etree._Element] = []
        for one in fault.iterfind("detail/*"):  # frameworks put host names and traces beside what is declared
            (details if etree.QName(one).namespace in ours else beside).append(one)
        if len(details) != 1 or details[0].tag not in declared:
            return None
        self._wire.passed_over(operation, [f"detail/{etree.QName(one).localname}" for one in beside])
        values = self._values(operation, declared[details[0].tag], details[0])
        name = etree.QName(details[0]).localname
        return SoapFault(name, fault.findtext("faultcode") or "", fault.findtext("faultstring") or "", values)

    def _values(self, operation: str, element: _Element, payload: etree._Element) -> dict[str, Any]:
        """A valid element's values. ContractError if it breaks the schema."""
        reading = element.read(payload, self._schema, self._document.types)
        if reading.passed_over:
            self._wire.passed_over(operation, reading.passed_over)
        return reading.values


def _without_room(value: Any) -> Any:
    """Values without what zeep keeps for the room that a contract leaves, which is empty once an answer is fitted."""
    if isinstance(value, list):
        return [_without_room(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_room(one)
        for name, one in value.items()
        if one or not (isinstance(name, str) and name.startswith("_value_"))
    }


def _as_11(fault: etree._Element) -> etree._Element:
    """A fault of SOAP 1.2 in the shape of 1.1, which is read above (SOAP 1.2 part 1, section 5.4)."""
    space = f"{{{SOAP_12.envelope}}}"
    same = etree.Element(_FAULT)
    etree.SubElement(same, "faultcode").text = fault.findtext(f"{space}Code/{space}Value")
    etree.SubElement(same, "faultstring").text = fault.findtext(f"{space}Reason/{space}Text")
    etree.SubElement(same, "detail").extend(fault.findall(f"{space}Detail/*"))
    return same
