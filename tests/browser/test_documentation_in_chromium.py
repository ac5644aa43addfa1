"""The documentation as pages: opened from a disk, searched in Chinese and English, nothing from outside."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[2]


@pytest.mark.nightly
@pytest.mark.skipif(importlib.util.find_spec("material") is None, reason="`make docs` installs what makes the pages")
async def test_the_pages_are_found_in_both_languages_without_a_network(tmp_path: Path, browsing: Any) -> None:
    command = [sys.executable, ROOT / "packaging/site/build.py", "--to", tmp_path / "site"]
    await asyncio.to_thread(subprocess.run, command, check=True)

    def look(page: Page) -> None:
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.goto(f"file://{tmp_path}/site/README.zh-CN.html")
        for words, title in (("长款", "对账"), ("webhook", "Events")):
            page.get_by_role("textbox").fill(words)
            page.keyboard.press("Shift")  # an input method's last key: the page listens to keys
            found = page.locator(".md-search-result__item").filter(has_text=title)
            expect(found.first).to_be_visible(timeout=60_000)
        assert [one for one in asked if not one.startswith(("file:", "data:", "about:"))] == []

    await browsing.do(look, width=1280)
