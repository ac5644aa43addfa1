"""Who stands behind a QR code reads a calm page, whatever fails behind it: no JSON, no word of what broke."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from gateway.faces.build import told_on_pages
from gateway.faces.payer.pages import HEADERS
from gateway.faces.payer.texts import MESSAGES
from gateway.faces.public.texts import GONE
from gateway.foundation.http.door import Door
from gateway.foundation.http.manners import Manners
from gateway.foundation.http.plans import Plans
from gateway.settings import FACES, Settings
from gateway.words.errors import Problem, UnavailableProblem
from gateway.words.saying import say

router = APIRouter()
FAILS: dict[str, Exception] = {
    "silent": UnavailableProblem(say("store.queue"), retry_after=7),
    "often": Problem(say("store.queue"), type="too-many-requests", retry_after=40),
    "fault": RuntimeError("secret Bearer s3cret-9"),
}


@router.get("/pay/{token}")
@router.get("/public/{token}")
@router.get("/payments/{token}")
async def fails(token: str, number: int = 0) -> None:
    raise FAILS[token]


@router.post("/pay")
@router.post("/public")
async def takes(body: dict[str, str]) -> None:
    raise FAILS["silent"]


@pytest.fixture
async def stranger() -> AsyncIterator[httpx.AsyncClient]:
    """Before faces of which nothing is there but the settings: neither rooms nor a database."""
    api = FastAPI(openapi_url=None)
    api.router.routes.extend(router.routes)
    settings = Settings(public_url="https://pay.anlan.test/gateway")
    nothing_else: Any = SimpleNamespace(base=SimpleNamespace(settings=settings))
    door = Door(api.router, Plans(api.router.routes), 1000, pages=told_on_pages(nothing_else, FACES))
    api.middleware_stack = Manners(door)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="https://pay.anlan.test") as made:
        yield made


ASKED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/silent", {}, 503, "silent"),
    ("GET", "/often", {}, 429, "silent"),
    ("GET", "/fault", {}, 500, "silent"),
    ("POST", "", {"json": {}}, 503, "silent"),
    ("GET", "/no/such/path", {}, 404, "unknown"),
    ("DELETE", "/silent", {}, 405, "misread"),
    ("POST", "", {"content": b"x" * 2000}, 413, "misread"),
    ("GET", "/silent?number=x", {}, 422, "misread"),
    ("GET", "/%00", {}, 422, "misread"),
]
HEADS = {
    503: ("retry-after", "7"),
    429: ("retry-after", "40"),
    500: ("connection", "close"),
    405: ("allow", "GET, HEAD"),
    413: ("connection", "close"),
}


@pytest.mark.parametrize(("method", "path", "sent", "status", "key"), ASKED)
async def test_a_payer_is_told_on_a_page_what_to_do(stranger, method, path, sent, status, key):
    for lang in ("zh", "en"):
        english = lang == "en"
        query = f"{'&' if '?' in path else '?'}lang=en" if english else ""
        answer = await stranger.request(method, f"/pay{path}{query}", **sent)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        name, value = HEADS.get(status, ("x-frame-options", "DENY"))
        assert answer.headers[name] == value
        assert ("retry-after" in answer.headers) == (status in (429, 503))
        assert f'<html lang="{"en" if english else "zh-CN"}">' in answer.text
        assert f"<h1>{MESSAGES[key].title[english]}</h1>" in answer.text
        assert MESSAGES[key].text[english] in answer.text
        assert 'href="/gateway/pay/look/page.css?v=' in answer.text
        again = f'href="?lang={lang}"' if key == "silent" else f'href="/gateway/pay?lang={lang}"'
        assert f'class="row" {again}' in answer.text
        assert 'data-state="" data-poll="0"' in answer.text, "a page that is already open stays on the screen"
        assert "s3cret" not in answer.text


@pytest.mark.parametrize(("method", "path", "sent", "status", "key"), ASKED)
async def test_so_is_the_public(stranger, method, path, sent, status, key):
    answer = await stranger.request(method, f"/public{path}", **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert (answer.headers["cache-control"], answer.headers["x-robots-tag"]) == ("no-store", "noindex")
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    name, value = HEADS.get(status, ("x-frame-options", "DENY"))
    assert answer.headers[name] == value
    assert GONE[key][0][0] in answer.text
    assert GONE[key][1][0] in answer.text
    assert "s3cret" not in answer.text


async def test_links_of_a_wrong_address_lead_to_the_list_from_any_depth(stranger):
    for path, home, css in (
        ("/public/silent", "../public", "page.css"),
        ("/public/a/b/c", "../../../public", "../../page.css"),
    ):
        text = (await stranger.get(path)).text
        assert f'<a href="{home}?lang=zh">' in text
        assert f'<link rel="stylesheet" href="{css}">' in text
    taken = (await stranger.post("/public", json={})).text
    assert '<link rel="stylesheet" href="public/page.css">' in taken


async def test_whoever_paid_is_told_and_programs_still_read_problems(stranger):
    for words in ("过几分钟再打开", "在缴费平台缴款不受影响", "如已缴款", "不要重复缴款"):
        assert words in MESSAGES["silent"].text[0]
    for path in ("/payments/silent", "/payer", "/publicity"):
        assert (await stranger.get(path)).headers["content-type"] == "application/problem+json"
