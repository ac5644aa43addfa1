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
from simulators.frame import XmlContract, parse_xml
from simulators.nontax.soap import element, values

#: MAC of an answer to somebody with whom there is no common key.
NO_MAC = "0" * 64
#: The longest frame that a connection may bring.
LONGEST = 1024 * 1024

ENVELOPE = XmlContract(contracts.path("cnnontax/v1/envelope.xsd"))
VOUCHERS = XmlContract(contracts.path("cnnontax/v1/vouchers.xsd"))
_FRAME = re.compile(rb"([1-9][0-9]{0,7}) *CNNONTAX1\.0([0-9A-Z]{4})(.*)([0-9A-Fa-f]{64})", re.DOTALL)
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


def join(number: str, xml: bytes, code: str) -> bytes:
    """The bytes of a frame; its length counts itself."""
    rest = b"CNNONTAX1.0" + number.encode() + xml + code.encode()
    return str(len(rest) + 8).ljust(8).encode() + rest


def split(frame: bytes) -> tuple[str, bytes, str]:
    """Message number, XML and MAC. ValueError when the bytes are no whole frame."""
    parts = _FRAME.fullmatch(frame)
    if parts is None or len(frame[:8].rstrip()) != len(parts[1]) or int(parts[1]) != len(frame):
        raise ValueError("not a whole frame of CNNONTAX 1.0")
    return parts[2].decode(), parts[3], parts[4].decode()


def write(head: Mapping[str, str], voucher: etree._Element) -> bytes:
    """The XML of a message: its head, whose MsgNo must be among it, and its voucher."""
    content = base64.b64encode(_gbk(voucher)).decode()
    body = {"MOF": {"VoucherCount": "1", "VoucherBody": {"Voucher": content}}}
    return _gbk(element("CFX", {"HEAD": {"APP": "CNNONTAX", "VER": "1.0", **head}, "MSG": body}, ""))


def read(frame: bytes) -> Message:
    """What a frame says. ValueError when it breaks the contract; the MAC is not looked at."""
    number, xml, code = split(frame)
    root = _document(xml)
    if errors := ENVELOPE.errors(root):
        raise ValueError("; ".join(errors))
    head = {name: str(value) for name, value in values(root[0]).items()}
    if head["MsgNo"] != number:
        raise ValueError(f"frame {number}, head {head['MsgNo']}")
    content = "".join((root.findtext(".//Voucher") or "").split())
    voucher = _document(base64.b64decode(content, validate=True))
    if errors := VOUCHERS.errors(voucher):
        raise ValueError("; ".join(errors))
    return Message(
        number, head["SRC"], head["DES"], head["MsgID"], head["MsgRef"], head["WorkDate"], voucher, xml, code
    )


def sender_of(frame: bytes) -> str:
    """The node that a frame names as its sender, "" when it names none."""
    found = re.search(rb"<SRC>(F[0-9]{6}|K[0-9]{10})</SRC>", frame)
    return found[1].decode() if found else ""


async def receive(reader: asyncio.StreamReader) -> bytes:
    """The next frame of a connection. ValueError for something else, EOFError when it ends before."""
    head = await reader.readexactly(8)
    if not re.fullmatch(rb"[1-9][0-9]* *", head) or not 87 <= int(head) <= LONGEST:
        raise ValueError(f"{head!r} is not the length of a frame")
    return head + await reader.readexactly(int(head) - 8)


def items(pay_info: str) -> list[dict[str, Any]]:
    """The rows of PayInfo."""
    rows = (row.split("|") for row in pay_info.split("#")[:-1])
    return [{"ItemCode": code, "ItemName": name, "Amt": amount} for code, name, amount, *_ in rows]


def _gbk(root: etree._Element) -> bytes:
    return ('<?xml version="1.0" encoding="GBK"?>' + str(etree.tostring(root, encoding="unicode"))).encode("gbk")


def _document(content: bytes) -> etree._Element:
    text = content.decode("gbk")
    declared = _DECLARATION.match(text)
    if declared is None:
        raise ValueError("no XML in GBK")
    return parse_xml(text[declared.end() :].encode())
