"""The console's journeys (tests/journeys/test_console.py) in a real Chromium: a browser context for each person.

Wherever a journey comes by, the page is looked at: axe finds nothing, nothing scrolls sideways on a wide screen, at
200 % (683 CSS pixels) and on a telephone, and nothing is refused by the page's own policy. By day one journey runs so,
the others at night; those over forms hold the same promises where there is no Chromium.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import console_stories as stories
import looks
import pytest
from playwright.sync_api import Page, Response

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
PICTURES = os.environ.get("GATEWAY_TEST_PICTURES")
WIDE, AT_200_PERCENT, TELEPHONE = 1366, 683, 390
CUT = """[...document.querySelectorAll('h1, h2, h3, button, .button, .tag, dt, dd, label, p, th')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
    .filter(one => one.checkVisibility()).map(one => one.outerHTML.slice(0, 200))"""
"""What says more than it has room for."""

receiver = stories.receiver
FORM = "main form[method=post]"
TYPED = """([where, value]) => { const one = document.querySelector(where);
    if (one.type === 'checkbox') one.checked = Boolean(value); else one.value = value; }"""
"""How a field is filled in where the driver cannot: it asks browsers for what came after Chromium 90."""
HIDDEN = """([where, told]) => Object.fromEntries([...document.querySelectorAll(where + ' input[type=hidden]')]
    .map(one => [one.name, one.name in told ? (one.value = told[one.name]) : one.value]))"""
OFFERED = """([where, value]) => { const one = document.querySelector(where);
    if (![...one.options].some(each => each.value === value)) one.add(new Option(value, value)); }"""
"""What a list does not offer is forged into it: the server has to say no."""


STORIES = sorted(
    (one for name, one in vars(stories).items() if name.startswith("test_")),
    key=lambda one: one is not stories.test_a_leaked_key_is_revoked_at_the_console,  # the one of the day: few pages
)


SHAPE = """[...new Set([...document.querySelectorAll('main table, main .empty, main .error, main .said, main .chip')]
    .map(one => one.tagName + one.className))].sort().join()"""
"""What kinds of things stand on a page: the same list is another page when it is full."""

NOT_PRINTED = ("nav", ".top", ".acts", ".filter", ".around", ".pager", ".buttons", ".unmask", ".skip", "details.view")

UNTICKED = """([form, named]) => document.querySelectorAll(`${form} input[type=checkbox]`).forEach(one => {
    if (!named.includes(one.name)) one.checked = false; })"""
"""What is to be refused is sent with nothing chosen."""


class Looked:
    """Looks at each page of a journey once, in each state of it that has another heading or shape."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()

    def __call__(self, page: Page, answer: Response) -> None:
        name = self._new(page, answer)
        if name is not None:
            self.look(page, name)

    def _new(self, page: Page, answer: Response) -> str | None:
        """What a page is called that was not seen before."""
        path = re.sub(
            r"\b[a-z]{3}_[0-9a-f]{32}|[^/]+:[0-9-]+", "ID", answer.url.partition("/console")[2].partition("?")[0]
        )
        heading = re.sub(r"[0-9A-Za-z]+", "", page.locator("h1").first.inner_text())
        what = (
            path,
            str(answer.status),
            answer.request.method,
            heading,
            page.evaluate(SHAPE),
            page.locator("html").get_attribute("lang") or "",
        )
        if what in self._known:
            return None
        self._known.add(what)
        place = "-".join(path.strip("/").split("/"))
        return f"{place}-{answer.request.method}-{answer.status}-{what[-1]}-{len(self._known)}"

    def look(self, page: Page, name: str) -> None:
        """As it stands on screens of three widths."""
        page.evaluate(AXE)
        found = page.evaluate(f"axe.run({RULES}).then(all => all.violations.map(one => [one.id, one.nodes[0].html]))")
        assert found == [], f"{name}: {found}"
        for width in (TELEPHONE, AT_200_PERCENT, WIDE):
            page.set_viewport_size({"width": width, "height": 768})
            if PICTURES:
                page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls at {width}"
            assert page.evaluate(CUT) == [], f"{name} at {width} cuts"


class ByKeyboardAndOnPaper(Looked):
    """The same without eyes on the colours: what the keyboard reaches, and what comes out of the printer."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def look(self, page: Page, name: str) -> None:
        told = list(looks.by_keyboard(page))
        told += ["who printed it stands on paper only"] if page.locator(".print-only").is_visible() else []
        told += looks.on_paper(page, name, *NOT_PRINTED)
        self.found += [(name, one) for one in told]


class Window:
    """A person before a window of Chromium, in place of ``Browser`` of the journeys."""

    def __init__(self, browsing: Any, looked: Looked | None, options: dict[str, Any], site: Any, login: str) -> None:
        self.login = login
        self._browsing, self._looked, self._options, self._url = browsing, looked, options, site.url
        self._old = browsing.old
        self._refused: list[str] = []
        self._page: Page

    async def sign_in(self, to: str = "") -> Window:
        await self._browsing.call(self._open)
        await self.see("/console/sign-in" + (f"?to={to}" if to else ""))
        await self.press(login=self.login, password=stories.PASSWORD)
        return self

    def _open(self) -> None:
        context = self._browsing.context(width=WIDE, height=768, **self._options)
        self._page = context.new_page()
        self._page.on("console", lambda said: self._refused.append(said.text))

    async def see(self, path: str, status: int = 200) -> str:
        """Go there: by a link of the page that is open, where it has one."""
        return str(await self._browsing.call(partial(self._see, path, status)))

    async def press(self, status: int | tuple[int, ...] = 200, files: Any = None, **fields: str) -> str:
        """Fill in the form that is open, and press its button; shown once more, press the button there."""
        return str(await self._browsing.call(partial(self._press, status, files or {}, fields)))

    async def do(self, path: str, status: int = 200, files: Any = None, **fields: str) -> str:
        """Open the page of an act, and press its button."""
        await self.see(path)
        return await self.press(status, files, **fields)

    async def speak(self, *, english: bool) -> None:
        """Choose the language, by the link that leads there."""
        path = f"/console/language/{'en' if english else 'zh'}"
        await self._browsing.call(lambda: self._shown(lambda: self._page.goto(self._url + path), None))

    async def hidden(self) -> dict[str, str]:
        """What the form that is open sends that nobody types."""
        return dict(await self._browsing.call(lambda: self._page.evaluate(HIDDEN, [FORM, {}])))

    async def hide(self, fields: dict[str, str]) -> None:
        """Have the form that is open send this instead, as one does that is sent again."""
        await self._browsing.call(lambda: self._page.evaluate(HIDDEN, [FORM, fields]))

    async def fetch(self, path: str) -> bytes:
        """A file."""
        return bytes(await self._browsing.call(lambda: self._page.request.get(self._url + path).body()))

    def _see(self, path: str, status: int) -> str:
        if self._old:
            return self._shown(lambda: self._page.goto(self._url + path), status)
        links = self._page.locator(f'main a[href="{path}"], nav a[href="{path}"], main a[href^="{path}?from="]')
        if links.count() and links.first.is_visible():
            return self._shown(links.first.click, status)
        return self._shown(lambda: self._page.goto(self._url + path), status)

    def _press(self, status: int | tuple[int, ...], files: dict[str, Any], fields: dict[str, str]) -> str:
        step = fields.pop("step", "do")
        for name, value in fields.items():
            self._fill(f'{FORM} [name="{name}"]', value)
        for name, (file, content, *_) in files.items():
            handle = {"name": file, "mimeType": "application/octet-stream", "buffer": content}
            self._page.locator(f'{FORM} [name="{name}"]').set_input_files([handle])
        own = f"document.querySelector('{FORM}').noValidate = {'true' if status != 200 else 'false'}"
        self._page.evaluate(own)  # what is refused is refused by us
        if status != 200:
            self._page.evaluate(UNTICKED, [FORM, [*fields]])
        answer = self._shown(partial(self._click, f"{FORM} .buttons button"), None)
        again = f"{FORM} button[value=do] ~ button[value=change]"
        if step == "do" and self._status == 200 and self._page.locator(again).count():
            if "seen" in fields:  # what was looked over is not so any more either
                self._fill(f'{FORM} [name="seen"]', fields["seen"])
            answer = self._shown(partial(self._click, f"{FORM} button[value=do]"), None)
        assert self._status in (status if isinstance(status, tuple) else (status,)), answer
        return answer

    def _fill(self, where: str, value: str) -> None:
        """Choose, tick or type, as the field is."""
        kind = self._page.evaluate("where => document.querySelector(where).type", where)
        field = self._page.locator(where).first
        if self._old or kind == "hidden" or (kind == "select-one" and not value):
            self._page.evaluate(TYPED, [where, value])
        elif kind == "select-one":
            self._page.evaluate(OFFERED, [where, value])
            field.select_option(value)
        elif kind == "checkbox":
            boxes = self._page.locator(where).all()
            for box in boxes:
                chosen = len(boxes) == 1 or box.get_attribute("value") in value.split()
                box.set_checked(bool(value) and chosen)
        else:
            field.fill(value)

    def _click(self, where: str) -> None:
        if self._old:
            self._page.evaluate("where => document.querySelector(where).click()", where)
        else:
            self._page.locator(where).first.click()

    def _shown(self, act: Callable[[], Any], status: int | None) -> str:
        with self._page.expect_navigation() as came:
            act()
        answer = came.value
        self._status = answer.status
        text = answer.text()
        assert status in (None, answer.status), text
        if self._looked is not None:
            self._looked(self._page, answer)
        if answer.ok:  # what is refused is told there too
            assert self._refused == [], self._refused
        self._refused.clear()
        return text


@pytest.fixture(scope="session")
def looked() -> Looked:
    return Looked()


@pytest.fixture
def windows(browsing: Any, looked: Looked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Has the journeys use windows of Chromium: ``windows(java_script_enabled=False)``."""

    def set_up(*, look: bool = True, **options: Any) -> None:
        monkeypatch.setattr(stories, "Browser", partial(Window, browsing, looked if look else None, options))

    yield set_up
    browsing.leave()


@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__.removeprefix("test_"))
@pytest.mark.cases_by_day(1)
async def test_a_journey_at_the_console_in_windows_of_chromium(site, windows, receiver, story):
    windows()
    assert inspect.iscoroutinefunction(story)
    given = {"site": site, "receiver": receiver}
    await story(**{name: given[name] for name in inspect.signature(story).parameters})


