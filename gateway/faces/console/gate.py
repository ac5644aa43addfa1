"""Who comes to the console: the cookie of a session, and whether a form was sent from our own page."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from gateway.faces.assembled import Gateway
from gateway.foundation.access.people import Visit
from gateway.foundation.crypto.sm import same, sm3
from gateway.words.errors import Problem
from gateway.words.saying import Language, say

_PATH: Final = "/console"
_SPEAKS: Final = "console_language"
_TYPE: Final = "console_type"
_LARGE: Final = "large"
_KEYS: Final = "console_keys"
_OFF: Final = "off"
_HALF_A_YEAR: Final = 15_552_000


def cookie_name(request: Request) -> str:
    """The cookie of a session. It travels by TLS alone, unless nothing leaves this machine."""
    return "__Secure-console" if _leaves(request) else "console"


def keep(request: Request, answer: Response, cookie: str) -> None:
    """Have the browser keep the cookie of a session until it is closed."""
    answer.set_cookie(cookie_name(request), cookie, path=_PATH, secure=_leaves(request), httponly=True, samesite="lax")


def let_go(request: Request, answer: Response) -> None:
    """Have the browser forget it."""
    answer.delete_cookie(cookie_name(request), path=_PATH, secure=_leaves(request), httponly=True, samesite="lax")


def keep_language(answer: Response, language: Language) -> None:
    """Have the browser keep the language for half a year."""
    answer.set_cookie(_SPEAKS, language.value, max_age=_HALF_A_YEAR, path=_PATH, httponly=True, samesite="lax")


def keep_type(answer: Response, *, large: bool) -> None:
    """Have the browser keep for half a year whether the type is large 适老化."""
    size = _LARGE if large else "usual"
    answer.set_cookie(_TYPE, size, max_age=_HALF_A_YEAR, path=_PATH, httponly=True, samesite="lax")


def large_type(request: Request) -> bool:
    """Whether the reader has chosen large type."""
    return request.cookies.get(_TYPE) == _LARGE


def keep_keys(answer: Response, *, on: bool) -> None:
    """Have the browser keep for half a year whether single keys do something on the pages."""
    word = "on" if on else _OFF
    answer.set_cookie(_KEYS, word, max_age=_HALF_A_YEAR, path=_PATH, httponly=True, samesite="lax")


def keys_on(request: Request) -> bool:
    """Whether single keys do something: unless the reader has switched them off (WCAG 2.2, 2.1.4)."""
    return request.cookies.get(_KEYS) != _OFF


def language_of(request: Request) -> Language:
    """Chinese, unless the reader has chosen English."""
    return Language.ENGLISH if request.cookies.get(_SPEAKS) == Language.ENGLISH.value else Language.CHINESE


async def visitor(request: Request, gateway: Gateway) -> Visit | None:
    """Who is signed in here."""
    cookie = request.cookies.get(cookie_name(request))
    return None if cookie is None else await gateway.base.people.of(cookie)


def mark(request: Request) -> str:
    """What every form of a session carries, and no other page can know."""
    return mark_of(request.cookies.get(cookie_name(request), ""))


def mark_of(cookie: str) -> str:
    """The same, of the session under this cookie."""
    return sm3(b"form|" + cookie.encode("utf-8", "replace")).hex()[:32]


def require_own_form(request: Request, fields: Mapping[str, str], *, signed_in: bool = True) -> None:
    """Refuse a form that another site sent. Raises Problem."""
    site = request.headers.get("sec-fetch-site") or _site_by_origin(request)
    marked = same(fields.get("mark", "").encode(), mark(request).encode()) if signed_in else True
    if site not in ("same-origin", "none") or not marked:
        raise Problem(say("console.foreign_form"), type="operator-needed")


def _site_by_origin(request: Request) -> str:
    """Where a form comes from, by a browser that does not say it outright."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    return "same-origin" if origin is None or urlsplit(origin).netloc == host else "cross-site"


def source_of(request: Request) -> str:
    """From where a request comes."""
    return request.client.host if request.client is not None else ""


def _leaves(request: Request) -> bool:
    """Whether the way to the browser leaves this machine."""
    host = request.url.hostname or ""
    try:
        near = ip_address(host).is_loopback
    except ValueError:
        near = host == "localhost"
    return request.url.scheme == "https" or not near
