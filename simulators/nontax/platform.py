"""The non-tax revenue platform as one simulated system: SOAP services, cashier pages, callbacks, control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import contracts
from simulators.clock import SHANGHAI
from simulators.contract import XmlContract, parse_xml
from simulators.frame import Answer, Call, Refused, System, World, b64, endpoint
from simulators.nontax import books, cashier, receipts
from simulators.nontax.soap import SoapContract, element, values
from simulators.signing import fresh, genuine, signed_headers
from simulators.state import Document, Transaction

CALLBACK = "urn:nontax-platform:callback:v1"
NODE = "K9901000001"
PLATFORM_NODE = "F990100"
SECRET = "anlan-nontax-development-secret"  # noqa: S105 - for loopback only
REGION = "990102"

#: Collecting units that the platform knows, with the income items they may collect (None: any).
UNITS: tuple[dict[str, Any], ...] = (
    {"code": "990102001", "name": "望川区综合行政执法局", "items": None},
    {"code": "990102002", "name": "望川区市场监督管理局", "items": None},
    {"code": "990100003", "name": "安澜市交通运输局", "items": None},
    {"code": "990102999", "name": "望川区历史资料馆", "items": []},
)

_KEYS = ("PayNo", "VoidNo", "RefundNo", "RequestNo", "PayCode", "StatementDate", "EInvoiceNumber")


class NonTax(System):
    """The platform 安澜市非税收入收缴平台."""

    name = "nontax"
    title = "非税收入收缴平台"
    amount_fields: ClassVar[frozenset[str]] = frozenset({"Amt", "TotalAmt", "TotalAmount"})
    code_fields: ClassVar[frozenset[str]] = frozenset({"PayCode"})
    status_fields: ClassVar[frozenset[str]] = frozenset({"Result"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.soap = SoapContract()
        self.callback_contract = XmlContract(contracts.path("nontax/v1/callback.xsd"))

    # --- what the frame asks ---------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        return [Route("/services", self.services, methods=["POST"]), *cashier.routes(self)]

    def set_up(self, tx: Transaction) -> None:
        tx.put(self.name, "settings", "settings", dict(books.DEFAULTS))
        tx.put(self.name, "nodes", NODE, {"secret": SECRET})
        for unit in UNITS:
            tx.put(self.name, "units", unit["code"], unit)

    def seed(self, tx: Transaction, data: Any) -> None:
        """``{"nodes": {code: secret}, "units": [{code, name, items}], "settings": {…}}``, each optional."""
        if unknown := set(data) - {"nodes", "units", "settings"}:
            raise ValueError(f"nontax takes no {', '.join(sorted(unknown))}")
        for node, secret in data.get("nodes", {}).items():
            tx.put(self.name, "nodes", node, {"secret": secret})
        for unit in data.get("units", []):
            tx.put(self.name, "units", unit["code"], {"items": None, **unit})
        books.change_settings(tx, data.get("settings", {}))

    def credentials(self) -> dict[str, Any]:
        return {
            "services": f"{self.world.url_of(self.name)}/services",
            "node_code": NODE,
            "platform_node": PLATFORM_NODE,
            "secret": SECRET,
            "region": REGION,
            "units": [{"code": unit["code"], "name": unit["name"]} for unit in UNITS if unit["items"] is None],
        }

    def invalid(self, call: Call, errors: Sequence[str]) -> Answer:
        return self.fault("InvalidMessage", "19200", "; ".join(errors)[:400])

    def busy(self, call: Call, seconds: float) -> Answer:
        return self.fault("PlatformBusy", "19001", retry_after=seconds)

    def not_found(self, call: Call) -> Answer:
        absent = {"QueryRefund": "18030", "DownloadReceipt": "18050"}.get(call.operation, "18020")
        return self.result(call, absent)

    def with_code(self, call: Call, code: str) -> Answer:
        return self.result(call, code)

    def early(self, tx: Transaction, call: Call, answer: Answer) -> None:
        if call.operation == "CreateBill" and (code := _text(answer.body, "PayCode")):
            self.pay(tx, code, channel="wechat")

    def distort(self, kind: str, call: Call, answer: Answer) -> Answer:
        if kind == "unknown_status" and _text(answer.body, "Result") == "00000":
            for status in ("PayStats", "RefundStats"):
                if call.operation.startswith("Query") and _text(answer.body, status):
                    changed = parse_xml(etree.tostring(answer.body))
                    found = changed.find(f".//{{*}}{status}")
                    assert found is not None
                    found.text = "9"
                    return replace(answer, body=changed)
        return super().distort(kind, call, answer)

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        if not isinstance(answer.body, etree._Element):
            return super().render(call, answer)
        return self.soap.envelope(answer.body), {**answer.headers, "Content-Type": "text/xml; charset=utf-8"}

    def sign(self, call: Call, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """Answers are signed with the key of the node that asked; nobody else could check them."""
        with self.world.state.transaction() as tx:
            node = tx.get(self.name, "nodes", call.request.headers.get("x-node-code", ""))
        if node is None:
            return headers
        return headers | signed_headers(node["secret"].encode(), PLATFORM_NODE, self.world.clock.now(), body)

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        content = {name: value for name, value in payload.items() if name != "node"}
        message = element("PaymentConfirm", content, CALLBACK)
        if broken := self.callback_contract.errors(message):
            raise ValueError(f"the callback breaks its contract: {broken}")
        body = etree.tostring(message, xml_declaration=True, encoding="UTF-8")
        with self.world.state.transaction() as tx:
            node = tx.get(self.name, "nodes", payload["node"])
        assert node is not None
        headers = signed_headers(node["secret"].encode(), PLATFORM_NODE, self.world.clock.now(), body)
        return body, {"Content-Type": "application/xml; charset=utf-8", **headers}

    def acknowledged(self, payload: Document, status: int, body: bytes) -> bool:
        """Only the contract's acknowledgement, about this payment, with Result 00000."""
        try:
            answer = parse_xml(body)
        except ValueError:
            return False
        return (
            status == 200
            and etree.QName(answer).localname == "PaymentConfirmAck"
            and not self.callback_contract.errors(answer)
            and _text(answer, "Result") == "00000"
            and _text(answer, "PayCode") == payload["PayCode"]
            and _text(answer, "TraNoBus") == payload["TraNoBus"]
        )

    def forge(self, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """The same message about 0.01, under the signature of the true one."""
        message = parse_xml(body)
        amount = message.find("{*}Amt")
        assert amount is not None
        amount.text = "0.01"
        return etree.tostring(message, xml_declaration=True, encoding="UTF-8"), headers

    # --- SOAP ------------------------------------------------------------------------------------------------------

    async def services(self, request: Request) -> Response:
        """``POST /nontax/services``: all operations of the WSDL."""
        body = await request.body()
        operation, content, errors, key = "?", {}, [], ""
        try:
            operation, payload = self.soap.read(body)
            errors = self.soap.schema.errors(payload)
            content = values(payload)
            key = next((str(content[name]) for name in _KEYS if name in content), "")
        except ValueError as broken:
            errors = [str(broken)]
        call = Call(operation, request, body, content, self.world.clock.now(), key=key)
        return await self.serve(call, self._served, errors=errors, check=self._check)

    def _check(self, call: Call, answer: Answer) -> Sequence[str]:
        return self.soap.schema.errors(answer.body)

    def _served(self, tx: Transaction, call: Call) -> Answer:
        """Authenticate, see whether the platform is open, and run the operation."""
        node = self._authenticate(tx, call)
        until = books.closed_until(books.settings(tx), call.now)
        if until is not None:
            wait = (until - call.now).total_seconds()
            raise Refused(self.fault("ClosedForSettlement", "19002", retry_after=wait))
        operations: dict[str, Callable[[], Document]] = {
            "CreateBill": lambda: self._bill(tx, books.create(tx, node, call.content, call.now)),
            "QueryBill": lambda: self._bill(tx, books.query(tx, node, call.content)),
            "VoidBill": lambda: self._bill(tx, books.void(tx, node, call.content)),
            "Refund": lambda: _refund(books.refund(tx, node, call.content, call.now)),
            "QueryRefund": lambda: _refund(books.find_refund(tx, node, call.content["RefundNo"])),
            "Statement": lambda: books.statement(
                tx, node, call.content["StatementDate"], int(call.content["Page"]), call.now
            ),
            "IssueReceipt": lambda: {"Receipt": books.receipt(tx, node, call.content, call.now)},
            "DownloadReceipt": lambda: self._download(tx, node, call.content),
            "Ping": lambda: self._pong(tx, call.now),
        }
        try:
            return self.result(call, "00000", operations[call.operation]())
        except books.No as refusal:
            raise Refused(self.result(call, refusal.code)) from None

    def _authenticate(self, tx: Transaction, call: Call) -> str:
        """The calling node. Refused: unknown, forged, stale, or a nonce seen before."""
        headers = call.request.headers
        node = headers.get("x-node-code", "")
        known = tx.get(self.name, "nodes", node)
        if known is None:
            raise Refused(self.fault("SignatureRefused", "19103", status=401))
        if not genuine(known["secret"].encode(), headers, call.body):
            raise Refused(self.fault("SignatureRefused", "19100", status=401))
        if not fresh(headers, call.now):
            raise Refused(self.fault("SignatureRefused", "19101", status=401))
        nonce = f"{node}/{headers.get('x-nonce', '')}"
        if tx.get(self.name, "nonces", nonce) is not None:
            raise Refused(self.fault("InternalError", "19102"))
        tx.put(self.name, "nonces", nonce, {})
        return node

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

    def _bill(self, tx: Transaction, bill: Document) -> Document:
        payments = books.payments_of(tx, bill)
        return {
            "Bill": {
                "PayNo": bill["number"],
                "PayCode": bill["code"],
                "Amt": books.yuan(bill["amount"]),
                "PayStats": bill["stats"],
                "CrcCode": bill["crc"],
                "PayUrl": f"{self.world.url_of(self.name)}/cashier?billId={bill['code']}",
                "ValidDate": bill["valid_date"],
                "Payment": [
                    {
                        **books.confirm_date(payment),
                        "Amt": books.yuan(payment["amount"]),
                        "PayMode": payment["mode"],
                        "TraNoBus": payment["serial"],
                        "PayerName": payment["payer"],
                    }
                    for payment in payments
                ],
            }
        }

    def _download(self, tx: Transaction, node: str, asked: Document) -> Document:
        issued, bill = books.receipt_by_number(tx, node, asked["EInvoiceCode"], asked["EInvoiceNumber"])
        platform = str(books.settings(tx)["name"])
        document = receipts.document(issued, bill, books.payments_of(tx, bill)[0], platform)
        return {"MediaType": "application/xml", "Document": b64(document)}

    def _pong(self, tx: Transaction, now: datetime) -> Document:
        local = now.astimezone(SHANGHAI)
        return {
            "PlatformName": books.settings(tx)["name"],
            "PlatformDate": local.strftime("%Y%m%d"),
            "PlatformTime": local.strftime("%H%M%S"),
        }

    # --- money that arrives ----------------------------------------------------------------------------------------

    def pay(self, tx: Transaction, code: str, *, callback: bool = True, **how: Any) -> Document:
        """Money arrives (``books.pay``), and the unit is told unless ``callback`` is off."""
        payment = books.pay(tx, code, now=how.pop("now", None) or self.world.clock.now(), **how)
        if callback:
            self.tell(tx, payment)
        return payment

    def tell(self, tx: Transaction, payment: Document) -> None:
        """Queue the callback about one payment."""
        payload = {
            "node": payment["node"],
            "PayNo": payment["number"],
            "PayCode": payment["code"],
            **books.confirm_date(payment),
            "Amt": books.yuan(payment["amount"]),
            "PayMode": payment["mode"],
            "TraNoBus": payment["serial"],
            "PayerName": payment["payer"],
        }
        self.world.callbacks.enqueue(tx, self.name, "PaymentConfirm", payment["code"], payload)

    def control_routes(self) -> list[BaseRoute]:
        """``/_sim/nontax/``: pay, tell, refunds, settings."""

        def pay(request: Request, body: Any) -> Any:
            """``{code, channel?, payer?, amount?, serial?, at?, force?, callback?}``; amount is 元 text."""
            how = dict(body)
            how.setdefault("channel", "counter")
            if "amount" in how:
                how["amount"] = books.fen(how["amount"])
            if "at" in how:
                how["now"] = datetime.fromisoformat(how.pop("at"))
            with self.world.state.transaction() as tx:
                return self.pay(tx, how.pop("code"), **how)

        def tell(request: Request, body: Any) -> Any:
            """``{code, serial}``: send the callback about this payment (again)."""
            with self.world.state.transaction() as tx:
                payment = tx.get(self.name, "payments", f"{body['code']}/{body['serial']}")
                if payment is None:
                    raise ValueError("no such payment")
                self.tell(tx, payment)
            return {"ok": True}

        def refund(request: Request, body: Any) -> Any:
            """``{state: approved|refunded|refused, reason?}``."""
            number, now = request.path_params["number"], self.world.clock.now()
            with self.world.state.transaction() as tx:
                return books.move_refund(tx, number, body["state"], body.get("reason"), now)

        def settings(request: Request, body: Any) -> Any:
            with self.world.state.transaction() as tx:
                return books.change_settings(tx, body or {})

        return [
            Route("/pay", endpoint(pay), methods=["POST"]),
            Route("/tell", endpoint(tell), methods=["POST"]),
            Route("/refunds/{number}", endpoint(refund), methods=["POST"]),
            Route("/settings", endpoint(settings), methods=["GET", "POST"]),
        ]


def _refund(refund: Document) -> Document:
    at = refund["refunded_at"] and datetime.fromisoformat(refund["refunded_at"]).astimezone(SHANGHAI)
    return {
        "RefundInfo": {
            "RefundNo": refund["number"],
            "PayCode": refund["code"],
            "Amt": books.yuan(refund["amount"]),
            "RefundStats": refund["state"],
            "Reason": refund["reason"],
            "RefundDate": at.strftime("%Y%m%d") if at else None,
            "RefundTime": at.strftime("%H%M%S") if at else None,
        }
    }


def _text(answer: Any, name: str) -> str | None:
    """The text of the first element of that local name."""
    if not isinstance(answer, etree._Element):
        return None
    found = answer.find(f".//{{*}}{name}")
    return None if found is None else found.text