@pytest.mark.nightly
@pytest.mark.parametrize(
    "story",
    [
        stories.test_every_screen_stands_in_six_states,
        stories.test_a_month_is_reconciled_closed_and_opened_again,
        stories.test_doubt_is_ended_by_two_people_who_saw_both_sides,
    ],
    ids=lambda one: one.__name__.removeprefix("test_"),
)
async def test_every_page_by_keyboard_alone_and_on_paper(site, browsing, monkeypatch, story):
    walked = ByKeyboardAndOnPaper()
    monkeypatch.setattr(stories, "Browser", partial(Window, browsing, walked, {}))
    await story(site)
    browsing.leave()
    assert not walked.found, "\n".join(": ".join(one) for one in walked.found)


def tab_to(page: Page, where: str) -> None:
    """Tab until it has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("where => document.activeElement.matches(where)", where):
            return
    raise AssertionError(f"the keyboard does not come to {where}")


def enter(page: Page) -> None:
    """Press Enter at a link or in a form, and wait for the page that comes."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.nightly
async def test_without_a_mouse_a_person_signs_in_searches_opens_and_acts(site, browsing):
    await site.app.base.access.create_operator("lin", "lin", "supervisor", stories.PASSWORD)
    code = (await site.paid())["code"]

    def steps(page: Page) -> None:
        page.goto(site.url + "/console/")
        tab_to(page, "#login")
        page.keyboard.type("lin")
        tab_to(page, "#password")
        page.keyboard.type(stories.PASSWORD)
        enter(page)

        tab_to(page, 'nav a[href="/console/operations"]')  # the first of its group, which is open then
        enter(page)
        tab_to(page, 'nav a[href="/console/payments"]')
        enter(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", "the first stop leads past the rest"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null"), "the next stop is in the page itself"

        tab_to(page, "#f-number")
        page.keyboard.type(code)
        enter(page)
        tab_to(page, "summary")
        page.keyboard.press("Enter")
        assert page.locator("#view-name").is_visible()
        page.keyboard.press("Space")
        assert not page.locator("#view-name").is_visible(), "what was opened is closed by the same key"
        tab_to(page, "td a")
        enter(page)
        assert code in page.locator("main").inner_text()
        tab_to(page, '.acts a[href*="/refund"]')
        enter(page)
        tab_to(page, ".buttons button")
        page.evaluate(f"document.querySelector('{FORM}').noValidate = true")  # what is refused is refused by us
        enter(page)
        tab_to(page, ".error a")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.matches('.wrong *')"), "from what is wrong to where it is"
        page.goto(site.url + "/console/disclosures/-/publish")
        tab_to(page, "input[type=checkbox]")
        page.keyboard.press("Space")
        assert page.locator("input[type=checkbox]").first.is_checked()

    await browsing.do(steps, width=WIDE)


