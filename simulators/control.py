"""The control API under ``/_sim``: reset, seed, clock, journal, state, faults, effects, callbacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route

from simulators.clock import rfc3339
from simulators.faults import KINDS
from simulators.frame import World, endpoint


def routes(world: World, listeners: Callable[[], Awaitable[None]]) -> list[BaseRoute]:
    """The routes below ``/_sim``. ``listeners`` is called when the set of refusing ports may have changed."""

    async def reset(request: Request, body: Any) -> Any:
        world.reset()
        await listeners()
        return {"ok": True}

    def seed(request: Request, body: Any) -> Any:
        with world.state.transaction() as tx:
            for name, data in body.items():
                world.systems[name].seed(tx, data)
        return {"ok": True}

    def clock(request: Request, body: Any) -> Any:
        if request.method == "POST":
            if unknown := set(body) - {"now", "advance_seconds", "frozen"}:
                raise ValueError(f"unknown field {', '.join(sorted(unknown))}")
            if "frozen" in body:
                world.clock.freeze(bool(body["frozen"]))
            if "now" in body:
                moment = datetime.fromisoformat(body["now"])
                if moment.tzinfo is None:
                    raise ValueError("now needs an offset, such as +08:00")
                world.clock.set(moment)
            if "advance_seconds" in body:
                world.clock.advance(float(body["advance_seconds"]))
            world.callbacks.hasten()
        return {
            "now": rfc3339(world.clock.now()),
            "offset_seconds": world.clock.offset.total_seconds(),
            "frozen": world.clock.frozen is not None,
        }

    async def journal(request: Request, body: Any) -> Any:
        asked = dict(request.query_params)
        wait, after, limit = float(asked.pop("wait", 0)), int(asked.pop("after", 0)), int(asked.pop("limit", 1000))
        return {"entries": await world.journal.wait(wait, after, limit, **asked)}

    def state(request: Request, body: Any) -> Any:
        return world.state.dump(request.query_params.get("system"))

    def effects(request: Request, body: Any) -> Any:
        return world.state.effects(request.query_params.get("system"))

    async def faults(request: Request, body: Any) -> Any:
        if request.method == "DELETE":
            world.faults.remove(request.query_params.get("id"))
            await listeners()
        if request.method == "POST":
            planted = [world.faults.plant(one) for one in (body if isinstance(body, list) else [body])]
            await listeners()
            return {"ids": [fault.id for fault in planted]}
        return {"faults": [vars(fault) for fault in world.faults.planted], "kinds": sorted(KINDS)}

    async def callbacks(request: Request, body: Any) -> Any:
        if request.url.path.endswith("/flush"):
            return {"pending": await world.callbacks.flush(request.query_params.get("system"))}
        if request.method == "POST":
            if body["system"] not in world.systems:
                raise ValueError(f"no system {body['system']}")
            world.callbacks.direct(body["system"], body["url"])
        return {"urls": world.callbacks.urls(), "callbacks": world.callbacks.queued()}

    def systems(request: Request, body: Any) -> Any:
        return ready(world)

    return [
        Route("/reset", endpoint(reset), methods=["POST"]),
        Route("/seed", endpoint(seed), methods=["POST"]),
        Route("/clock", endpoint(clock), methods=["GET", "POST"]),
        Route("/journal", endpoint(journal)),
        Route("/state", endpoint(state)),
        Route("/effects", endpoint(effects)),
        Route("/faults", endpoint(faults), methods=["GET", "POST", "DELETE"]),
        Route("/callbacks", endpoint(callbacks), methods=["GET", "POST"]),
        Route("/callbacks/flush", endpoint(callbacks), methods=["POST"]),
        Route("/systems", endpoint(systems)),
        *(Mount(f"/{system.name}", routes=system.control_routes()) for system in world.systems.values()),
    ]


def ready(world: World) -> dict[str, Any]:
    """What the ready line tells: every system with its address and development credentials."""
    return {
        "url": world.urls[""],
        "control": world.urls[""] + "/_sim",
        "systems": {
            name: {"url": world.url_of(name), **system.credentials()} for name, system in world.systems.items()
        },
    }
