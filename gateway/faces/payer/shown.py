"""What the payer's page says of one payment: which state holds, what is owed today, what was paid and by which money.

Source of what is said of a surcharge 加处罚款: 行政处罚法 (2021) art. 72(1)1; rate and cap are those of the law's rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from gateway.faces.payer.texts import COLLECTED, DOUBTS, FOUND_BY_STATUS, KINDS, MESSAGES, OWED, REFUNDS
from gateway.foundation.base import Foundation
from gateway.rooms.decisions import Decision, DecisionFacts, Decisions, PartyKind, payment_term
from gateway.rooms.disclosures.public_text import redact
from gateway.rooms.payments import Collection, Payment, PaymentLine, Payments, Status, Unforeseen
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.states import ExceptionState, UnforeseenKind
from gateway.rooms.payments.surcharge import Surcharge
from gateway.rooms.receipts.records import Receipt
from gateway.rooms.receipts.service import Receipts
from gateway.rooms.receipts.states import ReceiptStatus
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.states import RefundStatus
from gateway.words.clock import SHANGHAI, day_of, from_micros, to_micros
from gateway.words.law import Matter
from gateway.words.masking import mask_firm, mask_payer, mask_person, may_be_a_person
from gateway.words.money import format_yuan, yuan_in_words

_DAY = 86_400_000_000
_DIGITS = re.compile(r"[0-9][0-9.:-]*")
_LONGEST_RUN = 12
"""Digits in a row that are never broken; longer numbers are shown in fours, and break between them only."""


@dataclass(frozen=True)
class Rooms:
    """What the pages are made from: the rooms that know of a payment, and the foundation."""

    base: Foundation
    payments: Payments
    refunds: Refunds
    receipts: Receipts
    decisions: Decisions


@dataclass(frozen=True)
class Found:
    """Everything that the pages of one payment are made of.

    ``exceptions``: kinds of unforeseen money that the party still waits about. ``returned``: fen that went back of what
    had paid the bill. ``money``: what paid it. ``surcharge``: what has accrued by today, None where nothing has.
    """

    payment: Payment
    lines: Sequence[PaymentLine]
    exceptions: frozenset[UnforeseenKind]
    returned: int
    refunds: Sequence[Refund]
    receipt: Receipt | None
    decision: Decision | None
    renewed: Payment | None
    money: Collection | None = None
    surcharge: Surcharge | None = None


def state(found: Found, now: datetime, closed: bool) -> str:
    """Which of the messages holds: money that came unforeseen first, then doubt, then the payment's own state."""
    payment = found.payment
    for kind in (UnforeseenKind.PAID_TWICE, UnforeseenKind.AMOUNT_DIFFERS):
        if kind in found.exceptions:
            return kind.value
    if found.exceptions:
        return "late_money"
    if payment.paid_amount and found.returned >= payment.paid_amount:
        return "refunded"
    since = payment.in_doubt_since_at
    if since is not None:
        doubt = DOUBTS.get(payment.status, "doubt")
        return "long_doubt" if doubt == "doubt" and to_micros(now) - since > _DAY else doubt
    key = FOUND_BY_STATUS[payment.status]
    if key != "issued":
        return key
    if payment.being_paid_since_at is not None:
        return "being_paid"
    if closed:
        return "closed"
    return "overdue" if payment.due_on is not None and payment.due_on < day_of(now) else "issued"


def waited_about(
    exceptions: Sequence[Unforeseen], refunds: Sequence[Refund], money: Sequence[Collection]
) -> frozenset[UnforeseenKind]:
    """Kinds of unforeseen money that the party still waits about: not yet gone back, nor kept for good."""
    gone = _went_back(refunds)
    amounts = {one.id: one.amount for one in money}
    kinds = set()
    for one in exceptions:
        back = gone[one.collection_id] >= amounts[one.collection_id]
        kept = one.state is ExceptionState.RESOLVED and one.resolution == "keep"
        if one.is_beside and not back and not (kept and one.kind is not UnforeseenKind.AMOUNT_DIFFERS):
            kinds.add(one.kind)
    return frozenset(kinds)


