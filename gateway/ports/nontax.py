"""The door to non-tax revenue platforms 非税收入收缴平台."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime, ConfigDict
from pydantic.dataclasses import dataclass

from gateway.ports.base import Adapter, Fen, Incoming, Message, Notice, OpenedCallback, Pending, Refused

KIND = "nontax"


class BillLine(Message):
    """One line of a bill: income item 收入项目 and amount in fen."""

    item_code: str
    item_name: str
    amount: Fen


class IssueRequest(Message):
    """One bill to be given a payment code 缴款码. ``total`` equals the sum of the lines.

    ``code`` is set only in the issuing modes where the unit composes the code or takes it from a range.
    ``payer_is_person``: the payer is a natural person, so that what is said of them is personal data 个人信息.
    """

    reference: str
    region: str
    unit_code: str
    unit_name: str
    payer_name: str
    payer_code: str | None = None
    payer_phone: str | None = None
    payer_is_person: bool = False
    decision_number: str
    lines: tuple[BillLine, ...]
    total: Fen
    bill_date: date
    due_on: date | None = None
    code: str | None = None
    memo: str = ""


class Issued(Message):
    """The platform gave a code. ``valid_until`` is the platform's date for the code, not the legal due date."""

    reference: str
    code: str
    total: Fen
    pay_url: str | None = None
    valid_until: date | None = None
    check_code: str | None = None


class PaidFact(Message):
    """That money arrived: the business key is ``code`` and ``bank_serial``.

    ``bill_reference``: the bill's own number, where the message tells it beside the code.
    """

    code: str
    amount: Fen
    paid_at: AwareDatetime
    bank_serial: str
    pay_mode: str
    payer_name: str | None = None
    bill_reference: str | None = None


class BillState(StrEnum):
    """Where a bill stands at the platform.

    ``being_paid``: somebody is paying, or the bank has the money and the platform has not booked it: it can neither be
    paid again nor voided now. ``void``: on our word. ``closed``: by the platform itself, for whatever reason, and it
    takes no money any more; ``expired``: because its day was over. ``refunded``: it was paid and all of it went back.
    """

    UNPAID = "unpaid"
    BEING_PAID = "being_paid"
    PAID = "paid"
    VOID = "void"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    CLOSED = "closed"


class Bill(Message):
    """What the platform knows about one bill, found by our reference or by its code.

    A bill that has no code yet is ``Pending``. ``reason``: why it is closed, in the platform's words.
    """

    reference: str
    code: str
    total: Fen
    state: BillState
    reason: str | None = None
    pay_url: str | None = None
    valid_until: date | None = None
    check_code: str | None = None
    paid: tuple[PaidFact, ...] = ()


class FindRequest(Message):
    """Ask by our reference, or by the code: by exactly one of them, which ``info.find.by`` has."""

    reference: str | None = None
    code: str | None = None


class CancelRequest(Message):
    """Void an unpaid bill. ``bill_reference`` is the reference it was issued under."""

    reference: str
    bill_reference: str
    code: str
    reason: str


class Cancelled(Message):
    """The platform has voided the bill."""

    code: str


class RefundRequest(Message):
    """File a refund 退付; finance decides later.

    ``bill_reference`` is the reference the bill was issued under, None where somebody else had it issued.
    """

    reference: str
    bill_reference: str | None = None
    code: str
    bank_serial: str
    amount: Fen
    reason: str
    payee_name: str
    payee_account: str
    payee_bank: str


class RefundState(StrEnum):
    """States of a refund at the platform."""

    FILED = "filed"
    APPROVED = "approved"
    REFUNDED = "refunded"
    REFUSED = "refused"


class Refund(Message):
    """What the platform knows about one refund. ``number`` is its own number for it 退款单号; statements name it."""

    reference: str
    code: str
    amount: Fen
    state: RefundState
    number: str | None = None
    reason: str | None = None
    refunded_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class StatementLine:
    """One collected or refunded amount on a statement 对账文件.

    ``refund_number``: the platform's own number of a refund. Several refunds a day may go back under one serial.
    """

    # Checked as a Message is, but nothing beside its values: a day has tens of thousands, and the collector of cycles
    # holds every thread for as long as it walks through them.

    kind: Literal["paid", "refunded"]
    reference: str
    code: str
    amount: Fen
    paid_at: AwareDatetime
    bank_serial: str
    unit_code: str
    item_codes: tuple[str, ...] = ()
    refund_number: str | None = None


class StatementPage(Message):
    """One page of a day's statement. ``count`` and ``amount`` (of paid lines) are totals of the whole day."""

    day: date
    page: int
    pages: int
    count: int
    amount: Fen
    lines: tuple[StatementLine, ...]


