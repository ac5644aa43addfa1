"""The platform 安澜市财政非税系统: frames over TCP in, pushes over HTTP out, the cashier's pages."""

from __future__ import annotations

import asyncio
import base64
import copy
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from lxml import etree
from starlette.requests import Request
from starlette.types import Message as AsgiMessage

import contracts
from simulators.cnnontax import dialect, frames
from simulators.cnnontax.dialect import VOUCHERS, Dialect
from simulators.cnnontax.lines import LINE, Lines
from simulators.frame import (
    SHANGHAI,
    Answer,
    Call,
    Document,
    Foundation,
    Kind,
    Refused,
    Settings,
    Shadowed,
    System,
    Transaction,
    difference,
    parse_xml,
)
from simulators.nontax import books, collection, statements
from simulators.nontax.amounts import AMOUNTS
from simulators.nontax.collection import CollectionPlatform, CollectionWire, text_of
from simulators.nontax.soap import element, values

MEANINGS = {row["code"]: row["meaning"] for row in contracts.code_table("cnnontax", "v1", "results")}

#: Message number and voucher → operation, as faults, effects and the journal know it.
OPERATIONS = {
    ("8994", "Bill"): "CreateBill",
    ("8994", "VoidBill"): "VoidBill",
    ("8997", "BillQuery"): "QueryBill",
    ("8981", "ReceiptRequest"): "IssueReceipt",
    ("8999", "ReceiptNumberQuery"): "ReceiptNumber",
    ("8982", "ReceiptDownload"): "DownloadReceipt",
    ("RFD1", "Refund"): "Refund",
    ("RFD2", "RefundQuery"): "QueryRefund",
    ("STM1", "StatementQuery"): "Statement",
}
#: Operation → the element of a Reply that holds what it answers.
_HOLDS = {
    "Refund": "RefundInfo",
    "QueryRefund": "RefundInfo",
    "ReceiptNumber": "Receipt",
    "Statement": "Statement",
    "DownloadReceipt": "ReceiptFile",
}
_KEYS = ("PayNo", "RefundNo", "RequestNo", "PayCode", "StatementDate", "EInvoiceNumber")
_NUMBER, _MAC = "x-msg-no", "x-mac"

#: What only this platform can do wrong.
KINDS: dict[str, Kind] = {
    "unsigned_refusal": Kind("during_answer", "the answer is 19100 without a MAC, though it has happened"),
}


PLATFORM_NODE = "F990100"


