"""The published fields of non-tax messages, read the same whatever carries them: pure functions, no network, no clock.

Wire: amounts in 元 in any spelling of whole fen, days yyyyMMdd and times HHmmss in Beijing time, results and states by
the code tables of a contract.
What cannot be read raises UnusableError, for it contradicts nothing: the question is asked again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

import contracts
from gateway.ports.base import Pending, Refused
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
    UnusableError,
)
from gateway.words.identifiers import check_encodable, check_payment_code
from gateway.words.money import told_sum, told_yuan
from gateway.words.saying import in_both, said_of

V = TypeVar("V")

EARLIEST = 1990
"""No money was collected by these platforms before; what says so is no date 日期."""

_LONGEST_NAME = 200
_BLANKS = " \t\r\n\u00a0\u3000"


class Told(dict[str, V]):
    """What a message says, by names. Asking for what it does not say raises UnusableError."""

    def __missing__(self, name: str) -> V:
        raise UnusableError(f"the message has no {name}")


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


Effect = Literal["ok", "rejected", "absent", "busy", "denied", "unknown", "pending", "withdrawn"]
"""What a result code means for a program; see the contracts' tables."""


class Codes:
    """The code tables of one contract, and what only they can tell."""

    def __init__(self, system: str, version: str, local: Mapping[str, str] | None = None) -> None:
        """``local``: effects of result codes that a province has beside those of the table, or in their place."""
        self.results = {row["code"]: row for row in contracts.code_table(system, version, "results")}
        for code, effect in (local or {}).items():
            self.results[code] = {"code": code, "meaning": "", **self.results.get(code, {}), "effect": effect}
        self._bills = {
            row["code"]: BillState(row["state"]) for row in contracts.code_table(system, version, "pay_stats")
        }
        self._refunds = {
            row["code"]: RefundState(row["state"]) for row in contracts.code_table(system, version, "refund_stats")
        }

    def later(self, code: str, words: str, ask_after: float) -> Pending | Refused | None:
        """What a result code says of something that was taken: not ready yet, or refused afterwards. None: neither."""
        match self.results.get(code, {}).get("effect"):
            case "pending":
                return Pending(ask_after=ask_after, words=words[:200])
            case "withdrawn":
                return Refused(reason=words, code=code)
        return None

    def absent(self, code: str) -> bool:
        """Whether a result code says that there is no such thing."""
        return self.results.get(code, {}).get("effect") == "absent"

    def refusal(self, code: str, words: str, retry_after: float | None = None) -> ExchangeError | None:
        """The error that a result code stands for; None only for those that the table calls a success.

        A code that the table does not have is an UnusableError: it may well have had its effect.
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
            case "withdrawn":
                return RejectedError(words, code)
            case "unknown" | "pending":
                return OutcomeUnknownError(f"{code}: {words}")
        return UnusableError(f"result code {code[:20]} is not in the contract's table: {words}")

    def bill(self, told: Mapping[str, Any]) -> Bill:
        """A bill as the platform tells it. Raises ContractError for a state that the table does not have."""
        state = self._bills.get(told["PayStats"])
        if state is None:
            raise UnusableError(f"PayStats {told['PayStats'][:20]} is not in the contract's table")
        return Bill(
            reference=told["PayNo"],
            code=told["PayCode"],
            total=amount(told["Amt"]),
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
            raise UnusableError(f"RefundStats {told['RefundStats'][:20]} is not in the contract's table")
        at = moment(told["RefundDate"], told["RefundTime"]) if told.get("RefundDate") else None
        if state is RefundState.REFUNDED and at is None:
            raise ContractError("a refund is called done without a date")
        return Refund(
            reference=told["RefundNo"],
            code=told["PayCode"],
            amount=amount(told["Amt"]),
            state=state,
            reason=told.get("Reason"),
            refunded_at=at,
        )


# --- answers -------------------------------------------------------------------------------------------------------


def require(answer: Mapping[str, Any], name: str) -> Any:
    """A part that a successful answer must have. Raises UnusableError."""
    value = answer.get(name)
    if value is None:
        raise UnusableError(f"the answer says success but has no {name}")
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
        amount=amount(told["Amt"]),
        paid_at=moment(told["CfmDate"], told["CfmTime"]),
        bank_serial=serial(told["TraNoBus"]),
        pay_mode=told.get("PayMode") or "",
        payer_name=payer_name(told.get("PayerName") or ""),
    )


def statement_page(told: Mapping[str, Any], asked: date, page: int) -> StatementPage:
    """One page of a statement. Raises ContractError when it is another day's or another page.

    The lines that are ``told`` are gone afterwards: letting go of all of them at once would hold every thread.
    """
    of = day(require(told, "StatementDate"))
    if of != asked or whole(told["Page"]) != page or page > whole(told["Pages"]):
        raise ContractError(f"asked for {asked} page {page}, got {of} page {told['Page']} of {told['Pages']}")
    return StatementPage(
        day=of,
        page=page,
        pages=whole(told["Pages"]),
        count=whole(told["Count"]),
        amount=_sum(told["TotalAmt"]),
        lines=tuple(_line(line) for line in _let_go(told.get("Line") or [])),
    )


def _let_go(lines: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Each of these, which is theirs no more."""
    lines.reverse()
    while lines:
        yield lines.pop()


