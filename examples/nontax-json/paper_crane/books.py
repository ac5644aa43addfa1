"""What the simulated platform keeps: bills, codes, money, refunds, receipts, and the file of a day.

Documents are as the contract has them; what is kept beside them stands in members that begin with an underscore. What a
caller may not do is raised as ``No`` with a code of the table.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from datetime import datetime, timedelta
from typing import Any

from simulators.frame import SHANGHAI, Document, Settings, Transaction, b64, rfc3339

MODES = ("wechat", "alipay", "unionpay", "counter")
SETTINGS = Settings(
    {"code_seconds": 0, "receipt_seconds": 0, "statement": "ready", "token_seconds": 7200, "second_host": False},
    {
        "code_seconds": {"type": "integer", "minimum": 0},  # after which a code is made; 0: at once
        "receipt_seconds": {"type": "integer", "minimum": 0},
        "statement": {"enum": ["ready", "making"]},
        "token_seconds": {"type": "integer", "minimum": 1},
        "second_host": {"type": "boolean"},  # statement files lie on another host
    },
)


class No(Exception):
    """A business refusal by result code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def fen(text: str) -> int:
    """Fen of a yuan text that the schema has let through."""
    whole, _, cents = text.partition(".")
    return int(whole) * 100 + int(cents)


def yuan(amount: int) -> str:
    """Yuan text with two decimals."""
    return f"{amount // 100}.{amount % 100:02d}"


def shown(kept: Document) -> Document:
    """A document as the wire has it."""
    return {name: value for name, value in kept.items() if not name.startswith("_") and value is not None}