class StatementNone(Message):
    """The platform's word that nothing happened on a day and that there will be no statement of it 无交易."""

    day: date


class ReceiptRequest(Message):
    """Ask for the fiscal receipt of a paid bill to be issued. ``bill_reference``: as for a refund."""

    reference: str
    bill_reference: str | None = None
    code: str


class ReceiptSignature(Message):
    """A detached SM2 signature over the exact bytes of a receipt's file: by the issuing unit or finance's supervisor.

    ``certificate`` is DER; ``value`` the DER signature; ``signed_at`` stands beside it and is not covered by it.
    """

    role: Literal["issuer", "supervisor"]
    signed_at: AwareDatetime
    certificate: bytes
    value: bytes


class FiscalReceipt(Message):
    """A fiscal receipt 财政电子票据: 8-digit code, 10-digit number, 6-character check code, and its file.

    ``signatures`` is empty where the platform sends none beside the file.
    """

    code: str
    receipt_code: str
    receipt_number: str
    check_code: str
    amount: Fen
    issued_at: AwareDatetime
    document: bytes
    media_type: str
    signatures: tuple[ReceiptSignature, ...] = ()


class PaymentNotice(Notice):
    """A callback's content once opened: money arrived."""

    kind: Literal["paid"] = "paid"
    fact: PaidFact
    bill_reference: str | None = None


class UnreadableNotice(Notice):
    """What could be read of an authentic callback that breaks the contract: a bill that it may be about.

    A hint to ask how the bill stands, and nothing more. See ``gateway.ports.base.UnreadableCallbackError``.
    """

    kind: Literal["unreadable"] = "unreadable"
    code: str | None = None
    bill_reference: str | None = None


class CodeNotice(Notice):
    """A callback's content once opened: the code is made that ``issue`` had answered ``Pending`` for.

    ``reference`` is the bill's. ``issued``: the whole answer where the notice tells it and is authentic, or that the
    bill was refused after all; it ends the pending request at once, whether or not the platform can be asked. None: it
    is a hint to ask. It may come before ``issue`` was answered.
    """

    kind: Literal["code"] = "code"
    reference: str
    issued: Issued | Refused | None = None


class RefundNotice(Notice):
    """A callback's content once opened: a refund moved. ``reference`` is the refund's, ``refund`` as in ``CodeNotice``.

    It may come before ``refund`` was answered.
    """

    kind: Literal["refund"] = "refund"
    reference: str
    refund: Refund | None = None


class ReceiptNotice(Notice):
    """A callback's content once opened: the receipt of a paid bill is ready to be fetched. Always only a hint.

    Told by the bill's code, or by the reference of ``receipt``, or both.
    """

    kind: Literal["receipt"] = "receipt"
    code: str | None = None
    reference: str | None = None


@runtime_checkable
class NonTaxPlatform(Adapter, Protocol):
    """Non-tax revenue platform. Every effect, and every question about one, may answer ``Pending``."""

    async def issue(self, request: IssueRequest) -> Issued | Pending:
        """Ask for a payment code for one bill. The same reference sent twice yields the same code.

        ``Pending``: the bill is taken and its code comes later, by ``find`` of its reference or by ``CodeNotice``.
        """
        ...

    async def find(self, request: FindRequest) -> Bill | Pending | Refused | None:
        """What the platform knows of a bill; None when it says that there is none.

        ``Pending`` while it has no code yet; ``Refused`` when it was taken, and no code will come.
        """
        ...

    async def cancel(self, request: CancelRequest) -> Cancelled | Pending:
        """Void an unpaid bill. A bill already void or closed is a success; a paid one raises RejectedError.

        One that is being paid raises RejectedError too: nobody knows yet whether it will be paid.
        """
        ...

    async def refund(self, request: RefundRequest) -> Refund | Pending:
        """File a refund; the answer is only that it was filed. ``Pending``: taken, not filed yet."""
        ...

    async def find_refund(self, reference: str) -> Refund | Pending | Refused | None:
        """State of a refund by our reference."""
        ...

    async def statement(self, day: date, page: int) -> StatementPage | StatementNone | Pending:
        """One page (from 1) of the statement of one platform day; ``Pending`` while it is not made yet."""
        ...

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt | Pending:
        """Have the receipt of a paid bill issued, or fetch it again. The same code yields the same receipt.

        ``Pending``: it is being made; the same question again fetches it, and ``ReceiptNotice`` says when.
        """
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network: one of this module's notices.

        Raises ForgedCallbackError or ContractError.
        """
        ...
