"""Between Paper Crane's words and those of the port. Pure: no network, no clock, no settings."""

from __future__ import annotations

import csv
import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Base64Bytes, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from gateway.foundation.wire.told import Told
from gateway.ports import nontax as port
from gateway.ports.base import JsonObject, Pending
from gateway.words.errors import ContractError
from gateway.words.money import format_yuan, told_yuan

Yuan = Annotated[int, BeforeValidator(lambda text: told_yuan(str(text)))]
BILLS = {"PAYING": port.BillState.BEING_PAID, "CLOSED": port.BillState.VOID}
KINDS: dict[str, Literal["paid", "refunded"]] = {"P": "paid", "R": "refunded"}


class Wire(Told):
    """What they tell, by our names in camelCase or an alias. What is known must be right, the rest is passed over."""

    model_config = ConfigDict(alias_generator=to_camel)


class Token(Wire):
    access_token: str
    expires_in: int


class Paid(Wire):
    bank_serial: str
    amount: Yuan
    paid_at: AwareDatetime
    pay_mode: str
    payer_name: str | None = None


class Bill(Wire):
    reference: str = Field(alias="outBillNo")
    state: Literal["MAKING", "UNPAID", "PAYING", "PAID", "CLOSED", "EXPIRED", "REFUNDED"]
    total: Yuan = Field(alias="totalAmount")
    ask_after: float = 60
    code: str = Field("", alias="payCode")
    pay_url: str | None = None
    valid_until: date | None = None
    payments: tuple[Paid, ...] = ()


class Refund(Wire):
    reference: str = Field(alias="outRefundNo")
    number: str = Field(alias="refundNo")
    code: str = Field(alias="payCode")
    amount: Yuan
    state: Literal["FILED", "APPROVED", "DONE", "REFUSED"]
    reason: str | None = None
    refunded_at: AwareDatetime | None = Field(None, alias="doneAt")


class Making(Wire):
    code: str = Field(alias="payCode")
    state: Literal["MAKING"]
    ask_after: float


class Receipt(Wire):
    code: str = Field(alias="payCode")
    state: Literal["ISSUED"]
    receipt_code: str
    receipt_number: str
    check_code: str
    amount: Yuan
    issued_at: AwareDatetime
    document: Base64Bytes
    media_type: str


class Sealed(Wire):
    """A notice before it is opened."""

    id: str
    type: Literal["bill.made", "bill.paid", "refund.done", "receipt.made"]
    nonce: str
    sealed: str


class ReceiptMade(Wire):
    reference: str = Field(alias="outBillNo")
    code: str = Field(alias="payCode")


class Statement(Wire):
    day: date = Field(alias="date")
    state: Literal["MAKING", "NONE", "READY"]
    ask_after: float = 600
    url: str = ""
    sha256: str = ""
    count: int = 0
    amount: Yuan = 0


def asked(bill: port.IssueRequest) -> JsonObject:
    """The body of ``bills/create``; what is not known is left out."""
    body: JsonObject = {"outBillNo": bill.reference, "regionCode": bill.region, "documentNo": bill.decision_number}
    body |= {"unitCode": bill.unit_code, "unitName": bill.unit_name, "totalAmount": format_yuan(bill.total)}
    body |= {"payerName": bill.payer_name, "payerCode": bill.payer_code, "payerPhone": bill.payer_phone}
    body |= {"billDate": str(bill.bill_date), "dueDate": bill.due_on and str(bill.due_on), "remark": bill.memo}
    body["items"] = [
        {"itemCode": one.item_code, "itemName": one.item_name, "amount": format_yuan(one.amount)} for one in bill.lines
    ]
    return {name: value for name, value in body.items() if value}


def refund_asked(ask: port.RefundRequest) -> JsonObject:
    """The body of ``refunds/create``."""
    body: JsonObject = {"outRefundNo": ask.reference, "payCode": ask.code, "bankSerial": ask.bank_serial}
    body |= {"amount": format_yuan(ask.amount), "reason": ask.reason, "payeeName": ask.payee_name}
    return body | {"payeeAccount": ask.payee_account, "payeeBank": ask.payee_bank}


def paid(told: Bill, one: Paid) -> port.PaidFact:
    """Money that came for a bill."""
    return port.PaidFact(code=told.code, bill_reference=told.reference, **dict(one))


def bill(told: Bill) -> port.Bill | Pending:
    """A bill; one whose code is being made is pending. ContractError for any other one without a code."""
    if told.state == "MAKING":
        return Pending(ask_after=told.ask_after, words="缴款码生成中")
    if not told.code:
        raise ContractError(f"a bill that is {told.state} has no code")
    state = BILLS.get(told.state) or port.BillState(told.state.lower())
    money = tuple(paid(told, one) for one in told.payments)
    return port.Bill(state=state, paid=money, **_shared(told))


def issued(told: Bill) -> port.Issued | Pending:
    """The same as the answer to ``issue``."""
    found = bill(told)
    return found if isinstance(found, Pending) else port.Issued(**_shared(told))


def _shared(told: Bill) -> dict[str, Any]:
    return told.model_dump(include={"reference", "code", "total", "pay_url", "valid_until"})


def refund(told: Refund) -> port.Refund:
    """A refund, with their number for it."""
    state = port.RefundState.REFUNDED if told.state == "DONE" else port.RefundState(told.state.lower())
    return port.Refund(state=state, **told.model_dump(exclude={"state"}))


def hint(text: bytes) -> port.UnreadableNotice | None:
    """Which bill a notice may be about that cannot be read."""
    number = re.search(rb'"outBillNo"\s*:\s*"([0-9A-Z]{8,32})"', text)
    return number and port.UnreadableNotice(bill_reference=number[1].decode())


def notice(kind: str, content: Any) -> Any:
    """What an opened notice says. ValueError for what breaks the contract."""
    if kind == "receipt.made":
        made = ReceiptMade.model_validate(content)
        return port.ReceiptNotice(code=made.code)
    if kind == "refund.done":
        moved = refund(Refund.model_validate(content))
        return port.RefundNotice(reference=moved.reference, refund=moved)
    told = Bill.model_validate(content)
    if kind == "bill.made":
        code = issued(told)
        return port.CodeNotice(reference=told.reference, issued=None if isinstance(code, Pending) else code)
    (money,) = told.payments
    return port.PaymentNotice(fact=paid(told, money), bill_reference=told.reference)


def page(told: Statement, file: bytes) -> port.StatementPage:
    """The one page of a day. Raises ContractError for a file that is not as the contract says."""
    try:
        lines = tuple(_line(row) for row in csv.DictReader(file.decode().splitlines()))
        return port.StatementPage(day=told.day, page=1, pages=1, count=told.count, amount=told.amount, lines=lines)
    except (KeyError, ValueError, AttributeError, TypeError, csv.Error, ValidationError) as error:
        raise ContractError(f"the statement file: {type(error).__name__}: {error}") from None


def _line(row: dict[str, Any]) -> port.StatementLine:
    return port.StatementLine(
        kind=KINDS[row["kind"]],
        reference=row["outBillNo"],
        code=row["payCode"],
        amount=told_yuan(row["amount"]),
        paid_at=row["time"],
        bank_serial=row["bankSerial"],
        unit_code=row["unitCode"],
        item_codes=tuple(row["itemCodes"].split()),
        refund_number=row["refundNo"] or None,
    )
