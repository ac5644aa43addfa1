"""The control API under ``/_sim``, everything that a test may ask of the simulators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount

from simulators import clock, faults, openapi, scenario, verify
from simulators.acts import Act
from simulators.clock import rfc3339
from simulators.service import Service
from simulators.state import Document
from simulators.world import World

_TEXT: Document = {"type": "string"}
_SYSTEM: Document = {"type": "string", "title": "系统"}
_OPEN: Document = {"type": "object"}


class Control:
    """The acts over one world. ``listeners`` is called when the set of refusing ports may have changed.

    ``more``: acts of the process, beside those of the world.
    """

    def __init__(self, world: World, listeners: Callable[[], Awaitable[None]], more: Sequence[Act] = ()) -> None:
        self.more = more
        self.world = world
        self.base = world.base
        self.listeners = listeners

    def routes(self) -> list[BaseRoute]:
        """The routes below ``/_sim``: what is for all systems, then what a system has of its own."""
        own = (
            Mount(f"/{name}", routes=[act.route() for act in (*self.of_settings(service), *service.acts())])
            for name, service in self.world.services.items()
        )
        return [*(act.route() for act in self.acts()), *own]

    def acts(self) -> list[Act]:
        """What concerns every system."""
        system, after = {"system": _SYSTEM}, {"type": "integer", "minimum": 0}
        journal = dict.fromkeys(verify.NAMED, _TEXT) | {"after": after, "limit": after, "wait": {"type": "number"}}
        return [
            Act("reset", "/reset", "全部复位", "everything as on the first day", self.reset),
            Act("seed", "/seed", "放入数据", "data for systems, by name", self.seed, body=_OPEN, form=False),
            Act("clock", "/clock", "时钟", "the simulators' clock", self.clock, "GET"),
            Act(
                "set_clock",
                "/clock",
                "拨动时钟",
                "set, move on or stop the clock",
                self.clock,
                fields=clock.CHANGE["properties"],
            ),
            Act("journal", "/journal", "留痕", "what was asked and answered", self.journal, "GET", journal),
            Act(
                "verify",
                "/verify",
                "核对",
                "whether what was expected was asked",
                self.verify,
                body=verify.SCHEMA,
                form=False,
            ),
            Act("state", "/state", "数据", "everything that is remembered", self.state, "GET", system),
            Act("effects", "/effects", "生效次数", "how often each effect happened", self.effects, "GET", system),
            Act("faults", "/faults", "故障", "what is planted", self.faults, "GET"),
            Act(
                "plant",
                "/faults",
                "植入故障",
                "plant one fault, or several",
                self.plant,
                fields={name: one.schema for name, one in faults.FIELDS.items()},
                body={"anyOf": [faults.SCHEMA, {"type": "array", "items": faults.SCHEMA}]},
                form=False,
            ),
            Act("remove", "/faults", "去除故障", "remove one fault, or all", self.remove, "DELETE", {"id": _TEXT}),
            Act("remove_one", "/faults/remove", "去除故障", "the same, for forms", self.remove, fields={"id": _TEXT}),
            Act(
                "callbacks", "/callbacks", "回调", "where callbacks go, and what became of each", self.callbacks, "GET"
            ),
            Act(
                "direct",
                "/callbacks",
                "回调地址",
                "say where a system's callbacks go",
                self.direct,
                fields={
                    **system,
                    "url": {"type": ["string", "null"], "title": "地址"},
                    "again_after": {"type": ["number", "null"], "title": "重发间隔（秒）"},
                },
                needs=("system", "url"),
            ),
            Act(
                "flush",
                "/callbacks/flush",
                "立即发送回调",
                "one attempt now at all that wait",
                self.flush,
                fields=system,
            ),
            Act(
                "scenario",
                "/scenario",
                "场景",
                "apply a scenario, JSON or TOML",
                self.scenario,
                body=scenario.schema([service.system for service in self.world.services.values()]),
                read=scenario.read,
                form=False,
            ),
            Act("systems", "/systems", "系统", "the ready line", lambda *_: ready(self.world), "GET"),
            Act("openapi", "/openapi.json", "接口文档", "this, as OpenAPI", lambda *_: openapi.document(self), "GET"),
            *self.more,
        ]

    def of_settings(self, service: Service) -> list[Act]:
        """The settings of one system."""
        system, name = service.system, service.name

        def settings(_request: Request, body: Any) -> Any:
            return self.world.change_settings(name, body or {})

        return [
            Act("settings", "/settings", "设置", f"the settings of {name}", settings, "GET"),
            Act(
                "change_settings",
                "/settings",
                "更改设置",
                f"change settings of {name}",
                settings,
                fields=system.settings.schemas,
                body={"type": "object", "properties": dict(system.settings.schemas), "additionalProperties": False},
                form=False,
            ),
        ]

    # --- what they do ----------------------------------------------------------------------------------------------

    async def reset(self, request: Request, body: Any) -> Any:
        self.world.reset()
        await self.listeners()
        return {"ok": True}

    async def scenario(self, request: Request, body: Any) -> Any:
        planted = scenario.apply(self.world, body or {})
        self.world.clock_moved()
        await self.listeners()
        return {"faults": planted}

    def seed(self, request: Request, body: Any) -> Any:
        if not isinstance(body, dict):
            raise ValueError('the body is an object by system, such as {"nontax": {"units": []}}')
        with self.base.state.transaction():
            for name, data in body.items():
                self.world.seed(name, data)
        return {"ok": True}

    def clock(self, request: Request, body: Any) -> Any:
        if request.method == "POST":
            self.base.clock.change(body)
            self.world.clock_moved()
        return {
            "now": rfc3339(self.base.clock.now()),
            "offset_seconds": self.base.clock.offset.total_seconds(),
            "frozen": self.base.clock.frozen is not None,
        }

    async def journal(self, request: Request, body: Any) -> Any:
        asked = dict(request.query_params)
        wait, after, limit = float(asked.pop("wait", 0)), int(asked.pop("after", 0)), int(asked.pop("limit", 1000))
        return {"entries": await self.base.journal.wait(wait, after, limit, **asked)}

    def verify(self, request: Request, body: Any) -> Any:
        said = verify.verify(self.base.journal.entries(after=int((body or {}).get("after", 0)), limit=1_000_000), body)
        return {"ok": not said, "otherwise": said}

    def state(self, request: Request, body: Any) -> Any:
        return self.base.state.dump(request.query_params.get("system"))

    def effects(self, request: Request, body: Any) -> Any:
        return self.base.state.effects(request.query_params.get("system"))

    def faults(self, request: Request, body: Any) -> Any:
        return {"faults": [vars(fault) for fault in self.base.faults.planted], "kinds": sorted(self.base.faults.kinds)}

    async def plant(self, request: Request, body: Any) -> Any:
        planted = self.base.faults.plant_all(body if isinstance(body, list) else [body])
        await self.listeners()
        return {"ids": [fault.id for fault in planted]}

    async def remove(self, request: Request, body: Any) -> Any:
        self.base.faults.remove(request.query_params.get("id") or (body or {}).get("id"))
        await self.listeners()
        return self.faults(request, body)

    def callbacks(self, request: Request, body: Any) -> Any:
        return {"urls": self.base.callbacks.urls(), "callbacks": self.base.callbacks.queued()}

    def direct(self, request: Request, body: Any) -> Any:
        self.world.direct_callbacks(body["system"], body["url"], body.get("again_after"))
        return self.callbacks(request, body)

    async def flush(self, request: Request, body: Any) -> Any:
        system = request.query_params.get("system") or (body or {}).get("system")
        return {"pending": await self.base.callbacks.flush(system)}


def ready(world: World) -> dict[str, Any]:
    """What the ready line tells: every system with its address and development credentials."""
    urls = world.base.urls
    return {
        "url": urls[""],
        "control": urls[""] + "/_sim",
        "systems": {name: {"url": service.url, **service.credentials()} for name, service in world.services.items()},
    }
