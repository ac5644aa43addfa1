"""Between the port's models and the values of ``contracts/nontax/v1``: pure functions, no network, no clock.

What the wire's fields mean is in ``fields``; here is how the SOAP operations arrange them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from lxml import etree

from gateway.adapters.nontax import fields
from gateway.adapters.nontax.fields import day, day_text, moment, paid_fact, require, unencodable
from gateway.ports.base import Refused, Reply, UnreadableCallbackError
from gateway.ports.nontax import (
    Bill,
    CancelRequest,
    CodeNotice,
    FiscalReceipt,
    Issued,
    IssueRequest,
    ReceiptNotice,
    Refund,
    RefundNotice,
    RefundRequest,
    StatementPage,
    UnreadableNotice,
)
from gateway.words.errors import ContractError
from gateway.words.money import format_yuan

__all__ = ["day", "day_text", "moment", "paid_fact", "require", "unencodable"]  # words of all non-tax wires

_LOOKED_AT = 64 * 1024
CALLBACK = "urn:nontax-platform:callback:v1"

CODES = fields.Codes("nontax", "v1")
absent, later, refusal = CODES.absent, CODES.later, CODES.refusal


# --- requests ------------------------------------------------------------------------------------------------------


def create_bill(request: IssueRequest) -> dict[str, Any]:
    """The arguments of CreateBill."""
    return {
        "AdmDivCode": request.region,
        "SetYear": f"{request.bill_date.year:04d}",
        "PayNo": request.reference,
        "PayCode": request.code,
        "BillDate": day_text(request.bill_date),
        "ChgAgenCode": request.unit_code,
        "ChgAgenName": request.unit_name,
        "PayerName": request.payer_name,
        "PayerCreditCode": request.payer_code or None,
        "MobilePhone": request.payer_phone or None,
        "DecisionNo": request.decision_number,
        "Amt": format_yuan(request.total),
        "LimitDate": day_text(request.due_on) if request.due_on else None,
        "Memo": request.memo or None,
        "Item": [
            {"ItemCode": line.item_code, "ItemName": line.item_name, "Amt": format_yuan(line.amount)}
            for line in request.lines
        ],
    }


def void_bill(request: CancelRequest) -> dict[str, Any]:
    """The arguments of VoidBill."""
    return {
        "VoidNo": request.reference,
        "PayNo": request.bill_reference,
        "PayCode": request.code,
        "Reason": request.reason,
    }


def file_refund(request: RefundRequest) -> dict[str, Any]:
    """The arguments of Refund."""
    return {
        "RefundNo": request.reference,
        "PayCode": request.code,
        "TraNoBus": request.bank_serial,
        "Amt": format_yuan(request.amount),
        "Reason": request.reason,
        "RecName": request.payee_name,
        "RecAcct": request.payee_account,
        "RecOpBk": request.payee_bank,
    }


# --- answers -------------------------------------------------------------------------------------------------------


def bill(answer: Mapping[str, Any]) -> Bill:
    """A bill as the platform tells it. Raises ContractError for a state that the table does not have."""
    return CODES.bill(require(answer, "Bill"))


def issued(answer: Mapping[str, Any]) -> Issued:
    """The answer to CreateBill."""
    return fields.issued(bill(answer))


def refund(answer: Mapping[str, Any]) -> Refund:
    """A refund as the platform tells it."""
    return CODES.refund(require(answer, "RefundInfo"))


def statement_page(answer: Mapping[str, Any], asked: date, page: int) -> StatementPage:
    """One page of a statement. Raises ContractError when it is another day's or another page."""
    return fields.statement_page(answer, asked, page)


def fiscal_receipt(answer: Mapping[str, Any], file: Mapping[str, Any]) -> FiscalReceipt:
    """An issued receipt with its document and the signatures beside that."""
    signatures = tuple(fields.receipt_signature(one) for one in file.get("Signature") or ())
    document = bytes(require(file, "Document"))
    return fields.fiscal_receipt(require(answer, "Receipt"), document, require(file, "MediaType"), signatures)


# --- callbacks -----------------------------------------------------------------------------------------------------


_PAY_NO, _PAY_CODE, _SERIAL = (
    re.compile(rb"<(?:[A-Za-z0-9_]+:)?%b>\s*([0-9A-Za-z]{1,50})\s*</" % name)
    for name in (b"PayNo", b"PayCode", b"TraNoBus")
)


def notice(name: str, told: Mapping[str, Any]) -> tuple[CodeNotice | RefundNotice | ReceiptNotice, str]:
    """What a notice about something taken says, and the number that its acknowledgement names. Raises ContractError."""
    match name:
        case "BillMade":
            number = told["PayNo"]
            if refused := later(told["Result"], told["Information"], 1.0):
                answer = refused if isinstance(refused, Refused) else None
                return CodeNotice(reference=number, issued=answer), number
            if error := refusal(told["Result"], told["Information"]):
                raise error if isinstance(error, ContractError) else ContractError(str(error))
            if told.get("Bill") is None:
                return CodeNotice(reference=number), number
            made = issued(told)
            if made.reference != number:
                raise ContractError(f"a notice about {number} has the bill {made.reference}")
            return CodeNotice(reference=number, issued=made), number
        case "RefundMoved":
            moved = refund(told)
            return RefundNotice(reference=moved.reference, refund=moved), moved.reference
        case "ReceiptReady":
            return ReceiptNotice(code=told["PayCode"]), told["PayCode"]
    raise ContractError(f"nobody here takes {name}")


def notice_reply(status: int, number: str, result: str) -> Reply:
    """How such a notice is answered: 00000 taken, 19001 not now."""
    root = etree.Element(f"{{{CALLBACK}}}NoticeAck", nsmap={"c": CALLBACK})
    for name, text in (("Number", number), ("Result", result), ("Information", CODES.results[result]["meaning"])):
        etree.SubElement(root, f"{{{CALLBACK}}}{name}").text = text
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Reply(status, body, "application/xml; charset=utf-8")


def unreadable(body: bytes, broken: ContractError) -> UnreadableCallbackError:
    """An authentic callback that cannot be read, with the bill that it seems to be about.

    A number or code that stands there twice, or differently, is no hint. The acknowledgement needs code and serial.
    """
    number, code, serial = (_only(pattern, body) for pattern in (_PAY_NO, _PAY_CODE, _SERIAL))
    about = UnreadableNotice(code=code, bill_reference=number) if code or number else None
    thanks = reply(200, code, serial, "00000") if code and serial else None
    return UnreadableCallbackError(str(broken), about=about, acknowledge=thanks)


def _only(pattern: re.Pattern[bytes], body: bytes) -> str | None:
    found = set(pattern.findall(body[:_LOOKED_AT]))
    return found.pop().decode() if len(found) == 1 else None


def reply(status: int, code: str, bank_serial: str, result: str) -> Reply:
    """How a callback is answered."""
    return Reply(status, acknowledgement(code, bank_serial, result), "application/xml; charset=utf-8")


def acknowledgement(code: str, bank_serial: str, result: str) -> bytes:
    """PaymentConfirmAck with a result code of the table: 00000 taken, 19001 not now."""
    root = etree.Element(f"{{{CALLBACK}}}PaymentConfirmAck", nsmap={"c": CALLBACK})
    parts = {
        "PayCode": code,
        "TraNoBus": bank_serial,
        "Result": result,
        "Information": CODES.results[result]["meaning"],
    }
    for name, text in parts.items():
        etree.SubElement(root, f"{{{CALLBACK}}}{name}").text = text
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
