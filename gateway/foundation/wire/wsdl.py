"""WSDL as servers publish it: schemas inside or beside it, imports by relative file, document or RPC, SOAP 1.1 or 1.2.

What is loaded is everything that a caller needs: the binding as zeep knows it, and one schema of everything that may
stand in a Body. Files come from the folder of the WSDL only, never from a network. What cannot be spoken (SOAP
encoding, attachments, plain HTTP, several parts in one Body) stops the start with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree
from zeep import Settings
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import Soap11Binding, Soap12Binding
from zeep.xsd import ComplexType, Element, Sequence

from gateway.foundation.wire.xml import XmlSchema, load_xml, own_xml

_XSD: Final = "{http://www.w3.org/2001/XMLSchema}"
_WSDL: Final = "{http://schemas.xmlsoap.org/wsdl/}"
_MIME: Final = "{http://schemas.xmlsoap.org/wsdl/mime/}"
_SOAP: Final = ("{http://schemas.xmlsoap.org/wsdl/soap/}", "{http://schemas.xmlsoap.org/wsdl/soap12/}")
HARDENED: Final[dict[str, bool]] = {
    "strict": True,
    "forbid_dtd": True,
    "forbid_entities": True,
    "forbid_external": True,
}
_load: Any = Document  # zeep's own type hints are wrong or missing here
_element: Any = Element
_no_parts: Any = Sequence([])  # type: ignore[no-untyped-call]


class WsdlRefusedError(ValueError):
    """A contract that cannot be loaded, or not be spoken; the sentence says what of it."""


class LocalFiles:
    """What zeep loads WSDL and XSD through: files beside the contract, never the network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        """The bytes of one file below the contract's folder."""
        path = Path(url).resolve()
        if urlsplit(url).scheme or not path.is_relative_to(self._folder):
            raise ValueError(f"{url} is not a file of the contract in {self._folder}")
        return path.read_bytes()


@dataclass(frozen=True, slots=True)
class Version:
    """A version of SOAP: its namespace, and the media type of its messages."""

    name: str
    envelope: str
    media_type: str

    def headers(self, action: str) -> dict[str, str]:
        """The headers of a request. SOAP 1.2 has its action in the media type (RFC 3902)."""
        if self is SOAP_11:
            return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        told = f'; action="{action}"' if action else ""
        return {"Content-Type": f"application/soap+xml; charset=utf-8{told}"}


