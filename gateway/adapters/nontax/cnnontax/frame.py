"""The frame CNNONTAX of ``contracts/cnnontax/v1``: bytes to a message and back. Pure.

``LEN`` (8) ``CNNONTAX`` ``1.0`` number (4) XML ``MAC`` (64). LEN counts the whole frame; the XML is ASCII, for what it
carries is a voucher in Base64; MAC is the SHA-256 hex of token and XML, in either case.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from lxml import etree

import contracts
from gateway.adapters.nontax.fields import day, day_text
from gateway.foundation.wire.frame import LENGTH, announced
from gateway.foundation.wire.xml import XmlRefusedError, first_complaint, load_schema, parse_xml
from gateway.words.errors import ContractError, UnusableError

APPLICATION, VERSION = b"CNNONTAX", b"1.0"
UNSIGNED = "0" * 64
_DECLARATION = '<?xml version="1.0" encoding="GBK"?>'
_DECLARED = re.compile(r"""<\?xml version=["']1\.0["'] encoding=["'](?i:gbk)["'] ?\?>\s*""")
_HEAD, _MAC = LENGTH + len(APPLICATION) + len(VERSION), 64
_REPEATED = frozenset({"Payment", "Line", "ItemCode"})
_ENVELOPE, _VOUCHERS = (load_schema(contracts.path(f"cnnontax/v1/{name}.xsd")) for name in ("envelope", "vouchers"))


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
    """A message: number, nodes, its own id and the one it answers ("" if none), and its voucher's name and values."""

    number: str
    sender: str
    receiver: str
    id: str
    answers: str
    work_date: date
    voucher: str
    values: Mapping[str, Any]


def mac(token: bytes, xml: bytes) -> str:
    """SHA-256 of token and XML, lower-case hex."""
    return hashlib.sha256(token + xml).hexdigest()


# --- frames --------------------------------------------------------------------------------------------------------


def join(number: str, xml: bytes, code: str) -> bytes:
    """The bytes of a frame."""
    rest = APPLICATION + VERSION + number.encode("ascii") + xml + code.encode("ascii")
    return f"{LENGTH + len(rest):<{LENGTH}}".encode() + rest


def split(frame: bytes) -> Frame:
    """A frame's parts. ValueError unless it is a whole one, in ASCII from end to end."""
    if announced(frame[:LENGTH]) != len(frame):
        raise ValueError(f"{len(frame)} bytes instead of the announced {announced(frame[:LENGTH])}")
    if frame[LENGTH:_HEAD] != APPLICATION + VERSION:
        raise ValueError("not a frame of CNNONTAX 1.0")
    if len(frame) < _HEAD + 4 + _MAC or not frame.isascii():
        raise ValueError("too short for a frame, or not ASCII")
    number, xml, code = frame[_HEAD : _HEAD + 4], frame[_HEAD + 4 : -_MAC], frame[-_MAC:].decode()
    if not re.fullmatch(rb"[0-9A-Z]{4}", number) or not re.fullmatch("[0-9A-Fa-f]{64}", code):
        raise ValueError("no message number, or no MAC")
    return Frame(number.decode(), xml, code)


# --- messages ------------------------------------------------------------------------------------------------------


def complaint(voucher: str, values: Mapping[str, Any]) -> str | None:
    """What the contract says against a voucher that we are about to send; None when nothing."""
    try:
        return first_complaint(_VOUCHERS, _element(voucher, values))
    except ValueError as error:  # text that no XML can hold
        return str(error)


def seal(letter: Letter, token: bytes) -> bytes:
    """The frame of a message. The text of its voucher is in GBK: UnicodeEncodeError if it cannot be."""
    root = etree.Element("CFX")
    head = {
        "APP": "CNNONTAX",
        "VER": "1.0",
        "SRC": letter.sender,
        "DES": letter.receiver,
        "MsgNo": letter.number,
        "MsgID": letter.id,
        "MsgRef": letter.answers,
        "WorkDate": day_text(letter.work_date),
    }
    content = base64.b64encode(_document(_element(letter.voucher, letter.values))).decode()
    root.append(_element("HEAD", head))
    root.append(_element("MSG", {"MOF": {"VoucherCount": "1", "VoucherBody": {"Voucher": content}}}))
    xml = _document(root)
    return join(letter.number, xml, mac(token, xml))


def open_letter(frame: Frame) -> Letter:
    """The message in a frame. ContractError unless it keeps the contract in every part; its MAC is not looked at."""
    root = _parsed(frame.xml, "the frame's XML")
    if broken := first_complaint(_ENVELOPE, root):
        raise ContractError(f"the frame's XML breaks the contract: {broken}")
    head = {part.tag: part.text or "" for part in root[0]}
    if head["MsgNo"] != frame.number:
        raise ContractError(f"a frame of message {frame.number} with a head of {head['MsgNo']}")
    voucher = _parsed(unpacked(root.findtext(".//Voucher") or ""), "the voucher")
    if broken := first_complaint(_VOUCHERS, voucher):
        raise ContractError(f"the voucher breaks the contract: {broken}")
    return Letter(
        number=frame.number,
        sender=head["SRC"],
        receiver=head["DES"],
        id=head["MsgID"],
        answers=head["MsgRef"],
        work_date=day(head["WorkDate"]),
        voucher=str(voucher.tag),
        values=_values(voucher),
    )


def unpacked(text: str) -> bytes:
    """The bytes of Base64 text, which may be broken into lines. Raises ContractError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise UnusableError(f"not Base64: {error}") from None


# --- XML -----------------------------------------------------------------------------------------------------------


def _document(root: etree._Element) -> bytes:
    return (_DECLARATION + str(etree.tostring(root, encoding="unicode"))).encode("gbk")


def _parsed(content: bytes, what: str) -> etree._Element:
    """One XML document in GBK, declared so, without a DOCTYPE."""
    try:
        text = content.decode("gbk")
    except UnicodeDecodeError as error:
        raise UnusableError(f"{what} is not GBK: {error}") from None
    declared = _DECLARED.match(text)
    if declared is None:
        raise UnusableError(f"{what} does not declare itself XML in GBK")
    try:
        return parse_xml(text[declared.end() :])
    except XmlRefusedError as error:
        raise UnusableError(f"{what} is refused: {error}") from None


def _element(name: str, values: Mapping[str, Any]) -> etree._Element:
    """An element of values in the order of the schema: text and mappings; None is left out."""
    made = etree.Element(name)
    for part, value in values.items():
        if isinstance(value, Mapping):
            made.append(_element(part, value))
        elif value is not None:
            etree.SubElement(made, part).text = str(value)
    return made


def _values(element: etree._Element) -> dict[str, Any]:
    """What an element that its schema let through says: text, mappings, lists of what may be repeated."""
    found: dict[str, Any] = {}
    for part in element.iterchildren(etree.Element):
        name = str(part.tag)
        value: Any = _values(part) if len(part) else part.text or ""
        if name in _REPEATED:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found
