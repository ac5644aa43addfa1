"""A non-tax revenue platform over the TCP frame CNNONTAX with vouchers in GBK, contract ``contracts/cnnontax/v1``.

What answers an effect on this wire says yes or no and little else. So what a bill has become is read back (8997) before
we claim it: its code and amount after issuing, that it is void after voiding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

from pydantic import BaseModel

from gateway.adapters.nontax import fields
from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.adapters.nontax.cnnontax import mapping
from gateway.adapters.nontax.cnnontax.post import Post, UnsignedRefusalError
from gateway.adapters.nontax.cnnontax.settings import CnNonTaxSettings
from gateway.foundation.wire import FrameWire
from gateway.foundation.wire.bounds import aside
from gateway.foundation.wire.listening import FrameDoor
from gateway.ports.base import (
    AdapterInfo,
    FindGuarantee,
    Incoming,
    OpenedCallback,
    Pending,
    ReferenceFormat,
    Refused,
)
from gateway.ports.nontax import (
    Bill,
    BillState,
    Cancelled,
    CancelRequest,
    FindRequest,
    FiscalReceipt,
    Issued,
    IssueRequest,
    ReceiptRequest,
    Refund,
    RefundRequest,
    StatementPage,
)
from gateway.words.clock import Clock
from gateway.words.errors import (
    ContractError,
    DeniedError,
    ExchangeError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
    UnusableError,
)


class CnNonTax:
    """A ``NonTaxPlatform`` over frames."""

    Settings: ClassVar[type[BaseModel]] = CnNonTaxSettings
    info: AdapterInfo = AdapterInfo(
        kind="nontax",
        name="nontax.cnnontax",
        contract="cnnontax/v1",
        capabilities=frozenset(
            {"issue", "find", "cancel", "refund", "find_refund", "statement", "receipt", "open_callback"}
        ),
        reference=ReferenceFormat(20),
        find=FindGuarantee(offered=True, consistent=False, settle_seconds=60.0),
        sensitive=frozenset({"Voucher", "PayerName", "MobilePhone", "PayerAcct", "RecName", "RecAcct", "Operator"}),
        encoding="gbk",
        idempotent=True,
        schemes=frozenset({"tcp", "tls"}),
        large=frozenset({"Statement", "DownloadReceipt"}),
    )

    def __init__(self, settings: CnNonTaxSettings, wire: FrameWire, clock: Clock) -> None:
        self._settings = settings
        self._codes = fields.Codes("cnnontax", "v1", settings.results)
        self._wire = wire
        self._post = Post(settings, wire, clock)
        self.info = replace(
            self.info, encoding=settings.encoding, tells_again=settings.repeat_for_address and not self._by_code
        )
        if self._by_code:
            self.info = replace(self.info, find=replace(self.info.find, by=frozenset({"code"})))
        self.door = FrameDoor(self._post.dialect.length, self._post.is_pushed, settings)

    # --- calls -----------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """Ask for a bill that cannot exist: that the platform says so proves the way and the credentials."""
        asked = {"PayCode": "0"} if self._by_code else {"PayNo": "0"}
        try:
            answer = await self._post.exchange("Check", "8997", "BillQuery", asked)
        except UnsignedRefusalError as refusal:
            raise DeniedError(str(refusal)) from refusal
        if answer.voucher == "Reply" and not self._codes.absent(answer.values["Result"]):
            self._succeeded(answer)
        return f"{answer.sender} answers, its working day is {answer.work_date}"

    async def close(self) -> None:
        """Let go of the channel."""
        await self._wire.close()

    async def issue(self, request: IssueRequest) -> Issued | Pending:
        """8994, then 8997 to read what was taken in. The same reference with the same content yields the same code.

        Raises UnsupportedError when the bill has a code and the platform makes them, or the other way round.
        """
        if (request.code is None) != (self._settings.issuing == "platform"):
            raise UnsupportedError(f"issuing mode {self._settings.issuing} and a bill with code {request.code}")
        if request.code is not None and (reason := self._settings.strange(request.code, request.region)):
            raise RejectedError(reason, "LOCAL-CODE")
        letter = await self._post.exchange("CreateBill", "8994", "Bill", mapping.bill(request))
        if isinstance(taken := self._later(letter), Pending):
            return taken
        answer = self._succeeded(letter)
        information = answer.get("Information", "")
        told = mapping.code_of(information)
        if told is not None and (reason := self._settings.strange(told, request.region)):
            raise ContractError(reason)
        ask = FindRequest(code=request.code) if self._by_code else FindRequest(reference=request.reference)
        bill = await self._read_back(ask)
        if told is not None and bill.code != told:
            raise ContractError(f"the bill was answered with code {told} and is kept under {bill.code}")
        address = bill.pay_url if told is None else bill.pay_url or mapping.address_of(information)
        reference = bill.reference or request.reference
        return fields.issued(bill).model_copy(update={"reference": reference, "pay_url": address})

    async def find(self, request: FindRequest) -> Bill | Pending | Refused | None:
        """8997 by our reference or by the code; None when the platform says that there is none."""
        if (request.reference is None) == (request.code is None):
            raise UnsupportedError("ask by reference or by code, by exactly one of them")
        if self._by_code and request.code is None:
            raise UnsupportedError("this platform is not told our numbers: ask by the code")
        answer = await self._post.exchange("QueryBill", "8997", "BillQuery", mapping.bill_query(request))
        if answer.voucher == "Reply":
            if self._codes.absent(answer.values["Result"]):
                return None
            if (taken := self._later(answer)) is not None:
                return taken
            self._succeeded(answer)
            raise UnusableError("a bill was found, but the answer does not hold it")
        # What the answer does not repeat of our question it does not contradict.
        asked = {"PayNo": request.reference or ""} | ({} if request.code is None else {"PayCode": request.code})
        bill = self._codes.bill(fields.Told(asked | dict(answer.values)))
        if request.reference not in (None, bill.reference) or request.code not in (None, bill.code):
            raise ContractError(f"asked for {request.reference or request.code}, got {bill.reference} {bill.code}")
        return bill.model_copy(update={"pay_url": mapping.address_of(bill.pay_url or "")})

    async def cancel(self, request: CancelRequest) -> Cancelled:
        """8994 with PayStats 2, then 8997 to see it void. One that is void already is a success; a paid one is not."""
        number = self._settings.void_message
        self._succeeded(await self._post.exchange("VoidBill", number, "VoidBill", mapping.void(request)))
        bill = await self._read_back(FindRequest(code=request.code))
        if bill.state is not BillState.VOID:
            raise ContractError(f"asked to void {request.code}, which was answered with yes, but it is {bill.state}")
        return Cancelled(code=bill.code)

    async def refund(self, request: RefundRequest) -> Refund:
        """File a refund; finance decides later."""
        number = self._settings.refund_message
        answer = self._succeeded(await self._post.exchange("Refund", number, "Refund", mapping.refund(request)))
        filed = self._codes.refund(fields.require(answer, "RefundInfo"))
        if (filed.reference, filed.code) != (request.reference, request.code) or filed.amount != request.amount:
            raise ContractError(f"asked for refund {request.reference} of {request.code}, the answer is about another")
        return filed

    async def find_refund(self, reference: str) -> Refund | None:
        """A refund by our reference; None when the platform says that there is none."""
        number = self._settings.refund_query_message
        answer = await self._post.exchange("QueryRefund", number, "RefundQuery", {"RefundNo": reference})
        if self._codes.absent(answer.values.get("Result", "")):
            return None
        refund = self._codes.refund(fields.require(self._succeeded(answer), "RefundInfo"))
        if refund.reference != reference:
            raise ContractError(f"asked for refund {reference}, got {refund.reference}")
        return refund

    async def statement(self, day: date, page: int) -> StatementPage:
        """One page, from 1, of one platform day. BusyError while the platform has not made it yet."""
        asked = {"StatementDate": fields.day_text(day), "Page": page}
        number = self._settings.statement_message
        answer = self._succeeded(await self._post.exchange("Statement", number, "StatementQuery", asked))
        told = fields.require(answer, "Statement")
        return await aside(fields.statement_page, told, day, page)  # thousands of lines

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt:
        """8981 has it issued, 8999 tells its number, 8982 brings the file. The same code yields the same receipt."""
        asked = {"RequestNo": request.reference, "PayCode": request.code}
        self._succeeded(await self._post.exchange("IssueReceipt", "8981", "ReceiptRequest", asked))
        try:
            told = self._succeeded(
                await self._post.exchange("ReceiptNumber", "8999", "ReceiptNumberQuery", {"PayCode": request.code})
            )
            receipt = fields.require(told, "Receipt")
            numbers = {name: receipt[name] for name in ("EInvoiceCode", "EInvoiceNumber")}
            got = self._succeeded(await self._post.exchange("DownloadReceipt", "8982", "ReceiptDownload", numbers))
        except OutcomeUnknownError:
            raise
        except ExchangeError as error:
            # It was issued a moment ago: that the platform does not know it is no final answer.
            raise OutcomeUnknownError(f"the receipt was issued but cannot be had: {error}") from error
        if receipt["PayCode"] != request.code:
            raise ContractError(f"asked for the receipt of {request.code}, got that of {receipt['PayCode']}")
        file = fields.require(got, "ReceiptFile")
        return fields.fiscal_receipt(receipt, frames.unpacked(file["Document"]), file["MediaType"])

    # --- callbacks -------------------------------------------------------------------------------------------------

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate a 5996 and read it, without network. Its MsgID is the nonce.

        Raises ForgedCallbackError for what is no frame or has a wrong MAC, other nodes or a working day too far from
        ours, ContractError for content that breaks the contract in spite of a good MAC.
        """
        frame, letter = self._post.opened(incoming)
        self._wire.passed_over("PaymentConfirm", letter.passed)
        try:
            if (letter.number, letter.voucher) != ("5996", "PaymentConfirm"):
                raise UnusableError(f"message {letter.number} with {letter.voucher} is not one that is pushed")
            notice = mapping.notice(letter.values)
        except ContractError as error:
            raise self._post.unreadable(frame, error) from None
        return OpenedCallback(
            notice=notice,
            event_key=f"{notice.fact.code}:{notice.fact.bank_serial}",
            nonce=letter.id,
            acknowledge=self._post.reply(200, letter.number, letter.id, "00000"),
            retry_later=self._post.reply(503, letter.number, letter.id, "19001"),
        )

    # --- inside ----------------------------------------------------------------------------------------------------

    @property
    def _by_code(self) -> bool:
        """Whether the platform is not told our own numbers, so that it can be asked by codes alone."""
        return "PayNo" in self._post.dialect.left_out

    def _later(self, answer: frames.Letter) -> Pending | Refused | None:
        """What a reply says of a bill that was taken: no code yet, or refused after all. None: neither."""
        told = answer.values
        return self._codes.later(told.get("Result", ""), told.get("Information", ""), self._settings.ask_after)

    def _succeeded(self, answer: frames.Letter) -> Mapping[str, Any]:
        """The values of a Reply that says success. Every other result is raised as the code table says."""
        told = answer.values
        seconds = told.get("RetryAfter", "")
        after = float(seconds) if re.fullmatch("[0-9]{1,7}", seconds) else None
        if error := self._codes.refusal(told["Result"], told.get("Information", ""), after):
            raise error
        return told

    async def _read_back(self, request: FindRequest) -> Bill:
        """The bill after an effect that was answered with yes; nothing that goes wrong now makes it undone."""
        try:
            bill = await self.find(request)
        except OutcomeUnknownError:
            raise
        except ExchangeError as error:
            raise OutcomeUnknownError(f"answered with yes, but cannot be read back: {error}") from error
        if not isinstance(bill, Bill):
            raise OutcomeUnknownError("answered with yes, but not to be found yet")
        return bill
