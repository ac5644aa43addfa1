"""A non-tax revenue platform over the TCP frame CNNONTAX with vouchers in GBK, contract ``contracts/cnnontax/v1``.

What answers an effect on this wire says yes or no and little else. So what a bill has become is read back (8997) before
we claim it: its code and amount after issuing, that it is void after voiding.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from gateway.adapters.nontax import fields
from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.adapters.nontax.cnnontax import mapping
from gateway.foundation.wire import FrameWire
from gateway.foundation.wire.frame import Length, PassedOver
from gateway.foundation.wire.listening import FrameDoor, ListenSettings
from gateway.ports.base import (
    AdapterInfo,
    FindGuarantee,
    Incoming,
    OpenedCallback,
    ReferenceFormat,
    Reply,
    UnreadableCallbackError,
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
    UnreadableNotice,
)
from gateway.words.clock import Clock, day_of
from gateway.words.errors import (
    ContractError,
    DeniedError,
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
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,39}$")]
Line = Annotated[str, Field(max_length=200)]


class FrameSettings(BaseModel):
    """``frame`` of a channel: what stands before and behind the XML where a platform differs from the published frame.

    ``length_digits``: characters of the length; ``length_align`` and ``length_pad``: how its number stands in them;
    ``length_counts_itself``: whether it counts them too. ``application`` and ``version`` follow it. ``mac``: whether it
    stands ``after`` or ``before`` the XML.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    length_digits: Annotated[int, Field(ge=4, le=10)] = 8
    length_align: Literal["left", "right"] = "left"
    length_pad: Literal[" ", "0"] = " "
    length_counts_itself: bool = True
    application: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,19}$")] = "CNNONTAX"
    version: Annotated[str, Field(pattern=r"^[0-9.]{1,8}$")] = "1.0"
    mac: Literal["after", "before"] = "after"

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.length_pad == "0" and self.length_align == "left":
            raise ValueError('length_pad = "0" goes with length_align = "right"')
        return self

    @property
    def length(self) -> Length:
        """How the length is written."""
        return Length(self.length_digits, self.length_align, self.length_pad, self.length_counts_itself)


class CnNonTaxSettings(fields.CodeSettings, ListenSettings):
    """Settings of one ``nontax.cnnontax`` channel.

    ``token`` is the secret in every MAC; ``node_code`` is the unit's node (K…), ``platform_node`` the platform's (F…).
    ``…_message`` are the numbers of messages for which no published source gives one, or that differ locally.
    ``work_days_apart`` is how far a message's working day may be from ours. ``issuing`` and ``code_pattern`` say who
    makes the payment code and its local layout beyond 20 digits.

    ``dialect``: how we write, the ``contract``'s own way or as a province ``published`` it; both are read. ``left_out``
    are fields that bills are not written with, ``bill_fields`` further ones with a fixed value (receiver, operator).
    ``encoding``: of the vouchers that we write. ``frame``: see ``FrameSettings``. ``results``: local result codes and
    what each means. ``connection``: a new one for ``each`` exchange, or ``kept``.
    ``repeat_for_address``: a bill whose address was lost with an answer is sent again to have it, which the contract
    says has no other effect. ``listen…``: see ``ListenSettings``.
    """

    token: SecretStr
    node_code: Node
    platform_node: Node
    void_message: MessageNumber = "8994"
    refund_message: MessageNumber = "RFD1"
    refund_query_message: MessageNumber = "RFD2"
    statement_message: MessageNumber = "STM1"
    work_days_apart: Annotated[int, Field(ge=0, le=10)] = 1
    dialect: Literal["contract", "published"] = "contract"
    left_out: tuple[FieldName, ...] | None = None
    bill_fields: dict[FieldName, Line] = Field(default_factory=dict)
    encoding: Literal["gbk", "gb18030"] = "gbk"
    frame: FrameSettings = FrameSettings()
    results: dict[Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,10}$")], fields.Effect] = Field(default_factory=dict)
    connection: Literal["each", "kept"] = "each"
    repeat_for_address: bool = True

    @model_validator(mode="after")
    def _can_be_asked_about(self) -> Self:
        if "PayNo" in self.written.left_out and self.issuing == "platform":
            raise ValueError(
                "bills without PayNo whose code the platform makes could not be asked about after a lost answer: "
                'set issuing = "unit" or "range", or left_out without PayNo'
            )
        return self

    @property
    def written(self) -> frames.Dialect:
        """The dialect that we write."""
        published, frame = self.dialect == "published", self.frame
        left_out = self.left_out if self.left_out is not None else ("PayNo", "SetYear") if published else ()
        return frames.Dialect(
            length=frame.length,
            application=frame.application,
            version=frame.version,
            mac=frame.mac,
            encoding=self.encoding,
            root="voucher" if published else "kind",
            declared=not published,
            refers_to_itself=published,
            ordered=published,
            left_out=frozenset(left_out),
            added=self.bill_fields,
        )