SOAP_11: Final = Version("SOAP 1.1", "http://schemas.xmlsoap.org/soap/envelope/", "text/xml")
SOAP_12: Final = Version("SOAP 1.2", "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One operation that can be spoken: as zeep knows it, its action, and the elements in the Bodies of both ways."""

    known: Any
    action: str
    rpc: bool
    request: Any
    answer: Any

    @classmethod
    def of(cls, operation: Any) -> Spoken:
        """An operation of zeep's. WsdlRefusedError for one that cannot be spoken."""
        rpc, name = operation.style == "rpc", operation.name
        if operation.output is None or operation.abstract.output_message is None:
            raise WsdlRefusedError(f"the operation {name} has no answer (one-way)")
        if rpc:
            return cls(operation, operation.soapaction or "", rpc, operation.input.body, _rpc_answer(operation))
        for message in (operation.input, operation.output):
            if message._is_body_wrapped:
                raise WsdlRefusedError(f"the operation {name} has several parts in one Body")
            if message.body is None:
                raise WsdlRefusedError(f"the operation {name} has an empty Body")
            if any(part.element is None for part in message.abstract.parts.values()):
                raise WsdlRefusedError(f"the operation {name} has the style document and a part without an element")
        return cls(operation, operation.soapaction or "", rpc, operation.input.body, operation.output.body)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A binding of a WSDL, ready to be spoken."""

    document: Any
    version: Version
    operations: Mapping[str, Spoken]
    schema: XmlSchema


def load_wsdl(wsdl: Path, binding: str) -> Loaded:
    """The binding ``{namespace}name`` of a WSDL, with all that it imports. Blocks. Raises WsdlRefusedError."""
    loader: Any = LocalFiles(wsdl.parent)
    try:
        document = _load(str(wsdl.resolve()), loader, settings=Settings(**HARDENED))
        bindings = {name: one for part in document._definitions.values() for name, one in part.bindings.items()}
        known = bindings.get(binding)
        version = SOAP_11 if isinstance(known, Soap11Binding) else SOAP_12
        if not isinstance(known, Soap11Binding | Soap12Binding):
            raise WsdlRefusedError(f"no SOAP binding {binding}; there are: {', '.join(sorted(bindings)) or 'none'}")
        files = tuple(_files(wsdl.resolve(), {}))
        declared = _see_that_it_is_literal(files, etree.QName(binding))
        if lost := declared - known._operations.keys():  # zeep warns of them and goes on
            raise WsdlRefusedError(f"the operation {min(lost)} refers to a message or an element that is not there")
        operations = {name: Spoken.of(one) for name, one in known._operations.items()}
        schema = XmlSchema(_Schemas(wsdl.resolve(), files, operations.values()).schema)
        return Loaded(document, version, operations, schema)
    except WsdlRefusedError as error:
        raise WsdlRefusedError(f"{wsdl.name}: {error}") from None
    except Exception as error:  # zeep and lxml raise what they meet, down to IndexError; all of it is the contract's
        raise WsdlRefusedError(f"{wsdl.name} cannot be loaded: {type(error).__name__}: {error}") from error


def _rpc_answer(operation: Any) -> Any:
    """The element that answers an RPC: WS-I Basic Profile 1.1, R2729. zeep would name it after the message."""
    request, known = operation.input.body, operation.output.body
    name = etree.QName(request.qname.namespace, f"{operation.name}Response")
    if known is None:
        return _element(name, ComplexType(_no_parts))
    return _element(etree.QName(known.qname.namespace, name.localname), known.type)


def _files(wsdl: Path, seen: dict[Path, etree._Element]) -> Iterator[tuple[Path, etree._Element]]:
    """A WSDL and those that it imports, each with its root."""
    if wsdl in seen:
        return
    seen[wsdl] = root = load_xml(wsdl)
    yield wsdl, root
    for one in root.iterfind(f"{_WSDL}import"):
        if location := one.get("location"):
            yield from _files((wsdl.parent / location).resolve(), seen)


def _see_that_it_is_literal(files: tuple[tuple[Path, etree._Element], ...], binding: etree.QName) -> set[str]:
    """The operations of a binding. WsdlRefusedError for what zeep passes over: SOAP encoding, attachments."""
    found: set[str] = set()
    for _, root in files:
        for one in root.iterfind(f"{_WSDL}binding"):
            if one.get("name") != binding.localname or root.get("targetNamespace") != binding.namespace:
                continue
            for operation in one.iterfind(f"{_WSDL}operation"):
                found.add(name := operation.get("name", ""))
                if next(operation.iter(f"{_MIME}multipartRelated"), None) is not None:
                    raise WsdlRefusedError(f"the operation {name} has attachments (MIME), which are not spoken")
                parts = [
                    part
                    for soap in _SOAP
                    for kind in ("body", "fault", "header")
                    for part in operation.iter(soap + kind)
                ]
                if any(part.get("use") == "encoded" for part in parts):
                    raise WsdlRefusedError(f"the operation {name} wants SOAP encoding (use=encoded), not literal XML")
    return found


class _Schemas(etree.Resolver):
    """One schema of all that stand in the WSDL files or beside them, and of the elements that RPC messages are.

    libxml2 takes one document for a namespace. So each schema inside a WSDL gets an address of its own, each namespace
    one document that includes all that is known of it, and every import leads to that. Addresses are beside the WSDL:
    what such a schema includes by a relative name is found there.
    """

    def __init__(
        self, wsdl: Path, files: tuple[tuple[Path, etree._Element], ...], operations: Iterable[Spoken]
    ) -> None:
        super().__init__()
        self._base = wsdl.as_uri()
        self._folder = wsdl.parent
        self._made: dict[str, etree._Element] = {}
        self._of: dict[str, list[str]] = {}
        for file, root in files:
            for schema in root.iterfind(f"{_WSDL}types/{_XSD}schema"):
                self._take(schema, file.as_uri())
            for one in root.iterfind(f"{_WSDL}import"):  # some import a schema as if it were a WSDL
                if root.tag == f"{_WSDL}definitions" and (location := one.get("location", "")).endswith(".xsd"):
                    self._add(one.get("namespace", ""), urljoin(file.as_uri(), location))
        for namespace, elements in _wrappers(operations).items():
            self._make(namespace, elements)
        for schema in self._made.values():
            for one in schema.iterfind(f"{_XSD}import"):
                if one.get("namespace", "") in self._of:
                    one.set("schemaLocation", self._whole(one.get("namespace", "")))

    def schema(self) -> etree.XMLSchema:
        """The schema. Raises etree.XMLSchemaParseError."""
        root = etree.Element(f"{_XSD}schema")
        for namespace, places in self._of.items():
            if namespace:
                etree.SubElement(root, f"{_XSD}import", namespace=namespace, schemaLocation=self._whole(namespace))
            else:
                for place in places:
                    etree.SubElement(root, f"{_XSD}include", schemaLocation=place)
        return etree.XMLSchema(own_xml(etree.tostring(root), self._base, self))

    def resolve(self, system_url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]  # noqa: ARG002
        """A schema that was taken out of a WSDL or made here, or a file of the contract's folder."""
        made = self._made.get(system_url)
        if made is not None:
            return self.resolve_string(etree.tostring(made), context, base_url=system_url)
        for namespace, places in self._of.items():
            if system_url == self._whole(namespace):
                whole = etree.Element(f"{_XSD}schema", targetNamespace=namespace)
                for place in places:
                    etree.SubElement(whole, f"{_XSD}include", schemaLocation=place)
                return self.resolve_string(etree.tostring(whole), context, base_url=system_url)
        path = Path(unquote(urlsplit(system_url).path)).resolve()
        if urlsplit(system_url).scheme not in ("", "file") or not path.is_relative_to(self._folder):
            raise ValueError(f"{system_url} is not a file of the contract in {self._folder}")
        return self.resolve_string(path.read_bytes(), context, base_url=system_url)

    def _whole(self, namespace: str) -> str:
        return f"{self._base}.namespace-{list(self._of).index(namespace)}.xsd"

    def _add(self, namespace: str, place: str) -> None:
        places = self._of.setdefault(namespace, [])
        if place not in places:
            places.append(place)

    def _take(self, schema: etree._Element, base: str) -> None:
        """One schema inside a WSDL. One that only imports is no schema of its own."""
        for one in schema.iterfind(f"{_XSD}import"):
            if location := one.get("schemaLocation"):
                self._add(one.get("namespace", ""), urljoin(base, location))
        for one in schema.iterfind(f"{_XSD}include"):
            one.set("schemaLocation", urljoin(base, one.get("schemaLocation", "")))
        if any(isinstance(child.tag, str) and child.tag != f"{_XSD}import" for child in schema):
            # Prefixes that only values use are declared outside: a copy by way of text has them.
            place = f"{self._base}.schema-{len(self._made)}.xsd"
            self._made[place] = own_xml(etree.tostring(schema, with_tail=False))
            self._add(schema.get("targetNamespace", ""), place)

    def _make(self, namespace: str, elements: list[_Wrapper]) -> None:
        """A schema of the elements that RPC messages are."""
        named = [one.qname if one.qname.namespace else one.type.qname for element in elements for one in element.parts]
        used = {one.namespace for one in named}
        prefixes = {one: f"n{number}" for number, one in enumerate(sorted({*used, namespace} - {""}))}
        nsmap = {prefix: one for one, prefix in prefixes.items()}
        schema = etree.Element(f"{_XSD}schema", {"targetNamespace": namespace} if namespace else {}, nsmap=nsmap)
        for one in sorted(used - {namespace, _XSD[1:-1]}):
            etree.SubElement(schema, f"{_XSD}import", namespace=one)
        for element in elements:
            told = etree.SubElement(schema, f"{_XSD}element", name=element.name)
            order = etree.SubElement(etree.SubElement(told, f"{_XSD}complexType"), f"{_XSD}sequence")
            for part in element.parts:
                name = part.qname if part.qname.namespace else part.type.qname
                word = f"{prefixes[name.namespace]}:{name.localname}"
                of = {"ref": word} if part.qname.namespace else {"name": part.qname.localname, "type": word}
                etree.SubElement(order, f"{_XSD}element", of)
        place = f"{self._base}.schema-{len(self._made)}.xsd"
        self._made[place] = schema
        self._add(namespace, place)


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """What WSDL says of one message of an RPC, and no schema does: its element's name, and its parts in order."""

    name: str
    parts: tuple[Any, ...]


def _wrappers(operations: Iterable[Spoken]) -> dict[str, list[_Wrapper]]:
    """The wrappers of all RPC messages by their namespaces."""
    found: dict[str, list[_Wrapper]] = {}
    for one in operations:
        for body in (one.request, one.answer) if one.rpc else ():
            wrapper = _Wrapper(body.qname.localname, tuple(part for _, part in body.type.elements))
            found.setdefault(body.qname.namespace or "", []).append(wrapper)
    return found
