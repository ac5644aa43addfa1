"""Pages for people, in one plain look: tables of names and values, nothing from outside.

A system brings some by ``Service.pages``; the frame serves each below ``/<system>``. A page is given by what stands on
it, never as HTML: every text is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from simulators.state import State, Transaction


@dataclass(frozen=True)
class Link:
    """A value that leads somewhere: an address of the system itself, such as ``Service.url`` + "/inbox/3"."""

    words: str
    url: str


#: The rows of one table: what it is called, what it is.
Entry = Sequence[tuple[str, str | Link]]


@dataclass(frozen=True)
class Page:
    """One page at ``path`` (Starlette's words, such as "/inbox/{number:int}") below the system's address.

    ``entries`` gives what stands on it, a table each; None when there is no such thing (404). ``empty``: what is said
    where there is nothing.
    """

    path: str
    heading: str
    entries: Callable[[Transaction, Request], Sequence[Entry] | None]
    empty: str = "暂无信息。"

    def route(self, state: State, title: str) -> Route:
        """The route that serves it over a state, for the system of that title."""

        async def show(request: Request) -> Response:
            with state.transaction() as tx:
                found = self.entries(tx, request)
            return HTMLResponse(
                self.html(found or (), title), 404 if found is None else 200, {"Cache-Control": "no-store"}
            )

        return Route(self.path, show)

    def html(self, entries: Sequence[Entry], title: str) -> str:
        """The page as HTML."""
        tables = "".join(f"<table>{''.join(map(_row, entry))}</table>" for entry in entries)
        return (
            '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{escape(self.heading)} - {escape(title)}（模拟）</title><style>{_STYLE}</style>"
            f"<header><div><b>{escape(title)}</b><span>模拟系统，数据均为虚构。</span></div></header>"
            f"<main><h1>{escape(self.heading)}</h1>"
            f"{tables or f'<p>{escape(self.empty)}</p>'}</main></html>"
        )


def _row(row: tuple[str, str | Link]) -> str:
    name, value = row
    if isinstance(value, Link):
        return f'<tr><th>{escape(name)}</th><td><a href="{escape(value.url)}">{escape(value.words)}</a></td></tr>'
    return f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"


_STYLE = (
    'body{font:16px/1.6 "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;margin:0;color:#222;'
    "background:#f5f6f8}header{background:#9b1c1c;color:#fff}"
    "header div,main{max-width:56rem;margin:0 auto;padding:.75rem 1rem}"
    "header div{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline}header b{font-size:1.1rem}"
    "header span{font-size:.85rem;opacity:.85}h1{font-size:1.35rem;margin:.75rem 0 1rem}a{color:#1d4f91}"
    "table{border-collapse:collapse;width:100%;margin:0 0 1.25rem;background:#fff;border:1px solid #d9dce1}"
    "th,td{border-top:1px solid #eceef1;padding:.45rem .9rem;text-align:left;vertical-align:top}"
    "tr:first-child>*{border-top:0}tr:first-child td{font-weight:600}"
    "th{width:15rem;color:#5a6270;font-weight:normal}td{white-space:pre-wrap;overflow-wrap:anywhere}"
    "@media(max-width:40rem){th,td{display:block;width:auto}th{padding-bottom:0;font-size:.85rem}"
    "td{border-top:0;padding-top:0}}"
)
