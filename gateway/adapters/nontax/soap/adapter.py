"""A non-tax revenue platform over SOAP 1.1, contract ``contracts/nontax/v1``.

Requests, answers and callbacks are signed with HMAC-SM3 over their exact bytes. What the platform cannot take (text
outside its character set, a field that breaks the schema) is refused before anything is sent.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, SecretStr

import contracts
from gateway.adapters.nontax import fields
from gateway.adapters.nontax.soap import mapping
from gateway.foundation.wire import ChannelWire, MessageSigner
from gateway.foundation.wire.answers import media_type_of
from gateway.foundation.wire.bounds import aside
from gateway.foundation.wire.soap import SoapFault, XmlMessages
from gateway.foundation.wire.xml import XmlRefusedError, parse_xml
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, OpenedCallback, Pending, ReferenceFormat, Refused
from gateway.ports.nontax import (
    Bill,
    BillState,
    Cancelled,
    CancelRequest,
    FindRequest,
    FiscalReceipt,
    Issued,
    IssueRequest,
    PaymentNotice,
    ReceiptRequest,
    Refund,
    RefundRequest,
    StatementPage,
)
from gateway.words.clock import Clock
from gateway.words.errors import ContractError, OutcomeUnknownError, RejectedError, UnsupportedError

_BINDING = "{urn:nontax-platform:v1}NonTaxPlatformSoap11"
_NOTICES = ("BillMade", "RefundMoved", "ReceiptReady")
_LONGEST_CALLBACK = 64 * 1024


class SoapNonTaxSettings(fields.CodeSettings):
    """Settings of one ``nontax.soap`` channel.

    ``ask_after``: seconds until it is asked about what the platform took and carries out later.
    ``issuing`` says who makes the code: the platform, the unit by its local rule, or a range issued in advance.
    ``code_pattern`` is the local layout of codes beyond 20 digits, as a regular expression for the whole code.
    """

    secret: SecretStr
    node_code: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    platform_node: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    services: str = "services"
    encoding: Literal["gbk", "gb18030", "utf-8"] = "gbk"
    ask_after: Annotated[float, Field(gt=0, le=24 * 3600)] = 30.0


class SoapNonTax:
    """A ``NonTaxPlatform`` over SOAP."""

    Settings: ClassVar[type[BaseModel]] = SoapNonTaxSettings
    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="nontax",
        name="nontax.soap",
        contract="nontax/v1",
        capabilities=frozenset(
            {"issue", "find", "cancel", "refund", "find_refund", "statement", "receipt", "open_callback"}
        ),
        reference=ReferenceFormat(20),
        find=FindGuarantee(offered=True, consistent=False, settle_seconds=60.0),
        sensitive=frozenset({"PayerName", "MobilePhone", "RecName", "RecAcct"}),
        encoding="gbk",
        idempotent=True,
        large=frozenset({"Statement", "DownloadReceipt"}),
    )

    def __init__(self, settings: SoapNonTaxSettings, wire: ChannelWire, clock: Clock) -> None:
        self._settings = settings
        self._wire = wire
        self._signer = MessageSigner(
            settings.node_code, settings.secret.get_secret_value().encode(), clock, peer=settings.platform_node
        )
        self._caller = wire.soap(contracts.path("nontax/v1/nontax.wsdl"), _BINDING, settings.services, self._signer)
        self._callbacks = XmlMessages(contracts.path("nontax/v1/callback.xsd"))

    # --- calls -----------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """Ping the platform with our credentials; its name and clock for people."""
        answer = await self._call("Ping")
        return f"{answer['PlatformName']} {mapping.moment(answer['PlatformDate'], answer['PlatformTime']):%F %T}"

    async def close(self) -> None:
        """Let go of the channel's connections."""
        await self._wire.close()

    async def issue(self, request: IssueRequest) -> Issued | Pending:
        """CreateBill: the same reference with the same content yields the same code, be it later.

        Raises UnsupportedError when the bill has a code and the platform makes them, or the other way round.
        """
        if (request.code is None) != (self._settings.issuing == "platform"):
            raise UnsupportedError(f"issuing mode {self._settings.issuing} and a bill with code {request.code}")
        if request.code is not None and (reason := self._settings.strange(request.code, request.region)):
            raise RejectedError(reason, "LOCAL-CODE")
        answer = await self._effect("CreateBill", **mapping.create_bill(request))
        if isinstance(answer, Pending):
            return answer
        issued = mapping.issued(answer)
        if issued.reference != request.reference:
            raise ContractError(f"asked for bill {request.reference}, got {issued.reference}")
        if reason := self._settings.strange(issued.code, request.region):
            raise ContractError(reason)
        return issued

    async def find(self, request: FindRequest) -> Bill | Pending | Refused | None:
        """QueryBill by our reference or by the code; None when the platform says that there is none."""
        if (request.reference is None) == (request.code is None):
            raise UnsupportedError("ask by reference or by code, by exactly one of them")
        asked = {"PayNo": request.reference} if request.reference is not None else {"PayCode": request.code}
        answer = await self._ask("QueryBill", **asked)
        if answer is None or isinstance(answer, Pending | Refused):
            return answer
        bill = mapping.bill(answer)
        if request.reference not in (None, bill.reference) or request.code not in (None, bill.code):
            raise ContractError(f"asked for {request.reference or request.code}, got {bill.reference} {bill.code}")
        return bill

    async def cancel(self, request: CancelRequest) -> Cancelled:
        """VoidBill. A void or closed bill is a success; one that is paid, or being paid, raises RejectedError."""
        bill = mapping.bill(await self._call("VoidBill", **mapping.void_bill(request)))
        if bill.code != request.code or bill.state not in (BillState.VOID, BillState.CLOSED):
            raise ContractError(f"asked to void {request.code}, the answer says {bill.code} {bill.state}")
        return Cancelled(code=bill.code)

    async def refund(self, request: RefundRequest) -> Refund | Pending:
        """Refund: files it; finance decides later."""
        answer = await self._effect("Refund", **mapping.file_refund(request))
        if isinstance(answer, Pending):
            return answer
        filed = mapping.refund(answer)
        if (filed.reference, filed.code) != (request.reference, request.code) or filed.amount != request.amount:
            raise ContractError(f"asked for refund {request.reference} of {request.code}, the answer is about another")
        return filed

    async def find_refund(self, reference: str) -> Refund | Pending | Refused | None:
        """QueryRefund by our reference; None when the platform says that there is none."""
        answer = await self._ask("QueryRefund", RefundNo=reference)
        if answer is None or isinstance(answer, Pending | Refused):
            return answer
        refund = mapping.refund(answer)
        if refund.reference != reference:
            raise ContractError(f"asked for refund {reference}, got {refund.reference}")
        return refund

    async def statement(self, day: date, page: int) -> StatementPage:
        """Statement: one page, from 1, of one platform day. BusyError while the platform has not made it yet."""
        answer = await self._call("Statement", StatementDate=mapping.day_text(day), Page=page)
        return await aside(mapping.statement_page, answer, day, page)  # thousands of lines

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt | Pending:
        """IssueReceipt, then DownloadReceipt. The same code yields the same receipt, be it later."""
        answer = await self._effect("IssueReceipt", RequestNo=request.reference, PayCode=request.code)
        if isinstance(answer, Pending):
            return answer
        receipt = mapping.require(answer, "Receipt")
        if receipt["PayCode"] != request.code:
            raise ContractError(f"asked for the receipt of {request.code}, got that of {receipt['PayCode']}")
        numbers = {"EInvoiceCode": receipt["EInvoiceCode"], "EInvoiceNumber": receipt["EInvoiceNumber"]}
        try:
            file = await self._call("DownloadReceipt", **numbers)
        except RejectedError as error:
            # It was issued a moment ago: that the platform does not know it is no final answer.
            raise OutcomeUnknownError(f"the receipt was issued but cannot be downloaded: {error}") from error
        return mapping.fiscal_receipt(answer, file)

    # --- callbacks -------------------------------------------------------------------------------------------------

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate a PaymentConfirm, BillMade, RefundMoved or ReceiptReady and read it, without network.

        Raises ForgedCallbackError for a missing, wrong or stale signature, UnreadableCallbackError for content that
        breaks the contract in spite of a good signature.
        """
        authentic = self._signer.verify(incoming.headers, incoming.body)
        try:
            name, told = self._told(incoming)
            if name != "PaymentConfirm":
                notice, number = mapping.notice(name, told)
                return OpenedCallback(
                    notice=notice,
                    event_key=f"{name}:{number}",
                    nonce=authentic.nonce,
                    acknowledge=mapping.notice_reply(200, number, "00000"),
                    retry_later=mapping.notice_reply(503, number, "19001"),
                )
            fact = mapping.paid_fact(told["PayCode"], told)
        except ContractError as broken:
            raise mapping.unreadable(incoming.body, broken) from broken
        return OpenedCallback(
            notice=PaymentNotice(fact=fact, bill_reference=told["PayNo"]),
            event_key=f"{fact.code}:{fact.bank_serial}",
            nonce=authentic.nonce,
            acknowledge=mapping.reply(200, fact.code, fact.bank_serial, "00000"),
            retry_later=mapping.reply(503, fact.code, fact.bank_serial, "19001"),
        )

    def _told(self, incoming: Incoming) -> tuple[str, dict[str, Any]]:
        """Which message it is, and its values. Raises ContractError."""
        if len(incoming.body) > _LONGEST_CALLBACK:
            raise ContractError(f"a callback of {len(incoming.body)} bytes")
        _, charset = media_type_of(incoming.headers.get("content-type", ""))
        try:
            message = parse_xml(incoming.body, charset=charset, note=self._wire.notes_on("PaymentConfirm"))
        except XmlRefusedError as error:
            raise ContractError(f"the callback is refused: {error}") from None
        name = next((one for one in _NOTICES if message.tag == f"{{{mapping.CALLBACK}}}{one}"), "PaymentConfirm")
        reading = self._callbacks.read(message, f"{{{mapping.CALLBACK}}}{name}")
        self._wire.passed_over(name, reading.passed_over)
        return name, reading.values

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _call(self, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """A successful answer. Everything else is raised as the code table says."""
        answer = await self._answer(operation, arguments)
        if error := mapping.refusal(answer["Result"], answer["Information"]):
            raise error
        return answer

    async def _effect(self, operation: str, /, **arguments: Any) -> dict[str, Any] | Pending:
        """Like ``_call``, where the platform may also take something and carry it out later."""
        answer = await self._answer(operation, arguments)
        taken = self._later(answer)
        if isinstance(taken, Pending):
            return taken
        if error := mapping.refusal(answer["Result"], answer["Information"]):
            raise error
        return answer

    def _later(self, answer: dict[str, Any]) -> Pending | Refused | None:
        return mapping.later(answer["Result"], answer["Information"], self._settings.ask_after)

    async def _ask(self, operation: str, /, **arguments: Any) -> dict[str, Any] | Pending | Refused | None:
        """Like ``_call``, but None when the platform says that there is no such thing, and what it says of later."""
        answer = await self._answer(operation, arguments)
        if (taken := self._later(answer)) is not None:
            return taken
        if mapping.absent(answer["Result"]):
            return None
        if error := mapping.refusal(answer["Result"], answer["Information"]):
            raise error
        return answer

    async def _answer(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if reason := mapping.unencodable(arguments, self._settings.encoding):
            raise RejectedError(reason, "LOCAL-TEXT")
        try:
            return await self._caller.call(operation, **arguments)
        except SoapFault as fault:
            code, words = str(fault.detail.get("Code", "")), str(fault.detail.get("Message", "")) or fault.message
            error = mapping.refusal(code, words, _seconds(fault.detail.get("RetryAfter")))
            raise error or ContractError(f"a fault that calls itself a success: {fault}") from fault
        except ValueError as broken:
            raise RejectedError(f"the request breaks the platform's contract: {broken}", "LOCAL-SCHEMA") from broken


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)
