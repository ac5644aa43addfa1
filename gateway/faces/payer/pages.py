"""The pages behind the QR code, for the party 当事人. They read local truth only and ask nobody while somebody waits.

Nothing needs JavaScript: the one small script only looks whether the state has changed, and loads the page again then.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

import segno
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.types import Scope

from gateway.faces.look import TOKENS
from gateway.faces.payer.shown import (
    Found,
    Rooms,
    has_receipt,
    paid_by,
    path_of,
    returned,
    shown,
    state,
    unbroken,
    waited_about,
)
from gateway.faces.payer.texts import MESSAGES, OWED_STATUSES, words
from gateway.foundation.base import Foundation
from gateway.foundation.delivery.limits import closed_until
from gateway.foundation.http.problems import beside, problem_of
from gateway.foundation.http.services import Base, service
from gateway.rooms.decisions import Decisions
from gateway.rooms.payments import Payments
from gateway.rooms.payments.look_up import OF_CODE
from gateway.rooms.receipts.service import Receipts
from gateway.rooms.refunds.service import Refunds
from gateway.settings import Settings
from gateway.words.clock import day_of

PAY: Final = "/pay"
router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "templates"
_templates = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.filters["unbroken"] = unbroken

_ASSETS = {
    "page.css": (TOKENS.encode() + (_FOLDER / "page.css").read_bytes(), "text/css; charset=utf-8"),
    "look_again.js": ((_FOLDER / "look_again.js").read_bytes(), "text/javascript; charset=utf-8"),
}
_VERSIONS = {name: hashlib.sha256(content).hexdigest()[:12] for name, (content, _) in _ASSETS.items()}

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; connect-src 'self'; script-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_MOST_BYTES = 2000
_LATER = frozenset({408, 429, 500, 503})
"""What passes: whoever comes again in a few minutes may find the page."""

Language = Annotated[Literal["zh", "en"], Query()]


async def _behind(
    base: Base,
    payments: Annotated[Payments, Depends(service(Payments))],
    refunds: Annotated[Refunds, Depends(service(Refunds))],
    receipts: Annotated[Receipts, Depends(service(Receipts))],
    decisions: Annotated[Decisions, Depends(service(Decisions))],
) -> Rooms:
    return Rooms(base, payments, refunds, receipts, decisions)


Behind = Annotated[Rooms, Depends(_behind)]


async def _find(rooms: Rooms, token: str) -> Found | None:
    """What is known of the payment behind a token; what cannot be there yet is not looked for."""
    known = await rooms.payments.pages.payment_of(token)
    if known is None:
        return None
    seen = await rooms.payments.view(known.id)
    payment, money = seen.payment, seen.collections
    refunds = [one.refund for one in await rooms.refunds.of_payment(payment.id)] if money else []
    behind = payment.decision_id is not None
    today = day_of(rooms.base.clock.now())
    late = behind and payment.status in OWED_STATUSES and payment.due_on is not None and payment.due_on < today
    return Found(
        payment=payment,
        lines=seen.lines,
        exceptions=waited_about(seen.exceptions, refunds, money),
        returned=returned(seen.exceptions, refunds),
        refunds=refunds,
        receipt=await rooms.receipts.live(payment.id) if money else None,
        decision=await rooms.decisions.get(payment.authority, payment.decision_number) if behind else None,
        renewed=await rooms.payments.renewed(payment),
        money=paid_by(payment, seen.exceptions, money),
        surcharge=await rooms.payments.accrued(payment.id) if late else None,
    )


@router.get("/pay/look/{name}")
async def asset(name: str) -> Response:
    """How the pages look, and their script. A change has another address, so browsers keep them."""
    found = _ASSETS.get(name)
    if found is None:
        return Response(status_code=404)
    return Response(found[0], media_type=found[1], headers=HEADERS | _FOR_EVER)


@router.get("/pay", response_class=HTMLResponse)
async def look_up(base: Base, lang: Language = "zh") -> HTMLResponse:
    """The form for those whose QR code cannot be scanned."""
    return _page(base.settings, "find.html", lang, wrong=None, name_too=False)


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
        return RedirectResponse(path_of(rooms, found.payment) + f"?lang={lang}", 303, HEADERS)
    if found.name_too:
        later = {"Retry-After": str(OF_CODE.seconds)}
        return _page(rooms.base.settings, "find.html", lang, 429, later, wrong="find_often", name_too=True)
    return _page(rooms.base.settings, "find.html", lang, 404, wrong="find_wrong", name_too=False)


@router.get("/pay/{token}", response_class=HTMLResponse)
async def payer_page(
    rooms: Behind, token: str, lang: Language = "zh", after: Annotated[str, Query(max_length=10)] = ""
) -> HTMLResponse:
    """What is to be paid, why, to whom, by when, and what has become of it.

    ``after=pay``: the party says that it has paid. What is not known here yet is then shown as being confirmed.
    """
    found = await _find(rooms, token)
    if found is None:
        return _unknown(rooms.base, lang)
    now = rooms.base.clock.now()
    closed = _closed(rooms, found.payment.channel, now)
    key = state(found, now, closed is not None)
    claimed = after == "pay" and key in ("issued", "overdue", "closed")
    said = await shown(rooms, found, "doubt" if claimed else key, closed, lang == "en")
    return _page(rooms.base.settings, "payment.html", lang, claimed=claimed, **said)


@router.get("/pay/{token}/slip", response_class=HTMLResponse)
async def slip(rooms: Behind, token: str, lang: Language = "zh") -> Response:
    """The slip for a bank counter or a company's transfer, to be printed; only while the code takes money."""
    found = await _find(rooms, token)
    if found is None:
        return _unknown(rooms.base, lang)
    key = state(found, rooms.base.clock.now(), closed=False)
    if not MESSAGES[key].can_pay:
        return RedirectResponse(f"../{token}?lang={lang}", 303, HEADERS)
    said = await shown(rooms, found, key, None, lang == "en")
    out = io.BytesIO()
    code = segno.make(rooms.payments.pages.address(found.payment), error="m", micro=False)
    code.save(out, kind="svg", scale=4, border=4, xmldecl=False, svgns=True)
    qr = "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
    groups = re.findall(".{1,4}", found.payment.code or "")
    return _page(rooms.base.settings, "slip.html", lang, qr=qr, groups=groups, **said)