class FrameWire(CollectionWire):
    """CNNONTAX: answers travel through the frame's life as XML, and become frames at its end."""

    addresses = (*CollectionWire.addresses, "tcp://", LINE)
    signature_header = _MAC

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system)
        #: (PayCode, TraNoBus) → MsgID of the push that was sent last
        self.pushed: dict[tuple[str, str], str] = {}
        self.lines = Lines()

    def settings(self) -> Document:
        with self.base.state.transaction() as tx:
            return tx.get(self.name, "settings", "settings") or {}

    def dialect(self) -> Dialect:
        """How the platform writes now."""
        return Dialect.of({**dialect.DEFAULTS, **self.settings()})

    def invalid(self, call: Call, errors: Sequence[str]) -> Answer:
        return self.reply(call, "19200", information="; ".join(errors)[:400])

    def busy(self, call: Call, seconds: float) -> Answer:
        return self.reply(call, "19001", retry_after=seconds)

    def not_found(self, call: Call) -> Answer:
        absent = {"QueryRefund": "18030", "ReceiptNumber": "18050", "DownloadReceipt": "18050"}
        return self.reply(call, absent.get(call.operation, "18020"))

    def with_code(self, call: Call, code: str) -> Answer:
        return self.reply(call, code)

    def code_in(self, answer: Answer) -> str | None:
        return (text_of(answer.body, "Information") or "").rpartition("billId=")[2] or None

    def distort(self, kind: str, call: Call, answer: Answer, code: str = "") -> Answer:
        if kind == "wrong_code" and call.operation == "CreateBill" and (told_code := self.code_in(answer)):
            changed = copy.deepcopy(answer.body)
            told = changed.find("Information")
            other = f"{told_code[:-1]}{(int(told_code[-1]) + 1) % 10}"
            told.text = f"{(told.text or '')[: -len(told_code)]}{other}"
            return replace(answer, body=changed)
        return super().distort(kind, call, answer, code)

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        if not isinstance(answer.body, etree._Element):
            return super().render(call, answer)
        number = "5997" if answer.body.tag == "BillState" else "5001"
        head = self.head(number, call.params.get("node", ""), call.params.get("id", ""))
        return frames.write(head, answer.body, self.dialect()), {**answer.headers, _NUMBER: number}

    def sign(self, call: Call, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """Under the token of the node that asked, once it has shown that it has it."""
        if _NUMBER not in headers:
            return headers
        token = self.token(call.params.get("node", "")) if call.params.get("genuine") else None
        return {**headers, _MAC: frames.NO_MAC if token is None else frames.mac(token, body)}

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        told = {name: value for name, value in payload.items() if name not in ("node", "PayNo")}
        order = ("PayCode", "CfmDate", "CfmTime", "Amt", "PayMode", "TraNoBus", "PayerName")
        voucher = element("PaymentConfirm", {name: told.get(name) for name in order}, "")
        if broken := VOUCHERS.errors(voucher):
            raise ValueError(f"the push breaks its contract: {broken}")
        head, written = self.head("5996", payload["node"]), self.dialect()
        if written.published:
            head["MsgRef"] = head["MsgID"]
        self.pushed[payload["PayCode"], payload["TraNoBus"]] = head["MsgID"]
        xml = frames.write(head, voucher, written)
        frame = frames.join("5996", xml, frames.mac(self.token(payload["node"]) or "", xml), written)
        return frame, {"Content-Type": "application/octet-stream"}

    def not_taken(self, payload: Document, status: int, body: bytes) -> str:
        """Only an authentic 8001 about the push that was sent last, with Result 00000, is one."""
        try:
            answer = frames.read(body, self.dialect())
        except ValueError as broken:
            return difference(("status", status, 200)) or f"the answer is no frame: {broken}"
        genuine = answer.mac.upper() == frames.mac(self.token(payload["node"]) or "", answer.xml)
        return difference(
            ("status", status, 200),
            ("MsgNo", answer.number, "8001"),
            ("SRC", answer.sender, payload["node"]),
            ("DES", answer.receiver, PLATFORM_NODE),
            ("the MAC", "right" if genuine else "wrong", "right"),
            ("MsgRef", answer.answers, self.pushed.get((payload["PayCode"], payload["TraNoBus"]))),
            ("OriMsgNo", answer.voucher.findtext("OriMsgNo"), "5996"),
            ("Result", answer.voucher.findtext("Result"), "00000"),
        )

    def forge(self, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """The same message about 0.01, under the MAC of the true one."""
        number, xml, code = frames.split(body, self.dialect())
        before, told, behind = re.split(rb"(?<=<Voucher>)([^<]*)(?=</Voucher>)", xml)
        forged = re.sub(rb"<Amt>[^<]*</Amt>", b"<Amt>0.01</Amt>", base64.b64decode(told))
        xml = before + base64.b64encode(forged) + behind
        return frames.join(number, xml, code, self.dialect()), headers

    async def tell(self, url: str, body: bytes) -> bytes:
        settings, written = self.settings(), self.dialect()
        before = self.strays(settings, written)
        return await self.lines.tell(url, before, body, written, keep=bool(settings.get("keep")))

    def strays(self, settings: Document, written: Dialect, to: str = "") -> bytes:
        """What goes ahead of an answer or a push: heartbeats, and an answer to somebody's earlier question."""
        beat = element("Reply", {"OriMsgNo": "0000", "Result": "00000", "Information": ""}, "")
        found = [self._framed("5001", beat, to, "HB", written) for _ in range(int(settings.get("heartbeats", 0)))]
        if settings.get("stale") and to:
            bill = {"PayNo": "STALE1", "PayCode": "99010226319999999999", "Amt": "0.01", "PayStats": "1"}
            found.append(self._framed("5997", element("BillState", bill, ""), to, "STALE", written))
        return b"".join(found)

    def _framed(self, number: str, voucher: etree._Element, to: str, about: str, written: Dialect) -> bytes:
        xml = frames.write(self.head(number, to or CnNonTax.node, about), voucher, written)
        return frames.join(number, xml, frames.mac(self.token(to) or "", xml), written)

    def reply(
        self,
        call: Call,
        code: str,
        content: Document | None = None,
        *,
        information: str = "",
        retry_after: float | None = None,
    ) -> Answer:
        """A 5001 with a result code of the table."""
        told: Document = {
            "OriMsgNo": call.params.get("number", "0000"),
            "Result": code,
            "Information": information or MEANINGS.get(code, "未知结果"),
            "RetryAfter": None if retry_after is None else max(1, round(retry_after)),
        }
        return Answer(element("Reply", told | (content or {}), ""))

    def head(self, number: str, to: str, answers: str = "", sender: str = PLATFORM_NODE) -> dict[str, str]:
        """The head of a message."""
        return {
            "SRC": sender,
            "DES": to,
            "MsgNo": number,
            "MsgID": secrets.token_hex(12),
            "MsgRef": answers,
            "WorkDate": self.base.clock.today().strftime("%Y%m%d"),
        }

    def token(self, node: str) -> str | None:
        with self.base.state.transaction() as tx:
            known = tx.get(self.name, "nodes", node)
        return None if known is None else str(known["secret"])


class FrameShadowed(Shadowed):
    """Vouchers are compared, and asked again in a frame of the development node."""

    service: CnNonTax

    def compared(self, message: str) -> str:
        return frames.shown(message)[1] if message else ""

    async def asked_again(self, message: str) -> str:
        number, voucher = frames.shown(message)
        if number not in {one for one, _ in OPERATIONS}:
            raise ValueError(f"message {number} is not one that is answered")
        service = self.service
        written, body = service.wire.dialect(), voucher.encode("gbk")
        if not written.published:
            body = b'<?xml version="1.0" encoding="GBK"?>' + body
        head = service.wire.head(number, PLATFORM_NODE, sender=service.node)
        xml = frames.enveloped(head, body, replace(written, more=False))
        frame = frames.join(number, xml, frames.mac(service.secret, xml), written)
        scope = {"type": "http", "method": "TCP", "path": "/", "query_string": b"", "headers": []}
        answer = await service.answered(Request({**scope, "server": ("shadow", 1)}), frame, written)
        found = parse_xml(re.sub(rb"^<\?xml[^>]*>", b"", answer.body).decode("gbk").encode()).findtext(".//Voucher")
        return re.sub(r"^<\?xml[^>]*>", "", base64.b64decode(found or "").decode("gbk"))


class CnNonTax(CollectionPlatform):
    """Bills, money and receipts over CNNONTAX."""

    wire: FrameWire
    node: ClassVar[str] = "K9901000002"
    platform_node: ClassVar[str] = PLATFORM_NODE
    secret: ClassVar[str] = "anlan-cnnontax-development-token"  # noqa: S105 - for loopback only

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, FrameWire(base, system))
        self.shadowed = FrameShadowed(self)

    # --- what the frame asks ---------------------------------------------------------------------------------------

    def credentials(self) -> dict[str, Any]:
        return {"frames": self.base.urls[f"{self.name}/stream"], "token": self.secret, **super().credentials()}

    def forget(self) -> None:
        super().forget()
        self.wire.lines.forget()

    # --- frames ----------------------------------------------------------------------------------------------------

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One frame in, one frame out; the next one where connections are kept.

        What is no frame is answered with silence: the connection ends.
        """
        scope = {
            "type": "http",
            "method": "TCP",
            "path": "/",
            "query_string": b"",
            "headers": [],
            "client": writer.get_extra_info("peername"),
            "server": writer.get_extra_info("sockname"),
        }

        async def gone() -> AsgiMessage:
            while await reader.read(4096):
                pass
            return {"type": "http.disconnect"}

        async def send(message: AsgiMessage) -> None:
            writer.write(message.get("body", b""))
            await writer.drain()

        request, first = Request(scope), True
        while first or (self.wire.settings().get("keep") and not writer.is_closing()):
            settings, written = self.wire.settings(), self.wire.dialect()
            try:
                frame = await frames.receive(reader, written)
                number, _, _ = frames.split(frame, written)
                if not frames.sender_of(frame):
                    raise ValueError("nobody to answer")
            except (ValueError, EOFError) as broken:
                if first:
                    self.journal(request, "?", "", 400, str(broken).encode())
                return
            first = False
            if number == "8001":
                self.wire.lines.answered(frame)
                continue
            if settings.get("keep"):
                self.wire.lines.joined(writer)
            response = await self.answered(request, frame, written)
            whole = getattr(response, "answer", response)  # what is cut or drips is the frame, not the XML in it
            if _NUMBER in whole.headers:
                code = whole.headers[_MAC]
                whole.body = frames.join(whole.headers[_NUMBER], bytes(whole.body), code, written)
            writer.write(self.wire.strays(settings, written, frames.sender_of(frame)))
            await response(scope, gone, send)

    async def answered(self, request: Request, frame: bytes, written: Dialect) -> Any:
        """The answer to one frame, whoever brings it."""
        node, errors = frames.sender_of(frame), []
        operation, content, params = "?", {}, {"node": node}
        _, xml, code = frames.split(frame, written)
        token = self.wire.token(node)
        if token is not None and code.upper() == frames.mac(token, xml):
            params["genuine"] = "yes"
        try:
            message = frames.read(frame, written)
            params |= {"id": message.id, "number": message.number, "work_date": message.work_date}
            params |= {"receiver": message.receiver}
            operation = OPERATIONS.get((message.number, str(message.voucher.tag)), "?")
            if operation == "?":
                raise ValueError(f"message {message.number} with {message.voucher.tag} is not one that is answered")
            content = _asked(operation, message.voucher)
        except ValueError as broken:
            errors = [str(broken)] if params.get("genuine") else []
        key = next((str(content[name]) for name in _KEYS if name in content), "")
        call = Call(operation, request, frame, content, self.base.clock.now(), params, key)
        return await self.serve(call, self._served, errors=errors, check=self._check)

    def _check(self, call: Call, answer: Answer) -> Sequence[str]:
        return VOUCHERS.errors(answer.body)

    def _served(self, tx: Transaction, call: Call) -> Answer:
        """Authenticate, see whether the platform is open, and run the operation."""
        node = self._authenticate(tx, call)
        if until := books.closed_until(self.books.settings(tx), call.now):
            wait = (until - call.now).total_seconds()
            raise Refused(self.wire.reply(call, "19002", retry_after=wait))
        try:
            told = self.run(tx, node, call.operation, call.content, call.now)
        except books.No as refusal:
            raise Refused(self.wire.reply(call, refusal.code)) from None
        if call.fault == "unsigned_refusal":
            del call.params["genuine"]
            return self.wire.reply(call, "19100")
        match call.operation:
            case "QueryBill":
                return Answer(element("BillState", told["Bill"], ""))
            case "CreateBill":
                return self.wire.reply(call, "00000", information=told["Bill"]["PayUrl"])
            case "VoidBill" | "IssueReceipt":
                return self.wire.reply(call, "00000")
        holds = _HOLDS[call.operation]
        return self.wire.reply(call, "00000", {holds: told.get(holds, told)})

    def _authenticate(self, tx: Transaction, call: Call) -> str:
        """The calling node. Refused: unknown, a wrong MAC, another day, or a MsgID seen before."""
        node = call.params["node"]
        if self.wire.token(node) is None:
            raise Refused(self.wire.reply(call, "19103"))
        if not call.params.get("genuine") or call.params["receiver"] != self.platform_node:
            raise Refused(self.wire.reply(call, "19100"))
        told = datetime.strptime(call.params["work_date"], "%Y%m%d").date()  # noqa: DTZ007 - a day
        if abs(told - call.now.astimezone(SHANGHAI).date()) > timedelta(days=1):
            raise Refused(self.wire.reply(call, "19101"))
        seen = f"{node}/{call.params['id']}"
        if tx.get(self.name, "messages", seen) is not None:
            raise Refused(self.wire.reply(call, "19102"))
        tx.put(self.name, "messages", seen, {})
        return str(node)


def _asked(operation: str, voucher: etree._Element) -> Document:
    """What a voucher asks for, in the fields that the books know."""
    told = values(voucher)
    match operation:
        case "CreateBill":
            due = {"LimitDate": told.pop("Hold2")} if "Hold2" in told else {}
            return {**told, "DecisionNo": told.pop("Hold1"), **due, "Item": frames.items(told.pop("PayInfo"))}
        case "VoidBill":
            return {**told, "VoidNo": told["Hold1"], "Reason": told["Memo"]}
    return told


SYSTEM = System(
    name="cnnontax",
    contract="cnnontax/v1",
    title="非税收入收缴平台(报文接口)",
    build=CnNonTax,
    operations=frozenset(OPERATIONS.values()),
    callbacks=collection.CALLBACKS,
    kinds=statements.KINDS | KINDS,
    # The answer to a bill tells no amount here; the first question about it does.
    amounts={**AMOUNTS, 93: replace(AMOUNTS[93], operation="QueryBill")},
    # Codes and receipts of its own, so that two platforms in one process never give the same.
    settings=Settings(
        {
            **books.DEFAULTS,
            **dialect.DEFAULTS,
            "name": "安澜市财政非税系统",
            "code_literal": "31",
            "receipt_kind": "0102",
        },
        books.SCHEMAS | dialect.SCHEMAS,
    ),
    seed=collection.SEED,
    streams=True,
)