def paid_by(payment: Payment, exceptions: Sequence[Unforeseen], money: Sequence[Collection]) -> Collection | None:
    """The money that paid the bill; None while it is not paid."""
    beside = {one.collection_id for one in exceptions if one.is_beside}
    return next((one for one in money if one.id not in beside), None) if payment.paid_amount else None


def returned(exceptions: Sequence[Unforeseen], refunds: Sequence[Refund]) -> int:
    """Fen that went back of what had paid the bill."""
    beside = {one.collection_id for one in exceptions if one.is_beside}
    return sum(amount for collection, amount in _went_back(refunds).items() if collection not in beside)


def _went_back(refunds: Sequence[Refund]) -> Counter[str]:
    gone: Counter[str] = Counter()
    for one in refunds:
        if one.status is RefundStatus.REFUNDED:
            gone[one.collection_id] += one.amount
    return gone


async def shown(rooms: Rooms, found: Found, key: str, closed: datetime | None, english: bool) -> dict[str, Any]:
    """What the templates are given about a payment in the state ``key``, in one language."""
    payment, message = found.payment, MESSAGES[key]
    bill = payment.bill(rooms.base.envelope)
    facts = found.decision.facts if found.decision is not None else None
    term = payment_term(facts, rooms.base.reckoning.of(payment.authority)) if facts is not None else None
    authority = await rooms.base.access.authority(payment.authority)
    until = closed.astimezone(SHANGHAI) if closed is not None else None
    url = payment.pay_url or ""
    renewed = found.renewed if found.renewed is not None and found.renewed.status is Status.ISSUED else None
    owed = key in OWED and not payment.paid_amount
    keys = rooms.base.channels.get(payment.channel).keys_of(PaymentKeys)
    surcharge = _surcharge(found, keys, english) if owed else None
    amount = payment.paid_amount or payment.amount + (surcharge["now"] if surcharge else 0)
    return {
        "key": key,
        "title": message.title[english],
        "text": message.text[english].format(time=f"{until:%H:%M}" if until else ""),
        "message": message,
        "authority": authority.name,
        "telephone": authority.telephone,
        "unit": bill.unit_name,
        "unit_code": bill.unit_code,
        "payer": _payer(bill.payer_name, facts),
        "why": None if found.decision is None else _why(found.decision),
        "days": term[0] if term is not None else None,
        "worked": term is not None and term[1].unit == "working_days",
        "decision": payment.decision_number,
        "code": payment.code,
        "amount": format_yuan(amount),
        "in_words": yuan_in_words(amount),
        "billed": format_yuan(payment.amount),
        "billed_in_words": yuan_in_words(payment.amount),
        "paid": bool(payment.paid_amount),
        "owed": owed,
        "due_on": day_words(payment.due_on, english),
        "provisional": payment.due_provisional,
        "valid_until": day_words(payment.valid_until_on, english),
        "lines": _lines(found, english),
        "surcharge": surcharge,
        "pay_url": url if message.can_pay and url.startswith(("https://", "http://")) else None,
        "paid_at": f"{from_micros(payment.paid_at).astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if payment.paid_at else None,
        "serial": found.money.bank_serial if found.money is not None else None,
        "pay_mode": keys.pay_modes.get(found.money.pay_mode) if found.money is not None else None,
        "refunds": [
            (format_yuan(one.amount), REFUNDS[one.status][english]) for one in found.refunds if one.status in REFUNDS
        ],
        "receipt": "there" if has_receipt(found) else ("wait" if found.receipt is not None else "ask"),
        "receipt_numbers": _receipt(found) if has_receipt(found) else None,
        "renewed": path_of(rooms, renewed) if renewed is not None else None,
        "path": path_of(rooms, payment),
    }


