"""Frames and vouchers as ``contracts/cnnontax/v1/README.md`` writes them; made without the gateway's code."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

import contracts
from simulators.cnnontax.dialect import VOUCHERS, Dialect
from simulators.frame import XmlContract, parse_xml
from simulators.nontax.soap import element, values

#: MAC of an answer to somebody with whom there is no common key.
NO_MAC = "0" * 64
#: The longest frame that a connection may bring.
LONGEST = 1024 * 1024

ENVELOPE = XmlContract(contracts.path("cnnontax/v1/envelope.xsd"))
CONTRACT = Dialect()
_REST = re.compile(rb"CNNONTAX1\.0([0-9A-Z]{4})(.*)", re.DOTALL)
_MAC = re.compile(rb"[0-9A-Fa-f]{64}")
_SHOWN = re.compile(r".*<VoucherBody><Voucher>(.*)</Voucher></VoucherBody>", re.DOTALL)  # the last frame's
_DECLARATION = re.compile(r"<\?xml [^>]*encoding=[\"']GBK[\"'][^>]*\?>", re.IGNORECASE)


@dataclass(frozen=True)
class Message:
    """A frame's head, and the voucher in it. ``mac`` is as it came."""

    number: str
    sender: str
    receiver: str
    id: str
    answers: str
    work_date: str
    voucher: etree._Element
    xml: bytes
    mac: str


def mac(token: str, xml: bytes) -> str:
    """SHA-256 hex of token and XML, in capitals as platforms send it."""
    return hashlib.sha256(token.encode() + xml).hexdigest().upper()


def join(number: str, xml: bytes, code: str, dialect: Dialect = CONTRACT) -> bytes:
    """The bytes of a frame."""
    parts = (xml, code.encode()) if dialect.mac == "after" else (code.encode(), xml)
    return dialect.begin(b"CNNONTAX1.0" + number.encode() + b"".join(parts))


def split(frame: bytes, dialect: Dialect = CONTRACT) -> tuple[str, bytes, str]:
    """Message number, XML and MAC. ValueError when the bytes are no whole frame."""
    head, rest = frame[: dialect.digits], _REST.fullmatch(frame[dialect.digits :])
    if rest is None or dialect.length(head) != len(frame):
        raise ValueError("not a whole frame of CNNONTAX 1.0")
    signed = rest[2]
    xml, code = (signed[:-64], signed[-64:]) if dialect.mac == "after" else (signed[64:], signed[:64])
    if not _MAC.fullmatch(code):
        raise ValueError("a frame without a MAC")
    return rest[1].decode(), xml, code.decode()


def write(head: Mapping[str, str], voucher: etree._Element, dialect: Dialect = CONTRACT) -> bytes:
    """The XML of a message: its head, whose MsgNo must be among it, and its voucher."""
    dressed, declared = dialect.dressed(voucher)
    return enveloped(head, _gbk(dressed, declared=declared), dialect)


def enveloped(head: Mapping[str, str], voucher: bytes, dialect: Dialect = CONTRACT) -> bytes:
    """The XML of a message around a voucher that is written already."""
    content = base64.b64encode(voucher).decode()
    body = {"MOF": {"VoucherCount": "1", "VoucherBody": {"Voucher": content}}}
    more = {"TraceId": "T-2026-11"} if dialect.more else {}
    return _gbk(element("CFX", {"HEAD": {"APP": "CNNONTAX", "VER": "1.0", **head, **more}, "MSG": body}, ""))


def read(frame: bytes, dialect: Dialect = CONTRACT) -> Message:
    """What a frame says. ValueError when it breaks the contract, or the dialect; the MAC is not looked at."""
    number, xml, code = split(frame, dialect)
    root = _document(xml)
    if errors := ENVELOPE.errors(root):
        raise ValueError("; ".join(errors))
    head = {name: str(value) for name, value in values(root[0]).items()}
    if head["MsgNo"] != number:
        raise ValueError(f"frame {number}, head {head['MsgNo']}")
    content = base64.b64decode("".join((root.findtext(".//Voucher") or "").split()), validate=True)
    voucher = dialect.undressed(number, content.decode("gbk")) if dialect.published else _document(content)
    if errors := VOUCHERS.errors(voucher):
        raise ValueError("; ".join(errors))
    answers = "" if dialect.published and head["MsgRef"] == head["MsgID"] else head["MsgRef"]
    return Message(number, head["SRC"], head["DES"], head["MsgID"], answers, head["WorkDate"], voucher, xml, code)


def shown(text: str) -> tuple[str, str]:
    """Message number and voucher of a frame that is shown to people, its voucher opened. ValueError: it is none."""
    number, voucher = re.search(r"<MsgNo>(\w{4})</MsgNo>", text), _SHOWN.search(text)
    if number is None or voucher is None or "<" not in voucher[1]:
        raise ValueError("not a frame whose voucher can be read")
    return number[1], voucher[1]


def sender_of(frame: bytes) -> str:
    """The node that a frame names as its sender, "" when it names none."""
    found = re.search(rb"<SRC>(F[0-9]{6}|K[0-9]{10})</SRC>", frame)
    return found[1].decode() if found else ""


async def receive(reader: asyncio.StreamReader, dialect: Dialect = CONTRACT) -> bytes:
    """The next frame of a connection. ValueError for something else, EOFError when it ends before."""
    head = await reader.readexactly(dialect.digits)
    length = dialect.length(head)
    if not 79 + dialect.digits <= length <= LONGEST:
        raise ValueError(f"{head!r} is not the length of a frame")
    return head + await reader.readexactly(length - dialect.digits)


def items(pay_info: str) -> list[dict[str, Any]]:
    """The rows of PayInfo."""
    rows = (row.split("|") for row in pay_info.split("#")[:-1])
    return [{"ItemCode": code, "ItemName": name, "Amt": amount} for code, name, amount, *_ in rows]


def _gbk(root: etree._Element, *, declared: bool = True) -> bytes:
    declaration = '<?xml version="1.0" encoding="GBK"?>' if declared else ""
    return (declaration + str(etree.tostring(root, encoding="unicode"))).encode("gbk")


def _document(content: bytes) -> etree._Element:
    text = content.decode("gbk")
    declared = _DECLARATION.match(text)
    if declared is None:
        raise ValueError("no XML in GBK")
    return parse_xml(text[declared.end() :].encode())
