"""Between the port's models and the vouchers of ``contracts/cnnontax/v1``: pure functions, no network, no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.adapters.nontax import fields
from gateway.adapters.nontax.fields import day_text
from gateway.ports.nontax import BillLine, CancelRequest, FindRequest, IssueRequest, PaymentNotice, RefundRequest
from gateway.words.errors import RejectedError, UnusableError
from gateway.words.money import format_yuan

CODES = fields.Codes("cnnontax", "v1")

Voucher = dict[str, Any]

_LONGEST_ADDRESS = 2000
"""A QR code holds some 2,900 characters; the payer's page shows it as well."""

# --- vouchers that go out ------------------------------------------------------------------------------------------


def bill(request: IssueRequest) -> Voucher:
    """Bill. Raises RejectedError for an item name that PayInfo cannot hold."""
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
        "Amt": format_yuan(request.total),
        "PayStats": "0",
        "PayInfo": "".join(pay_info(line) for line in request.lines),
        "Memo": request.memo or None,
        "Hold1": request.decision_number,
        "Hold2": day_text(request.due_on) if request.due_on else None,
    }


def pay_info(line: BillLine) -> str:
    """One row of PayInfo: 项目识别码|项目名称|金额|计量单位|数量|标准类型|下限-上限#, the last four left empty."""
    if separators := set("|#") & set(line.item_name):
        raise RejectedError(f"项目名称 {line.item_name!r} 含有分隔符 {' '.join(sorted(separators))}", "LOCAL-TEXT")
    return f"{line.item_code}|{line.item_name}|{format_yuan(line.amount)}||||#"


def void(request: CancelRequest) -> Voucher:
    """VoidBill. Hold1 is our number for voiding."""
    return {
        "PayNo": request.bill_reference,
        "PayCode": request.code,
        "PayStats": "2",
        "Memo": request.reason,
        "Hold1": request.reference,
    }


def bill_query(request: FindRequest) -> Voucher:
    """BillQuery by our reference, or by the code."""
    return {"PayNo": request.reference} if request.reference is not None else {"PayCode": request.code}


def refund(request: RefundRequest) -> Voucher:
    """Refund."""
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


def reply(number: str, result: str, information: str = "") -> Voucher:
    """Our Reply to a message, with a result code of the table: 00000 taken, 19001 not now, 19200 not understood."""
    return {"OriMsgNo": number, "Result": result, "Information": information or CODES.results[result]["meaning"]}


# --- vouchers that come in -----------------------------------------------------------------------------------------


def code_of(information: str) -> str | None:
    """The PayCode in the address of the payment QR that answers 8994, None if it holds none.

    It may stand in the query or in that of the fragment (``…/#/pay?billId=…``). Raises UnusableError for two of them.
    """
    if address_of(information) is None:
        return None
    try:
        parts = urlsplit(information)
    except ValueError:
        return None
    asked = [*parse_qsl(parts.query), *parse_qsl(urlsplit(parts.fragment).query)]
    found = {value for name, value in asked if name.lower() == "billid"}
    if len(found) > 1:
        raise UnusableError(f"an address with two codes, {' and '.join(sorted(found))}")
    return next((code for code in found if re.fullmatch("[0-9]{1,20}", code)), None)


def address_of(information: str) -> str | None:
    """An address that can stand behind a QR code, else None: it may be of any length that one holds."""
    plain = re.fullmatch(r"https?://[!-~]+", information) is not None
    return information if plain and len(information) <= _LONGEST_ADDRESS else None


def notice(told: Mapping[str, Any]) -> PaymentNotice:
    """What a PaymentConfirm says. Our own number is not among it. Raises UnusableError for one about no money."""
    if fields.amount(told["Amt"]) == 0:
        raise UnusableError("money of 0.00 is none")
    return PaymentNotice(fact=fields.paid_fact(told["PayCode"], told))
