"""The publication page as citizens meet it: in a real browser, wide and on a telephone, with and without entries."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Page
from published_records import record

from gateway.faces.public import pages
from gateway.foundation.store import Store
from gateway.ports.credit import DisclosedParty, named
from gateway.rooms.bulletin import Bulletin
from gateway.rooms.bulletin.records import Asked
from gateway.words.clock import ManualClock
from gateway.words.masking import Public

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
PICTURES = os.environ.get("GATEWAY_TEST_PICTURES")
LONG = "安澜市望川区" + "恒筑建设工程技术咨询服务" * 8 + "有限公司"


SMALL = """[...document.querySelectorAll('a:not(.skip), button, input:not([type=hidden])')]
    .filter(one => one.getBoundingClientRect().height < 24).map(one => one.outerHTML)"""
SPACED = """(() => { const sheet = new CSSStyleSheet(), before = document.adoptedStyleSheets;
    sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: .12em !important }'
        + '* { word-spacing: .16em !important } p { margin-bottom: 2em !important }');
    document.adoptedStyleSheets = [sheet];
    const fits = document.documentElement.scrollWidth <= innerWidth;
    document.adoptedStyleSheets = before;
    return fits; })()"""
"""WCAG 2.2, 2.5.8 and 1.4.12, at which axe does not look: what is touched is 24 pixels high, spaced text fits."""


def look(page: Page, name: str) -> None:
    """Whatever the page says: it fits its width, is small, has one h1, and axe finds nothing."""
    width = (page.viewport_size or {"width": 0})["width"]
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"public-{name}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways at {width}"
    assert len(page.content().encode()) < 100_000
    assert page.locator("h1").count() == 1
    assert page.evaluate(SMALL) == [], f"{name} at {width} has targets too small to touch"
    assert page.evaluate(SPACED), f"{name} at {width} does not fit with spaced text"
    page.evaluate(AXE)
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
    found = page.evaluate(f"axe.run({rules}).then(all => all.violations.map(one => [one.id, one.nodes[0].html]))")
    assert found == [], f"{name} at {width}: {found}"


@pytest.fixture
async def served(one_store: Store) -> AsyncIterator[tuple[str, Bulletin]]:
    api, bulletin = FastAPI(), Bulletin(one_store, ManualClock(datetime(2026, 9, 15, 2, 0, tzinfo=UTC)))
    api.include_router(pages.router)
    api.state.gateway = SimpleNamespace(get=lambda _: bulletin)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(api, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/public", bulletin
        server.should_exit = True
        await serving


async def test_every_page_is_readable_by_everybody_on_every_screen(served: tuple[str, Bulletin], browsing: Any) -> None:
    address, bulletin = served

    def empty(page: Page) -> None:
        page.goto(address)
        assert "目前没有公示中的行政处罚决定" in page.locator("main").inner_text()
        look(page, "empty")

    await browsing.do(empty)
    firm, person = record().party, DisclosedParty(category="natural_person", name="岑某某")
    for number in range(1, 26):
        party = person if number == 24 else firm.model_copy(update={"name": named(LONG)} if number == 25 else {})
        text = Public("行政处罚决定书\n\n当事人：恒筑建设有限公司\n" + "经查，货架上有过期糕点。" * 60)
        made = record(decision_number=f"安望市监罚决〔2026〕{number}号", party=party, full_text=text)
        await bulletin.put(Asked("own", f"R{number}", ""), made)

    def citizen(page: Page) -> None:
        page.goto(address)
        look(page, "list")
        page.get_by_role("link", name="下一页").click()
        page.get_by_text("第2页，共2页").wait_for()
        look(page, "second")
        page.get_by_label("决定书文号、当事人名称或统一社会信用代码").fill("24号")
        page.keyboard.press("Enter")
        page.get_by_text("“24号”共查到1条").wait_for()
        look(page, "found")
        page.get_by_role("link", name="岑某某").click()
        page.get_by_role("heading", name="决定书全文").wait_for()
        look(page, "entry")
        page.get_by_role("link", name="English").click()
        page.get_by_role("heading", name="Full text").wait_for()
        look(page, "entry-english")
        page.goto(f"{address}?q=味安")
        look(page, "none")
        page.goto(f"{address}/pub_0")
        look(page, "unknown")
        page.goto(f"{address}?q=25号")
        page.locator(".entries a").click()
        page.get_by_role("heading", name="决定书全文").wait_for()
        look(page, "long")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", "the first stop leads to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"

    await browsing.do(citizen, width=320)
    await browsing.do(citizen, width=1366)
    (entry,) = (await bulletin.find("25号")).entries
    await bulletin.take_off(Asked("own", "W1", ""), entry.key, "withdrawn", "决定被依法撤销")

    def gone(page: Page) -> None:
        page.goto(f"{address}/{entry.id}")
        assert "决定被依法撤销" in page.locator("main").inner_text()
        look(page, "withdrawn")

    await browsing.do(gone)
