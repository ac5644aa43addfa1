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
class Field:
    """One field of a form. ``choices``: what may be chosen; none: free text."""

    name: str
    label: str
    value: str = ""
    choices: Sequence[str] = ()
    needed: bool = False


@dataclass(frozen=True)
class Form:
    """A form that is sent to ``url``; ``hidden`` goes along unseen. Without a heading it is only its button."""

    url: str
    button: str
    fields: Sequence[Field] = ()
    hidden: Sequence[tuple[str, str]] = ()
    heading: str = ""


@dataclass(frozen=True)
class Rows:
    """A table with a line of headings."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | Link | Form]]


@dataclass(frozen=True)
class Section:
    """A part of a page under its own heading. ``empty``: what is said where nothing stands in it."""

    heading: str
    blocks: Sequence[Entry | Rows | Form]
    empty: str = "暂无。"


@dataclass(frozen=True)
class Said:
    """What is said at the head of a page about what was just done; ``refused``: it was not."""

    words: str
    refused: bool = False


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
        return whole(self.heading, title, "".join(map(_block, entries)) or f"<p>{escape(self.empty)}</p>")


def sections(heading: str, title: str, parts: Sequence[Section], said: Said | None = None) -> str:
    """A page of sections as HTML, with links to each of them at its head."""
    told = ""
    if said is not None:
        kind, mark = ("refused", "未办：") if said.refused else ("done", "已办：")
        told = f'<p role="status" class="{kind}">{mark}{escape(said.words)}</p>'
    index = "".join(f'<a href="#s{at}">{escape(part.heading)}</a>' for at, part in enumerate(parts))
    body = "".join(
        f'<section id="s{at}"><h2>{escape(part.heading)}</h2>'
        f"{''.join(map(_block, part.blocks)) or f'<p>{escape(part.empty)}</p>'}</section>"
        for at, part in enumerate(parts)
    )
    return whole(heading, title, f"{told}<nav>{index}</nav>{body}")


def whole(heading: str, title: str, body: str) -> str:
    """A whole page around what is HTML already."""
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(heading)} - {escape(title)}（模拟）</title><style>{_STYLE}</style>"
        f"<header><div><b>{escape(title)}</b><span>模拟系统，数据均为虚构。</span></div></header>"
        f"<main><h1>{escape(heading)}</h1>{body}</main></html>"
    )


def _block(block: Entry | Rows | Form) -> str:
    if isinstance(block, Form):
        return _form(block)
    if isinstance(block, Rows):
        head = "".join(f"<th>{escape(name)}</th>" for name in block.head)
        rows = "".join(f"<tr>{''.join(f'<td>{_cell(one)}</td>' for one in row)}</tr>" for row in block.rows)
        return f'<div class="wide"><table class="rows"><tr>{head}</tr>{rows}</table></div>'
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{_cell(value)}</td></tr>" for name, value in block)
    return f"<table>{rows}</table>"


def _cell(value: str | Link | Form) -> str:
    if isinstance(value, Form):
        return _form(value)
    if isinstance(value, Link):
        return f'<a href="{escape(value.url)}">{escape(value.words)}</a>'
    return escape(value)


def _form(form: Form) -> str:
    hidden = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in form.hidden)
    inside = f"{hidden}{''.join(map(_field, form.fields))}<button>{escape(form.button)}</button>"
    made = f'<form method="post" action="{escape(form.url)}">{inside}</form>'
    return f"<details><summary>{escape(form.heading)}</summary>{made}</details>" if form.heading else made


def _field(field: Field) -> str:
    name, needed = escape(field.name), " required" if field.needed else ""
    if field.choices:
        one = "".join(
            f"<option{' selected' if choice == field.value else ''}>{escape(choice)}</option>"
            for choice in (*(() if field.needed else ("",)), *field.choices)
        )
        control = f'<select name="{name}"{needed}>{one}</select>'
    else:
        control = f'<input name="{name}" value="{escape(field.value)}"{needed}>'
    return f"<label><span>{escape(field.label)}</span>{control}</label>"


_STYLE = """
body{font:16px/1.6 "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;margin:0;color:#222;background:#f5f6f8}
header{background:#9b1c1c;color:#fff}header div,main{max-width:56rem;margin:0 auto;padding:.75rem 1rem}
header div{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline}header b{font-size:1.1rem}
header span{font-size:.85rem;opacity:.85}h1{font-size:1.35rem;margin:.75rem 0 1rem}a{color:#1d4f91}
h2{font-size:1.1rem;margin:1.75rem 0 .6rem;border-left:4px solid #9b1c1c;padding-left:.6rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.5rem 0}
.done,.refused{padding:.6rem .9rem;background:#fff;border:1px solid #2e7d32;border-left-width:6px}
.done,.refused{overflow-wrap:anywhere}.refused{border-color:#9b1c1c}
table{border-collapse:collapse;width:100%;margin:0 0 1.25rem;background:#fff;border:1px solid #d9dce1}
th,td{border-top:1px solid #eceef1;padding:.45rem .9rem;text-align:left;vertical-align:top}
tr:first-child>*{border-top:0}tr:first-child td{font-weight:600}th{width:15rem;color:#5a6270;font-weight:normal}
td{white-space:pre-wrap;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:0 0 1.25rem}.wide table{margin:0;min-width:44rem}
.rows th{width:auto;background:#fafbfc;white-space:nowrap}.rows tr td{font-weight:normal;overflow-wrap:break-word}
.rows form{margin:0}details{background:#fff;border:1px solid #d9dce1;margin:0 0 .5rem;padding:.45rem .9rem}
summary{cursor:pointer;overflow-wrap:anywhere}
form{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end;margin:.6rem 0}label{display:block}
label span{display:block;font-size:.85rem;color:#5a6270}
input,select,button{font:inherit;padding:.35rem .6rem;border:1px solid #9aa1ab;border-radius:4px;background:#fff}
button{background:#1d4f91;border-color:#1d4f91;color:#fff;cursor:pointer;min-height:2.5rem}
:focus-visible{outline:3px solid #e0a100;outline-offset:1px}
@media(max-width:40rem){label,input,select{width:100%;box-sizing:border-box}
table:not(.rows) th,table:not(.rows) td{display:block;width:auto}
table:not(.rows) th{padding-bottom:0;font-size:.85rem}table:not(.rows) td{border-top:0;padding-top:0}}
""".replace("\n", "")
