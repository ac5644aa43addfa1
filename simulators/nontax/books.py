"""The platform's books: bills and codes, money that arrives, refunds, receipts.

Amounts are integer fen inside and 元 text on the wire. What a caller may not do is raised as ``No`` with a result code
of ``contracts/nontax/v1/codes/results.csv``, which other contracts for this kind of platform use as well.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import contracts
from simulators.frame import SHANGHAI, Document, Transaction, rfc3339

UNPAID, PAID, VOID, BEING_PAID, EXPIRED, GONE_BACK, CLOSED = "0", "1", "2", "3", "4", "5", "6"
BILL_STATES = {row["state"]: row["code"] for row in contracts.code_table("nontax", "v1", "pay_stats")}
FILED, APPROVED, REFUNDED, REFUSED = "0", "1", "2", "3"

MODES = {row["channel"]: row["code"] for row in contracts.code_table("nontax", "v1", "pay_modes")}
MEANINGS = {row["code"]: row["meaning"] for row in contracts.code_table("nontax", "v1", "results")}
REFUND_STATES = {row["state"]: row["code"] for row in contracts.code_table("nontax", "v1", "refund_stats")}

DEFAULTS: Document = {
    "name": "安澜市非税收入收缴平台",
    "issuing": "any",  # platform | unit | range; any: whatever the request does
    "ranges": [],  # of issuing mode "range": [[first, last], …]
    "code_literal": "30",  # between year and serial of a code that the platform gives
    "valid_days": 180,  # how long a code can be paid
    "unknown_units": "accept",  # or "refuse"
    "gbk": True,  # the platform cannot keep characters outside GBK
    "cutoff": "24:00",  # end of the platform's day; later money is on the next day's statement
    "statement_after_close": False,  # True: no statement before the day has ended
    "page_size": 100,
    "quiet": None,  # ["23:30", "00:30"]: closed for settlement between
    "receipt_kind": "0101",  # the four digits of a receipt code between region and year
    "receipt_signatures": "both",  # beside a receipt's document; or "issuer", "supervisor", "none", "forged"
    "magic_amounts": False,  # bills whose total ends in certain fen bring a fault with them (amounts.py)
}

_TIME = r"([01]\d|2[0-3]):[0-5]\d"

#: What the values of the settings must be.
SCHEMAS: dict[str, Document] = {
    "name": {"type": "string", "minLength": 1},
    "issuing": {"enum": ["any", "platform", "unit", "range"]},
    "ranges": {
        "type": "array",
        "items": {"type": "array", "items": {"type": "string", "pattern": r"^\d{20}$"}, "minItems": 2, "maxItems": 2},
    },
    "code_literal": {"type": "string", "pattern": r"^\d{2}$"},
    "valid_days": {"type": "integer"},
    "unknown_units": {"enum": ["accept", "refuse"]},
    "gbk": {"type": "boolean"},
    "cutoff": {"type": "string", "pattern": f"^({_TIME}|24:00)$"},
    "statement_after_close": {"type": "boolean"},
    "page_size": {"type": "integer", "minimum": 1},
    "quiet": {
        "type": ["array", "null"],
        "items": {"type": "string", "pattern": f"^{_TIME}$"},
        "minItems": 2,
        "maxItems": 2,
    },
    "receipt_kind": {"type": "string", "pattern": r"^\d{4}$"},
    "receipt_signatures": {"enum": ["both", "issuer", "supervisor", "none", "forged"]},
    "magic_amounts": {"type": "boolean"},
}


class No(Exception):
    """A business refusal by result code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} {MEANINGS[code]}")
        self.code = code


def fen(text: str) -> int:
    """Fen of a 元 text that the schema has let through."""
    whole, _, cents = text.partition(".")
    return int(whole) * 100 + int(cents)


def yuan(amount: int) -> str:
    """元 text with two decimals."""
    return f"{amount // 100}.{amount % 100:02d}"


