"""The party with a telephone: scans the QR, reads the page, goes to the cashier and pays. Knows only what pages say."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx


class _Form(HTMLParser):
    """The first form of a page: where it goes and what it sends when nothing is changed."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the form and its fields; of radio buttons the chosen one, or the first."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        elif tag == "input" and self.action is not None and "name" in given:
            if given.get("type") == "radio" and given["name"] in self.fields and "checked" not in given:
                return
            self.fields[given["name"]] = given.get("value", "")


async def scan_and_pay(http: httpx.AsyncClient, address: str, *, channel: str, payer: str) -> str:
    """Open the page behind the QR, follow its pay button, fill the cashier's form, pay. Returns what the page said."""
    page = (await http.get(address)).raise_for_status().text
    button = re.search(r'<a class="pay" href="([^"]+)"', page)
    if button is None:
        raise RuntimeError("the payer page has no pay button")
    cashier = await http.get(unescape(button.group(1)))
    form = _Form()
    form.feed(cashier.raise_for_status().text)
    if form.action is None:
        raise RuntimeError("the cashier shows no form")
    answer = await http.post(
        urljoin(str(cashier.url), form.action), data=form.fields | {"channel": channel, "payer": payer}
    )
    text = answer.raise_for_status().text
    title = re.search(r"<h1[^>]*>([^<]+)</h1>|<title>([^<]+)</title>", text)
    return (title.group(1) or title.group(2)) if title else "paid"


def shown_state(page: str) -> str:
    """The word for the state that the payer page shows first."""
    found = re.search(r"<h1>([^<]+)</h1>", page)
    return found.group(1) if found else ""