@router.get("/pay/{token}/receipt")
async def receipt(rooms: Behind, token: str, lang: Language = "zh") -> Response:
    """The receipt's file, byte for byte as the platform gave it."""
    found = await _find(rooms, token)
    if found is None or not has_receipt(found):
        return _unknown(rooms.base, lang)
    assert found.receipt is not None
    kind = found.receipt.media_type or "application/octet-stream"
    name = f"{found.receipt.receipt_code}-{found.receipt.receipt_number}.{kind.rpartition('/')[2]}"
    return Response(
        rooms.receipts.file(found.receipt),
        media_type=kind,
        headers=HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _closed(rooms: Rooms, channel: str, now: datetime) -> datetime | None:
    for one in rooms.base.channels.all():
        if one.name == channel:
            return closed_until(one.keys.quiet, now)
    return None


def refusal(settings: Settings, error: Exception, scope: Scope) -> Response:
    """What no page could serve, said calmly on one: a silent database, a fault, another address or method, a body that
    is none. It asks nobody, the database least. What is already on a screen stays: this page has no state."""
    problem = problem_of(error, scope["path"])
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang")
    key = "unknown" if problem.status == 404 else "silent" if problem.status in _LATER else "misread"
    lang = "en" if asked == ["en"] else "zh"
    return _told(settings, key, lang, problem.status, beside(error, problem))


def _unknown(base: Foundation, lang: str) -> HTMLResponse:
    return _told(base.settings, "unknown", lang, 404)


def _told(settings: Settings, key: str, lang: str, status: int, headers: dict[str, str] | None = None) -> HTMLResponse:
    message, english = MESSAGES[key], lang == "en"
    said = {"title": message.title[english], "text": message.text[english], "again": key == "silent"}
    return _page(settings, "unknown.html", lang, status, headers, message=message, **said)


def _page(
    settings: Settings, template: str, lang: str, status: int = 200, headers: dict[str, str] | None = None, **shown: Any
) -> HTMLResponse:
    english = lang == "en"
    place = urlsplit(settings.public_url)
    home = place.path.rstrip("/") + "/pay"
    given = {"path": "", "key": "", "message": None, "authority": None, "telephone": None} | shown
    text = _templates.get_template(template).render(
        t=words(english),
        english=english,
        lang=lang,
        other="zh" if english else "en",
        home=home,
        host=f"{place.scheme}://{place.netloc}",
        site=settings.site,
        asset={name: f"{home}/look/{name}?v={version}" for name, version in _VERSIONS.items()},
        **given,
    )
    return HTMLResponse(text, status, HEADERS | (headers or {}))
