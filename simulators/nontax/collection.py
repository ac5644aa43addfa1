"""A platform that collects money, whatever it speaks: its books, cashier, callbacks and control.

What is asked of it by operation is answered with documents whose fields are the published ones; a subclass reads
requests from its wire and writes these documents to it.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from lxml import etree
from starlette.requests import Request
from starlette.routing import BaseRoute

import contracts
from simulators.frame import (
    SHANGHAI,
    Act,
    Answer,
    Call,
    Document,
    Entry,
    Fault,
    Foundation,
    Link,
    Page,
    Service,
    System,
    Transaction,
    Wire,
    b64,
    flag,
    text,
)
from simulators.nontax import books, cashier, receipts
from simulators.nontax.statements import Statements, day_before

REGION = "990102"
_STANDS = {row["code"]: row["meaning"] for row in contracts.code_table("nontax", "v1", "pay_stats")}

#: Collecting units that a platform knows, with the income items they may collect (None: any).
UNITS: tuple[dict[str, Any], ...] = (
    {"code": "990102001", "name": "望川区综合行政执法局", "items": None},
    {"code": "990102002", "name": "望川区市场监督管理局", "items": None},
    {"code": "990100003", "name": "安澜市交通运输局", "items": None},
    {"code": "990102999", "name": "望川区历史资料馆", "items": []},
)


#: What a platform of this kind takes as its seed.
SEED: Document = {
    "properties": {
        "nodes": {"type": "object", "additionalProperties": {"type": "string"}},
        "units": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "name"],
                "properties": {
                    "code": {"type": "string"},
                    "name": {"type": "string"},
                    "items": {"type": ["array", "null"], "items": {"type": "string"}},
                },
                "additionalProperties": False,
            },
        },
        "settings": {"type": "object"},
    },
    "additionalProperties": False,
}
CALLBACKS = frozenset({"PaymentConfirm"})


class CollectionWire(Wire):
    """What the wires of such platforms have in common: the names of fields in their answers."""

    amount_fields = frozenset({"Amt", "TotalAmt", "TotalAmount"})
    code_fields = frozenset({"PayCode"})
    status_fields = frozenset({"Result"})

    def distort(self, kind: str, call: Call, answer: Answer, code: str = "") -> Answer:
        """The status of an answer about something is that thing's, of any other answer its result's."""
        status = next((name for name in ("PayStats", "RefundStats") if text_of(answer.body, name)), None)
        if kind in ("status", "unknown_status") and status and call.operation.startswith("Query"):
            changed = copy.deepcopy(answer.body)
            found = changed.find(f".//{{*}}{status}")
            found.text = code or "9"
            return replace(answer, body=changed)
        return super().distort(kind, call, answer, code)

    def code_in(self, answer: Answer) -> str | None:
        """The payment code that an answer to CreateBill gives."""
        return text_of(answer.body, "PayCode")


class CollectionPlatform(Service):
    """A non-tax revenue platform 非税收入收缴平台 without its wire."""

    wire: CollectionWire
    node: ClassVar[str]
    platform_node: ClassVar[str]
    secret: ClassVar[str]

    def __init__(self, base: Foundation, system: System, wire: CollectionWire) -> None:
        super().__init__(base, system, wire)
        self.books = books.Books(self.name)
        self.statements = Statements(self.books)

    # --- what the frame asks ---------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        return cashier.routes(self)

    def set_up(self, tx: Transaction) -> None:
        tx.put(self.name, "settings", "settings", dict(self.system.settings.defaults))
        tx.put(self.name, "nodes", self.node, {"secret": self.secret})
        for unit in UNITS:
            tx.put(self.name, "units", unit["code"], unit)

    def seed(self, tx: Transaction, data: Any) -> None:
        """``{"nodes": {code: secret}, "units": [{code, name, items}], "settings": {…}}``, each optional."""
        for node, secret in data.get("nodes", {}).items():
            tx.put(self.name, "nodes", node, {"secret": secret})
        for unit in data.get("units", []):
            tx.put(self.name, "units", unit["code"], {"items": None, **unit})
        self.settings(tx, data.get("settings", {}))

    def credentials(self) -> dict[str, Any]:
        return {
            "node_code": self.node,
            "platform_node": self.platform_node,
            "region": REGION,
            "units": [{"code": unit["code"], "name": unit["name"]} for unit in UNITS if unit["items"] is None],
        }

    def chosen_fault(self, operation: str, content: Any) -> Fault | None:
        """What a bill's total brings, the first time that it may (``amounts``)."""
        with self.base.state.transaction() as tx:
            if not self.settings(tx)["magic_amounts"]:
                return None
            number, amount = content.get("PayNo"), content.get("Amt")
            if operation != "CreateBill":
                bill = self._bill_meant(tx, content)
                number, amount = (bill["number"], bill["asked"]["Amt"]) if bill else (None, None)
            magic = self.system.amounts.get(books.fen(amount) % 100) if amount else None
            if magic is None or magic.operation != operation or tx.get(self.name, "magic", number) is not None:
                return None
            tx.put(self.name, "magic", number, {"kind": magic.kind})
        phase = magic.phase or self.system.known_kinds[magic.kind].phase
        return Fault(self.name, magic.kind, phase=phase, seconds=magic.seconds, code=magic.code)

    def _bill_meant(self, tx: Transaction, content: Document) -> Document | None:
        """The bill that a request or callback is about, as far as it says so."""
        if "PayCode" in content:
            return tx.get(self.name, "bills", content["PayCode"])
        known = tx.get(self.name, "numbers", f"{self.node}/{content.get('PayNo')}")
        return known and tx.get(self.name, "bills", known["code"])

    def _chosen_statement(self, tx: Transaction, day: str) -> list[tuple[str, str, str]]:
        """What the amounts that came on a day or the day before do to its statement: kind, day, payment code."""
        if not self.settings(tx)["magic_amounts"]:
            return []
        lines = [(on, line) for on in (day_before(day), day) for _, line in tx.list(self.name, "payments", on)]
        found = [
            (magic.kind, on, str(line["code"]))
            for on, line in lines
            if (magic := self.system.amounts.get(line["amount"] % 100)) and not magic.operation
        ]
        return list(dict.fromkeys(found))

    def early(self, tx: Transaction, call: Call, answer: Answer) -> None:
        if call.operation == "CreateBill" and (code := self.wire.code_in(answer)):
            self.pay(tx, code, books.Money("wechat"))

    # --- what people see -------------------------------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """The bills, each with its cashier, and what came on each day."""
        return [
            Page("/bills", "缴款书", self._bills, "没有缴款书。"),
            Page("/statements", "对账文件", self._days, "没有收款。"),
            Page("/statements/{day}", "对账文件", self._day),
        ]

    def _bills(self, tx: Transaction, request: Request) -> list[Entry]:
        return [
            [
                ("缴款码", Link(code, f"{self.url}/cashier?billId={code}")),
                ("金额（元）", books.yuan(bill["amount"])),
                ("缴款人", bill["asked"].get("PayerName", "")),
                ("状态", _STANDS[bill["stats"]]),
            ]
            for code, bill in reversed(tx.list(self.name, "bills"))
        ]

    def _days(self, tx: Transaction, request: Request) -> list[Entry]:
        came = (datetime.fromisoformat(line["at"]) for _, line in tx.list(self.name, "payments"))
        days = Counter(self.books.statement_day(tx, at) for at in came)
        return [
            [("日期", Link(day, f"{self.url}/statements/{day}")), ("收款", f"{number} 笔")]
            for day, number in sorted(days.items(), reverse=True)
        ]

    def _day(self, tx: Transaction, request: Request) -> list[Entry]:
        """The first page of a day's statement as the unit of the ready line gets it, planted faults included."""
        asked = {"StatementDate": request.path_params["day"], "Page": "1"}
        try:
            told = self.run(tx, self.node, "Statement", asked, self.base.clock.now())
        except books.No as no:
            return [[("未出具", str(no))]]
        head = [("日期", told["StatementDate"]), ("笔数", str(told["Count"])), ("合计（元）", told["TotalAmt"])]
        lines = [[(name, str(value)) for name, value in line.items()] for line in told["Line"]]
        return [[*head, ("页", f"1 / {told['Pages']}")], *lines]

    # --- what an operation answers ---------------------------------------------------------------------------------

    def run(self, tx: Transaction, node: str, operation: str, asked: Document, now: datetime) -> Document:
        """Carry out one operation for a node. Raises ``books.No``."""
        keep = self.books
        match operation:
            case "CreateBill":
                return self._bill(tx, keep.create(tx, node, asked, now))
            case "QueryBill":
                return self._bill(tx, keep.query(tx, node, asked))
            case "VoidBill":
                return self._bill(tx, keep.void(tx, node, asked))
            case "Refund":
                return _refund(keep.refund(tx, node, asked, now))
            case "QueryRefund":
                return _refund(keep.find_refund(tx, node, asked["RefundNo"]))
            case "Statement":
                day = asked["StatementDate"]
                planted = self.base.faults.statement(self.name) + self._chosen_statement(tx, day)
                return self.statements.page(tx, node, day, int(asked["Page"]), now, planted)
            case "IssueReceipt":
                return {"Receipt": keep.receipt(tx, node, asked, now)}
            case "ReceiptNumber":
                return {"Receipt": keep.receipt_of(tx, node, asked["PayCode"])}
            case "DownloadReceipt":
                issued, bill = keep.receipt_by_number(tx, node, asked["EInvoiceCode"], asked["EInvoiceNumber"])
                platform = str(keep.settings(tx)["name"])
                document = receipts.document(issued, bill, keep.payments_of(tx, bill)[0], platform)
                return {"MediaType": "application/xml", "Document": b64(document)}
            case "Ping":
                local = now.astimezone(SHANGHAI)
                return {
                    "PlatformName": keep.settings(tx)["name"],
                    "PlatformDate": local.strftime("%Y%m%d"),
                    "PlatformTime": local.strftime("%H%M%S"),
                }
        raise KeyError(operation)

    def _bill(self, tx: Transaction, bill: Document) -> Document:
        return {
            "Bill": {
                "PayNo": bill["number"],
                "PayCode": bill["code"],
                "Amt": books.yuan(bill["amount"]),
                "PayStats": bill["stats"],
                "CrcCode": bill["crc"],
                "PayUrl": f"{self.url}/cashier?billId={bill['code']}",
                "ValidDate": bill["valid_date"],
                "Payment": [
                    {
                        **books.confirm_date(payment),
                        "Amt": books.yuan(payment["amount"]),
                        "PayMode": payment["mode"],
                        "TraNoBus": payment["serial"],
                        "PayerName": payment["payer"],
                    }
                    for payment in self.books.payments_of(tx, bill)
                ],
            }
        }

    # --- money that arrives ----------------------------------------------------------------------------------------

    def pay(
        self, tx: Transaction, code: str, money: books.Money, *, now: datetime | None = None, callback: bool = True
    ) -> Document:
        """Money arrives (``Books.pay``), and the unit is told unless ``callback`` is off."""
        payment = self.books.pay(tx, code, money, now or self.base.clock.now())
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
        self.base.callbacks.enqueue(tx, self.name, "PaymentConfirm", payment["code"], payload)

    def acts(self) -> list[Act]:
        """Money, refunds, and how bills stand."""

        def pay(request: Request, body: Any) -> Any:
            """``{code, channel?, payer?, amount?, serial?, at?, force?, callback?}``; amount is 元 text."""
            how = {"channel": "counter", **body}
            code, callback = how.pop("code"), how.pop("callback", True)
            now = datetime.fromisoformat(how.pop("at")) if "at" in how else None
            if "amount" in how:
                how["amount"] = books.fen(how["amount"])
            with self.base.state.transaction() as tx:
                return self.pay(tx, code, books.Money(**how), now=now, callback=callback)

        def tell(request: Request, body: Any) -> Any:
            """``{code, serial}``: send the callback about this payment (again)."""
            with self.base.state.transaction() as tx:
                payment = tx.get(self.name, "payments", f"{body['code']}/{body['serial']}")
                if payment is None:
                    raise ValueError("no such payment")
                self.tell(tx, payment)
            return {"ok": True}

        def refund(request: Request, body: Any) -> Any:
            """``{state: approved|refunded|refused, reason?}``."""
            number, now = request.path_params["number"], self.base.clock.now()
            with self.base.state.transaction() as tx:
                return self.books.move_refund(tx, number, body["state"], body.get("reason"), now)

        def stand(request: Request, body: Any) -> Any:
            """``{state}``: being_paid, unpaid, closed, expired, refunded, void; nobody is told."""
            with self.base.state.transaction() as tx:
                return self.books.stand(tx, request.path_params["code"], body["state"])

        def give_back(request: Request, body: Any) -> Any:
            """``{code, serial}``: the platform returns a payment of its own accord."""
            with self.base.state.transaction() as tx:
                return self.books.give_back(tx, body["code"], body["serial"], self.base.clock.now())

        code, serial = {"code": text("缴款码")}, {"serial": text("银行流水号")}
        money = {"channel": text("渠道"), "payer": text("付款人"), "amount": text("金额（元）"), **serial}
        odd = {"at": text("时间"), "force": flag("强制入账"), "callback": flag("发送回调")}
        states = {"type": "string", "title": "状态", "enum": ["approved", "refunded", "refused"]}
        number = {"number": text("退付编号")}
        return [
            Act(
                "pay", "/pay", "缴款", "money arrives for a code", pay, fields={**code, **money, **odd}, needs=("code",)
            ),
            Act(
                "tell",
                "/tell",
                "再次通知",
                "the callback once more",
                tell,
                fields=code | serial,
                needs=("code", "serial"),
            ),
            Act(
                "refund",
                "/refunds/{number}",
                "退付结果",
                "what finance decides about a refund",
                refund,
                fields={**number, "state": states, "reason": text("原因")},
                needs=("number", "state"),
            ),
            Act(
                "give_back",
                "/returns",
                "平台主动退回",
                "the platform returns a payment of its own accord",
                give_back,
                fields=code | serial,
                needs=("code", "serial"),
            ),
            Act(
                "stand",
                "/bills/{code}",
                "缴款书状态",
                "how a bill stands; nobody is told",
                stand,
                fields={**code, "state": {"type": "string", "title": "状态", "enum": list(books.BILL_STATES)}},
                needs=("code", "state"),
            ),
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


def text_of(answer: Any, name: str) -> str | None:
    """The text of the first element of that local name."""
    if not isinstance(answer, etree._Element):
        return None
    found = answer.find(f".//{{*}}{name}")
    return None if found is None else found.text
