"""The published fields of non-tax messages, read the same whatever carries them: pure functions, no network, no clock.

Wire: amounts in 元 in any spelling of whole fen, days yyyyMMdd and times HHmmss in Beijing time, results and states by
the code tables of a contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

import contracts
from gateway.ports.nontax import (
    Bill,
    BillState,
    FiscalReceipt,
    Issued,
    PaidFact,
    ReceiptSignature,
    Refund,
    RefundState,
    StatementLine,
    StatementPage,
)
from gateway.words.clock import SHANGHAI
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    OutcomeUnknownError,
    RejectedError,
)
from gateway.words.identifiers import check_encodable, check_payment_code
from gateway.words.money import told_sum, told_yuan


class CodeSettings(BaseModel):
    """Payment codes of a channel: ``issuing`` says who makes them, ``code_pattern`` their local layout as a regular
    expression beyond 20 digits, ``region_prefix`` whether they begin with the region."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuing: Literal["platform", "unit", "range"] = "platform"
    code_pattern: str | None = None
    region_prefix: bool = True

    @field_validator("code_pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    def strange(self, code: str, region: str) -> str | None:
        """What is wrong with a payment code by the local rules; None when nothing is."""
        try:
            check_payment_code(code, region if self.region_prefix else None)
        except ValueError as reason:
            return str(reason)
        if self.code_pattern and not re.fullmatch(self.code_pattern, code):
            return f"the payment code does not have the channel's layout {self.code_pattern}"
        return None


class Codes:
    """The code tables of one contract, and what only they can tell."""

    def __init__(self, system: str, version: str) -> None:
        self.results = {row["code"]: row for row in contracts.code_table(system, version, "results")}
        self._bills = {
            row["code"]: BillState(row["state"]) for row in contracts.code_table(system, version, "pay_stats")
        }
        self._refunds = {
            row["code"]: RefundState(row["state"]) for row in contracts.code_table(system, version, "refund_stats")
        }

    def absent(self, code: str) -> bool:
        """Whether a result code says that there is no such thing."""
        return self.results.get(code, {}).get("effect") == "absent"

    def refusal(self, code: str, words: str, retry_after: float | None = None) -> ExchangeError | None:
        """The error that a result code stands for; None only for those that the table calls a success.

        A code that the table does not have is a ContractError: it may well have had its effect.
        """
        row = self.results.get(code)
        words = words or (row["meaning"] if row else "")
        match row["effect"] if row else None:
            case "ok":
                return None
            case "rejected" | "absent":
                return RejectedError(words, code)
            case "busy":
                return BusyError(f"{code}: {words}", retry_after)
            case "denied":
                return DeniedError(f"{code}: {words}")
            case "unknown":
                return OutcomeUnknownError(f"{code}: {words}")
        return ContractError(f"result code {code} is not in the contract's table: {words}")

    def bill(self, told: Mapping[str, Any]) -> Bill:
        """A bill as the platform tells it. Raises ContractError for a state that the table does not have."""
        state = self._bills.get(told["PayStats"])
        if state is None:
            raise ContractError(f"PayStats {told['PayStats']} is not in the contract's table")
        return Bill(
            reference=told["PayNo"],
            code=told["PayCode"],
            total=_amount(told["Amt"]),
            state=state,
            pay_url=told.get("PayUrl"),
            valid_until=day(told["ValidDate"]) if told.get("ValidDate") else None,
            check_code=told.get("CrcCode"),
            paid=tuple(paid_fact(told["PayCode"], payment) for payment in told.get("Payment") or ()),
        )

    def refund(self, told: Mapping[str, Any]) -> Refund:
        """A refund as the platform tells it. Raises ContractError for an unknown state, or a return without a date."""
        state = self._refunds.get(told["RefundStats"])
        if state is None:
            raise ContractError(f"RefundStats {told['RefundStats']} is not in the contract's table")
        at = moment(told["RefundDate"], told["RefundTime"]) if told.get("RefundDate") else None
        if state is RefundState.REFUNDED and at is None:
            raise ContractError("a refund is called done without a date")
        return Refund(
            reference=told["RefundNo"],
            code=told["PayCode"],
            amount=_amount(told["Amt"]),
            state=state,
            reason=told.get("Reason"),
            refunded_at=at,
        )


# --- answers -------------------------------------------------------------------------------------------------------


def require(answer: Mapping[str, Any], name: str) -> Any:
    """A part that a successful answer must have. Raises ContractError."""
    value = answer.get(name)
    if value is None:
        raise ContractError(f"the answer says success but has no {name}")
    return value


def issued(told: Bill) -> Issued:
    """A bill just taken in."""
    return Issued(
        reference=told.reference,
        code=told.code,
        total=told.total,
        pay_url=told.pay_url,
        valid_until=told.valid_until,
        check_code=told.check_code,
    )


def paid_fact(code: str, told: Mapping[str, Any]) -> PaidFact:
    """Money that arrived, from a bill or a callback."""
    return PaidFact(
        code=code,
        amount=_amount(told["Amt"]),
        paid_at=moment(told["CfmDate"], told["CfmTime"]),
        bank_serial=told["TraNoBus"],
        pay_mode=told["PayMode"],
        payer_name=told.get("PayerName"),
    )


def statement_page(told: Mapping[str, Any], asked: date, page: int) -> StatementPage:
    """One page of a statement. Raises ContractError when it is another day's or another page."""
    of = day(require(told, "StatementDate"))
    if of != asked or int(told["Page"]) != page or page > int(told["Pages"]):
        raise ContractError(f"asked for {asked} page {page}, got {of} page {told['Page']} of {told['Pages']}")
    return StatementPage(
        day=of,
        page=page,
        pages=int(told["Pages"]),
        count=int(told["Count"]),
        amount=_sum(told["TotalAmt"]),
        lines=tuple(_line(line) for line in told.get("Line") or ()),
    )


def _line(told: Mapping[str, Any]) -> StatementLine:
    return StatementLine(
        kind="paid" if told["Type"] == "P" else "refunded",
        reference=told["PayNo"],
        code=told["PayCode"],
        amount=_amount(told["Amt"]),
        paid_at=moment(told["CfmDate"], told["CfmTime"]),
        bank_serial=told["TraNoBus"],
        unit_code=told["ChgAgenCode"],
        item_codes=tuple(told.get("ItemCode") or ()),
    )


def fiscal_receipt(
    told: Mapping[str, Any], document: bytes, media_type: str, signatures: tuple[ReceiptSignature, ...] = ()
) -> FiscalReceipt:
    """An issued receipt with its document, and the signatures that came beside it."""
    return FiscalReceipt(
        code=told["PayCode"],
        receipt_code=told["EInvoiceCode"],
        receipt_number=told["EInvoiceNumber"],
        check_code=told["RandomNumber"],
        amount=_amount(told["TotalAmount"]),
        issued_at=moment(told["IssueDate"], told["IssueTime"]),
        document=document,
        media_type=media_type,
        signatures=signatures,
    )


def receipt_signature(told: Mapping[str, Any]) -> ReceiptSignature:
    """One signature beside a receipt's document; its time is yyyyMMddHHmmss."""
    return ReceiptSignature(
        role=told["Role"],
        signed_at=moment(told["Time"][:8], told["Time"][8:]),
        certificate=bytes(told["Certificate"]),
        value=bytes(told["Value"]),
    )


# --- text ----------------------------------------------------------------------------------------------------------


def unencodable(arguments: Any, encoding: str) -> str | None:
    """Why the platform's character set cannot hold some text of a request, naming the character; None if it can."""
    for text in _texts(arguments):
        try:
            check_encodable(text, encoding)
        except ValueError as reason:
            return f"{text!r}: {reason}"
    return None


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)


# --- days, moments, sums -------------------------------------------------------------------------------------------


def day_text(value: date) -> str:
    """yyyyMMdd."""
    return value.strftime("%Y%m%d")


def day(text: str) -> date:
    """The day of yyyyMMdd. Raises ContractError for one that the calendar does not have."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise ContractError(f"{text} is not a day") from None


def moment(day_part: str, time_part: str) -> datetime:
    """The instant of yyyyMMdd and HHmmss in Beijing time."""
    on = day(day_part)
    hour, minute, second = int(time_part[:2]), int(time_part[2:4]), int(time_part[4:])
    return datetime(on.year, on.month, on.day, hour, minute, second, tzinfo=SHANGHAI)


def _amount(text: str) -> int:
    """Fen of an amount in any of its spellings. Raises ContractError for what is none, or not whole fen."""
    try:
        return told_yuan(text)
    except ValueError as wrong:
        raise ContractError(str(wrong)) from None


def _sum(text: str) -> int:
    """Fen of a total that may be larger than one amount. Raises ContractError."""
    try:
        return told_sum(text)
    except ValueError as wrong:
        raise ContractError(str(wrong)) from None