class UnsignedRefusalError(UnusableError):
    """Somebody refuses our key without showing his own. Whoever it was, what we asked for may have been done."""


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
        sensitive=frozenset({"Voucher", "PayerName", "MobilePhone", "PayerAcct", "RecName", "RecAcct"}),
        encoding="gbk",
        idempotent=True,
        schemes=frozenset({"tcp", "tls"}),
    )

    def __init__(self, settings: CnNonTaxSettings, wire: FrameWire, clock: Clock) -> None:
        self._settings = settings
        self._dialect = settings.written
        self.info = replace(
            self.info, encoding=settings.encoding, tells_again=settings.repeat_for_address and not self._by_code
        )
        if self._by_code:
            self.info = replace(self.info, find=replace(self.info.find, by=frozenset({"code"})))
        self._codes = fields.Codes("cnnontax", "v1", settings.results)
        self._wire = wire
        self._clock = clock
        self._token = settings.token.get_secret_value().encode()
        wire.length = self._dialect.length
        wire.keep = settings.connection == "kept"
        wire.explain = self._misfit
        self.door = FrameDoor(self._dialect.length, self._is_pushed, settings)

    # --- calls -----------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """Ask for a bill that cannot exist: that the platform says so proves the way and the credentials."""
        asked = {"PayCode": "0"} if self._by_code else {"PayNo": "0"}
        try:
            answer = await self._exchange("Check", "8997", "BillQuery", asked)
        except UnsignedRefusalError as refusal:
            raise DeniedError(str(refusal)) from refusal
        if answer.voucher == "Reply" and not self._codes.absent(answer.values["Result"]):
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

    async def find(self, request: FindRequest) -> Bill | None:
        """8997 by our reference or by the code; None when the platform says that there is none."""
        if (request.reference is None) == (request.code is None):
            raise UnsupportedError("ask by reference or by code, by exactly one of them")
        if self._by_code and request.code is None:
            raise UnsupportedError("this platform is not told our numbers: ask by the code")
        answer = await self._exchange("QueryBill", "8997", "BillQuery", mapping.bill_query(request))
        if answer.voucher == "Reply":
            if self._codes.absent(answer.values["Result"]):
                return None
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
        self._succeeded(await self._exchange("VoidBill", number, "VoidBill", mapping.void(request)))
        bill = await self._read_back(FindRequest(code=request.code))
        if bill.state is not BillState.VOID:
            raise ContractError(f"asked to void {request.code}, which was answered with yes, but it is {bill.state}")
        return Cancelled(code=bill.code)

    async def refund(self, request: RefundRequest) -> Refund:
        """File a refund; finance decides later."""
        number = self._settings.refund_message
        answer = self._succeeded(await self._exchange("Refund", number, "Refund", mapping.refund(request)))
        filed = self._codes.refund(fields.require(answer, "RefundInfo"))
        if (filed.reference, filed.code) != (request.reference, request.code) or filed.amount != request.amount:
            raise ContractError(f"asked for refund {request.reference} of {request.code}, the answer is about another")
        return filed

    async def find_refund(self, reference: str) -> Refund | None:
        """A refund by our reference; None when the platform says that there is none."""
        number = self._settings.refund_query_message
        answer = await self._exchange("QueryRefund", number, "RefundQuery", {"RefundNo": reference})
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
            frame = frames.split(incoming.body, self._dialect)
        except ValueError as error:
            reason = self._misfit(incoming.body)
            raise ForgedCallbackError(f"no frame: {error}" + (f": {reason}" if reason else "")) from None
        if not frame.genuine(self._token):
            raise ForgedCallbackError("the MAC is not that of our token")
        try:
            letter = frames.open_letter(frame)
        except UnusableError as error:
            raise self._unreadable(frame, error) from None
        if (letter.sender, letter.receiver) != (self._settings.platform_node, self._settings.node_code):
            raise ForgedCallbackError(f"a message from {letter.sender} to {letter.receiver}")
        today = day_of(self._clock.now())
        if abs(letter.work_date - today) > timedelta(days=self._settings.work_days_apart):
            raise ForgedCallbackError(f"a message of the working day {letter.work_date}, today is {today}")
        self._wire.passed_over("PaymentConfirm", letter.passed)
        try:
            if (letter.number, letter.voucher) != ("5996", "PaymentConfirm"):
                raise UnusableError(f"message {letter.number} with {letter.voucher} is not one that is pushed")
            notice = mapping.notice(letter.values)
        except ContractError as error:
            raise self._unreadable(frame, error) from None
        return OpenedCallback(
            notice=notice,
            event_key=f"{notice.fact.code}:{notice.fact.bank_serial}",
            nonce=letter.id,
            acknowledge=self._reply(200, letter.number, letter.id, "00000"),
            retry_later=self._reply(503, letter.number, letter.id, "19001"),
        )

    def _reply(self, status: int, number: str, id_: str, result: str, information: str = "") -> Reply:
        told = mapping.reply(number, result, information)
        if fields.unencodable(told, self._settings.encoding):
            told = mapping.reply(number, result)
        letter = self._letter("8001", "Reply", told, answers=id_)
        return Reply(status, frames.seal(letter, self._token, self._dialect), "application/octet-stream")

    def _unreadable(self, frame: frames.Frame, why: Exception) -> UnreadableCallbackError:
        """An authentic message that cannot be read: what it may be about, and our no in the platform's own words."""
        code = frames.hint(frame)
        about = None if code is None else UnreadableNotice(code=code)
        return UnreadableCallbackError(str(why), about=about, refuse=self._refusal(frame, str(why)))

    def _refusal(self, frame: frames.Frame, why: str) -> Reply | None:
        """Our no to an authentic message, in the platform's own words; None where it does not even tell its number."""
        found = re.search(rb"<MsgID>\s*([0-9A-Za-z]{1,32})\s*</MsgID>", frame.xml)
        return None if found is None else self._reply(400, frame.number, found[1].decode(), "19200", why[:200])

    def _is_pushed(self, content: bytes) -> bool:
        """Whether a frame is a message that begins an exchange; what it is worth is judged by ``open_callback``."""
        try:
            return frames.split(content, self._dialect).number == "5996"
        except ValueError:
            return False

    def _misfit(self, content: bytes) -> str | None:
        """Which setting does not fit a frame that cannot be read, as a sentence."""
        return frames.misfit(content, self._dialect)

    # --- inside ----------------------------------------------------------------------------------------------------

    @property
    def _by_code(self) -> bool:
        """Whether the platform is not told our own numbers, so that it can be asked by codes alone."""
        return "PayNo" in self._dialect.left_out

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
        if reason := fields.unencodable(values, self._settings.encoding):
            raise RejectedError(reason, "LOCAL-TEXT")
        if reason := frames.complaint(voucher, values):
            raise RejectedError(f"the request breaks the platform's contract: {reason}", "LOCAL-SCHEMA")
        asked = self._letter(number, voucher, values)
        letter = await self._wire.exchange(
            action, frames.seal(asked, self._token, self._dialect), self._judge(asked, number)
        )
        self._wire.passed_over(action, letter.passed)
        return letter

    def _judge(self, asked: frames.Letter, number: str) -> Callable[[bytes], frames.Letter]:
        """Reads frames until one answers what we asked: authentic, from whom we asked, about this very message."""

        def judge(content: bytes) -> frames.Letter:
            try:
                frame = frames.split(content, self._dialect)
            except ValueError as error:
                if reason := self._misfit(content):
                    raise UnusableError(f"the answer is no frame: {error}: {reason}") from None
                raise PassedOver(f"no frame: {error}") from None
            genuine = frame.genuine(self._token)
            if not genuine and (frame.mac != frames.UNSIGNED or len(content) > _LONGEST_CALLBACK):
                raise PassedOver("its MAC is not that of our token")
            try:
                letter = frames.open_letter(frame)
            except UnusableError as error:
                raise PassedOver(str(error)) from None
            if (letter.sender, letter.receiver) != (asked.receiver, asked.sender):
                raise PassedOver(f"from {letter.sender} to {letter.receiver}")
            if letter.answers != asked.id:
                raise PassedOver(f"message {letter.number} about {letter.answers or 'no message'}, not about ours")
            if not genuine:
                code, words = letter.values.get("Result", ""), letter.values.get("Information", "")
                refused = f"an unsigned refusal {code} {words}" if code in _UNSIGNED_REFUSALS else "an unsigned answer"
                raise UnsignedRefusalError(refused)
            if (letter.number, letter.voucher) not in {("5001", "Reply"), ("5997", "BillState")}:
                raise UnusableError(f"message {letter.number} with {letter.voucher} is not an answer")
            if letter.voucher == "BillState" and number != "8997":
                raise UnusableError(f"message {number} was answered with a bill")
            if letter.voucher == "Reply" and letter.values.get("OriMsgNo", number) != number:
                raise UnusableError(f"message {number} was answered as if it were {letter.values['OriMsgNo']}")
            return letter

        return judge

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
        if bill is None:
            raise OutcomeUnknownError("answered with yes, but not to be found yet")
        return bill
