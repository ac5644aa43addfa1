"""The publication page over HTTP: what is published is found, what is gone is gone, and nothing is kept elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from published_records import record

from gateway.faces.public import pages
from gateway.foundation.store import Store
from gateway.ports.credit import DisclosedParty, DisclosureKey
from gateway.rooms.bulletin import Bulletin
from gateway.rooms.bulletin.records import Asked
from gateway.settings import FACES, ServerSettings
from gateway.words.clock import ManualClock

NOW = datetime(2026, 9, 15, 2, 0, tzinfo=UTC)


class Site:
    """The page behind an address, and what stands on it."""

    def __init__(self, store: Store, http: httpx.AsyncClient, clock: ManualClock) -> None:
        self.bulletin, self.http, self.clock = Bulletin(store, clock), http, clock

    async def put(self, number: int = 57, **other: Any) -> str:
        """Publish one; its address."""
        made = record(decision_number=f"安望市监罚决〔2026〕{number}号", **other)
        await self.bulletin.put(Asked("own", f"R{number}", ""), made)
        key = DisclosureKey(
            decision_number=made.decision_number, authority_code=made.authority_code, party_name=made.party.name
        )
        entry = await self.bulletin.live("own", key)
        assert entry is not None
        return f"/public/{entry.id}"

    async def off(self, number: int, how: Any, reason: str | None = None) -> None:
        made = record(decision_number=f"安望市监罚决〔2026〕{number}号")
        key = DisclosureKey(
            decision_number=made.decision_number, authority_code=made.authority_code, party_name=made.party.name
        )
        await self.bulletin.take_off(Asked("own", f"{how}{number}", ""), key, how, reason)

    async def get(self, path: str, status: int = 200) -> httpx.Response:
        answer = await self.http.get(path)
        assert answer.status_code == status, answer.text
        assert len(answer.content) < 100_000
        return answer


@pytest.fixture
async def site(one_store: Store) -> AsyncIterator[Site]:
    api, clock = FastAPI(), ManualClock(NOW)
    api.include_router(pages.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://gongshi") as http:
        made = Site(one_store, http, clock)
        api.state.gateway = SimpleNamespace(get=lambda _: made.bulletin)
        yield made


async def test_the_list_leads_to_each_decision_in_both_languages(site: Site) -> None:
    path = await site.put()
    chinese, english = (await site.get("/public")).text, (await site.get("/public?lang=en")).text
    assert '<html lang="zh-CN">' in chinese
    assert '<html lang="en">' in english
    assert "共1条" in chinese
    assert "1 in all" in english
    assert f'href="{path[1:]}?lang=zh"' in chinese
    shown = (await site.get(path)).text
    for words in ("恒筑建设有限公司", "安望市监罚决〔2026〕57号", "罚款5000元", "5000.00", "2027年9月14日"):
        assert words in shown
    assert "齐远山" not in shown


async def test_pages_and_searches_say_where_one_is(site: Site) -> None:
    assert "目前没有公示中的行政处罚决定" in (await site.get("/public")).text
    for number in range(1, 42):
        await site.put(number)
    first, last = (await site.get("/public")).text, (await site.get("/public?page=3")).text
    assert (first.count("<li>"), last.count("<li>")) == (20, 1)
    assert "第1页，共3页" in first
    assert 'rel="next"' in first
    assert 'rel="next"' not in last
    assert "这一页没有内容" in (await site.get("/public?page=9")).text
    assert (await site.get("/public?page=x")).text == first
    assert "“40号”共查到1条" in (await site.get("/public?q=40号")).text
    none = (await site.get("/public?q=<b>味安</b>")).text
    assert "没有查到“&lt;b&gt;味安&lt;/b&gt;”" in none


@pytest.mark.parametrize(("how", "reason"), [("withdrawn", "事实不清，决定被撤销"), ("repaired", None)])
async def test_what_was_taken_off_is_gone_and_names_nobody(site: Site, how: str, reason: str | None) -> None:
    path = await site.put()
    await site.off(57, how, reason)
    gone = (await site.get(path, 410)).text
    for hidden in ("恒筑", "91990102MA0HD1233R", "过期糕点", "5000"):
        assert hidden not in gone
    assert ("57号" in gone, "事实不清，决定被撤销" in gone) == ((True, True) if reason else (False, False))
    assert "恒筑" not in (await site.get("/public")).text
    assert "没有这条公示信息" in (await site.get("/public/pub_" + "0" * 32, 404)).text


async def test_an_objection_is_told_and_a_shielded_entry_is_not_found(site: Site) -> None:
    path = await site.put()
    made = record()
    key = DisclosureKey(
        decision_number=made.decision_number, authority_code=made.authority_code, party_name=made.party.name
    )
    await site.bulletin.mark(Asked("own", "M1", ""), key, "objection", True)
    assert "提出异议" in (await site.get(path)).text
    await site.bulletin.mark(Asked("own", "M2", ""), key, "shielded", True)
    assert "目前不公示" in (hidden := (await site.get(path, 404)).text)
    assert "恒筑" not in hidden
    assert "目前没有公示" in (await site.get("/public")).text


async def test_the_day_after_the_last_one_looks_like_a_repair(site: Site) -> None:
    path = await site.put(publish_until=date(2026, 9, 15))
    other = await site.put(58)
    await site.off(58, "repaired")
    site.clock.advance(timedelta(hours=15))
    assert (await site.get(path, 410)).text == (await site.get(other, 410)).text


async def test_search_engines_keep_no_person_and_no_copy(site: Site) -> None:
    firm = await site.get(await site.put())
    assert firm.headers["x-robots-tag"] == "noarchive, nosnippet, unavailable_after: 2027-09-14T23:59:59+08:00"
    masked = DisclosedParty(category="natural_person", name="岑某某")
    person = await site.get(await site.put(58, party=masked))
    assert person.headers["x-robots-tag"] == "noindex, noarchive"
    assert 'name="robots" content="noindex, noarchive"' in person.text
    assert (await site.get("/public")).headers["x-robots-tag"] == "noindex, follow"
    assert "Allow: /public\nDisallow: /" in (await site.get("/robots.txt")).text


async def test_a_browser_loads_nothing_but_the_style_sheet_and_keeps_nothing(site: Site) -> None:
    answer = await site.get("/public")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; img-src data:;")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert re.findall(r"<script|style=|<style|\son\w+=", answer.text) == []
    assert (await site.get("/public/page.css")).headers["content-type"].startswith("text/css")


async def test_nobody_writes_here(site: Site) -> None:
    path = await site.put()
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await site.http.request(method, path)).status_code == 405


def test_the_page_is_served_where_it_has_an_address_and_else_nowhere() -> None:
    assert all("public" not in faces for faces in ServerSettings().binds(FACES).values())
    assert ServerSettings(public="0.0.0.0:8090").binds(FACES)["0.0.0.0:8090"] == ("public",)
