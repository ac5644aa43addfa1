"""Paper Crane's stand-in. Control below ``/_sim/papercrane``:

- ``POST /pay {"code", "amount"?, "payer"?, "mode"?, "force"?, "callback"?}``: money comes, and is told;
- ``POST /make {"number"?}``: codes and receipts that are being made are made, and told;
- ``POST /refunds/{number} {"state", "reason"?}``: finance decides; told is how it ended.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from paper_crane import books, contract
from simulators.frame import (
    Act,
    Answer,
    Call,
    CodedWire,
    Document,
    Entry,
    Foundation,
    Handler,
    Kind,
    OpenApiContract,
    Page,
    Refused,
    Results,
    Service,
    System,
    Transaction,
    coded,
    rfc3339,
    text,
    unb64,
)

APP, PEER = "CRANE-UNIT-01", "PAPERCRANE"
SECRET = "development-crane-secret"
CONTRACT = OpenApiContract(contract.OPENAPI)
WINDOW = 300
result = Results(contract.results())


@cache
def keys() -> dict[str, Any]:
    """The development keys of both sides."""
    return dict(json.loads(contract.VECTORS.read_text(encoding="utf-8")))


@cache
def platform_key() -> Any:
    """What the platform signs with."""
    return load_pem_private_key(keys()["platform"]["private"].encode(), None)


@cache
def unit_key() -> Any:
    """What the unit's signatures are checked by."""
    return load_pem_public_key(keys()["unit"]["public"].encode())


