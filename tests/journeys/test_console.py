"""The console over sockets, as a browser without script sees it: two people, a refund, a reconciler's morning.

The same journeys run in a real Chromium, where ``Browser`` is a window: tests/browser/test_console_in_chromium.py.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import date
from html import unescape
from typing import Any

import by_day
import httpx
import pytest
from sqlalchemy import update

from gateway.demo.receiver import Receiver
from gateway.faces.console.today import TODAY, today
from gateway.foundation.access import roles
from gateway.foundation.access.audit import AuditFilter
from gateway.foundation.delivery import webhook_records
from gateway.foundation.delivery.tables import webhook_delivery
from gateway.foundation.screens import Screen
from gateway.words.clock import day_of, from_micros

PASSWORD = "long enough a password"
OLD_CODE = "99010223000000000019"
FOREIGN = "99010226309999999901"
PAYEE = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行望川支行"}


def hidden(page: str) -> dict[str, str]:
    """What a form sends that nobody types: also what is ticked already."""
    found = re.findall(r'type="hidden" name="([\w.]+)" value="([^"]*)"', page)
    told = {name: unescape(value) for name, value in found}
    for name, value in re.findall(r'type="checkbox" name="([\w.]+)" value="([^"]*)" checked', page):
        told[name] = f"{told.get(name, '')} {value}".strip()
    return told


class Browser:
    """A person at the console, who follows links and sends forms and has no script."""

    def __init__(self, site: Any, login: str) -> None:
        self.login = login
        self._http = httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, follow_redirects=True)
        self._path, self.sends = "", {}

    async def sign_in(self, to: str = "") -> Browser:
        fields = {"login": self.login, "password": PASSWORD, "to": to}
        self._shown(await self._http.post("/console/sign-in", data=fields))
        return self

    async def see(self, path: str, status: int = 200) -> str:
        """Open a page; its form, if there is one, can be pressed."""
        return self._shown(await self._http.get(path), status)

    async def press(self, status: int | tuple[int, ...] = 200, files: Any = None, **fields: str) -> str:
        """Fill in the form that is open, and press its button."""
        told = self.sends | {"step": "do"} | fields
        return self._shown(await self._http.post(self._path, data=told, files=files), status)

    async def do(self, path: str, status: int = 200, files: Any = None, **fields: str) -> str:
        """Open the page of an act, and press its button."""
        await self.see(path)
        return await self.press(status, files, **fields)

    async def hidden(self) -> dict[str, str]:
        """What the form that is open sends that nobody types."""
        return dict(self.sends)

    async def hide(self, fields: dict[str, str]) -> None:
        """Have the form that is open send this instead, as one does that is sent again."""
        self.sends = fields

    async def speak(self, *, english: bool) -> None:
        """Choose the language, by the link that leads there."""
        self._shown(await self._http.get(f"/console/language/{'en' if english else 'zh'}"))

    async def fetch(self, path: str) -> bytes:
        """A file."""
        return (await self._http.get(path)).raise_for_status().content

    def _shown(self, answer: httpx.Response, status: int | tuple[int, ...] = 200) -> str:
        assert answer.status_code in (status if isinstance(status, tuple) else (status,)), answer.text
        _, _, main = answer.text.partition("<main")
        form = re.search(r'<form[^>]*method="post"(?: action="([^"]+)")?.*?</form>', main, re.DOTALL)
        self._path = unescape(form[1]) if form and form[1] else answer.url.raw_path.decode()
        self.sends = hidden(form[0] if form else "")
        return answer.text


async def look_over(person: Any, path: str, files: Any = None, **fields: str) -> tuple[str, Any]:
    """Fill in the form of an act: what is shown before it is done, and what does it as it was shown."""
    return await person.do(path, files=files, **fields, step="look"), person.press


async def test_two_people_refund_at_the_console(site):
    """Nobody confirms what they took part in or saw otherwise; every act is in the audit; a filter is an address."""
    for login, role in (("gao", "supervisor"), ("lin", "supervisor"), ("he", "viewer")):
        await site.app.base.access.create_operator(login, login, role, PASSWORD)
    gao, lin, he = [await Browser(site, login).sign_in() for login in ("gao", "lin", "he")]
    payment = await site.paid()
    page = f"/console/payments/{payment['id']}"
    listed = await gao.see(f"/console/payments?number={payment['code']}&status=PAID")
    assert f"{page}?from=number%3D{payment['code']}%26status%3DPAID" in listed
    back = await gao.see(f"{page}?from=number%3D{payment['code']}%26status%3DPAID")
    assert f'href="/console/payments?number={payment["code"]}&amp;status=PAID"' in back
    assert "第 1 条，共 1 条" in back
    whole = await gao.see(f"{page}?from=")
    assert f'href="{page}/refund?from="' in whole, "after the act one stands in the whole list again"

    assert "提出退付" not in await he.see(page), "only what one may do is drawn"
    await he.see(f"{page}/refund", 403)
    why = {"reason": "wrong_payment", "explanation": "误缴"}
    proposed = await gao.do(f"{page}/refund", **why, amount="", **PAYEE)
    refund = re.search(r"rfd_[0-9a-f]{32}", proposed)
    assert refund is not None
    one = f"/console/refunds/{refund[0]}"
    await is_taken_on(site, gao, one)
    for kind in ("opinion_letter", "original_voucher"):
        await gao.do(f"{one}/document", files={"file": ("a.pdf", b"%PDF-1")}, kind=kind, reference=kind)
    assert f"{one}/confirm" not in (mine := await gao.see(one)), "who proposed is drawn no button to confirm"
    assert re.search("您已参与，不能自己复核。可由[^<]*lin[^<]*等 [0-9] 人办理", mine)
    assert "gateway refunds confirm" in await lin.see(f"{one}/confirm")
    today = await lin.see("/console/today")
    assert "等我复核" in today
    assert "我提出的" in await gao.see("/console/today")
    refused = await gao.do(f"{one}/confirm", 409)
    assert "错误" in refused

    papers = re.findall(rf'href="({one}/file/rdo_\w+)"', await lin.see(one))
    assert [await lin.fetch(paper) for paper in papers] == [b"%PDF-1", b"%PDF-1"], (
        "who confirms reads what was uploaded"
    )
    seen = await lin.see(f"{one}/confirm")
    assert "5,036.50 元至尾号 5702" in seen
    await gao.do(f"{one}/payee", **{**PAYEE, "account": "6222021001119999999"})
    swapped = await lin.press(409)
    assert "9999" in swapped, "the payee was swapped between look and word: what is so now is shown"
    assert f"{one}/ask" not in swapped, "nothing is on its way yet"
    assert f"{one}/ask" in await lin.do(f"{one}/confirm")
    await site.until(f"/v1/refunds/{refund[0]}", lambda now: now["status"] not in ("PROPOSED", "CONFIRMED"))
    assert "gateway refunds ask" in await lin.see(f"{one}/ask")
    await lin.press()
    acts = [
        (one.operator, one.action, one.status) for one in await site.app.base.audit.find(AuditFilter(action="console"))
    ]
    assert ("lin", "POST /console/refunds/{id}/confirm", 409) in acts
    assert ("lin", "POST /console/refunds/{id}/confirm", 200) in acts
    assert ("lin", "POST /console/refunds/{id}/ask", 200) in acts
    listed = await gao.see(f"/console/audit?operator=lin&kind=act&subject={refund[0]}")
    assert "未成功（409）" in listed
    assert "没有符合条件的记录" in await gao.see(f"/console/audit?operator=he&subject={refund[0]}")
    assert "没有符合条件的记录" in await gao.see("/console/audit?operator=lin&until=2020-01-01")
    assert "没有符合条件的记录" in await gao.see(f"/console/audit?operator=gao&kind=read&subject={refund[0]}")


async def test_a_wrong_day_is_corrected_and_followed(site):
    """A day before the decision is said at the form, which keeps what was typed; the right one moves the last day."""
    await site.app.base.access.create_operator("gao", "gao", "supervisor", PASSWORD)
    gao = await Browser(site, "gao").sign_in()
    number = "望市监罚决字〔2026〕第71号"
    await site.travel("2026-09-28 09:00")
    await site.decide(number)
    payment = await site.issued(number)
    served = {"kind": "served", "on": "2026-09-26", "method": "direct"}
    assert (await site.post(site.path(number) + "/events", served)).status_code == 200
    found = await gao.see("/console/payments?number=味安副食店")
    assert payment["id"] in found
    assert payment["id"] not in await gao.see("/console/payments?number=味安")
    assert len(await site.app.base.audit.find(AuditFilter(action="look-for-party"))) == 1, "whoever is found by name"
    where = f"/console/payments/{payment['id']}/correct"
    (event,) = re.findall(r'<option value="(\w+)" selected', await gao.see(where))
    typed = {"event_id": event, "on": "2020-01-01", "reason": "送达日误登", "step": "look"}
    refused = await gao.do(where, 422, **typed)
    assert "事件日期2020-01-01早于决定日期" in refused
    assert "确认更正" not in refused, "nothing to confirm yet"
    assert 'value="2020-01-01"' in refused
    assert "送达日误登" in refused
    shown = await gao.do(where, **typed | {"on": "2026-09-16"})
    assert "2026-10-12" in shown
    assert "2026-10-08" in shown, "the last day to pay, as it is and as it will be"
    page = await gao.press()
    assert "2026-10-08" in page
    assert "2026-10-12" not in page.partition("缴款期限")[2][:200]
    told = page.partition("更正经过")[2].partition("</table>")[0]
    days = re.findall(r"2026-\d\d-\d\d", told)
    assert days[:4] == ["2026-09-26", "2026-09-16", "2026-10-12", "2026-10-08"], "from and to, and what followed"
    assert "送达日误登" in told
    assert "gao" in told


async def test_what_happens_to_a_decision_is_recorded_voided_and_reduced_at_its_payment(site):
    """Each act shows before it is done what follows from it; what cannot be is refused with what was typed."""
    await site.app.base.access.create_operator("gao", "高远", "supervisor", PASSWORD)
    gao = await Browser(site, "gao").sign_in()
    number = "望市监罚决字〔2026〕第72号"
    await site.travel("2026-09-28 09:00")
    await site.decide(number, surcharge_stated=True)
    one = f"/console/payments/{(await site.issued(number))['id']}"
    refused = await gao.do(f"{one}/event", 422, kind="served", on="2026-09-16", step="look")
    assert "登记送达须填写送达方式" in refused
    refused = await gao.do(f"{one}/event", 409, kind="appeal_ended", on="2026-09-16", appeal="x", step="look")
    assert "确认登记" not in refused, "nothing to record yet"
    shown = await gao.do(f"{one}/event", kind="served", on="2026-09-16", method="direct", evidence="回证1", step="look")
    assert "2026-10-08" in shown, "the last day to pay that follows"
    page = await gao.press()
    assert "送达方式：直接送达" in page
    assert "高远" in page.partition("决定书的日期与事项")[2].partition("</table>")[0], "who recorded it"
    await site.travel("2026-10-19 09:00")
    gao = await Browser(site, "gao").sign_in()
    ledger = await gao.see("/console/reconciliation?only=receivables")
    (leads,) = re.findall(r'href="(/console/payments\?number=[^"]+)">' + number, ledger)
    assert one in await gao.see(unescape(leads)), "a row leads to its payment"
    assert 'href="/console/payments?only=overdue"' in ledger
    shown = await gao.do(f"{one}/reduce", amount="10.00", reason="执行协议", step="look")
    assert "减免后应缴加处罚款" in shown
    assert "10.00" in await gao.press()
    (event,) = re.findall(r'<option value="(\w+)" selected', await gao.see(f"{one}/void-event"))
    shown = await gao.do(f"{one}/void-event", event_id=event, reason="误录他案", step="look")
    assert "2026-10-08" in shown.partition("办理前后")[2]
    told = (await gao.press()).partition("更正经过")[2].partition("</table>")[0]
    assert re.findall(r"2026-\d\d-\d\d|作废该事项", told)[:3] == ["2026-09-16", "作废该事项", "2026-10-08"]


async def two_people(site: Any) -> tuple[Browser, Browser]:
    """A reconciler and the second person."""
    for login, name in (("lin", "林溪"), ("gao", "高远")):
        await site.app.base.access.create_operator(login, name, "supervisor", PASSWORD)
    return await Browser(site, "lin").sign_in(), await Browser(site, "gao").sign_in()


async def is_taken_on(site: Any, who: Browser, one: str) -> None:
    """A record is taken into one's hands: Today counts it, and leads to the list where it stands."""
    mine = f"{one.rpartition('/')[0]}?whose=mine"
    assert mine not in counted(await who.see("/console/today"))
    logins = {each.login: each.id for each in await site.app.base.access.operators()}
    await who.do(f"{one}/assign", assignee=logins[who.login])
    assert counted(await who.see("/console/today"))[mine] == 1
    assert one in await who.see(mine)


