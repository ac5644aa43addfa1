"""The platform's cashier: the pages that a party sees after scanning the code. Plain HTML, nothing from outside."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from simulators.frame import Document
from simulators.nontax import books

if TYPE_CHECKING:
    from simulators.nontax.collection import CollectionPlatform

_CHANNELS = (
    ("wechat", "微信支付", "#07c160", "微"),
    ("alipay", "支付宝", "#1677ff", "支"),
    ("unionpay", "云闪付 / 银联", "#d7000f", "银"),
)

_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title><style>
*{{box-sizing:border-box}}body{{margin:0;background:#f2f4f7;color:#1d2129;
font:16px/1.6 "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}}
header{{background:#1a4f9c;color:#fff;padding:14px 16px;font-size:17px;text-align:center}}
main{{max-width:480px;margin:0 auto;padding:12px}}
section{{background:#fff;border-radius:10px;padding:16px;margin-bottom:12px}}
.amount{{text-align:center;padding:20px 16px}}.amount b{{display:block;font-size:36px;line-height:1.3}}
.quiet{{color:#5c6370;font-size:14px}}dl{{display:grid;grid-template-columns:6.5em 1fr;gap:8px;margin:0}}
dt{{color:#5c6370}}dd{{margin:0;text-align:right;word-break:break-all}}
label{{display:flex;align-items:center;gap:12px;padding:12px 0;border-bottom:1px solid #eceef2}}
label:last-of-type{{border:0}}label input[type=radio]{{margin-left:auto;width:22px;height:22px;accent-color:#1a4f9c}}
i{{font-style:normal;color:#fff;border-radius:8px;width:34px;height:34px;display:grid;place-items:center;font-weight:700}}
.payer{{display:block}}.payer input{{width:100%;font:inherit;padding:10px;border:1px solid #c9cdd4;border-radius:8px}}
button{{width:100%;border:0;border-radius:10px;background:#1a4f9c;color:#fff;font:inherit;font-size:18px;padding:14px}}
.mark{{font-size:48px;text-align:center;line-height:1.2}}h1{{font-size:22px;text-align:center;margin:4px 0 12px}}
</style></head><body><header>{platform}</header><main>{content}</main></body></html>"""


def routes(system: CollectionPlatform) -> list[BaseRoute]:
    """``GET /cashier?billId=`` and ``POST /cashier/pay``."""

    def page(title: str, content: str, status: int = 200) -> HTMLResponse:
        with system.base.state.transaction() as tx:
            platform = str(system.books.settings(tx)["name"])
        body = _PAGE.format(title=escape(title), platform=escape(platform), content=content)
        return HTMLResponse(body, status, {"Cache-Control": "no-store"})

    async def show(request: Request) -> Response:
        code = request.query_params.get("billId", "")
        now = system.base.clock.now()
        with system.base.state.transaction() as tx:
            bill = tx.get(system.name, "bills", code)
            quiet = books.closed_until(system.books.settings(tx), now)
            paid = system.books.payments_of(tx, bill) if bill else []
        if bill is None:
            answer = page("未查到缴款信息", _notice("!", "未查到缴款信息", "请核对二维码是否完整或联系执收单位。"), 404)
        elif bill["stats"] == books.PAID and paid:
            answer = page("缴款成功", _success(bill, paid[0]))
        elif refusal := books.refusal_to_pay(bill, now):
            answer = page(refusal, _notice("!", refusal, "请不要付款。如有疑问请联系执收单位。"))
        elif quiet is not None:
            answer = page("结算中", _notice("…", "平台结算中", f"预计{quiet:%H:%M}恢复，请届时再试。"), 503)
        else:
            answer = page("非税缴款", _form(bill))
        system.journal(request, "cashier", code, answer.status_code)
        return answer

    async def pay(request: Request) -> Response:
        body = await request.body()
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        code = form.get("billId", "")
        try:
            with system.base.state.transaction() as tx:
                if books.closed_until(system.books.settings(tx), system.base.clock.now()):
                    raise ValueError("平台结算中,请稍后再试")
                money = books.Money(form.get("channel", ""), form.get("payer", "").strip() or None)
                payment = system.pay(tx, code, money)
                bill = tx.get(system.name, "bills", code)
        except ValueError as refusal:
            answer = page("未能缴款", _notice("!", "未能缴款", escape(str(refusal))), 409)
        else:
            answer = page("缴款成功", _success(bill or {}, payment))
        system.journal(request, "cashier.pay", code, answer.status_code, body)
        return answer

    return [Route("/cashier", show), Route("/cashier/pay", pay, methods=["POST"])]


def _facts(rows: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows) + "</dl>"


def _bill_rows(bill: Document) -> list[tuple[str, str]]:
    asked = bill["asked"]
    rows = [
        ("执收单位", asked["ChgAgenName"]),
        ("缴款人", asked["PayerName"]),
        ("缴款识别码", bill["code"]),
        ("决定书文号", asked["DecisionNo"]),
    ]
    rows += [(item["ItemName"], f"{item['Amt']} 元") for item in asked["Item"]]
    return rows


def _form(bill: Document) -> str:
    channels = "".join(
        f'<label><i style="background:{colour}" aria-hidden="true">{mark}</i>{name}'
        f'<input type="radio" name="channel" value="{value}" required{" checked" if value == "wechat" else ""}></label>'
        for value, name, colour, mark in _CHANNELS
    )
    amount = escape(bill["asked"]["Amt"])
    return (
        f'<section class="amount"><span class="quiet">应缴金额(元)</span><b>¥ {amount}</b></section>'
        f"<section>{_facts(_bill_rows(bill))}</section>"
        f'<form method="post" action="cashier/pay"><input type="hidden" name="billId" value="{escape(bill["code"])}">'
        f'<section role="radiogroup" aria-label="选择支付方式">{channels}</section>'
        '<section><label class="payer">付款人姓名(代缴时填写)<input name="payer" maxlength="100"></label></section>'
        '<button type="submit">确认支付</button></form>'
        '<p class="quiet">请核对金额与执收单位。请勿向个人账户转账。</p>'
    )


def _success(bill: Document, payment: Document) -> str:
    names = {books.MODES[value]: name for value, name, _, _ in _CHANNELS} | {books.MODES["counter"]: "银行柜面"}
    rows = [
        ("实缴金额", f"{books.yuan(payment['amount'])} 元"),
        ("支付方式", names.get(payment["mode"], payment["mode"])),
        ("缴款时间", payment["at"][:19].replace("T", " ")),
        ("交易流水号", payment["serial"]),
    ]
    return (
        '<section><div class="mark" style="color:#07a35a" aria-hidden="true">✓</div><h1>缴款成功</h1>'
        f"{_facts(rows + _bill_rows(bill))}</section>"
        '<p class="quiet">财政电子票据将由执收单位开具。</p>'
    )


def _notice(mark: str, title: str, text: str) -> str:
    return (
        f'<section><div class="mark" style="color:#c25100" aria-hidden="true">{mark}</div>'
        f"<h1>{escape(title)}</h1><p>{text}</p></section>"
    )
