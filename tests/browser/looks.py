"""How a page is looked at: by keyboard alone, and on paper. For the night."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PICTURES = os.environ.get("GATEWAY_TEST_PICTURES")
UPRIGHT, ACROSS = {"width": 703, "height": 1031}, {"width": 1031, "height": 703}
"""A4 within its margins of 12 mm, in CSS pixels; lists lie across."""

STOPS = """() => {
    const kinds = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';
    window.stops = [...document.querySelectorAll(kinds)].filter(one => one.checkVisibility());
    return window.stops.map(one => (one.tagName + ' ' + (one.id || one.innerText || one.name || '')).slice(0, 60)); }"""
"""What must be reached, in the order in which it is read."""

HERE = """() => {
    const one = document.activeElement, how = getComputedStyle(one), at = one.getBoundingClientRect();
    const y = (Math.max(at.top, 0) + Math.min(at.bottom, innerHeight)) / 2;
    const top = document.elementFromPoint(at.left + at.width / 2, y);
    return { at: window.stops.indexOf(one), html: one.outerHTML.slice(0, 160), nobody: one === document.body,
        ringed: how.outlineStyle !== 'none' && parseFloat(how.outlineWidth) >= 2,
        shown: at.bottom > 0 && at.top < innerHeight && at.right > 0 && at.left < innerWidth,
        bare: top === null || one.contains(top) || top.contains(one) || top.closest('label') !== null }; }"""
"""Where the keyboard is, and whether a person sees that."""

UNREADABLE = """() => {
    const shown = [...document.body.querySelectorAll('*')].filter(one => one.checkVisibility());
    const wide = shown.filter(one => one.getBoundingClientRect().right > innerWidth + 1);
    const cut = shown.filter(one => getComputedStyle(one).overflow !== 'visible')
        .filter(one => !['INPUT', 'TEXTAREA', 'SELECT', 'SVG', 'IMG'].includes(one.tagName.toUpperCase()))
        .filter(one => !one.closest('svg'))
        .filter(one => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1);
    const broken = shown.filter(one => one.matches('.code, .number, time') && /^[-0-9.,: ]{5,32}$/.test(one.innerText))
        .filter(one => one.getClientRects().length > 1);
    const heads = shown.filter(one => one.tagName === 'THEAD')
        .filter(one => getComputedStyle(one).display !== 'table-header-group');
    return { wide, cut, broken, heads }; }"""


def by_keyboard(page: Page) -> Iterator[str]:
    """Tab comes to all that can be used, in reading order, seen by a person each time, and past the last of it."""
    names = page.evaluate(STOPS)
    came: list[int] = []
    here: dict[str, Any] = {}
    for _ in range(6 * len(names) + 20):  # a date has five stops of its own
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here["nobody"] or (came and here["at"] == 0):
            break
        if not here["ringed"]:
            yield f"nobody sees that the keyboard is at {here['html']}"
        if not here["shown"]:
            yield f"out of sight is {here['html']}"
        if not here["bare"]:
            yield f"something lies over {here['html']}"
        if here["at"] >= 0 and (not came or came[-1] != here["at"]):
            came.append(here["at"])
    else:
        yield f"the keyboard does not leave {here['html']}"
    if came != list(range(len(names))):
        yield f"not reached, or out of order: {[names[one] for one in range(len(names)) if one not in came] or came}"


def on_paper(page: Page, name: str, *hidden: str, sheet: bool = False) -> Iterator[str]:
    """Printed on A4: nothing reaches over the edge, nothing is cut, codes stay whole, and what is ``hidden`` is.

    ``sheet``: it is handed in at a counter, so it is one.
    """
    before = page.viewport_size
    page.emulate_media(media="print")
    across = page.evaluate("getComputedStyle(document.body).page === 'across'")
    page.set_viewport_size(ACROSS if across else UPRIGHT)
    told = """found => Object.entries(found()).filter(([, all]) => all.length)
        .map(([key, all]) => [key, ...all.slice(-2).map(one => one.outerHTML.slice(0, 200))].join(' '))"""
    yield from page.evaluate(f"({told})({UNREADABLE})")
    yield from (f"printed: {one}" for one in hidden if page.locator(one).first.is_visible())
    high = page.evaluate("document.body.scrollHeight")
    if sheet and high > UPRIGHT["height"]:
        yield f"more than a sheet: {high} pixels"
    if PICTURES:
        page.pdf(path=Path(PICTURES) / f"{name}.pdf", prefer_css_page_size=True, format="A4", print_background=False)
    page.emulate_media(media="screen")
    if before is not None:
        page.set_viewport_size(before)