def day_of(moment: datetime | str) -> str:
    """The platform's day, which ends at midnight."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return str(at.astimezone(SHANGHAI).date())


class Books:
    """The books of the system of that name."""

    def __init__(self, system: str, url: Any) -> None:
        self._name = system
        self._url = url

    # --- bills -------------------------------------------------------------------------------------------------------

    def create(self, tx: Transaction, asked: Document, now: datetime) -> Document:
        """Take a bill in, or give the one that its number stands for. No: the number stands for another one."""
        known = tx.get(self._name, "bill", asked["outBillNo"])
        if known is not None:
            if known["_asked"] != asked:
                raise No("C1409")
            return known
        wait = int(SETTINGS.of(tx, self._name)["code_seconds"])
        bill = {
            "outBillNo": asked["outBillNo"],
            "state": "MAKING",
            "totalAmount": asked["totalAmount"],
            "askAfter": max(1, wait),
            "payments": [],
            "_asked": asked,
            "_due": rfc3339(now + timedelta(seconds=wait)),
        }
        tx.effect(self._name, "create", asked["outBillNo"])
        if not wait:
            self.make(tx, bill, now)
        tx.put(self._name, "bill", asked["outBillNo"], bill)
        return bill

    def make(self, tx: Transaction, bill: Document, now: datetime) -> None:
        """Give a bill its code."""
        code = f"990102{now.astimezone(SHANGHAI):%y}88{tx.next(self._name, 'code'):010d}"
        bill |= {"state": "UNPAID", "payCode": code, "payUrl": f"{self._url()}/cashier/{code}"}
        bill |= {"validUntil": str((now.astimezone(SHANGHAI) + timedelta(days=90)).date()), "askAfter": None}
        tx.put(self._name, "code", code, {"outBillNo": bill["outBillNo"]})
        tx.put(self._name, "bill", bill["outBillNo"], bill)

    def making(self, tx: Transaction) -> list[Document]:
        """Bills that wait for their code."""
        return [bill for _, bill in tx.list(self._name, "bill") if bill["state"] == "MAKING"]

    def bill(self, tx: Transaction, number: str | None = None, code: str | None = None) -> Document:
        """A bill by its number or its code. No: there is none."""
        if code is not None:
            number = (tx.get(self._name, "code", code) or {}).get("outBillNo")
        found = tx.get(self._name, "bill", number or "")
        if found is None:
            raise No("C0404")
        return found

    def close(self, tx: Transaction, asked: Document) -> Document:
        """Close an unpaid bill; one that is closed stays so."""
        bill = self.bill(tx, code=asked["payCode"])
        if bill["outBillNo"] != asked["outBillNo"]:
            raise No("C0404")
        if bill["payments"]:
            raise No("C1421")
        if bill["state"] != "CLOSED":
            tx.put(self._name, "bill", bill["outBillNo"], bill | {"state": "CLOSED"})
            tx.effect(self._name, "close", asked["closeNo"])
        return bill | {"state": "CLOSED"}

    def pay(self, tx: Transaction, code: str, how: Document, now: datetime) -> tuple[Document, Document]:
        """Money comes for a code: the bill and the payment. ValueError where the cashier would take none."""
        bill = self.bill(tx, code=code)
        if not how.get("force") and bill["state"] != "UNPAID":
            raise ValueError(f"the bill is {bill['state']}")
        payment = {
            "bankSerial": f"{now.astimezone(SHANGHAI):%Y%m%d}{tx.next(self._name, 'serial'):012d}",
            "amount": str(how.get("amount", bill["totalAmount"])),
            "paidAt": rfc3339(now.replace(microsecond=0)),
            "payMode": str(how.get("mode", "wechat")),
            **({"payerName": how["payer"]} if how.get("payer") else {}),
        }
        bill = bill | {"state": "PAID", "payments": [*bill["payments"], payment]}
        tx.put(self._name, "bill", bill["outBillNo"], bill)
        line = {"kind": "P", "bill": bill["outBillNo"], "amount": payment["amount"], "time": payment["paidAt"]}
        self._tell_day(tx, line | {"serial": payment["bankSerial"], "refund": ""})
        return bill, payment

    # --- refunds -----------------------------------------------------------------------------------------------------

    def refund(self, tx: Transaction, asked: Document) -> Document:
        """File a refund, or give the one that its number stands for."""
        known = tx.get(self._name, "refund", asked["outRefundNo"])
        if known is not None:
            if known["_asked"] != asked:
                raise No("C1409")
            return known
        bill = self.bill(tx, code=asked["payCode"])
        mine = [one for one in bill["payments"] if one["bankSerial"] == asked["bankSerial"]]
        if not mine:
            raise No("C1422")
        others = [one for _, one in tx.list(self._name, "refund", asked["bankSerial"]) if one["state"] != "REFUSED"]
        if fen(asked["amount"]) + sum(fen(one["amount"]) for one in others) > fen(mine[0]["amount"]):
            raise No("C1431")
        refund = {
            "outRefundNo": asked["outRefundNo"],
            "refundNo": f"TF{tx.next(self._name, 'refund'):010d}",
            "payCode": asked["payCode"],
            "amount": asked["amount"],
            "state": "FILED",
            "_asked": asked,
        }
        tx.put(self._name, "refund", asked["outRefundNo"], refund, group=asked["bankSerial"])
        tx.effect(self._name, "refund", asked["outRefundNo"])
        return refund

    def refund_of(self, tx: Transaction, number: str) -> Document:
        """A refund by the caller's number. No: there is none."""
        found = tx.get(self._name, "refund", number)
        if found is None:
            raise No("C0404")
        return found

    def settle(self, tx: Transaction, number: str, state: str, reason: str | None, now: datetime) -> Document:
        """Finance decides: APPROVED, DONE or REFUSED. ValueError for a refund that has ended."""
        refund = self.refund_of(tx, number)
        if refund["state"] in ("DONE", "REFUSED") or state not in ("APPROVED", "DONE", "REFUSED"):
            raise ValueError(f"a refund that is {refund['state']} does not become {state}")
        refund = refund | {"state": state, "reason": reason}
        if state == "DONE":
            refund["doneAt"] = rfc3339(now.replace(microsecond=0))
            bill = self.bill(tx, code=refund["payCode"])
            line = {"kind": "R", "bill": bill["outBillNo"], "amount": refund["amount"], "time": refund["doneAt"]}
            self._tell_day(tx, line | {"serial": refund["_asked"]["bankSerial"], "refund": refund["refundNo"]})
        tx.put(self._name, "refund", number, refund, group=refund["_asked"]["bankSerial"])
        return refund

    # --- receipts ----------------------------------------------------------------------------------------------------

    def receipt(self, tx: Transaction, asked: Document, now: datetime) -> Document:
        """The receipt of a paid bill, made once, perhaps later."""
        bill = self.bill(tx, code=asked["payCode"])
        if not bill["payments"]:
            raise No("C1422")
        known = tx.get(self._name, "receipt", asked["payCode"])
        if known is None:
            wait = int(SETTINGS.of(tx, self._name)["receipt_seconds"])
            due = rfc3339(now + timedelta(seconds=wait))
            known = {"payCode": asked["payCode"], "state": "MAKING", "askAfter": max(1, wait), "_due": due}
            tx.effect(self._name, "receipt", asked["requestNo"])
            tx.put(self._name, "receipt", asked["payCode"], known)
        if known["state"] == "MAKING" and datetime.fromisoformat(known["_due"]) <= now:
            known = self.issue(tx, known, now)
        return known

    def issue(self, tx: Transaction, receipt: Document, now: datetime) -> Document:
        """Make a receipt."""
        bill = self.bill(tx, code=receipt["payCode"])
        number = f"{tx.next(self._name, 'receipt'):010d}"
        text = f"电子票据 {number}\n{bill['_asked']['payerName']} {bill['totalAmount']}元\n"
        receipt = receipt | {"state": "ISSUED", "askAfter": None, "receiptCode": "99010126", "receiptNumber": number}
        receipt |= {"checkCode": hashlib.sha256(number.encode()).hexdigest()[:6], "amount": bill["totalAmount"]}
        receipt |= {"issuedAt": rfc3339(now.replace(microsecond=0)), "mediaType": "text/plain"}
        receipt["document"] = b64(text.encode())
        tx.put(self._name, "receipt", receipt["payCode"], receipt)
        return receipt

    # --- statements --------------------------------------------------------------------------------------------------

    def _tell_day(self, tx: Transaction, line: Document) -> None:
        tx.put(self._name, "line", str(tx.next(self._name, "line")), line, group=day_of(line["time"]))

    def statement(self, tx: Transaction, day: str, now: datetime, fault: str = "") -> Document:
        """What is said of a day: not made yet, nothing happened, or where its file is. ``fault``: what is wrong."""
        if day > day_of(now) or SETTINGS.of(tx, self._name)["statement"] == "making":
            return {"date": day, "state": "MAKING", "askAfter": 600}
        lines = [line for _, line in tx.list(self._name, "line", day)]
        if not lines:
            return {"date": day, "state": "NONE"}
        paid = sum(fen(line["amount"]) for line in lines if line["kind"] == "P")
        more, members = int(fault == "wrong_totals"), 2 if fault == "second_file" else 1
        file = self.file(tx, day, members)
        host = self._url()
        if SETTINGS.of(tx, self._name)["second_host"]:
            host = host.replace("127.0.0.1", "localhost")
        return {
            "date": day,
            "state": "READY",
            "url": f"{host}/files/{day}.csv.gz?members={members}",
            "sha256": hashlib.sha256(file + (b"x" if fault == "wrong_digest" else b"")).hexdigest(),
            "count": len(lines) + more,
            "amount": yuan(paid + more),
        }

    def file(self, tx: Transaction, day: str, members: int = 1) -> bytes:
        """The file of a day, the same bytes each time; packed so many times one behind the other."""
        made = io.StringIO(newline="")
        columns = ("kind", "outBillNo", "payCode", "amount", "time", "bankSerial", "unitCode", "itemCodes", "refundNo")
        writer = csv.writer(made, lineterminator="\n")
        writer.writerow(columns)
        for _, line in tx.list(self._name, "line", day):
            bill = self.bill(tx, line["bill"])
            asked = bill["_asked"]
            items = " ".join(one["itemCode"] for one in asked["items"])
            facts = (line["kind"], line["bill"], bill["payCode"], line["amount"], line["time"], line["serial"])
            writer.writerow((*facts, asked["unitCode"], items, line["refund"]))
        return gzip.compress(made.getvalue().encode(), mtime=0) * members
