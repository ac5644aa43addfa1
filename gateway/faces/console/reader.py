"""One request of somebody who is signed in: what may be seen, in which language, and how a page is made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.app import App
from gateway.faces.console.drawing import HOME, Pen, address
from gateway.faces.console.gate import keys_on, language_of, large_type, mark
from gateway.faces.console.today import TODAY, today
from gateway.faces.look import TOKENS
from gateway.foundation.access.people import Visit
from gateway.foundation.http.language import speak
from gateway.foundation.screens import Group, Look, Right, Said, Screen
from gateway.words.clock import SHANGHAI, SystemClock
from gateway.words.errors import NotFoundProblem, Problem
from gateway.words.saying import Language, say

_FOLDER: Final = Path(__file__).parent / "templates"
_templates = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
STYLE: Final = TOKENS.encode() + (_FOLDER / "console.css").read_bytes()
SCRIPT: Final = (_FOLDER / "at_hand.js").read_bytes()


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


_STYLE: Final = f"{HOME}/look/console.css?v={_version(STYLE)}"
_SCRIPT: Final = f"{HOME}/look/at_hand.js?v={_version(SCRIPT)}"

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


class Stranger:
    """One request of whoever it is: the language, and pages without anything in them that needs a right."""

    def __init__(self, gateway: App, request: Request) -> None:
        self.gateway, self.request = gateway, request
        self.base = gateway.base
        self.language: Language = language_of(request)
        speak(self.language)

    @property
    def screens(self) -> Mapping[str, Screen]:
        """The screens that may be opened, by name."""
        return {}

    @cached_property
    def pen(self) -> Pen:
        """What draws values."""
        return Pen(self.base, self.language, self.screens)

    @property
    def here(self) -> str:
        """The address that was asked for."""
        query = self.request.url.query
        return f"{self.request.url.path}?{query}" if query else self.request.url.path

    def page(self, template: str, title: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page. ``title`` stands in the browser's tab."""
        text = _templates.get_template(template).render(
            pen=self.pen,
            title=title,
            address=address,
            query_of=urlencode,
            home=HOME,
            here=self.here,
            style=_STYLE,
            script=_SCRIPT,
            groups=self._groups(),
            mark=mark(self.request),
            clock=self._moved_clock(),
            large=large_type(self.request),
            keys=keys_on(self.request),
            surroundings=self.base.settings.console.surroundings,
            **{"visit": None, "at": "", "own": None, **shown},
        )
        return HTMLResponse(text, status, HEADERS)

    def problem(self, problem: Problem) -> HTMLResponse:
        """What could not be done, in words, and what to do about it."""
        title = self.pen.own({403: "no_right", 404: "not_there"}.get(problem.status, "not_done"))
        told = {"detail": problem.detail_in(self.language), "cure": problem.cure_in(self.language)}
        return self.page("problem.html", title, problem.status, **told)

    def _groups(self) -> list[tuple[Said, list[Screen]]]:
        """The screens that may be opened, by what they are for; one alone stands for its group."""
        screens = sorted(self.screens.values(), key=lambda one: one.place)
        by_group = [(group, [one for one in screens if one.group is group]) for group in Group]
        return [(those[0].title if len(those) == 1 else group.value, those) for group, those in by_group if those]

    def _moved_clock(self) -> datetime | None:
        """What the gateway's clock says, where it is not the machine's."""
        clock = self.base.clock
        moved = not isinstance(clock, SystemClock) or bool(clock.offset)
        return clock.now().astimezone(SHANGHAI) if moved else None


class Reader(Stranger):
    """One request of somebody who is signed in."""

    def __init__(self, gateway: App, request: Request, visit: Visit) -> None:
        super().__init__(gateway, request)
        self.visit = visit

    @cached_property
    def every_screen(self) -> Mapping[str, Screen]:
        """Every screen by name: what the rooms bring, and what waits in all of them."""
        return {TODAY: today(self.gateway, self.visit), **self.gateway.screens}

    @property
    def screens(self) -> Mapping[str, Screen]:
        """The screens that the person may open."""
        return {one.name: one for one in self.every_screen.values() if self.may(one.scope)}

    def screen(self, name: str) -> Screen:
        """A screen. Raises NotFoundProblem, and Problem for one that the person may not open."""
        known = self.every_screen.get(name)
        if known is None:
            raise NotFoundProblem(say("console.no_screen"))
        self.require(known.scope)
        return known

    def may(self, scope: str) -> bool:
        """Whether the person has a right; no scope is everybody's."""
        return not scope or scope in self.visit.who.scopes

    def require(self, scope: str) -> None:
        """Raises Problem (scope-missing) without a right."""
        if not self.may(scope):
            raise Problem(say("console.lacks_right", right=Right(scope)), type="scope-missing")

    def look(self, **more: Any) -> Look:
        """What a screen is given."""
        return replace(Look(self.visit.who, self.base, self.gateway.services, language=self.language), **more)

    def page(self, template: str, title: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page with the person's name and what may be opened."""
        return super().page(template, title, status, visit=self.visit, **shown)