def _line(told: Mapping[str, Any]) -> StatementLine:
    return StatementLine(
        kind="paid" if told["Type"] == "P" else "refunded",
        reference=told["PayNo"],
        code=told["PayCode"],
        amount=amount(told["Amt"]),
        paid_at=moment(told["CfmDate"], told["CfmTime"]),
        bank_serial=serial(told["TraNoBus"]),
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
        amount=amount(told["TotalAmount"]),
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
            return f"{text!r}: {in_both(said_of(reason))}"
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
    """The day of yyyyMMdd. Raises UnusableError for one that the calendar does not have, or before 1990."""
    try:
        if not re.fullmatch(r"[0-9]{8}", text) or int(text[:4]) < EARLIEST:
            raise ValueError(text)
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise UnusableError(f"{text[:20]!r} is not a day") from None


def moment(day_part: str, time_part: str) -> datetime:
    """The instant of yyyyMMdd and HHmmss in Beijing time. Raises UnusableError."""
    on = day(day_part)
    try:
        if not re.fullmatch(r"[0-9]{6}", time_part):
            raise ValueError(time_part)
        hour, minute, second = int(time_part[:2]), int(time_part[2:4]), int(time_part[4:])
        return datetime(on.year, on.month, on.day, hour, minute, second, tzinfo=SHANGHAI)
    except ValueError:
        raise UnusableError(f"{time_part[:20]!r} is not a time") from None


def amount(text: str) -> int:
    """Fen of an amount as it was told; see ``told_yuan``. Raises UnusableError."""
    try:
        return told_yuan(text.strip(_BLANKS))
    except ValueError as error:
        raise UnusableError(str(error)) from None


def _sum(text: str) -> int:
    """Fen of a total that may be larger than one amount. Raises UnusableError."""
    try:
        return told_sum(text.strip(_BLANKS))
    except ValueError as error:
        raise UnusableError(str(error)) from None


def whole(text: Any) -> int:
    """A number of things. Raises UnusableError."""
    try:
        return int(text)
    except ValueError:
        raise UnusableError(f"{str(text)[:20]!r} is not a whole number") from None


def serial(text: str) -> str:
    """A bank's serial number as it is compared: in one width, without blanks and characters that nobody sees.

    Raises UnusableError where nothing is left: money without a serial could be told twice.
    """
    folded = "".join(one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one)[0] not in "ZC")
    if not folded or "\ufffd" in folded:
        raise UnusableError("the serial number is blank, or no text")
    return folded


def payer_name(text: str) -> str | None:
    """A payer's name as far as it can be shown; None where there is none. Nothing in a name hides the money."""
    shown = "".join(one for one in text if unicodedata.category(one) not in ("Cc", "Cs", "Cn")).strip()
    return shown[:_LONGEST_NAME] or None