def counted(page: str) -> dict[str, int]:
    """The lists that 今日待办 leads to, and how many it says stand there."""
    found = re.findall(r'<a href="([^"]+)"><span class="number">([0-9,]+)</span></a>', page)
    return {unescape(to): int(number.replace(",", "")) for to, number in found}


async def test_a_reconcilers_morning(site):
    """From Today to a day that is closed: cash of a ferry remitted by one bill, money of nobody attributed, unforeseen
    money kept, by two people.
    """
    await site.travel("2026-10-12 10:00")
    day = day_of(site.clock.now())
    lin, gao = await two_people(site)
    ferry = await a_ferry_is_remitted(site, lin)
    payment = await site.paid()
    await site.pay(payment["code"], force=True)
    await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    site.simulators.faults({"system": "nontax", "kind": "statement_extra", "key": f"{day:%Y%m%d}", "code": FOREIGN})
    await site.travel("2026-10-13 08:40")
    lin, gao = [await Browser(site, one.login).sign_in() for one in (lin, gao)]
    await site.post("/v1/reconciliations", {"channel": "nontax", "day": str(day)})
    for one in ferry:
        assert "汇缴单已对账" in await lin.see(one), "each decision's money is seen through"

    waits = counted(await lin.see("/console/today"))
    assert (waits["/console/breaks?state=open"], waits["/console/exceptions?state=open"]) == (2, 1)
    listed = await lin.see("/console/breaks?state=open&kind=unknown_code")
    assert "共 1 条" in listed
    (one,) = re.findall(r'href="(/console/breaks/brk_\w+)', listed)
    people = {each.name: each.id for each in await site.app.base.access.operators()}
    await lin.do(f"{one}/assign", assignee=people["林溪"])
    base, break_id = site.app.base, one.rpartition("/")[2]
    who = await base.access.sign_in.as_now(people["高远"])
    named = (await base.inside.ask(who, "GET", "/v1/breaks?assignee=林溪")).json()["items"]
    assert [(each["id"], each["authority"], each["assignee"]) for each in named] == [(break_id, "", "林溪")]
    for login, name in (("gao", "高远"), ("lin", "林溪")):
        told = await base.inside.ask(who, "PUT", f"/v1/assignments/{break_id}", {"assignee": login})
        assert told.json()["assignee"] == name
    waits = counted(await lin.see("/console/today"))
    assert waits["/console/breaks?state=open&whose=mine"] == 1
    assert "由我经办" in await lin.see("/console/breaks?whose=mine")
    shown = await lin.see(one)
    assert "平台对账文件" in shown
    assert "本方没有记到这笔款项" in shown
    why = {"reason_usual": "statement_shows", "reason": "当事人输错一位"}
    assert "找不到唯一的缴款单" in await lin.do(f"{one}/propose", 422, payment="0000", **why)
    await lin.do(f"{one}/propose", payment=payment["code"], **why)
    assert f"{one}/confirm" not in await lin.see(one)
    waits = counted(await gao.see("/console/today"))
    assert waits["/console/breaks?whose=second"] == 1
    assert one in await gao.see("/console/breaks?whose=second")
    confirming = await gao.see(f"{one}/confirm")
    assert "对账文件可证；当事人输错一位" in confirming
    assert "确认后记为异常缴款" in confirming, "88.00 is not what the bill asks for"
    await gao.do(f"{one}/confirm")
    assert "已办结" in await gao.see(one)

    await twice_paid_goes_back(lin)
    for kind in ("paid_twice", "amount_differs"):
        (odd,) = set(
            re.findall(r'href="(/console/exceptions/exc_\w+)\?', await lin.see(f"/console/exceptions?kind={kind}"))
        )
        await lin.do(f"{odd}/propose", way_out="keep", reason="当事人同意")
        assert "已参与" in await lin.see(odd)
        await gao.do(f"{odd}/confirm")
        assert "已办结" in await gao.see(odd)
        assert odd in await gao.see(f"/console/payments/{payment['id']}")

    await lin.do(f"/console/reconciliation/nontax:{day}/run-day")
    assert f'title="{day} 对平"' in await lin.see("/console/reconciliation"), "nothing of the day is open any more"
    waits = counted(await lin.see("/console/today"))
    assert not {"/console/breaks?state=open", "/console/exceptions?state=open"} & set(waits)


