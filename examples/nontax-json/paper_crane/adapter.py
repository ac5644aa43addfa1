"""Paper Crane 纸鹤非税平台(虚构): JSON signed with RSA, an access token, codes that come later, encrypted notices."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import date, timedelta
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.foundation.crypto.signature_keys import RsaKey
from gateway.foundation.wire import ChannelWire, MessageSigner
from gateway.foundation.wire.encrypted import MessageCipher
from gateway.foundation.wire.envelope import Results
from gateway.foundation.wire.files import FileDigest
from gateway.foundation.wire.signed import SignedCaller
from gateway.foundation.wire.signing import SignatureHeaders, SignatureScheme
from gateway.ports import nontax as port
from gateway.ports.base import (
    AdapterInfo,
    FindGuarantee,
    Incoming,
    OpenedCallback,
    Pending,
    ReferenceFormat,
    Reply,
    UnreadableCallbackError,
)
from gateway.words.clock import Clock
from gateway.words.errors import ContractError
from paper_crane import contract, mapping

T = TypeVar("T")
SCHEME = SignatureScheme(
    request="{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n",
    answer="{status}\n{timestamp}\n{nonce}\n{body}\n",
    notice="{timestamp}\n{nonce}\n{body}\n",
    headers=SignatureHeaders("Crane-App", "Crane-Timestamp", "Crane-Nonce", "Crane-Signature"),
    stamp="seconds",
    text="base64",
    echo=True,
)
RESULTS = Results(contract.results())
TAKEN = Reply(200, b'{"code":"C0000"}', "application/json")
AGAIN = Reply(503, b'{"code":"C0429"}', "application/json")


class PaperCrane:
    """Bills, refunds, receipts and statements of one application."""

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="nontax",
        name="nontax.papercrane",
        contract="papercrane/1",
        capabilities=frozenset(
            {"issue", "find", "cancel", "refund", "find_refund", "statement", "receipt", "open_callback"}
        ),
        reference=ReferenceFormat(32),
        find=FindGuarantee(consistent=True),
        sensitive=frozenset(
            {"appSecret", "payerName", "payerPhone", "payerCode", "payeeName", "payeeAccount", "document"}
        ),
    )

    class Settings(BaseModel):
        """``app`` and ``secret`` as issued; keys as PEM; ``notice_key``: 64 hexadecimal digits."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        app: str
        secret: SecretStr
        private_key: SecretStr
        platform_keys: tuple[str, ...]
        notice_key: SecretStr = Field(min_length=64, max_length=64)

    def __init__(self, settings: Settings, wire: ChannelWire, clock: Clock) -> None:
        key = RsaKey(settings.private_key.get_secret_value(), settings.platform_keys)
        self._settings, self._wire = settings, wire
        self._signer = MessageSigner(settings.app, key, clock, peer="PAPERCRANE", scheme=SCHEME)
        self._cipher = MessageCipher(bytes.fromhex(settings.notice_key.get_secret_value()), "aes-256-gcm")
        self._token = wire.access_token(self._new_token)
        self._platform = SignedCaller(wire, self._signer, RESULTS, self._token)

    async def _new_token(self) -> tuple[str, timedelta]:
        asked = {"appId": self._settings.app, "appSecret": self._settings.secret.get_secret_value()}
        told = await SignedCaller(self._wire, self._signer, RESULTS).told("token", "v1/token", asked, mapping.Token)
        return told.access_token, timedelta(seconds=told.expires_in)

    async def check(self) -> str:
        """A fresh token, and the question whether we are known."""
        self._token.forget()
        return f"纸鹤非税平台可达: {await self._platform.ready('v1/ready')}"

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    async def issue(self, request: port.IssueRequest) -> port.Issued | Pending:
        """Have a bill taken in; its code may come later."""
        told = await self._platform.told("issue", "v1/bills/create", mapping.asked(request), mapping.Bill)
        return mapping.issued(_about(told, reference=request.reference))

    async def find(self, request: port.FindRequest) -> port.Bill | Pending | None:
        """A bill by our number or by its code; None when they say that there is none."""
        asked = {"outBillNo": request.reference} if request.code is None else {"payCode": request.code}
        told = await self._platform.ask("find", "v1/bills/query", asked, mapping.Bill)
        return None if told is None else mapping.bill(_about(told, reference=request.reference, code=request.code))

    async def cancel(self, request: port.CancelRequest) -> port.Cancelled:
        """Close an unpaid bill. One that is closed or expired is a success."""
        asked = {"closeNo": request.reference, "outBillNo": request.bill_reference, "payCode": request.code}
        told = await self._platform.told("cancel", "v1/bills/close", asked | {"reason": request.reason}, mapping.Bill)
        if _about(told, reference=request.bill_reference, code=request.code).state not in ("CLOSED", "EXPIRED"):
            raise ContractError(f"a bill that was closed is {told.state}")
        return port.Cancelled(code=told.code)

    async def refund(self, request: port.RefundRequest) -> port.Refund:
        """File a refund."""
        asked = mapping.refund_asked(request)
        told = await self._platform.told("refund", "v1/refunds/create", asked, mapping.Refund)
        return mapping.refund(_about(told, reference=request.reference, code=request.code))

    async def find_refund(self, reference: str) -> port.Refund | None:
        """A refund by our number."""
        asked = {"outRefundNo": reference}
        told = await self._platform.ask("find_refund", "v1/refunds/query", asked, mapping.Refund)
        return None if told is None else mapping.refund(_about(told, reference=reference))

    async def receipt(self, request: port.ReceiptRequest) -> port.FiscalReceipt | Pending:
        """The receipt of a paid bill, once it is made."""
        asked = {"requestNo": request.reference, "payCode": request.code}
        either: Any = mapping.Receipt | mapping.Making
        told = _about(await self._platform.told("receipt", "v1/receipts/apply", asked, either), code=request.code)
        if isinstance(told, mapping.Making):
            return Pending(ask_after=told.ask_after, words="票据开具中")
        return port.FiscalReceipt(**told.model_dump(exclude={"state"}))

    async def statement(self, day: date, page: int) -> port.StatementPage | port.StatementNone | Pending:
        """A day's statement: its address, then the file."""
        asked = {"date": str(day)}
        told = await self._platform.told("statement", "v1/statements/apply", asked, mapping.Statement)
        if page != 1:
            raise ContractError("a statement of this platform is one file")
        if _about(told, day=day).state == "MAKING":
            return Pending(ask_after=told.ask_after, words="对账文件生成中")
        if told.state == "NONE":
            return port.StatementNone(day=day)
        file = await self._wire.file("statement file", told.url, FileDigest("sha256", told.sha256), "gzip")
        return mapping.page(told, file)

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate, decrypt and read a notice without any network."""
        authentic = self._signer.verify(incoming.headers, incoming.body)
        text = b""
        try:
            notice = mapping.Sealed.model_validate_json(incoming.body)
            nonce, sealed = b64decode(notice.nonce, validate=True), b64decode(notice.sealed, validate=True)
            text = self._cipher.open(nonce, sealed, notice.type.encode(), authentic=True)
            told = mapping.notice(notice.type, json.loads(text))
        except (ValueError, ContractError) as error:
            reason = f"a notice that breaks the contract: {type(error).__name__}"
            raise UnreadableCallbackError(reason, about=mapping.hint(text), acknowledge=TAKEN, decrypted=text) from None
        return OpenedCallback(told, notice.id, authentic.nonce, TAKEN, AGAIN, decrypted=text)


def _about(told: T, **asked: Any) -> T:
    """The answer, if it is about what was asked. ContractError."""
    for name, value in asked.items():
        if value is not None and getattr(told, name) != value:
            raise ContractError(f"asked about another {name} than the answer tells of")
    return told
