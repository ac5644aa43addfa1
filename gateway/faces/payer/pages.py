"""The pages behind the QR code, for the party 当事人. They read local truth only and ask nobody while somebody waits.

Nothing needs JavaScript: the one small script only looks whether the state has changed, and loads the page again then.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import segno
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.faces.payer.texts import FOUND_BY_STATUS, KINDS, MESSAGES, OWED, REFUNDS, words
from gateway.foundation.base import Foundation
from gateway.foundation.delivery.limits import closed_until
from gateway.foundation.http.services import Base, service
from gateway.rooms.decisions import Decision, Decisions, PartyKind, payment_term
from gateway.rooms.payments import Collection, Payment, PaymentLine, Payments, Status, Unforeseen
from gateway.rooms.payments.look_up import OF_CODE
from gateway.rooms.payments.states import ExceptionState, UnforeseenKind
from gateway.rooms.receipts.records import Receipt
from gateway.rooms.receipts.service import Receipts
from gateway.rooms.receipts.states import ReceiptStatus
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.states import RefundStatus
from gateway.words.clock import SHANGHAI, day_of, from_micros, to_micros
from gateway.words.masking import mask_firm, mask_person
from gateway.words.money import format_yuan, yuan_in_words

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "templates"
_templates = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_SCRIPT = (_FOLDER / "look_again.js").read_text(encoding="utf-8").strip()
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
        f"script-src 'sha256-{_SCRIPT_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}

_DAY = 86_400_000_000
_MOST_BYTES = 2000

Language = Annotated[Literal["zh", "en"], Query()]


@dataclass(frozen=True)
class Rooms:
    """What the pages are made from: the rooms that know of a payment, and the foundation."""

    base: Foundation
    payments: Payments
    refunds: Refunds
    receipts: Receipts
    decisions: Decisions


async def _behind(
    base: Base,
    payments: Annotated[Payments, Depends(service(Payments))],
    refunds: Annotated[Refunds, Depends(service(Refunds))],
    receipts: Annotated[Receipts, Depends(service(Receipts))],
    decisions: Annotated[Decisions, Depends(service(Decisions))],
) -> Rooms:
    return Rooms(base, payments, refunds, receipts, decisions)


Behind = Annotated[Rooms, Depends(_behind)]


@dataclass(frozen=True)
class Found:
    """Everything that the pages of one payment are made of.

    ``exceptions``: kinds of unforeseen money that the party still waits about. ``returned``: fen that went back of what
    had paid the bill.
    """

    payment: Payment
    lines: Sequence[PaymentLine]
    exceptions: frozenset[UnforeseenKind]
    returned: int
    refunds: Sequence[Refund]
    receipt: Receipt | None
    decision: Decision | None
    renewed: Payment | None


async def _find(rooms: Rooms, token: str) -> Found | None:
    """What is known of the payment behind a token; what cannot be there yet is not looked for."""
    known = await rooms.payments.pages.payment_of(token)
    if known is None:
        return None
    seen = await rooms.payments.view(known.id)
    payment, money = seen.payment, seen.collections
    refunds = [one.refund for one in await rooms.refunds.of_payment(payment.id)] if money else []
    behind = payment.decision_id is not None
    return Found(
        payment=payment,
        lines=seen.lines,
        exceptions=waited_about(seen.exceptions, refunds, money),
        returned=returned(seen.exceptions, refunds),
        refunds=refunds,
        receipt=await rooms.receipts.live(payment.id) if money else None,
        decision=await rooms.decisions.get(payment.authority, payment.decision_number) if behind else None,
        renewed=await rooms.payments.renewed(payment),
    )


@router.get("/pay", response_class=HTMLResponse)
async def look_up(lang: Language = "zh") -> HTMLResponse:
    """The form for those whose QR code cannot be scanned."""
    return _page("find.html", lang, wrong=None, name_too=False)


@router.post("/pay", response_class=HTMLResponse)
async def find_payment(rooms: Behind, request: Request, lang: Language = "zh") -> Response:
    """From payment code and the number at the end of the decision number to the payment's page.

    A wrong code and a wrong number get the same answer; after some of them the party's name is asked as well.
    """
    body = (await request.body())[:_MOST_BYTES].decode("utf-8", "replace")
    given = {name: values[0] for name, values in parse_qs(body).items()}
    source = request.client.host if request.client is not None else ""
    code, digits, name = (given.get(one, "") for one in ("code", "digits", "name"))
    found = await rooms.payments.look_up.find(code, digits, name, source)
    if found.payment is not None:
        return RedirectResponse(_path(rooms, found.payment) + f"?lang={lang}", 303, HEADERS)
    if found.name_too:
        return _page("find.html", lang, 429, {"Retry-After": str(OF_CODE.seconds)}, wrong="find_often", name_too=True)
    return _page("find.html", lang, 404, wrong="find_wrong", name_too=False)


@router.get("/pay/{token}", response_class=HTMLResponse)
async def payer_page(
    rooms: Behind, token: str, lang: Language = "zh", after: Annotated[str, Query(max_length=10)] = ""
) -> HTMLResponse:
    """What is to be paid, why, to whom, by when, and what has become of it.

    ``after=pay``: the party says that it has paid. What is not known here yet is then shown as being confirmed.
    """
    found = await _find(rooms, token)
    if found is None:
        return _unknown(rooms, lang)
    now = rooms.base.clock.now()
    closed = _closed(rooms, found.payment.channel, now)
    key = state(found, now, closed is not None)
    claimed = after == "pay" and key in ("issued", "overdue", "closed")
    shown = await _shown(rooms, found, "doubt" if claimed else key, closed, lang == "en")
    return _page("payment.html", lang, claimed=claimed, **shown)


@router.get("/pay/{token}/slip", response_class=HTMLResponse)
async def slip(rooms: Behind, token: str, lang: Language = "zh") -> Response:
    """The slip for a bank counter or a company's transfer, to be printed; only while the code takes money."""
    found = await _find(rooms, token)
    if found is None:
        return _unknown(rooms, lang)
    key = state(found, rooms.base.clock.now(), closed=False)
    if not MESSAGES[key].can_pay:
        return RedirectResponse(f"../{token}?lang={lang}", 303, HEADERS)
    shown = await _shown(rooms, found, key, None, lang == "en")
    out = io.BytesIO()
    code = segno.make(rooms.payments.pages.address(found.payment), error="m", micro=False)
    code.save(out, kind="svg", scale=4, border=4, xmldecl=False, svgns=True)
    qr = "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
    groups = re.findall(".{1,4}", found.payment.code or "")
    return _page("slip.html", lang, qr=qr, groups=groups, in_words=yuan_in_words(found.payment.amount), **shown)