async def twice_paid_goes_back(lin: Browser) -> None:
    """Payee and document in one form; the break names the exception of its money, and that the break."""
    (twice,) = set(re.findall(r'href="(/console/breaks/brk_\w+)', await lin.see("/console/breaks?kind=paid_twice")))
    shown = await lin.see(twice)
    (odd,) = set(re.findall(r'href="(/console/exceptions/exc_\w+)', shown))
    assert "提出退付款项" in shown
    assert twice in (of := await lin.see(odd))
    assert "缴款单已缴清，又收到一笔" in of
    why = {"reason_usual": "paid_twice", "reason": ""} | PAYEE
    assert "请填写：" in await lin.do(f"{twice}/refund", 422, kind="opinion_letter", **why)
    file = {"file": ("申请.pdf", b"%PDF-1.4 x")}
    refund = await lin.do(f"{twice}/refund", files=file, kind="opinion_letter", reference="退付申请1号", **why)
    assert "退付申请1号" in refund
    assert "罗**" in refund
    await lin.do(f"{twice}/withdraw")


async def a_ferry_is_remitted(site: Any, officer: Browser) -> list[str]:
    """Story 11: cash of three decisions, taken on a ferry, ashore, handed in, and at the bank under one code."""
    fines = {91: "100.00", 92: "35.50", 93: "0.07"}
    first, *more = [await on_the_ferry(site, part, fine, date(2026, 10, 10)) for part, fine in fines.items()]
    early = {**first, "ashore_on": "2026-10-09"}
    assert "不早于收缴日" in await officer.do("/console/cash/-/take", 422, **early, on_water="yes")
    assert "尚未抵岸" in await officer.do("/console/cash/-/take", **first, on_water="yes")
    for one in more:
        assert (await site.post("/v1/cash", {**one, "on_water": True})).status_code == 201
    assert counted(await officer.see("/console/today"))["/console/cash?status=TAKEN"] == 3
    rows = re.findall(r'<a href="(/console/cash/csh_\w+)', await officer.see("/console/cash?due=afloat"))
    assert len(rows) == 3
    for one in rows:
        await officer.do(f"{one}/land", on="2026-10-11")
        assert "还有 1 个工作日" in await officer.see(one), "of the two from landing"
        await officer.do(f"{one}/hand-in", on="2026-10-12")
    assert counted(await officer.see("/console/today"))["/console/cash?status=HANDED_IN"] == 3
    shown, ask = await look_over(officer, "/console/cash/-/remit")
    assert "3笔，135.57元" in shown
    bill = re.search(r"pay_[0-9a-f]{32}", page := await ask())
    assert bill is not None
    assert "共3笔，合计135.57元" in page
    issued = await site.until(f"/v1/remittances/{bill[0]}", lambda now: now["code"])
    await site.pay(issued["code"], channel="counter")
    await site.until(f"/v1/remittances/{bill[0]}", lambda now: now["status"] == "PAID")
    assert "已入库" in await officer.see(rows[0])
    return list(rows)


