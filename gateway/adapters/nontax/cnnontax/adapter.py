"""A non-tax revenue platform over the TCP frame CNNONTAX with vouchers in GBK, contract ``contracts/cnnontax/v1``.

What answers an effect on this wire says yes or no and little else. So what a bill has become is read back (8997) before
we claim it: its code and amount after issuing, that it is void after voiding.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, SecretStr

from gateway.adapters.nontax import fields
from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.adapters.nontax.cnnontax import mapping
from gateway.foundation.wire import FrameWire
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, OpenedCallback, ReferenceFormat, Reply
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
from gateway.words.clock import Clock, day_of
from gateway.words.errors import (
    ContractError,
    ExchangeError,
    ForgedCallbackError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
    UnusableError,
)

_LONGEST_CALLBACK = 64 * 1024
_UNSIGNED_REFUSALS = frozenset({"19100", "19103"})  # no key that both sides know: their MAC is all zeros

Node = Annotated[str, Field(pattern=r"^(F[0-9]{6}|K[0-9]{10})$")]
MessageNumber = Annotated[str, Field(pattern=r"^[0-9A-Z]{4}$")]


class CnNonTaxSettings(fields.CodeSettings):
    """Settings of one ``nontax.cnnontax`` channel.

    ``token`` is the secret in every MAC; ``node_code`` is the unit's node (K…), ``platform_node`` the platform's (F…).
    ``…_message`` are the numbers of messages for which no published source gives one, or that differ locally.
    ``work_days_apart`` is how far a message's working day may be from ours. ``issuing`` and ``code_pattern`` say who
    makes the payment code and its local layout beyond 20 digits.
    """

    token: SecretStr
    node_code: Node
    platform_node: Node
    void_message: MessageNumber = "8994"
    refund_message: MessageNumber = "RFD1"
    refund_query_message: MessageNumber = "RFD2"
    statement_message: MessageNumber = "STM1"
    work_days_apart: Annotated[int, Field(ge=0, le=10)] = 1


class CnNonTax:
    """A ``NonTaxPlatform`` over frames."""

    Settings: ClassVar[type[BaseModel]] = CnNonTaxSettings
    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="nontax",
        name="nontax.cnnontax",
        contract="cnnontax/v1",
        capabilities=frozenset(
            {"issue", "find", "cancel", "refund", "find_refund", "statement", "receipt", "open_callback"}
        ),
        reference=ReferenceFormat(20),
        find=FindGuarantee(offered=True, consistent=False, settle_seconds=60.0),
        sensitive=frozenset({"Voucher", "PayerName", "MobilePhone", "PayerAcct", "RecName", "RecAcct"}),
        encoding="gbk",
        idempotent=True,
        schemes=frozenset({"tcp", "tls"}),
    )

    def __init__(self, settings: CnNonTaxSettings, wire: FrameWire, clock: Clock) -> None:
        self._settings = settings
        self._wire = wire
        self._clock = clock
        self._token = settings.token.get_secret_value().encode()

    # --- calls -----------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """Ask for a bill that cannot exist: that the platform says so proves the way and the credentials."""
        answer = await self._exchange("Check", "8997", "BillQuery", {"PayNo": "0"})
        if answer.voucher == "Reply" and not mapping.CODES.absent(answer.values["Result"]):
            self._succeeded(answer)
        return f"{answer.sender} answers, its working day is {answer.work_date}"

    async def close(self) -> None:
        """Let go of the channel."""
        await self._wire.close()

    async def issue(self, request: IssueRequest) -> Issued:
        """8994, then 8997 to read what was taken in. The same reference with the same content yields the same code.

        Raises UnsupportedError when the bill has a code and the platform makes them, or the other way round.
        """
        if (request.code is None) != (self._settings.issuing == "platform"):
            raise UnsupportedError(f"issuing mode {self._settings.issuing} and a bill with code {request.code}")
        if request.code is not None and (reason := self._settings.strange(request.code, request.region)):
            raise RejectedError(reason, "LOCAL-CODE")
        answer = self._succeeded(await self._exchange("CreateBill", "8994", "Bill", mapping.bill(request)))
        code = mapping.code_of(answer["Information"])
        if reason := self._settings.strange(code, request.region):
            raise ContractError(reason)
        bill = await self._read_back(FindRequest(reference=request.reference))
        if bill.code != code:
            raise ContractError(f"the bill was answered with code {code} and is kept under {bill.code}")
        return fields.issued(bill).model_copy(update={"pay_url": bill.pay_url or answer["Information"]})

    async def find(self, request: FindRequest) -> Bill | None:
        """8997 by our reference or by the code; None when the platform says that there is none."""
        if (request.reference is None) == (request.code is None):
            raise UnsupportedError("ask by reference or by code, by exactly one of them")
        answer = await self._exchange("QueryBill", "8997", "BillQuery", mapping.bill_query(request))
        if answer.voucher == "Reply":
            if mapping.CODES.absent(answer.values["Result"]):
                return None
            self._succeeded(answer)
            raise ContractError("a bill was found, but the answer does not hold it")
        bill = mapping.CODES.bill(answer.values)
        if request.reference not in (None, bill.reference) or request.code not in (None, bill.code):
            raise ContractError(f"asked for {request.reference or request.code}, got {bill.reference} {bill.code}")
        return bill

    async def cancel(self, request: CancelRequest) -> Cancelled:
        """8994 with PayStats 2, then 8997 to see it void. One that is void already is a success; a paid one is not."""
        number = self._settings.void_message
        self._succeeded(await self._exchange("VoidBill", number, "VoidBill", mapping.void(request)))
        bill = await self._read_back(FindRequest(code=request.code))
        if bill.state is not BillState.VOID:
            raise ContractError(f"asked to void {request.code}, which was answered with yes, but it is {bill.state}")
        return Cancelled(code=bill.code)

    async def refund(self, request: RefundRequest) -> Refund:
        """File a refund; finance decides later."""
        number = self._settings.refund_message
        answer = self._succeeded(await self._exchange("Refund", number, "Refund", mapping.refund(request)))
        filed = mapping.CODES.refund(fields.require(answer, "RefundInfo"))
        if (filed.reference, filed.code) != (request.reference, request.code) or filed.amount != request.amount:
            raise ContractError(f"asked for refund {request.reference} of {request.code}, the answer is about another")
        return filed

    async def find_refund(self, reference: str) -> Refund | None:
        """A refund by our reference; None when the platform says that there is none."""
        number = self._settings.refund_query_message
        answer = await self._exchange("QueryRefund", number, "RefundQuery", {"RefundNo": reference})
        if mapping.CODES.absent(answer.values.get("Result", "")):
            return None
        refund = mapping.CODES.refund(fields.require(self._succeeded(answer), "RefundInfo"))
        if refund.reference != reference:
            raise ContractError(f"asked for refund {reference}, got {refund.reference}")
        return refund

    async def statement(self, day: date, page: int) -> StatementPage:
        """One page, from 1, of one platform day. BusyError while the platform has not made it yet."""
        asked = {"StatementDate": fields.day_text(day), "Page": page}
        number = self._settings.statement_message
        answer = self._succeeded(await self._exchange("Statement", number, "StatementQuery", asked))
        return fields.statement_page(fields.require(answer, "Statement"), day, page)

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt:
        """8981 has it issued, 8999 tells its number, 8982 brings the file. The same code yields the same receipt."""
        asked = {"RequestNo": request.reference, "PayCode": request.code}
        self._succeeded(await self._exchange("IssueReceipt", "8981", "ReceiptRequest", asked))
        try:
            told = self._succeeded(
                await self._exchange("ReceiptNumber", "8999", "ReceiptNumberQuery", {"PayCode": request.code})
            )
            receipt = fields.require(told, "Receipt")
            numbers = {name: receipt[name] for name in ("EInvoiceCode", "EInvoiceNumber")}
            got = self._succeeded(await self._exchange("DownloadReceipt", "8982", "ReceiptDownload", numbers))
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
        if len(incoming.body) > _LONGEST_CALLBACK:
            raise ForgedCallbackError(f"a callback of {len(incoming.body)} bytes")
        try:
            frame = frames.split(incoming.body)
        except ValueError as error:
            raise ForgedCallbackError(f"no frame: {error}") from None
        if not frame.genuine(self._token):
            raise ForgedCallbackError("the MAC is not that of our token")
        letter = frames.open_letter(frame)
        if (letter.sender, letter.receiver) != (self._settings.platform_node, self._settings.node_code):
            raise ForgedCallbackError(f"a message from {letter.sender} to {letter.receiver}")
        today = day_of(self._clock.now())
        if abs(letter.work_date - today) > timedelta(days=self._settings.work_days_apart):
            raise ForgedCallbackError(f"a message of the working day {letter.work_date}, today is {today}")
        if (letter.number, letter.voucher) != ("5996", "PaymentConfirm"):
            raise ContractError(f"message {letter.number} with {letter.voucher} is not one that is pushed")
        notice = mapping.notice(letter.values)
        return OpenedCallback(
            notice=notice,
            event_key=f"{notice.fact.code}:{notice.fact.bank_serial}",
            nonce=letter.id,
            acknowledge=self._reply(200, letter, "00000"),
            retry_later=self._reply(503, letter, "19001"),
        )

    def _reply(self, status: int, to: frames.Letter, result: str) -> Reply:
        letter = self._letter("8001", "Reply", mapping.reply(to.number, result), answers=to.id)
        return Reply(status, frames.seal(letter, self._token), "application/octet-stream")

    # --- inside ----------------------------------------------------------------------------------------------------

    def _letter(self, number: str, voucher: str, values: Mapping[str, Any], answers: str = "") -> frames.Letter:
        return frames.Letter(
            number=number,
            sender=self._settings.node_code,
            receiver=self._settings.platform_node,
            id=secrets.token_hex(16).upper(),
            answers=answers,
            work_date=day_of(self._clock.now()),
            voucher=voucher,
            values=values,
        )

    async def _exchange(self, action: str, number: str, voucher: str, values: Mapping[str, Any]) -> frames.Letter:
        """Send one message and give the one that answers it: authentic, about ours, and of a kind that may answer.

        Raises RejectedError, before anything is sent, for what the platform's character set or contract cannot take.
        """
        if reason := fields.unencodable(values, "gbk"):
            raise RejectedError(reason, "LOCAL-TEXT")
        if reason := frames.complaint(voucher, values):
            raise RejectedError(f"the request breaks the platform's contract: {reason}", "LOCAL-SCHEMA")
        asked = self._letter(number, voucher, values)
        answer = await self._wire.exchange(action, frames.seal(asked, self._token))
        try:
            frame = frames.split(answer)
        except ValueError as error:
            raise UnusableError(f"the answer is no frame: {error}") from None
        genuine = frame.genuine(self._token)
        if not genuine and frame.mac != frames.UNSIGNED:
            raise UnusableError("the answer's MAC is not that of our token")
        letter = frames.open_letter(frame)
        if (letter.sender, letter.receiver) != (asked.receiver, asked.sender) or letter.answers != asked.id:
            raise ContractError(f"an answer from {letter.sender} to {letter.receiver} that is not about our message")
        if not genuine and letter.values.get("Result") not in _UNSIGNED_REFUSALS:
            raise UnusableError("the answer has no MAC")
        if (letter.number, letter.voucher) not in {("5001", "Reply"), ("5997", "BillState")}:
            raise ContractError(f"message {letter.number} with {letter.voucher} is not an answer")
        if letter.voucher == "BillState" and number != "8997":
            raise ContractError(f"message {number} was answered with a bill")
        if letter.voucher == "Reply" and letter.values["OriMsgNo"] != number:
            raise ContractError(f"message {number} was answered as if it were {letter.values['OriMsgNo']}")
        return letter

    def _succeeded(self, answer: frames.Letter) -> Mapping[str, Any]:
        """The values of a Reply that says success. Every other result is raised as the code table says."""
        told = answer.values
        after = float(told["RetryAfter"]) if "RetryAfter" in told else None
        if error := mapping.CODES.refusal(told["Result"], told["Information"], after):
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
        if bill is None:
            raise OutcomeUnknownError("answered with yes, but not to be found yet")
        return bill
