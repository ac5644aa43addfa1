"""The publication page of a small authority: what the public may read of its decisions, and nothing else.

Read-only, without script. The one source is the room of the bulletin, whose table holds nothing that was not meant for
everybody: no key, no decision and no person's record is in reach of these pages.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.types import Scope

from gateway.faces.look import TOKENS
from gateway.faces.public.texts import GONE, words
from gateway.foundation.http.problems import beside, problem_of
from gateway.foundation.http.services import service
from gateway.rooms.bulletin import Bulletin, Entry
from gateway.rooms.bulletin.service import LONGEST_SEARCH, PER_PAGE
from gateway.words.money import format_yuan

PUBLIC: Final = "/public"
router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "templates"
_templates = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_STYLE = TOKENS + (_FOLDER / "page.css").read_text(encoding="utf-8")

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}

_LATER: Final = frozenset({408, 429, 500, 503})

ThePage = Annotated[Bulletin, Depends(service(Bulletin))]


@router.get("/robots.txt", response_class=PlainTextResponse)
async def robots() -> Response:
    """What search engines may read at all; how long they may keep it stands in the head of each answer."""
    return PlainTextResponse("User-agent: *\nAllow: /public\nDisallow: /\n", headers=HEADERS)


@router.get("/public/page.css")
async def style() -> Response:
    """The one style sheet."""
    return Response(_STYLE, media_type="text/css", headers=HEADERS | {"Cache-Control": "public, max-age=3600"})


@router.get("/public", response_class=HTMLResponse)
async def list_entries(bulletin: ThePage, q: str = "", page: str = "1", lang: str = "zh") -> HTMLResponse:
    """What is published now, newest first; ``q`` searches number, name and unified code.

    Search engines follow the list and keep none of it. A page that is no number is the first one: people read this.
    """
    asked = q.strip()[:LONGEST_SEARCH]
    number = int(page) if re.fullmatch("[1-9][0-9]{0,3}", page) else 1
    found = await bulletin.find(asked, number)
    pages = max(1, -(-found.total // PER_PAGE))
    rows = [(one, one.shown) for one in found.entries if one.shown is not None]
    robots = "noindex" if asked else "noindex, follow"
    return _page("list.html", lang, robots, q=asked, page=number, pages=pages, total=found.total, rows=rows)


@router.get("/public/{entry_id}", response_class=HTMLResponse)
async def one_entry(bulletin: ThePage, entry_id: str, lang: str = "zh") -> HTMLResponse:
    """One decision. What was taken off answers 410: withdrawn with its reason, else with nothing of what it was."""
    found = await bulletin.entry(entry_id[:60])
    if found is None:
        return _page("gone.html", lang, "noindex", 404, how="unknown", entry=None)
    if bulletin.is_over(found) or found.shown is None:
        return _page("gone.html", lang, "noindex", 410, how=found.gone or "ended", entry=found)
    if found.shielded:
        return _page("gone.html", lang, "noindex", 404, how="shielded", entry=None)
    shown = found.shown
    money = [
        ("fine", None if shown.fine is None else format_yuan(shown.fine)),
        ("confiscated", None if shown.confiscated is None else format_yuan(shown.confiscated)),
    ]
    return _page("entry.html", lang, robots_of(found), entry=found, shown=shown, money=money)


def robots_of(entry: Entry) -> str:
    """What search engines are told of an entry: of a person nothing is indexed, and nothing is ever kept as a copy.

    An organisation's may be found until its last day. Source: publication has an end, and a copy kept elsewhere has
    none (国家发展改革委令第36号: what is no longer shown is no longer used).
    """
    if entry.shown is None or entry.shown.person:
        return "noindex, noarchive"
    return f"noarchive, nosnippet, unavailable_after: {entry.publish_until_on.isoformat()}T23:59:59+08:00"


def refusal(error: Exception, scope: Scope) -> Response:
    """What no page could serve, said calmly on one, without the database; nobody keeps it or finds it by a search."""
    problem = problem_of(error, scope["path"])
    how = "unknown" if problem.status == 404 else "silent" if problem.status in _LATER else "misread"
    lang = "en" if parse_qs(scope["query_string"].decode("latin-1")).get("lang") == ["en"] else "zh"
    up = scope["path"].count("/") - 1
    told = _page("gone.html", lang, "noindex", problem.status, up, how=how, entry=None)
    told.headers.update(beside(error, problem))
    return told


def _page(
    template: str, lang: str, robots: str, status: int = 200, up: int | None = None, **shown: Any
) -> HTMLResponse:
    """A page. Its links are relative, so that they hold behind any proxy and prefix. ``up``: how many names stand
    behind the first one in its address."""
    english = lang == "en"
    behind = int(template != "list.html") if up is None else up
    text = _templates.get_template(template).render(
        t=words(english),
        english=english,
        lang="en" if english else "zh",
        other="zh" if english else "en",
        robots=robots,
        home="../" * behind + "public",
        css="../" * (behind - 1) + "page.css" if behind else "public/page.css",
        day=_day,
        gone=GONE,
        **shown,
    )
    told = {"X-Robots-Tag": robots, "Content-Language": "en" if english else "zh-CN"}
    return HTMLResponse(text, status, HEADERS | told)


def _day(day: date, english: bool) -> str:
    return str(day) if english else f"{day.year}年{day.month}月{day.day}日"
