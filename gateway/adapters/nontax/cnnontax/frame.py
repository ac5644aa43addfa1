"""The frame CNNONTAX of ``contracts/cnnontax/v1``: bytes to a message and back, in the dialect of a province. Pure.

``LEN`` application version number (4) XML ``MAC`` (64). The XML is ASCII: what it carries is a voucher in Base64. MAC
is the SHA-256 hex of token and XML, in either case. What is written follows the channel's ``Dialect``; what is read
may be of any: strict about what is signed and what is used, calm about the rest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from lxml import etree

import contracts
from gateway.adapters.nontax.fields import Told, day, day_text
from gateway.foundation.wire.frame import USUAL, Length
from gateway.foundation.wire.xml import XmlRefusedError, load_schema, load_xml, parse_xml
from gateway.words.errors import UnusableError

UNSIGNED = "0" * 64
MARK = "\ufffd"
"""Stands where bytes were no character: a name with it is shown so, and nothing else that we use can hold it."""

_NUMBER, _MAC = 4, 64
_LONGEST_LENGTH = 10
_ANY = "Voucher"
_DECLARATION = '<?xml version="1.0" encoding="GBK"?>'
_BLANKS = " \t\r\n\u00a0\u3000"
_REPEATED = frozenset({"Payment", "Line", "ItemCode"})
_VOUCHERS = load_schema(contracts.path("cnnontax/v1/vouchers.xsd"))
_MESSAGES = {row["number"]: tuple(row["voucher"].split()) for row in contracts.code_table("cnnontax", "v1", "messages")}
_MONEY = frozenset({"Amt", "TotalAmt", "TotalAmount"})
_KINDS = frozenset(kind for kinds in _MESSAGES.values() for kind in kinds)
_ELEMENTS = load_xml(contracts.path("cnnontax/v1/vouchers.xsd")).iter("{http://www.w3.org/2001/XMLSchema}element")
_KNOWN = frozenset(str(one.get("name")) for one in _ELEMENTS) | {_ANY}
_HEAD = frozenset({"APP", "VER", "SRC", "DES", "MsgNo", "MsgID", "MsgRef", "WorkDate", "Reserve"})

_DECLARED = re.compile(rb"""<\?xml\b[^>?]*\?>""")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BARE = re.compile("&(?!(?:[A-Za-z][A-Za-z0-9]*|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")

#: The published fields of a bill in their order; of these, the ones that stand there empty where it has no value.
_BILL = contracts.code_table("cnnontax", "v1", "bill_fields")
_PLACES = {row["field"]: place for place, row in enumerate(_BILL)}
_EMPTY = frozenset(row["field"] for row in _BILL if row["without_value"] == "empty")


@dataclass(frozen=True)
class Dialect:
    """How a province writes. The defaults are the contract's own; ``published`` gives what a province published.

    ``mac``: where the MAC stands, behind the XML or before it. ``encoding``: of vouchers that we write. ``root``:
    whether a voucher's root element is named by its kind, or always ``Voucher``. ``declared``: vouchers begin with a
    declaration. ``refers_to_itself``: MsgRef of a message that answers none is its own MsgID, not empty. ``ordered``:
    bills stand in the published order with their empty fields. ``left_out``: fields that a bill is not written
    with; ``added``: fields of a bill with a fixed value.
    """

    length: Length = USUAL
    application: str = "CNNONTAX"
    version: str = "1.0"
    mac: Literal["after", "before"] = "after"
    encoding: str = "gbk"
    root: Literal["kind", "voucher"] = "kind"
    declared: bool = True
    refers_to_itself: bool = False
    ordered: bool = False
    left_out: frozenset[str] = frozenset()
    added: Mapping[str, str] = field(default_factory=dict)

    @property
    def head(self) -> bytes:
        """What stands between length and message number."""
        return f"{self.application}{self.version}".encode()

    def voucher(self, kind: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The root's name and the fields of a voucher as they are written here."""
        told = dict(values)
        if kind in ("Bill", "VoidBill"):
            told = {name: value for name, value in values.items() if name not in self.left_out}
        if kind == "Bill":
            told |= self.added
            if self.ordered:
                empty = {name: "" for name in _EMPTY - self.left_out if told.get(name) is None}
                told = dict(sorted((told | empty).items(), key=lambda part: _PLACES.get(part[0], len(_PLACES))))
        return (kind if self.root == "kind" else _ANY), told


