"""A real Chromium on a thread of its own, and the running gateway of the journeys.

Needs a Chromium that is installed: chromium, google-chrome or chrome. Where tests run as root with apt,
GATEWAY_TEST_INSTALL_CHROMIUM=1 has it installed.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

T = TypeVar("T")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
CHROMIUM_90 = Path(__file__).parents[2] / ".browsers" / "chromium-90" / "chromium"
CURE = "no Chromium here: install chromium or google-chrome, or, as root with apt, set GATEWAY_TEST_INSTALL_CHROMIUM=1"


def _load(name: str, file: Path) -> Any:
    """A module of the tests: with importmode=importlib their folders are on no path."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


looks = _load("looks", Path(__file__).with_name("looks.py"))
marionette = _load("marionette", Path(__file__).with_name("marionette.py"))
console_stories = _load("console_stories", Path(__file__).parents[1] / "journeys" / "test_console.py")
_made = _load("journeys_conftest", Path(__file__).parents[1] / "journeys" / "conftest.py")
site, make_site = _made.site, _made.make_site


def installed() -> str | None:
    """The Chromium on this machine; None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install(lock: Path) -> None:
    """Have apt install one, where we are asked to and may; workers wait for each other."""
    if os.environ.get("GATEWAY_TEST_INSTALL_CHROMIUM") != "1" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if installed() is None:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 240}
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for command in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "chromium"]):
                subprocess.run(["apt-get", *command], env=environment, check=False, **quiet)


class Browsing:
    """One browser for all tests. ``await browsing.do(steps)`` runs steps that take a page, in a fresh context.

    ``old``: it lacks what the driver asks browsers for; see ``Window`` of the console's journeys.
    """

    def __init__(self, executable: str, flags: Sequence[str] = FLAGS, *, old: bool = False) -> None:
        self.old = old
        self._thread = ThreadPoolExecutor(1, "browser")
        self._playwright: Playwright = self._thread.submit(sync_playwright().start).result()
        self._browser = self._thread.submit(
            self._playwright.chromium.launch, executable_path=executable, args=list(flags), headless=True
        ).result()

    @property
    def version(self) -> str:
        """What it says it is."""
        return self._browser.version

    async def call(self, act: Callable[[], T]) -> T:
        """Do something with what was opened, beside the gateway's loop."""
        return await asyncio.wrap_future(self._thread.submit(act))

    async def do(self, steps: Callable[[Page], T], *, width: int = 390, **context: Any) -> T:
        """Run the steps beside the gateway's loop, with a page ``width`` CSS pixels wide."""
        return await self.call(lambda: self._run(steps, width, context))

    def _run(self, steps: Callable[[Page], T], width: int, options: dict[str, Any]) -> T:
        context = self.context(width, **options)
        try:
            return steps(context.new_page())
        finally:
            context.close()

    def context(self, width: int, height: int = 800, **options: Any) -> BrowserContext:
        """A browser of somebody's own, for ``call``; it stays until ``leave``."""
        viewport = {"width": width, "height": height}
        context: BrowserContext = self._browser.new_context(viewport=viewport, locale="zh-CN", **options)
        context.set_default_timeout(60_000)
        return context

    def leave(self) -> None:
        """Close what was opened."""
        self._thread.submit(lambda: [one.close() for one in self._browser.contexts]).result()

    def close(self) -> None:
        """End the browser."""
        self._thread.submit(self._browser.close).result()
        self._thread.submit(self._playwright.stop).result()
        self._thread.shutdown()


@pytest.fixture(scope="session")
def browsing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    """The browser; the test is skipped where there is none."""
    if installed() is None:
        install(tmp_path_factory.getbasetemp().parent / "chromium.lock")
    executable = installed()
    if executable is None:
        pytest.skip(CURE)
    made = Browsing(executable)
    yield made
    made.close()


@pytest.fixture
def chromium_90() -> Iterator[Browsing]:
    """The real Chromium 90, as ``make chromium90`` fetches it; the test is skipped where that was not done."""
    if not CHROMIUM_90.exists():
        pytest.skip("no Chromium 90 here: make chromium90")
    flags = ("--headless", "--no-sandbox", "--single-process", "--no-zygote", "--use-gl=swiftshader")
    made = Browsing(str(CHROMIUM_90), flags, old=True)
    yield made
    made.close()
