"""How the simulated platform writes: the contract's own way, or that of provinces, switched by settings."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

import contracts
from simulators.frame import Document, XmlContract, parse_xml

#: Settings of this system beside those of any platform that collects money.
DEFAULTS: Document = {
    "dialect": "contract",  # "published": roots are always Voucher, no declaration, empty fields, no PayNo
    "more": False,  # an element more at the end of each voucher, of each payment in it, and of HEAD
    "empty": False,  # optional fields without a value stand there empty
    "reordered": False,  # fields stand in another order
    "heartbeats": 0,  # so many frames that answer nobody before each answer and push
    "stale": False,  # before each answer the answer to somebody's earlier question
    "keep": False,  # connections stay open for the next frame, also those for pushes
    "bill_address": True,  # 5997 tells the address of a bill; otherwise the answer to 8994 alone does
    "digits": 8,  # the length that begins a frame
    "align": "left",
    "pad": " ",
    "counts_itself": True,
    "mac": "after",
}
SCHEMAS: dict[str, Document] = {
    "dialect": {"enum": ["contract", "published"]},
    "more": {"type": "boolean"},
    "empty": {"type": "boolean"},
    "reordered": {"type": "boolean"},
    "heartbeats": {"type": "integer", "minimum": 0, "maximum": 100},
    "stale": {"type": "boolean"},
    "keep": {"type": "boolean"},
    "bill_address": {"type": "boolean"},
    "digits": {"type": "integer", "minimum": 4, "maximum": 10},
    "align": {"enum": ["left", "right"]},
    "pad": {"enum": [" ", "0"]},
    "counts_itself": {"type": "boolean"},
    "mac": {"enum": ["after", "before"]},
}

VOUCHERS = XmlContract(contracts.path("cnnontax/v1/vouchers.xsd"))
_XS = "{http://www.w3.org/2001/XMLSchema}"
_KINDS = {row["number"]: row["voucher"].split() for row in contracts.code_table("cnnontax", "v1", "messages")}
_EMPTY = {
    "PaymentConfirm": (
        "PayerName",
        "PayerAcct",
        "PayerOpBk",
        "PayerOpBkNo",
        "RecAcctType",
        "RecAcct",
        "Hold1",
        "Hold2",
    ),
    "BillState": ("CrcCode", "PayUrl", "ValidDate", "Hold1", "Hold2"),
    "Reply": ("Hold1", "Hold2"),
}
_DECLARATION = re.compile(r"\s*<\?xml [^>]*\?>", re.IGNORECASE)


def _orders() -> dict[str, list[str]]:
    """The fields of each kind of voucher in the order of the contract."""
    schema = etree.parse(str(contracts.path("cnnontax/v1/vouchers.xsd"))).getroot()
    return {
        str(kind.get("name")): [str(one.get("name")) for one in kind.iterfind(f"{_XS}complexType/*/{_XS}element")]
        for kind in schema.iterfind(f"{_XS}element")
    }


_ORDERS = _orders()


@dataclass(frozen=True)
class Dialect:
    """One way of writing frames and vouchers; see ``DEFAULTS``."""

    published: bool = False
    more: bool = False
    empty: bool = False
    reordered: bool = False
    bill_address: bool = True
    digits: int = 8
    align: str = "left"
    pad: str = " "
    counts_itself: bool = True
    mac: str = "after"

    @classmethod
    def of(cls, settings: Document) -> Dialect:
        """What the settings say."""
        told = {name: settings[name] for name in cls.__dataclass_fields__ if name != "published"}
        return cls(published=settings["dialect"] == "published", **told)

    # --- frames

    def length(self, head: bytes) -> int:
        """The length of the whole frame that begins so. ValueError."""
        digits = head.strip(b" ")
        if len(head) != self.digits or not digits.isdigit() or self.number(int(digits)) != head:
            raise ValueError(f"{head!r} is not the length of a frame")
        return int(digits) + (0 if self.counts_itself else self.digits)

    def number(self, number: int) -> bytes:
        """A number as the length of a frame."""
        text = str(number)
        return (text.ljust(self.digits) if self.align == "left" else text.rjust(self.digits, self.pad)).encode()

    def begin(self, rest: bytes) -> bytes:
        """A whole frame from what follows its length."""
        return self.number(len(rest) + (self.digits if self.counts_itself else 0)) + rest

    # --- vouchers

    def dressed(self, voucher: etree._Element) -> tuple[etree._Element, bool]:
        """A voucher of the contract as it is written here, and whether a declaration goes before it."""
        kind, made = str(voucher.tag), copy.deepcopy(voucher)
        if self.published:
            made.tag = "Voucher"
            for number in made.findall("PayNo"):
                made.remove(number)
            _append(made, "Operator", "8")
        for address in [] if self.bill_address else made.findall("PayUrl"):
            made.remove(address)
        if self.published or self.empty:
            for name in _EMPTY.get(kind, ()):
                if made.find(name) is None:
                    _append(made, name, "")
        if self.more:
            for one in (made, *made.findall("Payment")):
                _append(one, "TraceId", "T-2026-11")
        if self.reordered:
            made[:] = list(reversed(made))
        return made, not self.published

    def undressed(self, number: str, text: str) -> etree._Element:
        """A voucher of the contract from one in the published dialect. ValueError for what is none."""
        root = parse_xml(_DECLARATION.sub("", text, count=1).encode())
        kinds = _KINDS.get(number, [])
        if root.tag != "Voucher" or not kinds:
            raise ValueError(f"message {number} with {root.tag}")
        told: dict[str, Any] = {str(one.tag): one for one in root if (one.text or "").strip() or len(one)}
        kind = "VoidBill" if "VoidBill" in kinds and root.findtext("PayStats") == "2" else kinds[0]
        made = etree.Element(kind)
        if kind in ("Bill", "VoidBill") and "PayNo" not in told:
            _append(made, "PayNo", root.findtext("PayCode") or "")
            told["PayNo"] = made[0]
        if kind == "Bill" and "SetYear" not in told:
            _append(made, "SetYear", (root.findtext("BillDate") or "")[:4])
            told["SetYear"] = made[-1]
        made[:] = [told[name] for name in _ORDERS[kind] if name in told]
        return made


def _append(to: etree._Element, name: str, text: str) -> None:
    etree.SubElement(to, name).text = text