def _payer(name: str, facts: DecisionFacts | None) -> str:
    """Who is to pay, masked by what the decision says that the party is; by the words of the name where none does."""
    if facts is None:
        return mask_payer(name)
    return mask_person(name) if facts.party.kind is PartyKind.NATURAL_PERSON else mask_firm(name)


def _surcharge(found: Found, keys: PaymentKeys, english: bool) -> dict[str, Any] | None:
    """What has accrued by today, in words; ``now``: fen of it that the cashier takes with the bill.

    ``apart``: it is none of the bill's, so it stands beside the bill and not among its lines.
    """
    accrued = found.surcharge
    if accrued is None or not accrued.amount:
        return None
    of = (Matter.SURCHARGE_RATE, Matter.SURCHARGE_CAP)
    figures = {one.matter: one.number for one in accrued.rules if one.matter in of}
    fine = sum(line.amount for line in found.lines if line.kind == "fine")
    cap = format_yuan(fine * figures[Matter.SURCHARGE_CAP] // 100)
    return {
        "amount": format_yuan(accrued.amount),
        "on": day_words(accrued.on, english),
        "figures": {"rate": figures[Matter.SURCHARGE_RATE], "cap": cap, "days": accrued.days},
        "collected": COLLECTED[keys.surcharge][english],
        "now": accrued.amount if keys.surcharge == "quoted_at_payment" else 0,
        "apart": keys.surcharge != "quoted_at_payment",
    }


def _why(decision: Decision) -> str:
    """For what: as the public reads it, since who holds the code in a hand need not be the party."""
    party = decision.facts.party
    return redact(decision.facts.violation, party, decision.officers, mask_party=may_be_a_person(party.name))


def _lines(found: Found, english: bool) -> list[dict[str, str]]:
    lines = [
        {
            "name": KINDS[one.kind][english],
            "item": f"{one.item_code} {one.item_name}",
            "amount": format_yuan(one.amount),
        }
        for one in found.lines
    ]
    if added := found.payment.surcharge_paid:
        lines.append({"name": KINDS["surcharge"][english], "item": "", "amount": format_yuan(added)})
    return lines


def has_receipt(found: Found) -> bool:
    """Whether the receipt is there, with its file."""
    return (
        found.receipt is not None
        and found.receipt.status is ReceiptStatus.ISSUED
        and found.receipt.document_sealed is not None
    )


def _receipt(found: Found) -> dict[str, Any]:
    receipt = found.receipt
    assert receipt is not None
    issued = from_micros(receipt.issued_at).astimezone(SHANGHAI) if receipt.issued_at else None
    return {
        "code": receipt.receipt_code,
        "number": receipt.receipt_number,
        "check": receipt.check_code,
        "on": f"{issued:%Y-%m-%d}" if issued else None,
        "amount": format_yuan(receipt.amount),
    }


def day_words(day: date | None, english: bool) -> str | None:
    """A day as the page's language writes it."""
    if day is None:
        return None
    return str(day) if english else f"{day.year}年{day.month}月{day.day}日"


def unbroken(text: object) -> Markup:
    """Text whose numbers no line break cuts: each stays whole, a long one breaks between groups of four."""
    out, last, said = [], 0, str(text)
    for one in _DIGITS.finditer(said):
        run = one.group()
        out.append(escape(said[last : one.start()]))
        if len(run) <= _LONGEST_RUN:
            out.append(Markup("<span class=n>{}</span>").format(run))
        else:
            out += [Markup('<span class="n four">{}</span>').format(four) for four in re.findall(".{1,4}", run)]
        last = one.end()
    return Markup("").join([*out, escape(said[last:])])


def path_of(rooms: Rooms, payment: Payment) -> str:
    """The path of a payment's page."""
    return urlsplit(rooms.payments.pages.address(payment)).path