@router.get("/pay/{token}/receipt")
async def receipt(rooms: Behind, token: str, lang: Language = "zh") -> Response:
    """The receipt's file, byte for byte as the platform gave it."""
    found = await _find(rooms, token)
    if found is None or not _has_receipt(found):
        return _unknown(rooms, lang)
    assert found.receipt is not None
    kind = found.receipt.media_type or "application/octet-stream"
    name = f"{found.receipt.receipt_code}-{found.receipt.receipt_number}.{kind.rpartition('/')[2]}"
    return Response(
        rooms.receipts.file(found.receipt),
        media_type=kind,
        headers=HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'},
    )


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
        return "long_doubt" if to_micros(now) - since > _DAY else "doubt"
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


async def _shown(rooms: Rooms, found: Found, key: str, closed: datetime | None, english: bool) -> dict[str, Any]:
    payment, message = found.payment, MESSAGES[key]
    bill = payment.bill(rooms.base.envelope)
    facts = found.decision.facts if found.decision is not None else None
    term = payment_term(facts, rooms.base.reckoning.of(payment.authority)) if facts is not None else None
    authority = await rooms.base.access.authority(payment.authority)
    until = closed.astimezone(SHANGHAI) if closed is not None else None
    url = payment.pay_url or ""
    firm = facts is not None and facts.party.kind is not PartyKind.NATURAL_PERSON  # unknown: it may be a person
    renewed = found.renewed if found.renewed is not None and found.renewed.status is Status.ISSUED else None
    return {
        "key": key,
        "title": message.title[english],
        "text": message.text[english].format(time=f"{until:%H:%M}" if until else ""),
        "message": message,
        "authority": authority.name,
        "telephone": authority.telephone,
        "unit": bill.unit_name,
        "unit_code": bill.unit_code,
        "payer": mask_firm(bill.payer_name) if firm else mask_person(bill.payer_name),
        "why": facts.violation if facts is not None else None,
        "days": term[0] if term is not None else None,
        "worked": term is not None and term[1].unit == "working_days",
        "decision": payment.decision_number,
        "code": payment.code,
        "amount": format_yuan(payment.paid_amount or payment.amount),
        "paid": bool(payment.paid_amount),
        "owed": key in OWED and not payment.paid_amount,
        "due_on": _day(payment.due_on, english),
        "provisional": payment.due_provisional,
        "valid_until": _day(payment.valid_until_on, english),
        "lines": _lines(found, english),
        "pay_url": url if message.can_pay and url.startswith(("https://", "http://")) else None,
        "paid_at": f"{from_micros(payment.paid_at).astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if payment.paid_at else None,
        "refunds": [
            (format_yuan(one.amount), REFUNDS[one.status][english]) for one in found.refunds if one.status in REFUNDS
        ],
        "receipt": "there" if _has_receipt(found) else ("wait" if found.receipt is not None else "ask"),
        "renewed": _path(rooms, renewed) if renewed is not None else None,
        "path": _path(rooms, payment),
    }