CONTRACT = Dialect()


@dataclass(frozen=True)
class Frame:
    """A frame taken apart; nothing is known yet of who made it."""

    number: str
    xml: bytes
    mac: str

    def genuine(self, token: bytes) -> bool:
        """Whether its MAC is right for this token."""
        return hmac.compare_digest(self.mac.lower(), mac(token, self.xml))


@dataclass(frozen=True)
class Letter:
    """A message: number, nodes, its own id and the one it answers ("" if none), and its voucher's kind and values.

    ``passed``: what stood there beside what the contract knows, and what was not read as it was written.
    """

    number: str
    sender: str
    receiver: str
    id: str
    answers: str
    work_date: date
    voucher: str
    values: Mapping[str, Any]
    passed: tuple[str, ...] = field(default=(), compare=False)


def mac(token: bytes, xml: bytes) -> str:
    """SHA-256 of token and XML, lower-case hex."""
    return hashlib.sha256(token + xml).hexdigest()


# --- frames --------------------------------------------------------------------------------------------------------


def join(number: str, xml: bytes, code: str, dialect: Dialect = CONTRACT) -> bytes:
    """The bytes of a frame."""
    signed = (xml, code.encode("ascii")) if dialect.mac == "after" else (code.encode("ascii"), xml)
    return dialect.length.begin(dialect.head + number.encode("ascii") + b"".join(signed))


def split(frame: bytes, dialect: Dialect = CONTRACT) -> Frame:
    """A frame's parts. ValueError unless it is a whole one of this dialect, in ASCII from end to end."""
    digits = dialect.length.digits
    if (whole := dialect.length.announced(frame[:digits])) != len(frame):
        raise ValueError(f"{len(frame)} bytes instead of the announced {whole}")
    begin = digits + len(dialect.head)
    if frame[digits:begin] != dialect.head:
        raise ValueError(f"not a frame of {dialect.application} {dialect.version}")
    if len(frame) < begin + _NUMBER + _MAC or not frame.isascii():
        raise ValueError("too short for a frame, or not ASCII")
    number, rest = frame[begin : begin + _NUMBER], frame[begin + _NUMBER :]
    xml, code = (rest[:-_MAC], rest[-_MAC:]) if dialect.mac == "after" else (rest[_MAC:], rest[:_MAC])
    if not re.fullmatch(rb"[0-9A-Z]{4}", number) or not re.fullmatch(rb"[0-9A-Fa-f]{64}", code):
        raise ValueError("no message number, or no MAC")
    return Frame(number.decode(), xml, code.decode())


def misfit(received: bytes, dialect: Dialect) -> str | None:
    """Which setting of the channel's ``frame`` does not fit what came, as a sentence for people; None if all seem to.

    ``received``: the first bytes of what the other side sent, all of them if they are few.
    """
    at = _place(received, dialect.application.encode())
    if at is None:
        other = re.match(rb"[ 0-9]{4,10}?([A-Z][A-Z0-9]{2,19}?)(?=[0-9]\.[0-9])", received)
        name = other[1].decode() if other else ""
        return f"the application is {name!r}, frame.application says {dialect.application!r}" if name else None
    field_, length = received[:at], dialect.length
    shown = field_.decode("ascii", "replace")
    if not field_.strip().isdigit():
        return None
    if len(field_) != length.digits:
        return f"the length {shown!r} has {len(field_)} characters, frame.length_digits says {length.digits}"
    bare = field_.strip()
    if length.pad == " " and len(bare) > 1 and bare.startswith(b"0"):
        return f'the length {shown!r} is padded with zeros: frame.length_pad = "0" and frame.length_align = "right"'
    if length.pad == "0" and bare != field_:
        return f'the length {shown!r} is padded with blanks: frame.length_pad = " "'
    if bare != field_ and (field_.startswith(b" ") != (length.align == "right")):
        side = "right" if field_.startswith(b" ") else "left"
        return f'the length {shown!r} is {side}-aligned: frame.length_align = "{side}"'
    rest = received[at + len(dialect.application) :]
    version = re.match(rb"[0-9.]*(?=[0-9A-Z]{4}(?:<\?xml|<CFX|[0-9A-Fa-f]{64}<))", rest)
    if version is not None and version[0] != dialect.version.encode():
        return f"the version is {version[0].decode()!r}, frame.version says {dialect.version!r}"
    before = re.match(rb"[0-9.]*[0-9A-Z]{4}[0-9A-Fa-f]{64}<", rest) is not None
    if before != (dialect.mac == "before") and re.match(rb"[0-9.]*[0-9A-Z]{4}[0-9A-Fa-f<]", rest):
        side = "before" if before else "after"
        return f'the MAC stands {side} the XML: frame.mac = "{side}"'
    end = received.rfind(b"</CFX>")
    if end >= 0:
        whole, told = end + len(b"</CFX>") + (0 if before else _MAC), int(bare)
        if told + length.digits == whole and length.counts_itself:
            return f"the length {shown!r} does not count itself: frame.length_counts_itself = false"
        if told == whole and not length.counts_itself:
            return f"the length {shown!r} counts itself: frame.length_counts_itself = true"
    return None


