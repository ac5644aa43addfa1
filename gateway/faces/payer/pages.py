"""The page behind the QR code, for the party 当事人. It reads local truth only and asks nobody while somebody waits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.app import App
from gateway.clock import SHANGHAI, day_of, from_micros
from gateway.faces.api.access import Gateway
from gateway.money import format_yuan
from gateway.payments import Status, records

router = APIRouter(include_in_schema=False)

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action *",
}

_DAY = 86_400_000_000


@dataclass(frozen=True)
class Message:
    """What the page says first: a word for the state, and a sentence. ``tone`` colours it."""

    title: str
    text: str
    tone: str
    can_pay: bool = False
    refresh: int | None = None


ZH = {
    "requested": Message("取码中", "正在向缴费平台取码，请稍候，本页会自动更新。", "wait", refresh=5),
    "issued": Message("待缴款", "请核对以下信息后缴款。", "due", can_pay=True),
    "overdue": Message(
        "已逾期",
        "已超过缴款期限。应缴金额以缴款页面显示为准；如有异议，可依决定书载明的途径申请复议或起诉。",
        "warn",
        can_pay=True,
    ),
    "doubt": Message(
        "结果确认中",
        "正在核实缴款结果。如已扣款，请不要再次缴款。核实完成后本页会自动更新，您可以先离开。",
        "wait",
        refresh=10,
    ),
    "long_doubt": Message("结果确认中", "核实时间较长，已转人工处理，请保留付款凭证，无需重复缴款。", "wait"),
    "paid": Message("已缴款", "已收到您的缴款，无需再付。", "good"),
    "expired": Message("缴款码已失效", "此缴款码已失效，但缴款义务仍在。请联系执法机关重新取码。", "warn"),
    "cancelled": Message("已作废", "此缴款单已作废，请不要缴款。若已付款，请保留凭证并联系执法机关。", "warn"),
    "late_money": Message(
        "已收到款项", "已收到您的款项，但该缴款单已失效。工作人员将核实并按规定处理，请勿再付。", "warn"
    ),
    "paid_twice": Message(
        "重复缴款",
        "该笔罚款收到两次付款。多缴的金额将按规定退还，办理进度可在本页查看；"
        "需要收款账户时执法机关会正式通知您，不会索要密码或验证码。",
        "warn",
    ),
    "unknown": Message("未查到缴款信息", "未查到缴款信息，请核对二维码是否完整或联系执法机关。", "warn"),
}

EN = {
    "requested": Message("Requesting code", "The payment code is being requested; this page updates itself.", "wait"),
    "issued": Message("To be paid", "Please check the details below, then pay.", "due"),
    "overdue": Message(
        "Overdue",
        "The time to pay has passed. The amount shown at the cashier applies; remedies are named in the decision.",
        "warn",
    ),
    "doubt": Message(
        "Confirming", "The result is being checked. If you were charged, do not pay again. You may leave.", "wait"
    ),
    "long_doubt": Message(
        "Confirming", "This takes longer; staff look into it. Keep your proof, do not pay again.", "wait"
    ),
    "paid": Message("Paid", "Your payment has arrived. Nothing more is to be paid.", "good"),
    "expired": Message(
        "Code expired", "This code has expired; the duty to pay remains. Please contact the authority.", "warn"
    ),
    "cancelled": Message(
        "Cancelled", "This bill was cancelled: do not pay it. If you did, keep the proof and call.", "warn"
    ),
    "late_money": Message(
        "Money received",
        "Your money arrived for a bill that is no longer valid. Staff will handle it; do not pay again.",
        "warn",
    ),
    "paid_twice": Message(
        "Paid twice", "This fine was paid twice. What was paid too much is returned under the rules.", "warn"
    ),
    "unknown": Message(
        "Nothing found", "No payment was found. Check that the QR code is complete, or call the authority.", "warn"
    ),
}


KINDS = {
    "fine": ("罚款", "Fine"),
    "confiscated": ("没收违法所得", "Confiscated gains"),
    "surcharge": ("加处罚款", "Surcharge"),
}


@router.get("/pay/{token}", response_class=HTMLResponse)
async def payer_page(
    gateway: Gateway, request: Request, token: str, lang: Annotated[str, Query(pattern="^(zh|en)$")] = "zh"
) -> HTMLResponse:
    """What is to be paid, why, to whom, by when, and what has become of it."""
    row = await gateway.payments.by_token(token)
    english = lang == "en"
    if row is None:
        message = (EN if english else ZH)["unknown"]
        page = _templates.get_template("payment.html").render(message=message, bill=None, english=english, path="")
        return HTMLResponse(page, 404, HEADERS)
    exceptions = await gateway.store.read(lambda conn: records.exceptions(conn, payment_id=row["id"]))
    lines = await gateway.store.read(lambda conn: records.lines(conn, row["id"]))
    key = _state(gateway, row["status"], row["in_doubt_since_at"], row["due_on"], {one["kind"] for one in exceptions})
    message = (EN if english else ZH)[key]
    bill = gateway.payments.bill(row)
    shown = {
        "payer": masked(bill.payer_name),
        "authority": bill.unit_name,
        "decision": row["decision_number"],
        "code": row["code"],
        "amount": format_yuan(row["amount"]),
        "due_on": row["due_on"],
        "lines": [(KINDS[one["kind"]][english], format_yuan(one["amount"])) for one in lines],
        "pay_url": row["pay_url"] if ZH[key].can_pay else None,
        "paid_at": from_micros(row["paid_at"]).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
        if row["paid_at"]
        else None,
    }
    page = _templates.get_template("payment.html").render(
        message=message, refresh=ZH[key].refresh, bill=shown, english=english, path=request.url.path
    )
    return HTMLResponse(page, headers=HEADERS)


def _state(gateway: App, status: str, doubt_since: int | None, due_on: object, exceptions: set[str]) -> str:
    now = gateway.clock.now()
    if "paid_twice" in exceptions:
        return "paid_twice"
    if exceptions & {"paid_after_cancel", "paid_after_refusal", "paid_on_dead_code", "amount_differs"}:
        return "late_money"
    if doubt_since is not None:
        return "long_doubt" if now.timestamp() * 1_000_000 - doubt_since > _DAY else "doubt"
    match Status(status):
        case Status.ISSUED:
            return "overdue" if due_on is not None and str(due_on) < str(day_of(now)) else "issued"
        case Status.PAID:
            return "paid"
        case Status.EXPIRED:
            return "expired"
        case Status.REQUESTED:
            return "requested"
        case _:
            return "cancelled"


def masked(name: str) -> str:
    """A name as strangers may see it: a person's first character, a firm's first two and last two."""
    if len(name) <= 3:
        return name[0] + "*" * (len(name) - 1)
    return name[:2] + "*" * max(1, len(name) - 4) + name[-2:]