def _lines(found: Found, english: bool) -> list[dict[str, str]]:
    shown = [
        {
            "name": KINDS[one.kind][english],
            "item": f"{one.item_code} {one.item_name}",
            "amount": format_yuan(one.amount),
        }
        for one in found.lines
    ]
    if added := found.payment.surcharge_paid:
        shown.append({"name": KINDS["surcharge"][english], "item": "", "amount": format_yuan(added)})
    return shown


def _has_receipt(found: Found) -> bool:
    return (
        found.receipt is not None
        and found.receipt.status is ReceiptStatus.ISSUED
        and found.receipt.document_sealed is not None
    )


def _day(day: date | None, english: bool) -> str | None:
    if day is None:
        return None
    return str(day) if english else f"{day.year}年{day.month}月{day.day}日"


def _closed(rooms: Rooms, channel: str, now: datetime) -> datetime | None:
    for one in rooms.base.channels.all():
        if one.name == channel:
            return closed_until(one.keys.quiet, now)
    return None


def _path(rooms: Rooms, payment: Payment) -> str:
    return urlsplit(rooms.payments.pages.address(payment)).path


def _unknown(rooms: Rooms, lang: str) -> HTMLResponse:
    message = MESSAGES["unknown"]
    english = lang == "en"
    home = urlsplit(rooms.base.settings.public_url).path.rstrip("/") + "/pay"
    said = message.title[english], message.text[english]
    return _page("unknown.html", lang, 404, home=home, title=said[0], text=said[1], message=message)


def _page(
    template: str, lang: str, status: int = 200, headers: dict[str, str] | None = None, **shown: Any
) -> HTMLResponse:
    english = lang == "en"
    shown = {"path": "", "key": "", "message": None} | shown
    text = _templates.get_template(template).render(
        t=words(english), english=english, lang=lang, other="zh" if english else "en", script=_SCRIPT, **shown
    )
    return HTMLResponse(text, status, HEADERS | (headers or {}))