def _place(received: bytes, application: bytes) -> int | None:
    """Where the application's name stands behind a length, or begins at the end of what came; None if it does not."""
    sample = received[: _LONGEST_LENGTH + len(application)]
    if (at := sample.find(application)) > 0:
        return at
    for length in range(len(application) - 1, 1, -1):
        if sample.endswith(application[:length]):
            return len(sample) - length
    return None


# --- messages ------------------------------------------------------------------------------------------------------


def complaint(voucher: str, values: Mapping[str, Any]) -> str | None:
    """What the contract says against a voucher that we are about to send; None when nothing."""
    try:
        return _VOUCHERS.complaint(_element(voucher, values))
    except ValueError as error:  # text that no XML can hold
        return str(error)


def seal(letter: Letter, token: bytes, dialect: Dialect = CONTRACT) -> bytes:
    """The frame of a message. UnicodeEncodeError where the dialect's character set does not have its text."""
    root = etree.Element("CFX")
    head = {
        "APP": dialect.application,
        "VER": dialect.version,
        "SRC": letter.sender,
        "DES": letter.receiver,
        "MsgNo": letter.number,
        "MsgID": letter.id,
        "MsgRef": letter.answers or (letter.id if dialect.refers_to_itself else ""),
        "WorkDate": day_text(letter.work_date),
    }
    kind, values = dialect.voucher(letter.voucher, letter.values)
    document = _document(_element(kind, values), dialect.encoding, declared=dialect.declared)
    content = base64.b64encode(document).decode()
    root.append(_element("HEAD", head))
    root.append(_element("MSG", {"MOF": {"VoucherCount": "1", "VoucherBody": {"Voucher": content}}}))
    xml = _document(root, "ascii")
    return join(letter.number, xml, mac(token, xml), dialect)


def open_letter(frame: Frame) -> Letter:
    """The message in a frame; its MAC is not looked at. UnusableError where it cannot be read.

    What the contract does not know is passed over and named in ``passed``; what is empty is absent.
    """
    root, odd = _parsed(frame.xml, "the frame's XML", strict=True)
    heads, bodies, counts = (
        root.findall(path) for path in ("HEAD", "MSG/MOF/VoucherBody/Voucher", "MSG/MOF/VoucherCount")
    )
    if (
        root.tag != "CFX"
        or len(heads) != 1
        or len(bodies) != 1
        or [(one.text or "").strip() for one in counts] != ["1"]
    ):
        raise UnusableError("the frame's XML is not CFX with one HEAD, VoucherCount 1 and one Voucher")
    head: Told[str] = Told({str(part.tag): text for part in heads[0] if (text := (part.text or "").strip(_BLANKS))})
    if len(heads[0]) != len({part.tag for part in heads[0]}):
        raise UnusableError("an element stands twice in HEAD")
    if head["MsgNo"] != frame.number:
        raise UnusableError(f"a frame of message {frame.number} with a head of {head['MsgNo']}")
    voucher, strange = _parsed(unpacked(bodies[0].text or ""), "the voucher")
    passed = [
        *odd,
        *(f"HEAD/{name}" for name in head if name not in _HEAD),
        *strange,
        *dict.fromkeys(_strangers(voucher, "")),
    ]
    return Letter(
        number=frame.number,
        sender=head["SRC"],
        receiver=head["DES"],
        id=head["MsgID"],
        answers="" if head.get("MsgRef") == head["MsgID"] else head.get("MsgRef", ""),
        work_date=day(head["WorkDate"].replace("-", "")),
        voucher=_kind(frame.number, voucher),
        values=_values(voucher),
        passed=tuple(passed),
    )