def _in_gbk(value: Any) -> bool:
    if isinstance(value, str):
        try:
            value.encode("gbk")
        except UnicodeEncodeError:
            return False
        return True
    parts = value.values() if isinstance(value, dict) else value
    return all(_in_gbk(part) for part in parts)


def refusal_to_pay(bill: Document, now: datetime) -> str | None:
    """Why the cashier would not take money for this bill now; None when it would."""
    if bill["stats"] == PAID:
        return "该缴款单已缴款"
    if bill["stats"] == BEING_PAID:
        return "该缴款单正在缴款"
    if bill["stats"] in (VOID, EXPIRED, GONE_BACK, CLOSED):
        return "该缴款单已作废"
    if now.astimezone(SHANGHAI).strftime("%Y%m%d") > bill["valid_date"]:
        return "缴款码已失效"
    return None


def confirm_date(payment: Document) -> dict[str, str]:
    """CfmDate and CfmTime of a payment."""
    at = datetime.fromisoformat(payment["at"]).astimezone(SHANGHAI)
    return {"CfmDate": at.strftime("%Y%m%d"), "CfmTime": at.strftime("%H%M%S")}


def _clock_time(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)


def closed_until(rules: Document, now: datetime) -> datetime | None:
    """The end of the quiet hours 日切停服 if it is quiet now."""
    if not rules["quiet"]:
        return None
    local = now.astimezone(SHANGHAI)
    begin, end = (time.fromisoformat(text) for text in rules["quiet"])
    quiet = begin <= local.time() < end if begin < end else not end <= local.time() < begin
    if not quiet:
        return None
    until = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return until if until > local else until + timedelta(days=1)


@dataclass(frozen=True)
class Money:
    """How money arrives: ``amount`` in fen (None: what is owed), ``payer`` and ``serial`` where they are told.

    ``force``: also where the cashier would take none (paid twice, paid after the bill was voided or has expired).
    """

    channel: str
    payer: str | None = None
    amount: int | None = None
    serial: str | None = None
    force: bool = False


