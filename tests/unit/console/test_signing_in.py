"""People at the console: who is let in, for how long, and that a session ends everywhere at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from foundation import foundation

from gateway.app import App
from gateway.faces.build import build
from gateway.foundation.access import one_time, sign_in
from gateway.foundation.access.audit import AuditFilter
from gateway.foundation.store import Store
from gateway.settings import Settings
from gateway.words.clock import ManualClock
from gateway.words.errors import Problem

PASSWORD = "安澜市的口令2026"
NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)


@dataclass
class Console:
    """The console behind an address, without rooms, and a browser without script."""

    app: Any
    http: httpx.AsyncClient
    clock: ManualClock

    async def sign_in(self, password: str = PASSWORD, login: str = "duizhang", **more: str) -> httpx.Response:
        return await self.http.post("/console/sign-in", data={"login": login, "password": password, **more})

    def mark(self, page: httpx.Response) -> str:
        found = re.search(r'name="mark" value="(\w+)"', page.text)
        assert found is not None
        return found[1]


@pytest.fixture
async def console(one_store: Store, tmp_path: Path) -> AsyncIterator[Console]:
    clock = ManualClock(NOW)
    base = foundation(one_store, tmp_path, clock, settings=Settings.model_validate({"console": {"idle_minutes": 15}}))
    app = App(base, ())
    await base.access.create_operator("duizhang", "对账岗", "supervisor", PASSWORD)
    transport = httpx.ASGITransport(build(app, ("console",)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield Console(app, http, clock)


async def test_a_session_ends_by_itself_and_with_its_operator(console):
    """Idle and absolute end, and what is disabled is out with the next request, wherever it is signed in."""
    answer = await console.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    kept = answer.headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=lax" in kept
    assert "path=/console" in kept
    assert (await console.http.get("/console/today")).status_code == 200
    console.clock.advance(timedelta(minutes=14))
    assert (await console.http.get("/console/today")).status_code == 200
    console.clock.advance(timedelta(minutes=16))
    gone = await console.http.get("/console/today?x=1")
    assert (gone.status_code, gone.headers["location"]) == (303, "/console/sign-in?to=%2Fconsole%2Ftoday%3Fx%3D1")
    await console.sign_in()
    for _ in range(61):
        console.clock.advance(timedelta(minutes=12))
        last = await console.http.get("/console/today")
    assert last.status_code == 303, "after twelve hours whatever was done"
    await console.sign_in()
    (operator,) = await console.app.base.access.operators()
    await console.app.base.access.disable_operator(operator.id)
    assert (await console.http.get("/console/today")).status_code == 303
    password = await console.http.post("/console/me", data={"what": "password", "new": PASSWORD})
    assert password.status_code == 303, "a password is not kept for after signing in"
    doubt = await console.http.post("/console/operations/x/say", data={"answer.code": "99010226300000000001"})
    assert "99010226300000000001" in doubt.text, "a payment code is"


async def test_who_is_not_let_in_is_told_nothing_and_is_written_down(console):
    wrong = [await console.sign_in("falsch"), await console.sign_in(login="niemand")]
    assert [one.status_code for one in wrong] == [401, 401]
    assert wrong[0].text.replace("duizhang", "") == wrong[1].text.replace("niemand", "")
    for _ in range(4):
        await console.sign_in("falsch")
    assert (await console.sign_in()).status_code == 401, "five wrong ones lock the login"
    console.clock.advance(timedelta(minutes=2))
    assert (await console.sign_in()).status_code == 303
    acts = await console.app.base.audit.find(AuditFilter(action="sign-in"))
    assert [one.status for one in acts].count(401) == len(acts) - 1
    assert PASSWORD not in str(acts)


async def test_a_password_for_one_sign_in_is_changed_before_anything_else(console):
    await console.app.base.access.create_operator("xinren", "新人", "operator", "one-time-word", once=True)
    assert await console.app.base.access.sign_in.by_password("xinren", "one-time-word") is None
    assert (await console.sign_in("one-time-word", "xinren")).headers["location"] == "/console/me"
    assert (await console.http.get("/console/today")).headers["location"] == "/console/me"
    fields = {"what": "password", "old": "one-time-word", "new": PASSWORD + "!", "again": PASSWORD + "!"}
    fields["mark"] = console.mark(await console.http.get("/console/me"))
    assert (await console.http.post("/console/me", data=fields)).status_code == 200
    assert (await console.http.get("/console/today")).status_code == 200
    assert (await console.sign_in("one-time-word", "xinren")).status_code == 401


async def test_a_one_time_code_is_asked_for_and_taken_once(console):
    """RFC 6238 section 5.2: who looks over a shoulder cannot use what was just typed."""
    secret, people = one_time.new_secret(), console.app.base.people
    _, visit = await people.sign_in("duizhang", PASSWORD, "", "")
    with pytest.raises(Problem):
        await people.set_factor(visit, secret, "000000x")
    step = one_time.step_at(console.clock.now())
    await people.set_factor(visit, secret, one_time.code_of(secret, step))
    assert (await console.sign_in()).status_code == 401
    assert (await console.sign_in(code=one_time.code_of(secret, step))).status_code == 401
    console.clock.advance(timedelta(seconds=30))
    code = one_time.code_of(secret, step + 1)
    assert (await console.sign_in(code=code)).status_code == 303
    assert (await console.sign_in(code=code)).status_code == 401


def test_one_time_codes_are_those_of_the_standard():
    """RFC 6238, appendix B, the last six digits."""
    secret = b"12345678901234567890"
    times = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}
    for second, code in times.items():
        assert one_time.code_of(secret, second // one_time.STEP_SECONDS) == code


def test_a_code_that_was_taken_is_a_wrong_one(console):
    """So a code looked at over a shoulder counts as a try that failed."""
    secret, now = b"12345678901234567890", console.clock.now()
    step = one_time.step_at(now)
    code = one_time.code_of(secret, step)
    assert one_time.step_of(secret, code, now, step - 1) == step
    assert one_time.step_of(secret, code, now, step) is None


async def test_a_form_of_another_site_does_nothing(console):
    """CSRF: neither a form without our mark, nor one that the browser says is another site's, is taken."""
    await console.sign_in()
    page = await console.http.get("/console/me")
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await console.http.post("/console/sign-out", data={})).status_code == 403
    marked = {"mark": console.mark(page)}
    assert (await console.http.post("/console/sign-out", data=marked, headers=foreign)).status_code == 403
    for origin in ("https://evil.example", "null"):
        old = {"origin": origin}
        assert (await console.http.post("/console/sign-out", data=marked, headers=old)).status_code == 403
        assert (await console.http.post("/console/sign-in", data={"login": "duizhang"}, headers=old)).status_code == 403
    assert (await console.http.get("/console/today")).status_code == 200
    own = {"origin": "http://127.0.0.1"}
    assert (await console.http.post("/console/sign-out", data=marked, headers=own)).status_code == 303
    assert (await console.http.get("/console/today")).status_code == 303