def _kind(number: str, voucher: etree._Element) -> str:
    """What a voucher is: its root says so, or where that is always the same, the number of its message."""
    name, kinds = str(voucher.tag), _MESSAGES.get(number, ())
    if name in _KINDS:
        return name
    if name != _ANY or not kinds:
        raise UnusableError(f"message {number} with a voucher {name[:40]}")
    return "VoidBill" if "VoidBill" in kinds and voucher.findtext("PayStats") == "2" else kinds[0]


def hint(frame: Frame) -> str | None:
    """The payment code that a message seems to be about which cannot be read as a whole."""
    try:
        content = unpacked((re.findall(rb"<Voucher>([^<]*)</Voucher>", frame.xml) or [b""])[0].decode("ascii"))
    except UnusableError:
        return None
    found = set(re.findall(rb"<PayCode>\s*([0-9]{1,20})\s*</PayCode>", content))
    return found.pop().decode() if len(found) == 1 else None


def unpacked(text: str) -> bytes:
    """The bytes of Base64 text, which may be broken into lines. Raises UnusableError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise UnusableError(f"not Base64: {error}") from None


# --- XML -----------------------------------------------------------------------------------------------------------


def _document(root: etree._Element, encoding: str, *, declared: bool = True) -> bytes:
    text = str(etree.tostring(root, encoding="unicode"))
    label = _DECLARATION if encoding == "ascii" else _DECLARATION.replace("GBK", encoding.upper())
    return ((label if declared else "") + text).encode(encoding)


def _parsed(content: bytes, what: str, *, strict: bool = False) -> tuple[etree._Element, list[str]]:
    """One XML document, without a DOCTYPE, and what was odd about it.

    Whatever it calls itself of the family, it is read as GB 18030, which holds GBK and GB 2312; as UTF-8 where it
    declares that and is. ``strict``: no byte may be other than as it should (the frame's XML, which the MAC covers);
    in a voucher, bytes that are no character become a mark, and a bare & is one.
    """
    odd: list[str] = []
    body = content.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    label = ""
    if (declared := _DECLARED.match(body)) is not None:
        named = _ENCODING.search(declared[0])
        label = named[1].decode().lower() if named else ""
        body = body[declared.end() :]
    text = None
    if label in ("utf-8", "utf8"):
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            odd.append(f"{what} declares UTF-8 and is not")
    if text is None:
        try:
            text = body.decode("gb18030", "strict" if strict else "replace")
        except UnicodeDecodeError as error:
            raise UnusableError(f"{what} is not GB 18030: {error}") from None
    if not strict:
        whole = _BARE.sub("&amp;", _NO_XML.sub(MARK, text))
        if whole != text or MARK in text:
            odd.append(f"{what} holds bytes that are no character")
        text = whole
    try:
        return parse_xml(text), odd
    except XmlRefusedError as error:
        raise UnusableError(f"{what} is refused: {error}") from None


def _element(name: str, values: Mapping[str, Any]) -> etree._Element:
    """An element of values in the order given: text and mappings; None is left out."""
    made = etree.Element(name)
    for part, value in values.items():
        if isinstance(value, Mapping):
            made.append(_element(part, value))
        elif value is not None:
            etree.SubElement(made, part).text = str(value)
    return made


def _values(element: etree._Element) -> Told[Any]:
    """What an element says, without what is empty: text, mappings, lists of what may be repeated.

    UnusableError where something that is no list stands twice: which of the two would count?
    """
    found: Told[Any] = Told()
    for part in element.iterchildren(etree.Element):
        name = str(part.tag)
        value: Any = _values(part) if len(part) else (part.text or "").strip(_BLANKS)
        if not value:
            continue
        if name in _MONEY and not re.fullmatch(r"[0-9.]+", str(value)):
            raise UnusableError(f"{name} {str(value)[:20]!r} is no plain amount in yuan")
        if name in _REPEATED:
            found.setdefault(name, []).append(value)
        elif name in found and name in _KNOWN and found[name] != value:
            raise UnusableError(f"{name} stands twice and says two things")
        else:
            found[name] = value
    return found


def _strangers(element: etree._Element, path: str) -> Iterator[str]:
    """The paths of elements that no voucher of the contract has."""
    for part in element.iterchildren(etree.Element):
        where = f"{path}{part.tag}"
        if part.tag not in _KNOWN:
            yield where
        elif len(part):
            yield from _strangers(part, f"{where}/")