async def test_a_leaked_key_is_revoked_at_the_console(site):
    """Who keeps accounts names the key and why; the next request with it is refused, and the page says so."""
    await site.app.base.access.create_operator("guan", "管", "administrator", PASSWORD)
    made = await site.app.base.access.create_operator("duan", "段", "operator", PASSWORD)
    leaked = await site.app.base.access.issue_operator_key(made.id, label="笔记本")
    guan = await Browser(site, "guan").sign_in()
    async with site.client(leaked.token) as http:
        assert (await http.get("/v1/payments")).status_code == 200
        one = f"/console/access/{made.id}"
        assert leaked.token not in await guan.see(one)
        assert "请填写：" in await guan.do(f"{one}/revoke-key", 422, key=leaked.id, reason="")
        assert "已吊销" in await guan.do(f"{one}/revoke-key", key=leaked.id, reason="笔记本失窃")
        assert (await http.get("/v1/payments")).status_code == 401


async def test_a_leaked_key_of_a_case_system_is_revoked_at_the_console(site):
    """Who keeps accounts sees each key's last use, revokes the one that leaked, and ends the system; others go on."""
    access = site.app.base.access
    await access.create_operator("guan", "管", "administrator", PASSWORD)
    client = await access.create_client("外包办案系统", ["wangchuan-scjg"])
    leaked, other = [await access.issue_key(client.id, label=label) for label in ("测试机", "正式机")]
    guan = await Browser(site, "guan").sign_in()
    one = f"/console/clients/{client.id}"
    assert one in await guan.see("/console/clients?name=外包")
    async with site.client(leaked.token) as http, site.client(other.token) as second:
        assert (await http.get("/v1/payments")).status_code == 200
        assert "请填写：" in await guan.do(f"{one}/revoke-key", 422, key=leaked.id, reason="")
        shown = await guan.do(f"{one}/revoke-key", key=leaked.id, reason="测试机失窃")
        assert "已吊销" in shown
        assert leaked.token not in shown
        assert ((await http.get("/v1/payments")).status_code, (await second.get("/v1/payments")).status_code) == (
            401,
            200,
        )
        of_another = (await access.keys())[0].id
        assert of_another not in (leaked.id, other.id)
        await guan.do(f"{one}/revoke-key", 404, key=of_another, reason="误选")
        assert "已停用" in await guan.do(f"{one}/revoke", reason="合同终止")
        assert (await second.get("/v1/payments")).status_code == 401


async def test_whose_records_a_person_sees_is_said_alike_wherever_it_is_said(site):
    """On the list of people, on the person's page, and on their own: all authorities, or which."""
    access = site.app.base.access
    for login, codes in (("guan", ()), ("zhang", ("wangchuan-scjg",))):
        made = await access.create_operator(login, "张三", "administrator", PASSWORD, authorities=codes)
        person = await Browser(site, login).sign_in()
        own = re.search(r"<dt>可见机关</dt><dd>(.*?)</dd>", await person.see("/console/me"))
        shown = re.search(r"<dt>可见机关</dt><dd>(.*?)</dd>", await person.see(f"/console/access/{made.id}"))
        assert own is not None
        assert shown is not None
        assert own[1] == shown[1]
        assert ("全部机关" in own[1]) is (not codes)


async def test_accounts_are_made_at_the_console(site):
    """An authority with unit and organ, its system and a key, a colleague: by forms. A key is seen once, in no address.

    The same form sent again makes no second key; the audit knows who made it, and no secret.
    """
    access = site.app.base.access
    await access.create_operator("guan", "管", "administrator", PASSWORD)
    guan = await Browser(site, "guan").sign_in()
    told = {"code": "wangchuan-yjj", "name": "望川区应急管理局"}
    assert "统一社会信用代码" in await guan.do("/console/authorities/-/create", 422, **told, uscc="1")
    assert "今日没有执收单位" in await guan.press(**told, uscc="11990100003003045E")
    own = "/console/authorities/wangchuan-yjj"
    unit = {"since": "2026-01-01", "region": "990102", "unit_code": "990102009"}
    assert "至少填写一个收入项目" in await guan.do(f"{own}/unit", 422, **unit)
    assert "须同时填写" in await guan.press(422, **unit, fine_code="103050112")
    page = await guan.press(**unit, fine_code="103050112", fine_name="应急罚没收入")
    assert "990102009" in page
    assert "应急罚没收入" in page
    assert "望川区应急局" in await guan.do(f"{own}/organ", since="2026-01-01", source_name="望川区应急局")

    page = await guan.do("/console/clients/-/create", name="应急办案系统", authorities="wangchuan-yjj")
    client = next(one for one in await access.clients() if one.name == "应急办案系统")
    assert client.authorities == ("wangchuan-yjj",)
    form = f"/console/clients/{client.id}/key"
    assert "请填写：权限" in await guan.do(form, 422, label="正式环境")
    asked = {"label": "正式环境", "scopes": "payments:read", "expires_at": "2031-06-30"}
    shown, press = await guan.press(**asked), guan.press
    (token,) = set(re.findall(r"gwk_[A-Za-z0-9_-]+", shown))
    async with site.client(token) as http:
        assert (await http.get("/v1/payments")).status_code == 200
        assert (await http.get("/v1/events")).status_code == 403
    assert token not in await guan.see(f"/console/clients/{client.id}")
    (key,) = await access.keys(client.id)
    assert (key.label, key.scopes) == ("正式环境", ("payments:read",))
    assert day_of(from_micros(key.expires_at)) == date(2031, 6, 30)

    await guan.see(form)
    again = await guan.hidden()
    await press(**asked)
    await guan.see(form)
    await guan.hide(again)
    assert "gwk_" not in await press(**asked)
    assert len(await access.keys(client.id)) == 2

    invited = await guan.do(
        "/console/access/-/invite", login="li", name="李四", role="viewer", authorities="wangchuan-scjg wangchuan-yjj"
    )
    assert "一次性口令" in invited
    assert "gateway operators invite" in await guan.see("/console/access/-/invite")
    li = next(one for one in await access.operators() if one.login == "li")
    assert (await access.limits())[li.id] == ("wangchuan-scjg", "wangchuan-yjj")
    shown = await guan.do(f"/console/access/{li.id}/key", label="笔记本")
    (of_li,) = set(re.findall(r"gwo_[A-Za-z0-9_-]+", shown))
    async with site.client(of_li) as http:
        assert (await http.get("/v1/payments")).status_code == 200
    done = await site.app.base.audit.find(AuditFilter(operator=None, limit=50))
    assert {"POST /console/clients/{id}/key", "POST /console/access/{id}/key"} <= {one.action for one in done}
    assert not [one for one in done if token in str(one) or of_li in str(one)]