@pytest.mark.nightly
async def test_keys_do_what_the_help_says_and_can_be_switched_off(site, browsing):
    await site.app.base.access.create_operator("lin", "lin", "supervisor", stories.PASSWORD)
    made = [await site.issued(await site.decide(f"望市监罚决字〔2026〕第{number}号")) for number in (1, 2, 3)]

    def steps(page: Page) -> None:
        def at(where: str) -> bool:
            return bool(page.evaluate("where => document.activeElement.matches(where)", where))

        def pressed(key: str) -> None:
            with page.expect_navigation():
                page.keyboard.press(key)

        page.goto(site.url + "/console/")
        page.keyboard.press("?")  # nobody has signed in: no key does anything
        page.locator("#login").fill("lin")
        page.locator("#password").fill(stories.PASSWORD)
        enter(page)
        pressed("?")
        said = page.locator("#keys dl").inner_text().split("\n")
        assert said[:8:2] == ["/", "j k", "[ ]", "?"], said
        page.goto(site.url + "/console/payments")
        page.keyboard.press("/")
        assert at("#f-number")
        page.keyboard.type("j/k?")
        assert page.locator("#f-number").input_value() == "j/k?", "in a field a key is a letter"
        page.locator("h1").click()
        rows = "tbody tr:nth-child({}) td:first-child a"
        for key, row in (("j", 1), ("j", 2), ("j", 3), ("j", 3), ("k", 2)):
            page.keyboard.press(key)
            assert at(rows.format(row)), (key, row)
        pressed("Enter")
        assert "第 2 条" in page.locator(".around").inner_text()
        pressed("[")
        assert "第 1 条" in page.locator(".around").inner_text()
        page.keyboard.press("[")  # there is none before the first
        pressed("]")
        assert "第 2 条" in page.locator(".around").inner_text()

        page.get_by_role("button", name=f"复制 {made[1]['code']}").click()
        # The clipboard answers in its own time.
        page.locator(".unseen[role=status]", has_text=made[1]["code"]).wait_for(state="attached")
        page.goto(site.url + "/console/payments")
        page.locator("#f-number").press("Control+V")
        assert page.locator("#f-number").input_value() == made[1]["code"]

        page.goto(site.url + "/console/me")
        Looked().look(page, "me")
        page.get_by_role("link", name="停用快捷键").click()
        page.goto(site.url + "/console/payments")
        page.keyboard.press("/")
        assert not at("#f-number")

    await browsing.do(steps, width=WIDE)


@pytest.mark.nightly
async def test_a_reconcilers_day_without_script(site, windows):
    windows(look=False, java_script_enabled=False)
    await stories.test_a_reconcilers_morning(site)


@pytest.mark.nightly
async def test_a_reconcilers_morning_in_chromium_90(site, chromium_90, monkeypatch):
    """What offices have: 奇安信可信 V1.0 is Chromium 90."""
    assert chromium_90.version.startswith("90."), chromium_90.version
    monkeypatch.setattr(stories, "Browser", partial(Window, chromium_90, None, {}))
    await stories.test_a_reconcilers_morning(site)