async def test_signing_in_leads_nowhere_else(console):
    outside = ("//evil.example", "https://evil.example", "/console//evil.example", "/console\\evil", "/other")
    for to in (*outside, "/console/../other", "/console/%2e%2e/other", "/console/x/."):
        answer = await console.sign_in(to=to)
        assert answer.headers["location"] == "/console", to
    assert "default-src 'none'" in (await console.http.get("/console/today")).headers["content-security-policy"]


async def test_what_is_no_form_is_refused_in_words(console):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"login=\xff\xfe", b"&".join(b"a%d=1" % one for one in range(300))):
        answer = await console.http.post("/console/sign-in", content=body, headers=kind)
        assert answer.status_code == 422
        assert "提交的内容无法识别" in answer.text


async def test_what_no_page_can_serve_is_said_on_a_page(console, one_store):
    """Another method, what is no form before anybody is known, a body too large: pages in Chinese, with the status."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    wrong = [
        await console.http.delete("/console/today"),
        await console.http.post("/console/payments/x/cancel", content=b"a=\xff\xfe", headers=kind),
        await console.http.post("/console/sign-in", content=b"a=" + b"x" * (2 << 20), headers=kind),
        await console.http.get("/console/a/b/c/d/e"),
    ]
    assert [one.status_code for one in wrong] == [405, 422, 413, 404]
    assert {one.headers["content-type"] for one in wrong} == {"text/html; charset=utf-8"}
    assert all("行政执法对接网关" in one.text for one in wrong)
    assert wrong[0].headers["allow"] == "GET, HEAD"
    assert "default-src 'none'" in wrong[0].headers["content-security-policy"]
    assert (await console.http.get("/elsewhere")).headers["content-type"] == "application/problem+json"


async def test_a_session_is_ended_at_every_node_by_its_person_or_by_who_keeps_accounts(console, one_store, tmp_path):
    """Two nodes of one database: what one ends the other refuses with the next request; a key within two seconds."""
    base = console.app.base
    (operator,) = await base.access.operators()
    other = foundation(one_store, tmp_path, console.clock)
    cookie, _ = await base.people.sign_in("duizhang", PASSWORD, "", "192.0.2.7")
    lost, visit = await base.people.sign_in("duizhang", PASSWORD, "", "192.0.2.8")
    assert await other.people.of(cookie) is not None
    await console.sign_in()
    page = await console.http.get("/console/me")
    fields = {"what": "session", "session": cookie.rpartition("_")[0], "mark": console.mark(page)}
    assert "192.0.2.7" in page.text
    assert "该处登录已结束" in (await console.http.post("/console/me", data=fields)).text
    assert await other.people.of(cookie) is None
    await base.access.create_operator("fuhe", "复核岗", "supervisor", PASSWORD)
    stranger, _ = await base.people.sign_in("fuhe", PASSWORD, "", "")
    fields["session"] = stranger.rpartition("_")[0]
    assert (await console.http.post("/console/me", data=fields)).status_code == 404, "not somebody else's"
    await base.people.end(visit.session.id)
    assert await other.people.of(lost) is None
    assert await other.people.of(stranger) is not None
    acts = await base.audit.find(AuditFilter(action="end session"))
    assert {one.status for one in acts} == {200, 404}

    issued = await base.access.issue_operator_key(operator.id)
    assert await other.access.sign_in.by_key(issued.token) is not None
    await base.access.revoke_key(issued.id)
    assert sign_in._REMEMBERED_SECONDS <= 2
    async with asyncio.timeout(60):
        while await other.access.sign_in.by_key(issued.token) is not None:
            await asyncio.sleep(0.05)
