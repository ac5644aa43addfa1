"""The platform 安澜市非税收入收缴平台, which speaks SOAP."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import contracts
from simulators import drift
from simulators.drift import XmlOptionals
from simulators.frame import (
    Act,
    Answer,
    Call,
    Document,
    Foundation,
    OpenApiContract,
    Profiled,
    Refused,
    Settings,
    Shadowed,
    System,
    Transaction,
    XmlContract,
    b64,
    difference,
    flag,
    parse_xml,
    unb64,
)
from simulators.nontax import books, collection, later, receipts, statements
from simulators.nontax.amounts import AMOUNTS
from simulators.nontax.collection import CollectionPlatform, CollectionWire, text_of
from simulators.nontax.soap import SoapContract, element, values
from simulators.signing import fresh, genuine, signed_headers

CALLBACK = "urn:nontax-platform:callback:v1"

_KEYS = ("PayNo", "VoidNo", "RefundNo", "RequestNo", "PayCode", "StatementDate", "EInvoiceNumber")


SOAP = SoapContract()
CALLBACK_CONTRACT = XmlContract(contracts.path("nontax/v1/callback.xsd"))
OPTIONALS = XmlOptionals(contracts.path("nontax/v1/nontax.xsd"))
CALLBACK_OPTIONALS = XmlOptionals(contracts.path("nontax/v1/callback.xsd"))
PLATFORM_NODE = "F990100"


class SoapWire(CollectionWire):
    """SOAP 1.1, messages signed with HMAC-SM3."""

    def invalid(self, call: Call, errors: Sequence[str]) -> Answer:
        return self.fault("InvalidMessage", "19200", "; ".join(errors)[:400])

    def busy(self, call: Call, seconds: float) -> Answer:
        return self.fault("PlatformBusy", "19001", retry_after=seconds)

    def not_found(self, call: Call) -> Answer:
        absent = {"QueryRefund": "18030", "DownloadReceipt": "18050"}.get(call.operation, "18020")
        return self.result(call, absent)

    def with_code(self, call: Call, code: str) -> Answer:
        return self.result(call, code)

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        if not isinstance(answer.body, etree._Element):
            return super().render(call, answer)
        return super().render(call, replace(answer, body=SOAP.enveloped(answer.body)))

    def sign(self, call: Call, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """Answers are signed with the key of the node that asked; nobody else could check them."""
        with self.base.state.transaction() as tx:
            node = tx.get(self.name, "nodes", call.request.headers.get("x-node-code", ""))
        if node is None:
            return headers
        return headers | signed_headers(node["secret"].encode(), PLATFORM_NODE, self.base.clock.now(), body)

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        content = {name: value for name, value in payload.items() if name not in ("node", "message", "number")}
        message = element(payload.get("message", "PaymentConfirm"), content, CALLBACK)
        if broken := CALLBACK_CONTRACT.errors(message):
            raise ValueError(f"the callback breaks its contract: {broken}")
        return self._posted(payload["node"], message)

    def different_callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        message = element("PaymentConfirm", {name: told for name, told in payload.items() if name != "node"}, CALLBACK)
        message = drift.respelt(CALLBACK_OPTIONALS.filled(message), self.amount_fields)
        return self._posted(payload["node"], drift.reordered(drift.more(message)))

    def filled(self, call: Call, answer: Answer, contract: OpenApiContract | None) -> Any:
        return OPTIONALS.filled(answer.body) if isinstance(answer.body, etree._Element) else answer.body

    def _posted(self, to: str, message: etree._Element) -> tuple[bytes, dict[str, str]]:
        """A message to a node, signed now."""
        body, charset = self.written(message)
        with self.base.state.transaction() as tx:
            node = tx.get(self.name, "nodes", to)
        assert node is not None
        headers = signed_headers(node["secret"].encode(), PLATFORM_NODE, self.base.clock.now(), body)
        return body, {"Content-Type": f"application/xml; charset={charset}", **headers}

    def not_taken(self, payload: Document, status: int, body: bytes) -> str:
        """Only the contract's acknowledgement, about this payment, with Result 00000, is one."""
        try:
            answer = parse_xml(body)
        except ValueError as broken:
            return difference(("status", status, 200)) or f"the answer is no XML: {broken}"
        notice = "message" in payload
        about = {"Number": payload["number"]} if notice else {name: payload[name] for name in ("PayCode", "TraNoBus")}
        return (
            difference(
                ("status", status, 200),
                ("the answer", etree.QName(answer).localname, "NoticeAck" if notice else "PaymentConfirmAck"),
            )
            or "; ".join(CALLBACK_CONTRACT.errors(answer))
            or difference(*((name, text_of(answer, name), told) for name, told in {"Result": "00000", **about}.items()))
        )

    def forge(self, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """The same message about 0.01, under the signature of the true one."""
        message = parse_xml(body)
        amount = message.find("{*}Amt")
        assert amount is not None
        amount.text = "0.01"
        return etree.tostring(message, xml_declaration=True, encoding="UTF-8"), headers

    def result(self, call: Call, code: str, content: Document | None = None) -> Answer:
        """An answer with a result code of the table."""
        answer = {"Result": code, "Information": books.MEANINGS.get(code, "未知结果"), **(content or {})}
        return Answer(element(f"{call.operation}Response", answer))

    def fault(
        self, name: str, code: str, message: str = "", *, retry_after: float | None = None, status: int = 500
    ) -> Answer:
        """A declared fault."""
        detail: Document = {"Code": code, "Message": message or books.MEANINGS[code]}
        if retry_after is not None:
            detail["RetryAfter"] = max(1, round(retry_after))
        return Answer(element(name, detail), status)


class SoapShadowed(Shadowed):
    """Signed as the development node; everything is asked at one address."""

    service: NonTax

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        return signed_headers(self.service.secret.encode(), self.service.node, self.service.base.clock.now(), body)

    def place(self, method: str, path: str) -> str | None:
        return self.service.address if method == "POST" else None


class SoapProfiled(Profiled):
    """With the secret that a node has in the books."""

    def key_for(self, tx: Transaction, node: str) -> bytes:
        return str((tx.get(self.service.name, "nodes", node) or {}).get("secret", "")).encode()


class NonTax(CollectionPlatform):
    """Bills, money and receipts over SOAP."""

    wire: SoapWire
    node: ClassVar[str] = "K9901000001"
    platform_node: ClassVar[str] = PLATFORM_NODE
    secret: ClassVar[str] = "anlan-nontax-development-secret"  # noqa: S105 - for loopback only

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, SoapWire(base, system))
        self.profiled = SoapProfiled(self)
        self.shadowed = SoapShadowed(self)
        self.signers = receipts.Signers(self.name)
        self.queue = later.Queue(self.name)

    # --- what the frame asks ---------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        return [
            Route(self.address, self.services, methods=["POST"]),
            Route(self.address, self._described, methods=["GET"]),
            *super().routes(),
        ]

    @property
    def address(self) -> str:
        """Where all operations are asked for, below the system's own address."""
        paths = self.system.profile.paths if self.system.profile else {}
        return paths.get("services", "/services")

    def looks(self) -> list[tuple[str, str]]:
        return [("WSDL", f"{self.url}{self.address}?wsdl")]

    async def _described(self, request: Request) -> Response:
        """``?wsdl``: the contract with this address in it; ``?xsd``: the schema that it imports."""
        services, profile = f"{self.url}{self.address}", self.system.profile
        wanted = "nontax.xsd" if "xsd" in request.query_params else "nontax.wsdl"
        text = contracts.read_text(f"nontax/v1/{wanted}")
        text = profile.described(text) if profile else text
        text = text.replace('"nontax.xsd"', f'"{services}?xsd"')
        text = re.sub(r'(?<=address location=")[^"]*', services, text)
        return Response(text, media_type="text/xml")

    def credentials(self) -> dict[str, Any]:
        services = f"{self.url}{self.address}"
        with self.base.state.transaction() as tx:
            root = b64(self.signers.root(tx).certificate)
        return {"services": services, "secret": self.secret, "receipt_root": root, **super().credentials()}

    def run(self, tx: Transaction, node: str, operation: str, asked: Document, now: datetime) -> Document:
        """As for any collecting platform, or later; a receipt's document comes with the signatures over it."""
        match self.queue.answer(tx, node, operation, asked, now, self.books.settings(tx)):
            case "taken":
                return {"Result": later.TAKEN, "Information": books.MEANINGS[later.TAKEN]}
            case "returned":
                words = self.queue.words(tx, node, operation, asked)
                return {"Result": later.RETURNED, "Information": words or books.MEANINGS[later.RETURNED]}
            case "due":
                self._make(tx, now, tell=False)
                return self.run(tx, node, operation, asked, now)
        answer = super().run(tx, node, operation, asked, now)
        if operation == "DownloadReceipt":
            issued, bill = self.books.receipt_by_number(tx, node, asked["EInvoiceCode"], asked["EInvoiceNumber"])
            unit, who = bill["asked"]["ChgAgenName"], str(self.books.settings(tx)["receipt_signatures"])
            answer["Signature"] = self.signers.signatures(tx, unb64(answer["Document"]), issued, unit, who)
        return answer

    # --- what was taken and is carried out later --------------------------------------------------------------------

    def _make(self, tx: Transaction, now: datetime, *, tell: bool) -> int:
        """Carry out what was taken, and tell of it; how many."""
        waiting = self.queue.waiting(tx)
        for key, known in waiting:
            node, operation, asked, refused, made = known["node"], known["operation"], known["asked"], None, {}
            try:
                made = super().run(tx, node, operation, asked, now)
            except books.No as no:
                refused = no
            self.queue.ended(tx, key, known, refused)
            if tell:
                self._tell_made(tx, node, operation, asked, made, refused)
        return len(waiting)

    def _tell_made(
        self, tx: Transaction, node: str, operation: str, asked: Document, made: Document, refused: books.No | None
    ) -> None:
        """Queue the notice about something that was taken before."""
        number = str(asked[later.OPERATIONS[operation]])
        content: Document = {}
        match operation:
            case "CreateBill":
                code = "00000" if refused is None else later.RETURNED
                words = books.MEANINGS[refused.code if refused else code]
                content = {"message": "BillMade", "PayNo": number, "Result": code, "Information": words, **made}
            case "Refund" if refused is None:
                content = {"message": "RefundMoved", **made}
            case "IssueReceipt" if refused is None:
                content = {"message": "ReceiptReady", "PayCode": number}
        if content:
            payload = {"node": node, "number": number, **content}
            self.base.callbacks.enqueue(tx, self.name, content["message"], number, payload)

    def acts(self) -> list[Act]:
        """As for any collecting platform, and ``make``: carry out what was taken."""

        def make(_request: Request, body: Any) -> Any:
            """``{tell?}``: carry out what was taken; ``tell`` off: nobody is told."""
            with self.base.state.transaction() as tx:
                return {"made": self._make(tx, self.base.clock.now(), tell=(body or {}).get("tell", True))}

        return [
            *super().acts(),
            Act("make", "/make", "办理已受理的", "carry out what was taken", make, fields={"tell": flag("发送通知")}),
        ]

    # --- SOAP ------------------------------------------------------------------------------------------------------

    async def services(self, request: Request) -> Response:
        """``POST /nontax/services``: all operations of the WSDL."""
        body = await request.body()
        errors: list[str] = []
        operation, content, key = "?", {}, ""
        try:
            told, errors = self.system.profile.read(body) if self.system.profile else (body, [])
            operation, payload = SOAP.read(told)
            errors += SOAP.schema.errors(payload)
            content = values(payload)
            key = next((str(content[name]) for name in _KEYS if name in content), "")
        except ValueError as broken:
            errors = [str(broken)]
        call = Call(operation, request, body, content, self.base.clock.now(), key=key)
        return await self.serve(call, self._served, errors=errors, check=self._check)

    def _check(self, call: Call, answer: Answer) -> Sequence[str]:
        return SOAP.schema.errors(answer.body)

    def _served(self, tx: Transaction, call: Call) -> Answer:
        """Authenticate, see whether the platform is open, and run the operation."""
        node = self._authenticate(tx, call)
        until = books.closed_until(self.books.settings(tx), call.now)
        if until is not None:
            wait = (until - call.now).total_seconds()
            raise Refused(self.wire.fault("ClosedForSettlement", "19002", retry_after=wait))
        try:
            return self.wire.result(call, "00000", self.run(tx, node, call.operation, call.content, call.now))
        except books.No as refusal:
            raise Refused(self.wire.result(call, refusal.code)) from None

    def _authenticate(self, tx: Transaction, call: Call) -> str:
        """The calling node. Refused: unknown, forged, stale, or a nonce seen before."""
        headers = call.request.headers
        node = headers.get("x-node-code", "")
        known = tx.get(self.name, "nodes", node)
        if known is None:
            raise Refused(self.wire.fault("SignatureRefused", "19103", status=401))
        if not genuine(known["secret"].encode(), headers, call.body):
            raise Refused(self.wire.fault("SignatureRefused", "19100", status=401))
        if not fresh(headers, call.now):
            raise Refused(self.wire.fault("SignatureRefused", "19101", status=401))
        nonce = f"{node}/{headers.get('x-nonce', '')}"
        if tx.get(self.name, "nonces", nonce) is not None:
            raise Refused(self.wire.fault("InternalError", "19102"))
        tx.put(self.name, "nonces", nonce, {})
        return node


SYSTEM = System(
    name="nontax",
    contract="nontax/v1",
    title="非税收入收缴平台",
    build=NonTax,
    operations=SOAP.operations,
    callbacks=collection.CALLBACKS | {"BillMade", "RefundMoved", "ReceiptReady"},
    kinds=statements.KINDS,
    amounts=AMOUNTS,
    settings=Settings(books.DEFAULTS | later.DEFAULTS, books.SCHEMAS | later.SCHEMAS),
    seed=collection.SEED,
    places={"*": "services"},
)
