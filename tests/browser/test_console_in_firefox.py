"""A reconciler's morning in the real Firefox ESR, which offices have beside Chromium: ``make firefox`` fetches it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import console_stories as stories
import httpx
import marionette
import pytest

FIREFOX = Path(__file__).parents[2] / ".browsers" / "firefox-esr" / "usr" / "lib" / "firefox-esr" / "firefox-esr"
STATUS = "return performance.getEntriesByType('navigation')[0].responseStatus"
KIND = "const one = document.querySelector(arguments[0]); return one.localName + ' ' + one.type"
FITS = "return document.documentElement.scrollWidth <= innerWidth"
SET = """const [where, value] = arguments, one = document.querySelector(where);
    if (one.type === 'checkbox') one.checked = Boolean(value); else one.value = value;"""
FORM = "main form[method=post]"


class Window:
    """A person before a window of Firefox, in place of ``Browser`` of the journeys."""

    def __init__(self, start: Any, folder: Path, site: Any, login: str) -> None:
        self.login = login
        self._start, self._folder, self._url = start, folder, site.url
        self._fox: marionette.Firefox

    async def sign_in(self, to: str = "") -> Window:
        self._folder = Path(mkdtemp(prefix=self.login, dir=self._folder))
        self._fox = await asyncio.to_thread(self._start, self._folder)
        await self.see("/console/sign-in" + (f"?to={to}" if to else ""))
        await self.press(login=self.login, password=stories.PASSWORD)
        return self

    async def see(self, path: str, status: int = 200) -> str:
        """Go there: by a link of the page that is open, where it has one."""
        return await asyncio.to_thread(self._see, path, status)

    async def press(self, status: int | tuple[int, ...] = 200, files: Any = None, **fields: str) -> str:
        """Fill in the form that is open, and press its button; shown once more, press the button there."""
        return await asyncio.to_thread(self._press, status, files or {}, fields)

    async def do(self, path: str, status: int = 200, files: Any = None, **fields: str) -> str:
        """Open the page of an act, and press its button."""
        await self.see(path)
        return await self.press(status, files, **fields)

    async def fetch(self, path: str) -> bytes:
        """A file."""
        cookies = {one["name"]: one["value"] for one in self._fox.ask("WebDriver:GetCookies")}
        async with httpx.AsyncClient(base_url=self._url, cookies=cookies, trust_env=False) as http:
            return (await http.get(path)).raise_for_status().content

    def _see(self, path: str, status: int) -> str:
        link = f'main a[href="{path}"], nav a[href="{path}"], main a[href^="{path}?from="]'
        if self._fox.run("return document.querySelector(arguments[0])?.checkVisibility() ?? false", link):
            self._fox.click(link)
        else:
            self._fox.ask("WebDriver:Navigate", url=self._url + path)
        return self._shown(status)

    def _press(self, status: int | tuple[int, ...], files: dict[str, Any], fields: dict[str, str]) -> str:
        step = fields.pop("step", "do")
        for name, value in fields.items():
            self._fill(f'{FORM} [name="{name}"]', value)
        for name, (file, content, *_) in files.items():
            (self._folder / file).write_bytes(content)
            self._fox.type(f'{FORM} [name="{name}"]', str(self._folder / file))
        self._fox.run(f"document.querySelector('{FORM}').noValidate = {'true' if status != 200 else 'false'}")
        self._fox.click(f"{FORM} .buttons button")
        if step == "do" and self._fox.run(f"return document.querySelector('{FORM} button[value=change]') !== null"):
            self._fox.click(f"{FORM} button[value=do]")
        return self._shown(status)

    def _fill(self, where: str, value: str) -> None:
        kind = self._fox.run(KIND, where)
        if kind in ("input text", "input password", "textarea textarea"):
            self._fox.ask("WebDriver:ElementClear", id=self._fox.find(where))
            self._fox.type(where, value)
        else:
            self._fox.run(SET, where, value)

    def _shown(self, status: int | tuple[int, ...]) -> str:
        text = str(self._fox.run("return document.documentElement.outerHTML"))
        assert self._fox.run(STATUS) in (status if isinstance(status, tuple) else (status,)), text
        assert self._fox.run(FITS), "it scrolls sideways"
        assert self._fox.complaints() == []
        return text


@pytest.fixture
def firefox() -> Iterator[Any]:
    """Starts a Firefox with a profile in a folder; the test is skipped where it was not fetched."""
    if not FIREFOX.exists():
        pytest.skip("no Firefox ESR here: make firefox")
    with ExitStack() as open_ones:

        def start(folder: Path) -> marionette.Firefox:
            made = marionette.Firefox(FIREFOX, folder)
            open_ones.callback(made.close)
            return made

        yield start


@pytest.mark.nightly
async def test_a_reconcilers_morning_in_firefox_esr(site, firefox, tmp_path, monkeypatch):
    monkeypatch.setattr(stories, "Browser", partial(Window, firefox, tmp_path))
    await stories.test_a_reconcilers_morning(site)