class Books:
    """The books of one platform, kept as documents of the system of that name."""

    def __init__(self, system: str) -> None:
        self.system = system

    def settings(self, tx: Transaction) -> Document:
        """The platform's settings as they are now."""
        return tx.get(self.system, "settings", "settings") or dict(DEFAULTS)

    # --- bills -----------------------------------------------------------------------------------------------------

    def create(self, tx: Transaction, node: str, asked: Document, now: datetime) -> Document:
        """Take a bill, or give back the one taken before under the same number with the same content."""
        rules = self.settings(tx)
        known = tx.get(self.system, "numbers", f"{node}/{asked['PayNo']}")
        if known is not None:
            bill = self.bill_of(tx, node, known["code"])
            if bill["asked"] != asked:
                raise No("18010")
            return bill
        if rules["gbk"] and not _in_gbk(asked):
            raise No("18016")
        amount = fen(asked["Amt"])
        if amount == 0 or amount != sum(fen(item["Amt"]) for item in asked["Item"]):
            raise No("18013")
        self._check_unit(tx, rules, asked)
        code = self._code(tx, rules, asked)
        digest = hashlib.sha256(code.encode()).hexdigest()
        bill = {
            "code": code,
            "number": asked["PayNo"],
            "node": node,
            "asked": asked,
            "amount": amount,
            "stats": UNPAID,
            "crc": digest[:4].upper(),
            "created_at": rfc3339(now),
            "valid_date": (now.astimezone(SHANGHAI) + timedelta(days=rules["valid_days"])).strftime("%Y%m%d"),
            "payments": [],
        }
        tx.put(self.system, "bills", code, bill)
        tx.put(self.system, "numbers", f"{node}/{asked['PayNo']}", {"code": code})
        tx.effect(self.system, "CreateBill", asked["PayNo"])
        return bill

    def _check_unit(self, tx: Transaction, rules: Document, asked: Document) -> None:
        """Whether the collecting unit may collect these items. Units without a list of items may collect anything."""
        unit = tx.get(self.system, "units", asked["ChgAgenCode"])
        if unit is None:
            if rules["unknown_units"] == "refuse":
                raise No("18012")
            return
        if unit["items"] is not None and any(item["ItemCode"] not in unit["items"] for item in asked["Item"]):
            raise No("18012")

    def _code(self, tx: Transaction, rules: Document, asked: Document) -> str:
        region, year, given = asked["AdmDivCode"], asked["SetYear"][2:], asked.get("PayCode")
        mode = rules["issuing"]
        if given is None:
            if mode in ("unit", "range"):
                raise No("18015")
            head = f"{region}{year}{rules['code_literal']}"
            return head + str(tx.next(self.system, f"code/{head}")).zfill(20 - len(head))
        in_range = any(first <= given <= last for first, last in rules["ranges"])
        if mode == "platform" or not re.fullmatch(r"\d{20}", given) or (mode == "range" and not in_range):
            raise No("18015")
        if not given.startswith(region):
            raise No("18015")
        if tx.get(self.system, "bills", given) is not None:
            raise No("18017")
        return str(given)

    def bill_of(self, tx: Transaction, node: str, code: str) -> Document:
        """One bill of a node by its code."""
        bill = tx.get(self.system, "bills", code)
        if bill is None or bill["node"] != node:
            raise No("18020")
        return bill

    def query(self, tx: Transaction, node: str, asked: Document) -> Document:
        """One bill by our number or by its code."""
        if "PayNo" in asked:
            known = tx.get(self.system, "numbers", f"{node}/{asked['PayNo']}")
            if known is None:
                raise No("18020")
            return self.bill_of(tx, node, known["code"])
        return self.bill_of(tx, node, asked["PayCode"])

    def void(self, tx: Transaction, node: str, asked: Document) -> Document:
        """Void an unpaid bill; a void one stays void."""
        bill = self.bill_of(tx, node, asked["PayCode"])
        if bill["number"] != asked["PayNo"]:
            raise No("18020")
        if bill["stats"] == PAID:
            raise No("18021")
        if bill["stats"] == BEING_PAID:
            raise No("18023")
        if bill["stats"] in (UNPAID, EXPIRED):
            bill["stats"] = VOID
            bill["void_number"], bill["void_reason"] = asked["VoidNo"], asked["Reason"]
            tx.put(self.system, "bills", bill["code"], bill)
            tx.effect(self.system, "VoidBill", asked["VoidNo"])
        return bill

    def stand(self, tx: Transaction, code: str, state: str) -> Document:
        """The platform lets a bill stand otherwise: being_paid, unpaid, closed, expired … ValueError: no such bill."""
        bill = tx.get(self.system, "bills", code)
        if bill is None:
            raise ValueError(f"无此缴款码 {code}")
        bill["stats"] = BILL_STATES[state]
        tx.put(self.system, "bills", code, bill)
        return bill

    # --- money -----------------------------------------------------------------------------------------------------

    def pay(
        self,
        tx: Transaction,
        code: str,
        money: Money,
        now: datetime,
    ) -> Document:
        """Money arrives for a bill; the payment. ValueError when the bill cannot be paid and it is not forced."""
        bill = tx.get(self.system, "bills", code)
        if bill is None:
            raise ValueError(f"无此缴款码 {code}")
        if (refusal := refusal_to_pay(bill, now)) and not money.force:
            raise ValueError(refusal)
        if money.channel not in MODES:
            raise ValueError(f"no channel {money.channel!r}; there are {', '.join(MODES)}")
        local = now.astimezone(SHANGHAI)
        serial = money.serial or f"{local:%Y%m%d}{MODES[money.channel]}{tx.next(self.system, 'serial'):010d}"
        if tx.get(self.system, "payments", f"{code}/{serial}") is not None:
            raise ValueError(f"serial {serial} was used for this bill before")
        payment = {
            "code": code,
            "number": bill["number"],
            "node": bill["node"],
            "amount": bill["amount"] if money.amount is None else money.amount,
            "mode": MODES[money.channel],
            "serial": serial,
            "payer": money.payer or bill["asked"]["PayerName"],
            "at": rfc3339(now),
            "unit": bill["asked"]["ChgAgenCode"],
            "items": [item["ItemCode"] for item in bill["asked"]["Item"]],
        }
        tx.put(self.system, "payments", f"{code}/{serial}", payment, group=self.statement_day(tx, now))
        bill["payments"].append(serial)
        if bill["stats"] not in (VOID, EXPIRED, CLOSED):
            bill["stats"] = PAID
        tx.put(self.system, "bills", code, bill)
        tx.effect(self.system, "pay", code)
        return payment

    def payments_of(self, tx: Transaction, bill: Document) -> list[Document]:
        """The money that arrived for a bill, oldest first."""
        found = (tx.get(self.system, "payments", f"{bill['code']}/{serial}") for serial in bill["payments"])
        return [payment for payment in found if payment is not None]

    def statement_day(self, tx: Transaction, moment: datetime) -> str:
        """On which day's statement (yyyyMMdd) something that happens at ``moment`` stands."""
        local = moment.astimezone(SHANGHAI)
        if _clock_time(self.settings(tx)["cutoff"]) <= local.time():
            local += timedelta(days=1)
        return local.strftime("%Y%m%d")

    # --- refunds ---------------------------------------------------------------------------------------------------

    def refund(self, tx: Transaction, node: str, asked: Document, now: datetime) -> Document:
        """File a refund of one payment, or give back the one filed under the same number with the same content."""
        key = f"{node}/{asked['RefundNo']}"
        known = tx.get(self.system, "refunds", key)
        if known is not None:
            if known["asked"] != asked:
                raise No("18032")
            return known
        bill = self.bill_of(tx, node, asked["PayCode"])
        if not bill["payments"]:
            raise No("18022")
        payment = tx.get(self.system, "payments", f"{bill['code']}/{asked['TraNoBus']}")
        if payment is None:
            raise No("18033")
        amount = fen(asked["Amt"])
        returned = sum(
            other["amount"]
            for _, other in tx.list(self.system, "refunds", bill["code"])
            if other["asked"]["TraNoBus"] == asked["TraNoBus"] and other["state"] != REFUSED
        )
        if amount == 0 or amount + returned > payment["amount"]:
            raise No("18031")
        filed = {
            "key": key,
            "node": node,
            "number": asked["RefundNo"],
            "code": bill["code"],
            "asked": asked,
            "amount": amount,
            "state": FILED,
            "reason": None,
            "filed_at": rfc3339(now),
            "refunded_at": None,
        }
        tx.put(self.system, "refunds", key, filed, group=bill["code"])
        tx.effect(self.system, "Refund", asked["RefundNo"])
        return filed

    def find_refund(self, tx: Transaction, node: str, number: str) -> Document:
        """A refund by its number."""
        found = tx.get(self.system, "refunds", f"{node}/{number}")
        if found is None:
            raise No("18030")
        return found

    def move_refund(self, tx: Transaction, number: str, state: str, reason: str | None, now: datetime) -> Document:
        """Finance decides: approved, refunded, refused. ValueError for a step that does not exist."""
        matching = [document for _, document in tx.list(self.system, "refunds") if document["number"] == number]
        if not matching:
            raise ValueError(f"no refund {number}")
        moved, wanted = matching[0], REFUND_STATES[state]
        allowed = {FILED: (APPROVED, REFUNDED, REFUSED), APPROVED: (REFUNDED, REFUSED)}
        if wanted not in allowed.get(moved["state"], ()):
            raise ValueError(f"a refund in state {moved['state']} cannot become {state}")
        moved["state"], moved["reason"] = wanted, reason
        if wanted == REFUNDED:
            moved["refunded_at"] = rfc3339(now)
            self._money_back(tx, moved["code"], moved["amount"], now)
        tx.put(self.system, "refunds", moved["key"], moved, group=moved["code"])
        return moved

    def give_back(self, tx: Transaction, code: str, serial: str, now: datetime) -> Document:
        """The platform returns a payment by itself; nobody can have it refunded afterwards. ValueError: none left."""
        payment = tx.get(self.system, "payments", f"{code}/{serial}")
        key = f"platform/{code}/{serial}"
        if payment is None or tx.get(self.system, "refunds", key) is not None:
            raise ValueError("no such payment, or it was returned before")
        returned = {
            "key": key,
            "node": "platform",
            "number": key,
            "code": code,
            "asked": {"TraNoBus": serial},
            "amount": payment["amount"],
            "state": REFUNDED,
        }
        tx.put(self.system, "refunds", key, returned, group=code)
        return self._money_back(tx, code, payment["amount"], now)

    def _money_back(self, tx: Transaction, code: str, amount: int, now: datetime) -> Document:
        """Money leaves: a line of the day's statement."""
        bill = tx.get(self.system, "bills", code)
        assert bill is not None
        line = {
            "code": code,
            "number": bill["number"],
            "node": bill["node"],
            "amount": amount,
            "serial": f"R{tx.next(self.system, 'refund-serial'):011d}",
            "at": rfc3339(now),
            "unit": bill["asked"]["ChgAgenCode"],
            "items": [item["ItemCode"] for item in bill["asked"]["Item"]],
        }
        tx.put(self.system, "returned", f"{code}/{line['serial']}", line, group=self.statement_day(tx, now))
        return line

    # --- receipts --------------------------------------------------------------------------------------------------

    def receipt(self, tx: Transaction, node: str, asked: Document, now: datetime) -> Document:
        """The receipt of a paid bill, issued once."""
        bill = self.bill_of(tx, node, asked["PayCode"])
        issued = tx.get(self.system, "receipts_by_bill", bill["code"])
        if issued is not None:
            return issued
        if bill["stats"] != PAID:
            raise No("18022")
        local = now.astimezone(SHANGHAI)
        code = f"{bill['asked']['AdmDivCode'][:2]}{self.settings(tx)['receipt_kind']}{local:%y}"
        number = f"{tx.next(self.system, f'receipt/{code}'):010d}"
        issued = {
            "PayCode": bill["code"],
            "EInvoiceCode": code,
            "EInvoiceNumber": number,
            "RandomNumber": hashlib.sha256(f"{code}{number}".encode()).hexdigest()[:6],
            "TotalAmount": yuan(sum(payment["amount"] for payment in self.payments_of(tx, bill)[:1])),
            "IssueDate": local.strftime("%Y%m%d"),
            "IssueTime": local.strftime("%H%M%S"),
        }
        tx.put(self.system, "receipts_by_bill", bill["code"], issued)
        tx.put(self.system, "receipts", f"{code}-{number}", {"code": bill["code"]})
        tx.effect(self.system, "IssueReceipt", asked["RequestNo"])
        return issued

    def receipt_of(self, tx: Transaction, node: str, code: str) -> Document:
        """The receipt that was issued for a bill."""
        issued = tx.get(self.system, "receipts_by_bill", self.bill_of(tx, node, code)["code"])
        if issued is None:
            raise No("18050")
        return issued

    def receipt_by_number(self, tx: Transaction, node: str, code: str, number: str) -> tuple[Document, Document]:
        """An issued receipt and its bill."""
        known = tx.get(self.system, "receipts", f"{code}-{number}")
        if known is None:
            raise No("18050")
        bill = self.bill_of(tx, node, known["code"])
        issued = tx.get(self.system, "receipts_by_bill", bill["code"])
        assert issued is not None
        return issued, bill