async def test_who_comes_back_is_told_what_happened_since(site):
    """A shift report: counts of records since the session before was last used, each with exactly those."""
    access = site.app.base.access
    await access.create_authority("elsewhere", "别处机关", "91990102MA0K7T2PXA")
    for login, codes in (("lin", ()), ("far", ("elsewhere",))):
        await access.create_operator(login, "张三", "operator", PASSWORD, authorities=codes)
        assert "上次登录以来" not in await (await Browser(site, login).sign_in()).see("/console/today")
    payments = [await site.paid(), await site.paid(number=await site.decide("望市监罚决字〔2026〕第74号"))]
    lin, far = [await Browser(site, login).sign_in() for login in ("lin", "far")]
    today_page = await lin.see("/console/today")
    count = re.search(r'<a href="(/console/today/payment.paid)"><span class="number">(\d+)</span></a>', today_page)
    assert count is not None
    assert count[2] == "2"
    listed = await lin.see(count[1])
    assert set(re.findall(r'href="/console/payments/(pay_\w+)"', listed)) == {one["id"] for one in payments}
    assert "上次登录以来没有新情况" in await far.see("/console/today")
    assert "上次登录以来没有新情况" in await far.see(count[1])
    await lin.see("/console/today/payment.none", 404)


async def test_an_endpoint_is_made_tried_and_kept_going_at_the_console(site, receiver):
    """Its secret is shown once and signs the test; what was given up is found from 今日待办 and sent again."""
    hooks, store = site.app.base.webhooks, site.app.base.store
    await site.app.base.access.create_operator("yun", "yun", "supervisor", PASSWORD)
    yun = await Browser(site, "yun").sign_in()
    asked = {"authority": "wangchuan-scjg", "url": receiver.url}
    assert "不是事件类型" in await yun.do("/console/webhooks/-/add", 422, **asked, types="罚款已缴")
    shown = await yun.press(**asked, types="")
    (receiver.secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", shown))
    assert receiver.secret not in await yun.see(f"/console/webhooks?url={receiver.url}")
    (one,) = await hooks.endpoints.find(["wangchuan-scjg"])
    own = f"/console/webhooks/{one.id}"
    await yun.do(f"{own}/test")
    await receiver.expect("webhook.test", one.id)
    assert receiver.secret not in await yun.see(own)
    assert "已送达" in await yun.see(f"{own}?state=delivered")
    assert "没有推送记录" in await yun.see(f"{own}?state=failed")

    def give_up(conn: Any) -> None:
        webhook_records.disable(conn, one.id, "nothing could be delivered for 5 days", 1)
        conn.execute(update(webhook_delivery).values(state="queued", attempts=3, due_at=1))
        webhook_records.give_up(conn, one.id, "the endpoint was disabled", 10)

    await store.write(give_up)
    assert 'href="/console/webhooks?state=disabled"' in await yun.see("/console/today")
    assert f'href="{own}?state=failed"' in await yun.see("/console/webhooks?state=disabled")
    await yun.do(f"{own}/enable")
    assert "没有符合条件的记录" in await yun.see("/console/webhooks?state=disabled")
    assert "没有向该地址推送过" in await yun.do(f"{own}/resend", 422, event="evt_none")
    await yun.press(event="")
    async with asyncio.timeout(30):
        while (tally := (await hooks.endpoints.tallies([one.id]))[one.id]).failed or tally.queued:
            await asyncio.sleep(0.02)
    assert "已送达" in await yun.see(f"{own}?state=delivered")
    shown = await yun.do(f"{own}/secret")
    (new,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", shown))
    assert new != receiver.secret
    assert "gateway webhooks remove" in await yun.see(f"{own}/remove")
    assert "还没有事件推送地址" in await yun.do(f"{own}/remove", reason="接收方停用")
    await yun.see(own, 404)
    done = await site.app.base.audit.find(AuditFilter(operator=None, limit=50))
    assert not [entry for entry in done if "whsec_" in str(entry)]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A case system that takes webhooks."""
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


async def test_days_off_that_are_not_known_are_counted_and_listed(site):
    """Today leads to the years it counts, at the console and over HTTP; nothing names a command instead."""
    await site.travel("2026-10-12 10:00")
    await site.app.base.access.create_operator("lin", "张三", "viewer", PASSWORD)
    lin = await Browser(site, "lin").sign_in()
    assert 'href="/console/days-off"><span class="tag warn' in await lin.see("/console/today")
    lacking, _, _ = (await lin.see("/console/days-off")).partition("近三年")
    assert len(re.findall(r"<td>2027</td>", lacking)) == 1


async def test_what_was_typed_outlives_the_session(site):
    """The session ends while a form is being filled in: signing in again leads to the form with all that was typed."""
    await site.app.base.access.create_operator("gao", "gao", "supervisor", PASSWORD)
    gao = await Browser(site, "gao").sign_in()
    payment = await site.paid()
    await gao.see(f"/console/payments/{payment['id']}/refund")
    for session in await site.app.base.people.sessions():
        await site.app.base.people.end(session.id)
    typed = {"explanation": "误缴，当事人来电", "amount": "12.30", **PAYEE}
    ended = await gao.press(401, reason="wrong_payment", **typed)
    assert "登录已失效" in ended
    assert PAYEE["account"] not in ended.partition('name="kept"')[0], "what was typed is kept out of sight"
    led = await gao.press(login="gao", password=PASSWORD)
    assert "尚未提交" in led
    form = await gao.press(step="change")
    for value in typed.values():
        assert value in form, value


async def test_who_publishes_and_who_runs_it_have_screens(site):
    """A channel is stopped and resumed with a reason; a file is judged and not kept; a publication is explained."""
    await site.app.base.access.create_operator("yun", "yun", "supervisor", PASSWORD)
    yun = await Browser(site, "yun").sign_in()
    channel = "/console/channels/creditchina"
    assert "近 24 小时没有请求" in await yun.see(channel)
    await yun.do(f"{channel}/stop", 422)
    assert "不再发送任何请求。原因：对方系统维护" in await yun.do(f"{channel}/stop", reason_usual="their_maintenance")
    assert "/console/channels?state=STOPPED" in await yun.see("/console/today")
    assert "creditchina" in await yun.see("/console/channels?state=STOPPED")
    await yun.do(f"{channel}/resume", reason="维护结束")
    assert "没有符合条件的记录" in await yun.see("/console/channels?state=STOPPED")

    wrong = await yun.do("/console/verify/-/file", 422, files={"file": ("a.txt", b"text")})
    assert "文件既不是 PDF 也不是 OFD" in wrong
    judged = await yun.do("/console/verify/-/file", files={"file": ("a.pdf", b"%PDF-1.4 cut")})
    assert "验章报告" in judged
    assert "有效：" not in judged

    number = "望市监罚决字〔2026〕第72号"
    await site.decide(number)
    asked = {"authority": "wangchuan-scjg", "decision_number": number}
    looked = await yun.do("/console/disclosures/-/publish", **asked, step="look")
    assert "各渠道的结论" in looked
    listed = await yun.do("/console/disclosures/-/publish", **asked)
    (one, *_) = re.findall(r"/console/disclosures/dsc_[0-9a-f]{32}", listed)
    page = await yun.see(one)
    assert "下一步：" in page or "无须办理" in page
    assert "各项期限" in page
    assert "公示期限" in await yun.see("/console/deadlines")


async def test_a_month_is_reconciled_closed_and_opened_again(site):
    """Today tells of days that nobody reconciled; they are run, the month closed as it was seen, and opened by two."""
    await site.travel("2026-09-29 10:00")
    await site.paid()
    await site.travel("2026-10-02 09:00")
    lin, gao = await two_people(site)
    range_of = {"channels": "nontax", "first": "2026-09-01", "last": "2026-09-29", "reason": "补对账"}
    shown, begin = await look_over(lin, "/console/reconciliation/-/run", **range_of)
    assert "早于该通道启用之日" in shown, "a row that is not applicable says why before it begins"
    (job,) = re.findall(r"job_[0-9a-f]{32}", await begin())[:1]
    await site.until(f"/v1/jobs/{job}", lambda now: now["ended_at"])
    missed = "/console/reconciliation?only=missed"
    assert counted(await lin.see("/console/today"))[missed] == 2
    assert (await lin.see(missed)).count("/console/reconciliation/nontax%3A2026-") == 2
    assert "缺少起始日期" in await lin.do("/console/reconciliation/-/run", 422, channels="nontax", reason="补对账")
    ran = await lin.do("/console/reconciliation/nontax:2026-09-30/run-day")
    assert "已完成" in ran
    assert 'title="2026-09-30 对平"' in await lin.see("/console/reconciliation?month=2026-09")
    cleared = {"files": {"file": ("清算0930.txt", "合计|0|0.00\n".encode("gbk"))}, "channel": "nontax"}
    taken = "/console/reconciliation/nontax:2026-09-30/file-day"
    read, take = await look_over(lin, taken, **cleared, day="2026-09-30", profile="bank")
    assert "采信并对账：0 笔" in read, "what the profile has read is seen before it counts"
    assert "尚未对账" in (await gao.see("/console/reconciliation/nontax:2026-09-30")).partition("银行")[2]
    assert "银行" in await take()

    month = "/console/reconciliation/nontax:2026-09"
    assert counted(await lin.see("/console/today"))["/console/reconciliation?only=to-close"] == 1
    assert "5036.50 元" in await lin.see(f"{month}/close")
    assert "已月结" in await lin.do(f"{month}/close")
    assert (await lin.fetch(f"{month}/file/balance.xlsx")).startswith(b"PK")
    await lin.do("/console/reconciliation/nontax:2026-09-30/run-day", 409)
    await lin.do(f"{month}/reopen", reason="银行补来清算文件")
    assert f"{month}/confirm-reopening" not in await lin.see(month)
    assert counted(await gao.see("/console/today"))["/console/reconciliation?only=second"] == 1
    await gao.do(f"{month}/confirm-reopening")
    assert "未月结" in await gao.see(month)
    await site.travel("2026-10-02 09:20")
    await open_bills_are_brought_in(site, lin, gao)


async def open_bills_are_brought_in(site: Any, lin: Browser, gao: Browser) -> None:
    """Rows that cannot be taken say why before anything is proposed; who proposes proves again who it is."""
    bill = {**site.demand("望市监罚决字〔2025〕第1号"), "decided_on": "2026-09-01", "code": OLD_CODE}
    bill |= {
        "reference": "OLD1",
        "party_kind": "individual_business",
        "party_name": "味安副食店",
        "party_uscc": "92990102MA0WA4562J",
    }
    rows = [{**bill, "fine": "200.00"}, {**bill, "fine": "200.00", "code": "123"}]
    content = "\n".join(",".join(row) for row in (rows[0].keys(), *(one.values() for one in rows))).encode()
    sheet = {"file": ("未缴清.csv", content)}
    shown, propose = await look_over(lin, "/console/jobs/-/bills", sheet, reason="旧系统迁移")
    assert "提出：1 行" in shown
    assert f"2: {OLD_CODE}" in shown
    assert "与第2行是同一处罚决定" in shown, "why the other row cannot be taken"
    assert "proof_password" in shown
    assert "口令或动态口令不符" in await propose(422, proof_password="another")
    job = re.search(r"job_[0-9a-f]{32}", await lin.press(proof_password=PASSWORD))
    assert job is not None
    assert (await site.get(f"/v1/payments?code={OLD_CODE}"))["items"] == []
    await gao.do(f"/console/jobs/{job[0]}/confirm", proof_password=PASSWORD)
    await site.until(f"/v1/jobs/{job[0]}", lambda now: now["ended_at"])
    assert "不适用" in await gao.see(f"/console/jobs/{job[0]}")
    assert [one["status"] for one in (await site.get(f"/v1/payments?code={OLD_CODE}"))["items"]] == ["ISSUED"]


async def test_doubt_is_ended_by_two_people_who_saw_both_sides(site):
    """What was sent stands beside what came; one says that it happened, with the answer, and another confirms."""
    lin, gao = await two_people(site)
    site.fault("apply_then_silence", "CreateBill", seconds=0.2)
    site.fault("answer_code", "QueryBill", times=0, code="18015")  # "no": a contradiction
    payment = (await site.ask_payment()).json()
    parked = f"/v1/operations?subject={payment['id']}&state=parked"
    operation = (await site.until(parked, lambda page: page["items"]))["items"][0]
    site.simulators.clear_faults()
    one = f"/console/operations/{operation['id']}"

    assert counted(await lin.see("/console/today"))["/console/operations?state=parked"] == 1
    assert f"{one}?from=state%3Dparked" in await lin.see("/console/operations?state=parked")
    people = {each.name: each.id for each in await site.app.base.access.operators()}
    await lin.do(f"{one}/assign", assignee=people["高远"])
    assert counted(await gao.see("/console/today"))["/console/operations?whose=mine"] == 1
    assert one in await gao.see("/console/operations?whose=mine")
    base, to_lin = site.app.base, f"/v1/assignments/{operation['id']}"
    who = await base.access.sign_in.as_now(people["高远"])
    assert (await base.inside.ask(who, "PUT", to_lin, {"assignee": "lin"})).json()["assignee"] == "林溪"
    assert (await base.inside.ask(who, "PUT", "/v1/assignments/pay_1", {"assignee": "lin"})).status_code == 404
    assert one not in await gao.see("/console/operations?whose=mine"), "handed over"
    shown = await lin.see(one)
    assert shown.count(operation["reference"]) >= 3, "in the call, in the question, among its facts"
    assert "须人工核实" in shown
    assert "罗巧云" not in shown
    state = await site.simulators.aask("GET", "/state", system="nontax")
    (bill,) = state["nontax"]["bills"].values()
    answer = {"answer.reference": operation["reference"], "answer.code": bill["code"], "answer.total": "5,036.50"}
    said = {"outcome": "happened", "reason_usual": "their_console", **answer}
    assert 'value="5036.50"' in await lin.see(f"{one}/say"), "what the request says stands there already"
    assert "错误" in await lin.do(f"{one}/say", 422, **said | {"answer.total": "5036.51"})
    await lin.do(f"{one}/say", **said)
    assert f"{one}/confirm" not in await lin.see(one)
    assert counted(await gao.see("/console/today"))["/console/operations?whose=second"] == 1
    assert bill["code"] in await gao.see(f"{one}/confirm")
    await gao.do(f"{one}/confirm")
    assert "已有确定的结果" in await gao.see(one)
    assert (await site.reaches(payment, "ISSUED"))["code"] == bill["code"]


async def test_a_repair_is_answered_by_two_and_a_full_text_confirmed_as_it_was_seen(site):
    """Who proposed an answer does not confirm it; a text that changes between look and word is shown anew."""
    lin, gao = await two_people(site)
    number = "望市监罚决字〔2026〕第75号"
    text = "当事人罗巧云，电话13800138000，证人李四住安澜市望川区。"
    await site.decide(number, full_text=text)
    asked = {"authority": "wangchuan-scjg", "decision_number": number}
    (one, *_) = re.findall(
        r"/console/disclosures/dsc_[0-9a-f]{32}", await lin.do("/console/disclosures/-/publish", **asked)
    )

    shown, take = await look_over(lin, f"{one}/text", names="李四")
    public = shown.partition("公众将看到的文本")[2]
    assert "13800138000" not in shown
    assert "李四" not in public.partition("</pre>")[0]
    await site.decide(number, full_text=text + "另查明。")
    assert "另查明" in await take(409), "changed since seen, and shown anew"
    shown, take = await look_over(lin, f"{one}/text", names="李四")
    assert "已由林溪确认" in await take()

    published = f"/v1/disclosures/{one.rpartition('/')[2]}"
    await site.until(published, lambda now: now["status"] == "PUBLISHED" and now["under_way"] is None)
    made = await lin.do("/console/repairs/-/receive", **asked, received_on="2026-10-12", forwarded_by="信用中国")
    (repair,) = set(re.findall(r"/console/repairs/rpr_[0-9a-f]{32}", made))
    assert counted(await gao.see("/console/today"))["/console/repairs?status=RECEIVED"] == 1
    await is_taken_on(site, gao, repair)
    assert "没有信用承诺" in await lin.do(f"{repair}/answer", 422, grants="yes", number="1号")
    await lin.do(f"{repair}/answer", grants="no", reason="义务未履行")
    assert f"{repair}/confirm" not in await lin.see(repair)
    assert counted(await gao.see("/console/today"))["/console/repairs?whose=second"] == 1
    assert "不同意修复" in await gao.do(f"{repair}/confirm")
    assert "还没有巡查问题" in await gao.see("/console/findings")


# --- each screen in six states ----------------------------------------------------------------------------------------

ROLES = ("supervisor", "administrator", "viewer", "auditor")


async def test_every_screen_stands_in_six_states(site):
    """Nothing yet, nothing for a filter, no right, an error, full, changed since it was seen.

    A new screen is among them by being there. By day each is read in one language, at night in both.
    """
    by_role = roles()
    screens = {TODAY: today(site.app), **site.app.screens}
    people = {}
    for role in ROLES:
        await site.app.base.access.create_operator(role, role, role, PASSWORD)
        people[role] = await Browser(site, role).sign_in()

    def reader(screen: Screen, right: bool = True) -> Browser | None:
        fits = [one for one in ROLES if ((not screen.scope or screen.scope in by_role[one]) == right)]
        return people[fits[0]] if fits else None

    for screen in screens.values():
        page = await reader(screen).see(f"/console/{screen.name}")
        leads = re.search(r'(?s)<nav class="screens".*?</nav>', page)
        assert leads is not None
        assert leads[0].count('aria-current="page"') == 1, "where one is"
        assert leads[0].count("<li>") <= 6 + 7, "one group alone is open"
        assert re.search(r">(今日待办|办理|对账|公示|系统|权限)</a>", leads[0]), leads[0]
        folded = re.search(r'<details class="view"><summary>筛选</summary>\s*<form class="filter"', page) is not None
        assert folded == (screen.lists is not None and "<table" not in page), f"{screen.name}: what narrows nothing"
        assert "<table" in page or 'class="empty"' in page or 'class="said' in page or "<form" in page, screen.name
        stranger = reader(screen, right=False)
        if stranger is not None:
            refused = await stranger.see(f"/console/{screen.name}", 403)
            assert "没有权限" in refused
            assert f'href="/console/{screen.name}"' not in refused
        if screen.lists is not None:
            await nothing_found(reader(screen), screen)
            cut = await reader(screen).see(f"/console/{screen.name}?cursor=zz")
            assert 'role="alert"' in cut or '<p class="pager">' in cut or 'class="empty"' in cut, screen.name

    await a_full_house(site)
    for place, screen in enumerate(screens.values()):
        who = reader(screen)
        for english in (False, True) if by_day.WHOLE in os.environ else (place % 2 == 1,):
            await who.speak(english=english)
            page = await who.see(f"/console/{screen.name}")
            said_in_one_language(page, english)
            records = re.findall(rf'<td[^>]*><a href="(/console/{screen.name}/[^"/?]+)', page)
            for record in records[:1]:
                page += (shown := await who.see(record))
                said_in_one_language(shown, english)
            for act in dict.fromkeys(re.findall(rf'class="button[^"]*" href="(/console/{screen.name}/[^"?]+)', page)):
                await refuses(who, act, english)


async def nothing_found(who: Browser, screen: Screen) -> None:
    """A filter that nothing fits says so, and leads back to the whole list; one that is none is said to be none."""
    for name in ("none", *(one.name for one in screen.lists.filters if one.kind == "choice")):
        page = await who.see(f"/console/{screen.name}?{name}=no_such_word")
        assert "为“no_such_word”，未按它筛选" in page, f"{screen.name}: {name}"
        assert 'class="chip"' not in page
    for one in screen.lists.filters:
        values = ["1900-01-01"] if one.kind == "day" else ["00000000", f"opn_{0:032}"]
        if one.kind == "choice":
            page = await who.see(f"/console/{screen.name}")
            (_, _, options) = page.partition(f'<select id="f-{one.name}"')
            values = re.findall(r'<option value="([^"]+)"', options.partition("</select>")[0])
        for value in values:
            page = await who.see(f"/console/{screen.name}?{one.name}={value}")
            if "没有符合条件的记录" in page:
                assert f'<a href="/console/{screen.name}">清除全部条件</a>' in page
                return
    raise AssertionError(f"{screen.name} has no filter that finds nothing")


async def refuses(who: Browser, act: str, english: bool) -> None:
    """A form that is sent with nothing in it, or that shows what is not so any more, comes back with what is wrong."""
    form = await who.see(act)
    said_in_one_language(form, english)
    names = re.findall(
        r'<(?:input(?! type="(?:hidden|file|checkbox|password)")|textarea|select)[^>]* name="([^"]+)"[^>]*>', form
    )
    needed = "required" in form.partition("<main")[2]
    if re.search(r'name="seen" value="[^"]', form):
        answer = await who.press((409, 422), **dict.fromkeys(names, ""), seen="0" * 64)
    elif needed or "<textarea" in form:
        answer = await who.press(422, **dict.fromkeys(names, ""))
    else:
        return
    said_in_one_language(answer, english)
    assert 'class="error" role="alert"' in answer, act


AS_THEY_ARE = (
    *("望市监罚决字", "望川区行政执法办案系统", "望川区市场监督管理局", "望川区对账岗", "安澜农商银行望川支行"),
    *(
        "当地行政执法公示办法",
        "其他一般罚没收入",
        "安澜市失信行为分类标准",
        "国办发〔2018〕118号：行政处罚决定自作出之日起7个工作日",
    ),
    "缴款识别码不符合本地规则或不在预发号段内",
    "行政处罚法 第七十一条、第八十五条",
    "渡船上，当事人提出到银行缴款确有困难",
)
"""Names, titles of rules, and what another system said: in any language as they are."""


def said_in_one_language(page: str, english: bool) -> None:
    """No sentence of another language stands on a page."""
    _, _, main = page.partition("<main")
    plain = re.sub(r"(?s)<(code|pre|option)\b.*?</\1>|gateway [a-z -]+|<[^>]+>", "\n", main)
    plain = re.sub("|".join(AS_THEY_ARE), "", plain)
    sentence = r".*[\u4e00-\u9fff，。：；]{5}.*" if english else r".*[A-Za-z]{3,}( [a-z]{2,}){2}.*"
    assert re.search(sentence, plain) is None, re.search(sentence, plain)
    assert english or re.search(r"(?m)^[a-z]+:[a-z]+$", plain) is None, "a right is said by a word"
    assert english or re.findall(r"<(?:dt|th scope=.col.)[^>]*>[A-Z][a-z]+(?: [a-z]+)*</", main) == []


async def on_the_ferry(site: Any, part: int, fine: str, day: date, **more: Any) -> dict[str, Any]:
    """Cash that an officer took for a decision made on a ferry; what its form asks, and its route too."""
    simple = {"procedure": "simple", "fine": fine, "confiscated": None, "penalty_kinds": ["罚款"]}
    decision = await site.decide(f"望市监罚决字〔2026〕第{part}号", **simple, decided_on=str(day))
    return {
        **site.demand(decision),
        "amount": fine,
        "ground": "remote",
        "explanation": "渡船上，当事人提出到银行缴款确有困难",
        "receipt_number": f"FERRY-{part}",
        "officer": "张三",
        "taken_on": str(day),
        **more,
    }


async def a_full_house(site: Any) -> None:
    """Something on every screen: what was paid twice, unknown money, a refund, a doubt, a publication, a job."""
    await site.travel("2026-10-12 10:00")
    day = day_of(site.clock.now())
    hook = await site.post("/v1/webhook-endpoints", {"authority": "wangchuan-scjg", "url": "http://127.0.0.1:9/events"})
    assert hook.status_code == 201, hook.text
    payment = await site.paid()
    why = {
        "reason": "wrong_payment",
        "explanation": "误缴",
        "officer": "陈立 33010001",
        "payee": PAYEE,
        "documents": [],
    }
    refund = await site.post(f"/v1/payments/{payment['id']}/refunds", why)
    assert refund.status_code == 201, refund.text
    await site.pay(payment["code"], force=True)
    await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    site.simulators.faults({"system": "nontax", "kind": "statement_extra", "key": f"{day:%Y%m%d}", "code": FOREIGN})
    number = await site.decide("望市监罚决字〔2026〕第72号")
    await site.post("/v1/disclosures", site.demand(number))
    for part, afloat in ((81, False), (82, True)):
        made = await site.post("/v1/cash", await on_the_ferry(site, part, "35.50", day, on_water=afloat))
        assert made.status_code == 201, made.text
        if not afloat:
            await site.post(f"/v1/cash/{made.json()['id']}/hand-in", {"on": str(day)})
    site.fault("apply_then_silence", "CreateBill", seconds=0.2)
    site.fault("answer_code", "QueryBill", times=0, code="18015")
    doubtful = (await site.ask_payment(await site.decide("望市监罚决字〔2026〕第73号"))).json()
    await site.until(f"/v1/operations?subject={doubtful['id']}&state=parked", lambda page: page["items"])
    site.simulators.clear_faults()
    await site.post("/v1/reconciliations", {"channel": "nontax", "day": str(day)})


async def test_a_receipt_is_asked_for_and_its_red_one_recorded_on_the_page_of_the_payment(site):
    """What a refund after issue waits for is seen and given where the payment stands."""
    for login, role in (("gao", "supervisor"), ("he", "viewer")):
        await site.app.base.access.create_operator(login, login, role, PASSWORD)
    gao, he = [await Browser(site, login).sign_in() for login in ("gao", "he")]
    payment = await site.paid()
    page = f"/console/payments/{payment['id']}"
    assert f"{page}/red-receipt" not in await gao.see(page), "there is none yet"
    await gao.do(f"{page}/receipt")
    path = f"/v1/payments/{payment['id']}/receipt"
    receipt = await site.until(path, lambda now: now["status"] == "ISSUED")
    seen = await he.see(page)
    assert all(receipt[one] in seen for one in ("receipt_code", "receipt_number", "check_code"))
    assert f"{page}/red-receipt" not in seen, "only what one may do is drawn"
    main = seen.partition("<main")[2]
    assert main.index(receipt["receipt_code"]) < main.index(payment["code"]), "what it was paid with stands first"
    assert "notice.pdf" not in main, "nobody is to pay it again"
    await the_file_is_taken(site, gao, page, path)
    await he.see(f"{page}/file/receipt?unmask=x", 403)
    shown = await gao.see(page)
    assert f"{page}/red-receipt" in shown
    assert f'{page}/receipt"' not in shown, "it is issued once"
    assert "红字票据代码" in await gao.do(f"{page}/red-receipt", 422, red_code="1", red_number="0000009999")
    await gao.do(f"{page}/red-receipt", red_code=receipt["receipt_code"], red_number="0000009999")
    after = await gao.see(page)
    assert "已红冲" in after
    assert "0000009999" in after
    assert f"{page}/red-receipt" not in after


async def the_file_is_taken(site: Any, who: Browser, page: str, path: str) -> None:
    """The receipt's file names persons: it is offered with them shown, and who takes it is written down."""
    assert "填写事由、查看完整个人信息后可下载" in await who.see(page)
    await who.see(f"{page}/file/receipt", 422)
    shown = await who.see(f"{page}?unmask=复核")
    (file,) = re.findall(rf'href="({page}/file/receipt[^"]*)"', shown)
    assert len(await who.fetch(unescape(file))) > 100
    (taken,) = await site.app.base.audit.find(AuditFilter(action="receipt/file"))
    assert (taken.operator, taken.subject) == ("gao", path.split("/")[3])