def signed(node: str, now: datetime, nonce: str, *parts: str, body: bytes) -> dict[str, str]:
    """The platform's headers for a message whose text is ``parts``, time, nonce and body, a line feed behind each."""
    stamp = str(int(now.timestamp()))
    text = "".join(f"{part}\n" for part in (*parts, stamp, nonce)).encode() + body + b"\n"
    signature = base64.b64encode(platform_key().sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    return {"Crane-App": node, "Crane-Timestamp": stamp, "Crane-Nonce": nonce, "Crane-Signature": signature}


def genuine(call: Call) -> bool:
    """Whether the unit signed this request, and just now."""
    told, url = call.request.headers, call.request.url
    stamp, nonce = told.get("crane-timestamp", ""), told.get("crane-nonce", "")
    target = url.path + (f"?{url.query}" if url.query else "")
    text = f"{call.request.method}\n{target}\n{stamp}\n{nonce}\n".encode() + call.body + b"\n"
    try:
        unit_key().verify(unb64(told.get("crane-signature", "")), text, padding.PKCS1v15(), hashes.SHA256())
        return told.get("crane-app") == APP and abs(int(stamp) - call.now.timestamp()) <= WINDOW
    except (InvalidSignature, ValueError):
        return False


class CraneWire(CodedWire):
    """Every answer is signed with the nonce of its request; what a notice says is encrypted."""

    results = result
    amount_fields = frozenset({"totalAmount", "amount"})
    code_fields = frozenset({"payCode"})
    status_fields = frozenset({"state"})
    signature_header = "Crane-Signature"

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        """The status is signed too, so ``sign`` has to know it."""
        call.params["status"] = str(answer.status)
        return super().render(call, answer)

    def sign(self, call: Call, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """Bound to the request by its nonce. A page of whoever stands in between is not signed."""
        if call.params["status"] == "500":
            return headers
        nonce = call.request.headers.get("crane-nonce", "") or secrets.token_hex(16)
        return headers | signed(PEER, self.base.clock.now(), nonce, call.params["status"], body=body)

    def spoil(self, headers: Any) -> dict[str, str]:
        """The signature of another message: well formed, and wrong."""
        return {**headers, **signed(PEER, self.base.clock.now(), headers["Crane-Nonce"], body=b"another")}

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        """A notice, encrypted and signed now."""
        nonce, kind = os.urandom(12), str(payload["type"])
        text = json.dumps(payload["content"], ensure_ascii=False).encode()
        sealed = AESGCM(bytes.fromhex(keys()["notice_key"])).encrypt(nonce, text, kind.encode())
        body = json.dumps(
            {
                "id": payload["id"],
                "type": kind,
                "nonce": base64.b64encode(nonce).decode(),
                "sealed": base64.b64encode(sealed).decode(),
            }
        ).encode()
        headers = signed(PEER, self.base.clock.now(), secrets.token_hex(16), body=body)
        return body, {"Content-Type": "application/json", **headers}

    def not_taken(self, payload: Document, status: int, body: bytes) -> str:
        """Only ``{"code": "C0000"}`` with 200 is an acknowledgement."""
        return coded(status, body, "C0000")


class Crane(Service):
    """The platform."""

    contract = CONTRACT

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, CraneWire(base, system))
        self.books = books.Books(self.name, lambda: self.url)

    # --- operations --------------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The contract's operations, and where the statement files lie."""

        def number(name: str) -> Any:
            return lambda call: str(call.content.get(name) or call.content.get("payCode", ""))

        def told(operation: str, key: str, answer: Any) -> Route:
            return self.operation(operation, self._told(answer), key=number(key))

        keep = self.books
        return [
            self.operation("token", self._signed(self._token)),
            self.operation("ready", self._guarded(lambda tx, call: result("C0000"))),
            self.operation("create", self._guarded(self._create), key=number("outBillNo")),
            self.operation("query", self._guarded(self._query), key=number("outBillNo")),
            told("close", "closeNo", lambda tx, call: keep.close(tx, call.content)),
            told("refund", "outRefundNo", lambda tx, call: keep.refund(tx, call.content)),
            told("query_refund", "outRefundNo", lambda tx, call: keep.refund_of(tx, call.content["outRefundNo"])),
            told("receipt", "requestNo", lambda tx, call: keep.receipt(tx, call.content, call.now)),
            told("statement", "date", lambda tx, call: keep.statement(tx, call.content["date"], call.now, call.fault)),
            Route("/files/{day}.csv.gz", self._file),
        ]

    def _token(self, tx: Transaction, call: Call) -> Answer:
        if not hmac.compare_digest(f"{call.content['appId']}\n{call.content['appSecret']}", f"{APP}\n{SECRET}"):
            raise Refused(result("C0401"))
        seconds, token = int(self.settings(tx)["token_seconds"]), secrets.token_hex(16)
        until = rfc3339(call.now + timedelta(seconds=seconds))
        tx.put(self.name, "token", "current", {"token": token, "until": until})  # the one before ends
        return result("C0000", {"accessToken": token, "expiresIn": seconds})

    def _create(self, tx: Transaction, call: Call) -> Answer:
        return self._bill(tx, lambda: self.books.create(tx, call.content, call.now))

    def _query(self, tx: Transaction, call: Call) -> Answer:
        asked = call.content
        return self._bill(tx, lambda: self.books.bill(tx, asked.get("outBillNo"), asked.get("payCode")))

    def _bill(self, tx: Transaction, find: Any) -> Answer:
        try:
            bill = find()
        except books.No as no:
            raise Refused(result(no.code)) from None
        now = self.base.clock.now()
        if bill["state"] == "MAKING" and datetime.fromisoformat(bill["_due"]) <= now:
            self.books.make(tx, bill, now)
        return result("C0000", books.shown(bill))

    async def _file(self, request: Request) -> Response:
        with self.base.state.transaction() as tx:
            members = int(request.query_params.get("members", "1"))
            file = self.books.file(tx, request.path_params["day"], members)
        self.journal(request, "file", request.path_params["day"], 200)
        return Response(file, media_type="application/gzip")

    # --- doors -------------------------------------------------------------------------------------------------------

    def _signed(self, handler: Handler) -> Handler:
        """The handler behind a check of the signature."""

        def guarded(tx: Transaction, call: Call) -> Answer:
            if not genuine(call):
                raise Refused(result("C0401"))
            return handler(tx, call)

        return guarded

    def _guarded(self, handler: Handler) -> Handler:
        """The handler behind a check of signature and token."""

        def guarded(tx: Transaction, call: Call) -> Answer:
            current = tx.get(self.name, "token", "current") or {"token": "", "until": rfc3339(call.now)}
            given = call.request.headers.get("authorization", "")
            good = hmac.compare_digest(given.encode(), f"Bearer {current['token']}".encode())
            if not good or datetime.fromisoformat(current["until"]) <= call.now:
                raise Refused(result("C0402"))
            return handler(tx, call)

        return self._signed(guarded)

    def _told(self, answer: Any) -> Handler:
        """The handler that answers with what the books say."""

        def told(tx: Transaction, call: Call) -> Answer:
            try:
                return result("C0000", books.shown(answer(tx, call)))
            except books.No as no:
                raise Refused(result(no.code)) from None

        return self._guarded(told)

    # --- notices and control -----------------------------------------------------------------------------------------

    def tell(self, tx: Transaction, kind: str, key: str, content: Document) -> None:
        """Queue a notice; its id stays the same however often it is sent."""
        payload = {"id": f"N{tx.next(self.name, 'notice'):016d}", "type": kind, "content": content}
        self.base.callbacks.enqueue(tx, self.name, kind, key, payload)

    def make_due(self, tx: Transaction, now: datetime, number: str | None = None, *, all_of: bool = False) -> int:
        """Make codes and receipts that are due (or all that wait, or one bill's), and tell; how many."""
        made = 0
        for bill in self.books.making(tx):
            if number in (None, bill["outBillNo"]) and (all_of or datetime.fromisoformat(bill["_due"]) <= now):
                self.books.make(tx, bill, now)
                self.tell(tx, "bill.made", bill["outBillNo"], books.shown(bill))
                made += 1
        for code, receipt in tx.list(self.name, "receipt"):
            due = all_of or datetime.fromisoformat(receipt["_due"]) <= now
            if receipt["state"] == "MAKING" and due and number is None:
                self.books.issue(tx, receipt, now)
                bill = self.books.bill(tx, code=code)
                self.tell(tx, "receipt.made", code, {"outBillNo": bill["outBillNo"], "payCode": code})
                made += 1
        return made

    def clock_moved(self) -> None:
        """What has become due is made and told."""
        with self.base.state.transaction() as tx:
            self.make_due(tx, self.base.clock.now())

    def early(self, tx: Transaction, call: Call, answer: Answer) -> None:
        """What was just taken in is told before its answer."""
        if call.operation == "create":
            self.make_due(tx, call.now, call.key, all_of=True)

    def credentials(self) -> dict[str, Any]:
        """What a unit is given, and the platform's key."""
        known = keys()
        return {
            "app": APP,
            "secret": SECRET,
            "private_key": known["unit"]["private"],
            "platform_key": known["platform"]["public"],
            "notice_key": known["notice_key"],
        }

    def pages(self) -> list[Page]:
        """What a party sees behind the code."""

        def bill(tx: Transaction, request: Request) -> list[Entry] | None:
            try:
                found = self.books.bill(tx, code=request.path_params["code"])
            except books.No:
                return None
            asked = found["_asked"]
            return [(("执收单位", asked["unitName"]), ("应缴金额", found["totalAmount"]), ("状态", found["state"]))]

        return [Page("/cashier/{code}", "非税缴款", bill)]

    def acts(self) -> list[Act]:
        """Money, codes, refunds."""

        def pay(request: Request, body: Any) -> Any:
            with self.base.state.transaction() as tx:
                try:
                    bill, payment = self.books.pay(tx, body["code"], body, self.base.clock.now())
                except books.No:
                    raise ValueError(f"no bill has the code {body['code']}") from None
                if body.get("callback", True):
                    content = books.shown(bill) | {"payments": [payment]}
                    self.tell(tx, "bill.paid", body["code"], content)
            return {"serial": payment["bankSerial"]}

        def make(request: Request, body: Any) -> Any:
            with self.base.state.transaction() as tx:
                return {"made": self.make_due(tx, self.base.clock.now(), (body or {}).get("number"), all_of=True)}

        def settle(request: Request, body: Any) -> Any:
            number, now = request.path_params["number"], self.base.clock.now()
            with self.base.state.transaction() as tx:
                try:
                    refund = self.books.settle(tx, number, body["state"], body.get("reason"), now)
                except books.No:
                    raise ValueError(f"no refund {number}") from None
                if refund["state"] in ("DONE", "REFUSED"):
                    self.tell(tx, "refund.done", number, books.shown(refund))
            return books.shown(refund)

        code, number, state = {"code": text("缴款码")}, {"number": text("编号")}, {"state": text("状态")}
        return [
            Act("pay", "/pay", "缴款", "money arrives for a code", pay, fields=code, needs=tuple(code)),
            Act("make", "/make", "办理已受理的", "carry out what was taken", make, fields=number),
            Act("settle", "/refunds/{number}", "退付结果", "what becomes of a refund", settle, fields=number | state),
        ]


#: Ways of going wrong that only statement files have.
KINDS = {
    "wrong_totals": Kind("effect", "the totals of the statement are a line and a fen more"),
    "wrong_digest": Kind("effect", "the digest that is announced is that of another file"),
    "second_file": Kind("effect", "the file is packed twice, one behind the other"),
}

SYSTEM = System(
    name="papercrane",
    title="纸鹤非税平台(虚构)",
    build=Crane,
    operations=frozenset(CONTRACT.operations),
    callbacks=frozenset({"bill.made", "bill.paid", "refund.done", "receipt.made"}),
    kinds=KINDS,
    settings=books.SETTINGS,
)
