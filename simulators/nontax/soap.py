"""SOAP 1.1 document/literal, served with lxml against the contract's own files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lxml import etree

import contracts
from simulators.frame import XmlContract, parse_xml

NAMESPACE = "urn:nontax-platform:v1"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_REPEATED = frozenset({"Item"})


class SoapContract:
    """What the WSDL and its schema allow."""

    def __init__(self) -> None:
        wsdl = parse_xml(contracts.path("nontax/v1/nontax.wsdl").read_bytes())
        self.schema = XmlContract(contracts.path("nontax/v1/nontax.xsd"))
        self.operations = frozenset(
            str(operation.get("name")) for operation in wsdl.iterfind(f"{_WSDL}portType/{_WSDL}operation")
        )
        self.faults = frozenset(
            str(fault.get("name")) for fault in wsdl.iterfind(f"{_WSDL}portType/{_WSDL}operation/{_WSDL}fault")
        )

    def read(self, body: bytes) -> tuple[str, etree._Element]:
        """The operation that an envelope asks for, and its payload. ValueError when it is no such envelope."""
        root = parse_xml(body)
        found = root.find(f"{{{ENVELOPE}}}Body")
        if root.tag != f"{{{ENVELOPE}}}Envelope" or found is None or len(found) != 1:
            raise ValueError("not a SOAP 1.1 envelope with one element in its Body")
        name = etree.QName(found[0])
        if name.namespace != NAMESPACE or name.localname not in self.operations:
            raise ValueError(f"no operation {found[0].tag}")
        return name.localname, found[0]

    def envelope(self, payload: etree._Element) -> bytes:
        """The bytes of ``enveloped``."""
        return etree.tostring(self.enveloped(payload), xml_declaration=True, encoding="UTF-8")

    def enveloped(self, payload: etree._Element) -> etree._Element:
        """A payload in its envelope; the detail of a declared fault becomes a SOAP fault."""
        root = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
        body = etree.SubElement(root, f"{{{ENVELOPE}}}Body")
        name = etree.QName(payload).localname
        if name in self.faults:
            fault = etree.SubElement(body, f"{{{ENVELOPE}}}Fault")
            side = "Client" if name in ("InvalidMessage", "SignatureRefused") else "Server"
            etree.SubElement(fault, "faultcode").text = f"soap:{side}"
            etree.SubElement(fault, "faultstring").text = payload.findtext(f"{{{NAMESPACE}}}Message")
            body = etree.SubElement(fault, "detail")
        body.append(payload)
        return root


def element(name: str, values: Mapping[str, Any], namespace: str = NAMESPACE) -> etree._Element:
    """An element from values in the order of the schema: text, mappings, lists of either; None is left out."""
    space = f"{{{namespace}}}" if namespace else ""
    made = etree.Element(f"{space}{name}", nsmap=cast(Any, {None: namespace}) if namespace else None)
    for part, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping):
                made.append(element(part, one, namespace))
            elif one is not None:
                etree.SubElement(made, f"{space}{part}").text = str(one)
    return made


def values(payload: etree._Element) -> dict[str, Any]:
    """The values of a request: text, mappings, and a list where the schema lets an element repeat."""
    found: dict[str, Any] = {}
    for child in payload.iterchildren(etree.Element):
        name = etree.QName(child).localname
        value: Any = values(child) if len(child) else (child.text or "")
        if name in _REPEATED:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found
