"""The console over sockets, as a browser without script sees it: two people, one refund, a list found again."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

from gateway.foundation.access.audit import AuditFilter

PASSWORD = "long enough a password"
PAYEE = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行望川支行"}


class Browser:
    """A person at the console, who follows links and sends forms and has no script."""

    def __init__(self, site: Any, login: str) -> None:
        self.login = login
        self.http = httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, follow_redirects=True)

    async def sign_in(self) -> Browser:
        answer = await self.http.post("/console/sign-in", data={"login": self.login, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return self

    async def see(self, path: str, status: int = 200) -> str:
        answer = await self.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    async def do(self, path: str, status: int = 200, files: Any = None, **fields: str) -> str:
        """Open the page of an act, and press its button."""
        page = await self.see(path)
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        told = {name: unescape(value) for name, value in hidden.items()} | {"step": "do"} | fields
        answer = await self.http.post(path, data=told, files=files)
        assert answer.status_code == status, answer.text
        return answer.text


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

    assert "提出退付" not in await he.see(page), "only what one may do is drawn"
    await he.see(f"{page}/refund", 403)
    why = {"reason": "wrong_payment", "explanation": "误缴"}
    proposed = await gao.do(f"{page}/refund", **why, amount="", **PAYEE)
    refund = re.search(r"rfd_[0-9a-f]{32}", proposed)
    assert refund is not None
    one = f"/console/refunds/{refund[0]}"
    for kind in ("opinion_letter", "original_voucher"):
        await gao.do(f"{one}/document", files={"file": ("a.pdf", b"%PDF-1")}, kind=kind, reference=kind)
    assert f"{one}/confirm" not in (mine := await gao.see(one)), "who proposed is drawn no button to confirm"
    assert re.search("您已参与，不能自己复核。可由[^<]*lin[^<]*等 [0-9] 人办理", mine)
    assert "gateway refunds confirm" in await lin.see(f"{one}/confirm")
    today = await lin.see("/console/today")
    assert "等我复核" in today
    assert "本页只含：缴款、退付；" in today, "nobody takes an empty page for a day without work"
    assert "我提出的" in await gao.see("/console/today")
    refused = await gao.do(f"{one}/confirm", 409)
    assert "错误" in refused

    papers = re.findall(rf'href="({one}/file/rdo_\w+)"', await lin.see(one))
    assert [await lin.see(paper) for paper in papers] == ["%PDF-1", "%PDF-1"], "who confirms reads what was uploaded"
    seen = await lin.see(f"{one}/confirm")
    assert "5,036.50 元至尾号 5702" in seen
    await gao.do(f"{one}/payee", **{**PAYEE, "account": "6222021001119999999"})
    hidden = dict(re.findall(r'name="(mark|once|seen)" value="([^"]*)"', seen))
    swapped = await lin.http.post(f"{one}/confirm", data={**hidden, "step": "do"})
    assert swapped.status_code == 409, "the payee was swapped between look and word"
    await lin.do(f"{one}/confirm")
    await site.until(f"/v1/refunds/{refund[0]}", lambda now: now["status"] not in ("PROPOSED", "CONFIRMED"))
    acts = [
        (one.operator, one.action, one.status) for one in await site.app.base.audit.find(AuditFilter(action="console"))
    ]
    assert ("lin", "POST /console/refunds/{id}/confirm", 409) in acts
    assert ("lin", "POST /console/refunds/{id}/confirm", 200) in acts


async def test_a_wrong_day_is_refused_before_the_last_look(site):
    """A correction to a day before the decision is said at the form, which keeps what was typed."""
    await site.app.base.access.create_operator("gao", "gao", "supervisor", PASSWORD)
    gao = await Browser(site, "gao").sign_in()
    number = "望市监罚决字〔2026〕第71号"
    await site.travel("2026-09-28 09:00")
    await site.decide(number)
    payment = await site.issued(number)
    served = {"kind": "served", "on": "2026-09-26", "method": "direct"}
    assert (await site.post(site.path(number) + "/events", served)).status_code == 200
    where = f"/console/payments/{payment['id']}/correct"
    (event,) = re.findall(r'<option value="(\w+)" selected', await gao.see(where))
    typed = {"event_id": event, "on": "2020-01-01", "reason": "送达日误登", "step": "look"}
    refused = await gao.do(where, 422, **typed)
    assert "事件日期2020-01-01早于决定日期" in refused
    assert "确认更正" not in refused, "nothing to confirm yet"
    assert 'value="2020-01-01"' in refused
    assert "送达日误登" in refused
