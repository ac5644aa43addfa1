"""The index pages: one over all systems, and one for each, by which a person sees and does what a test does.

They say nothing that the control API does not, and do nothing by themselves: each form is one of its acts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

import contracts
from simulators.acts import FORM, Act
from simulators.clock import rfc3339
from simulators.control import Control
from simulators.pages import Entry, Field, Form, Link, Rows, Said, Section, sections
from simulators.service import Service
from simulators.state import Document

TITLE = "外部系统模拟器"
_SHOWN = 50
_STATES = {"pending": "待发送", "acknowledged": "已确认", "lost": "未发出"}
_OF_A_FAULT = {
    "kind": "故障",
    "operation": "操作",
    "key": "业务编号",
    "nth": "从第几次起",
    "times": "次数（0：一直）",
    "probability": "概率",
    "seconds": "秒",
    "code": "代码",
    "phase": "环节",
}

_OF_AN_ENTRY = {
    "at": "时间",
    "system": "系统",
    "operation": "操作",
    "key": "业务编号",
    "path": "地址",
    "status": "状态",
    "outcome": "结果",
    "fault": "故障",
    "request": "请求",
    "answer": "回答",
}


class Desk:
    """The pages over one world; ``control`` has the acts that their forms are."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.world = control.world
        self.base = control.base

    def routes(self) -> list[BaseRoute]:
        """Below the root: the page over all, and one exchange of the journal."""
        return [Route("/", self._all), Route("/journal/{number:int}", self._entry)]

    def of(self, service: Service) -> list[BaseRoute]:
        """Below a system's address: its page, and the files of its contract."""

        async def one(request: Request) -> Response:
            return self._page(request, service.system.title, service.system.title, self._of(service))

        async def file(request: Request) -> Response:
            named = {path.name: path for path in _files(service)}.get(request.path_params["file"])
            if named is None:
                return PlainTextResponse("没有这个文件。", 404)
            return PlainTextResponse(named.read_text(encoding="utf-8"))

        return [Route("/", one), Route("/contract/{file}", file)]

    # --- over all --------------------------------------------------------------------------------------------------

    async def _all(self, request: Request) -> Response:
        services = self.world.services.values()
        systems = [
            (
                Link(service.system.title, self._path(f"/{service.name}/")),
                service.name,
                service.url,
                str(sum(fault.system == service.name for fault in self.base.faults.planted)),
            )
            for service in services
        ]
        acts = {act.name: act for act in self.control.acts()}
        forms = [self._form(acts[name], "/_sim", "/") for name in ("set_clock", "flush", "reset")]
        about: Entry = [
            ("控制接口 Control API", Link(self.base.urls[""] + "/_sim", self._path("/_sim/systems"))),
            ("时钟 Clock", rfc3339(self.base.clock.now()) + ("（已停住）" if self.base.clock.frozen else "")),
        ]
        return self._page(
            request,
            "全部系统",
            TITLE,
            [
                Section("系统 Systems", [Rows(("系统", "名称", "地址", "故障"), systems)]),
                Section("控制 Control", [about, *forms]),
                Section("留痕 Journal", self._journal()),
            ],
        )

    async def _entry(self, request: Request) -> Response:
        number = request.path_params["number"]
        found = self.base.journal.entries(after=number - 1, limit=1)
        if not found or found[0]["id"] != number:
            return self._page(request, "留痕", TITLE, [Section("没有这一条", [])], 404)
        told: Entry = [(words, _words(found[0][name])) for name, words in _OF_AN_ENTRY.items()]
        return self._page(request, f"留痕第 {number} 条", TITLE, [Section("内容 Exchange", [told])])

    # --- of one system ---------------------------------------------------------------------------------------------

    def _of(self, service: Service) -> list[Section]:
        name, back = service.name, f"/{service.name}/"
        own = [self._form(act, f"/_sim/{name}", back) for act in service.acts() if act.form and act.method == "POST"]
        return [
            Section("地址与凭据 Addresses", [[("地址", service.url), *_credentials(service.credentials())]]),
            Section("页面与契约 Pages, contract", [self._links(service)]),
            Section("操作 Acts", own, "本系统没有专用操作。"),
            Section("故障 Faults", self._faults(service, back)),
            Section("回调 Callbacks", self._callbacks(service, back), "本系统不发回调。"),
            Section("设置 Settings", self._settings(service, back), "本系统没有设置。"),
            Section("数据 Data", self._data(service)),
            Section("留痕 Journal", self._journal(name)),
        ]

    def _links(self, service: Service) -> Entry:
        pages = [page for page in service.pages() if "{" not in page.path]
        place = self._path(f"/{service.name}")
        return [
            *((page.heading, Link(place + page.path, place + page.path)) for page in pages),
            *((words, Link(url, url)) for words, url in service.looks()),
            *((f"契约 {file.name}", Link(file.name, f"{place}/contract/{file.name}")) for file in _files(service)),
        ]

    def _faults(self, service: Service, back: str) -> list[Rows | Form]:
        system = service.system
        planted = [
            (
                fault.id,
                fault.kind,
                fault.operation,
                fault.key or "",
                f"{fault.fired} / {fault.times or '∞'}",
                self._button("/_sim/faults/remove", back, "去除", {"id": fault.id}),
            )
            for fault in self.base.faults.planted
            if fault.system == service.name
        ]
        choices = {"kind": sorted(system.known_kinds), "operation": sorted(system.operations | system.callbacks)}
        fields = [Field(name, words, "", choices.get(name, ()), name == "kind") for name, words in _OF_A_FAULT.items()]
        hidden = self._hidden(back, {"system": service.name})
        form = Form(self._path("/_sim/faults"), "植入", fields, hidden, "植入故障 — plant a fault")
        table = [Rows(("编号", "故障", "操作", "业务编号", "已发生", ""), planted)] if planted else []
        return [*table, form]

    def _callbacks(self, service: Service, back: str) -> list[Rows | Form]:
        if not service.system.callbacks:
            return []
        to = Field("url", "地址", self.base.callbacks.urls().get(service.name, ""), needed=True)
        hidden = self._hidden(back, {"system": service.name})
        queued = [one for one in self.base.callbacks.queued() if one["system"] == service.name][-_SHOWN:]
        rows = [
            (one["operation"], one["key"], _STATES[one["state"]], str(one["attempts"]), one.get("why", ""))
            for one in reversed(queued)
        ]
        table = [Rows(("回调", "业务编号", "状态", "次数", "为何未被确认"), rows)] if rows else []
        return [
            Form(self._path("/_sim/callbacks"), "设定", [to], hidden, "回调地址 — where callbacks go"),
            Form(self._path("/_sim/callbacks/flush"), "立即发送待发回调", (), hidden),
            *table,
        ]

    def _settings(self, service: Service, back: str) -> list[Form]:
        with self.base.state.transaction() as tx:
            now = service.settings(tx)
        schemas = service.system.settings.schemas
        url, hidden = self._path(f"/_sim/{service.name}/settings"), self._hidden(back)
        return [
            Form(url, "更改", [_field(name, schemas.get(name, {}), value)], hidden, f"{name} = {_words(value)}")
            for name, value in now.items()
        ]

    def _data(self, service: Service) -> list[Entry]:
        kept = self.base.state.dump(service.name).get(service.name, {})
        effects = self.base.state.effects(service.name).get(service.name, {})
        counted = Counter({kind: len(documents) for kind, documents in kept.items() if not kind.startswith("_")})
        rows: list[tuple[str, str | Link]] = [(kind, f"{number} 条") for kind, number in counted.items()]
        rows += [(f"已生效 {name}", f"{sum(of.values())} 次") for name, of in effects.items()]
        return [[*rows, ("全部 Everything", Link("JSON", self._path(f"/_sim/state?system={service.name}")))]]

    def _journal(self, system: str = "") -> list[Rows]:
        narrow = {"system": system} if system else {}
        rows = [
            (
                Link(entry["at"][:19].replace("T", " "), self._path(f"/journal/{entry['id']}")),
                entry["system"],
                entry["operation"],
                entry["key"],
                _words(entry["status"]),
                entry["outcome"],
                entry["fault"] or "",
            )
            for entry in self.base.journal.last(_SHOWN, **narrow)
        ]
        return [Rows(("时间", "系统", "操作", "业务编号", "状态", "结果", "故障"), rows)] if rows else []

    # --- parts -----------------------------------------------------------------------------------------------------

    def _page(
        self, request: Request, heading: str, title: str, parts: Sequence[Section], status: int = 200
    ) -> HTMLResponse:
        said = None
        for name in ("done", "refused"):
            if words := request.query_params.get(name):
                said = Said(words, name == "refused")
        home: Entry = [("首页", Link(TITLE, self._path("/")))]
        if title != TITLE:
            parts = [*parts, Section("其他系统 Others", [home])]
        return HTMLResponse(sections(heading, title, parts, said), status, {"Cache-Control": "no-store"})

    def _form(self, act: Act, below: str, back: str) -> Form:
        fields = [_field(name, of, needed=name in act.needs) for name, of in act.fields.items()]
        path = below + act.path
        for name in act.parameters:
            path = path.replace(f"{{{name}}}", "-")
        return Form(self._path(path), act.title, fields, self._hidden(back), f"{act.title} — {act.does}")

    def _button(self, path: str, back: str, words: str, more: Mapping[str, str]) -> Form:
        return Form(self._path(path), words, (), self._hidden(back, more))

    def _hidden(self, back: str, more: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
        return [(FORM, self._path(back)), *(more or {}).items()]

    def _path(self, path: str) -> str:
        """A path of this world, as links on any of its ports need it."""
        return urlsplit(self.base.urls[""]).path + path


def _field(name: str, schema: Document, value: Any = None, *, needed: bool = False) -> Field:
    choices = schema.get("enum") or (["true", "false"] if schema.get("type") == "boolean" else ())
    label = schema.get("title", name) + ("（JSON）" if schema.get("type") in ("array", "object") else "")
    return Field(name, label, "" if value is None else _words(value), [str(one) for one in choices], needed)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _credentials(told: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return ((name, _words(value)) for name, value in told.items())


def _files(service: Service) -> list[Any]:
    """The files of a system's contract that a person reads."""
    if not service.system.contract:
        return []
    return [file for file in sorted(contracts.path(service.system.contract).iterdir()) if file.is_file()]
