"""The control API under ``/_sim``, everything that a test may ask of the simulators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route

from simulators import scenario
from simulators.clock import rfc3339
from simulators.endpoint import endpoint
from simulators.verify import verify
from simulators.world import World


def routes(world: World, listeners: Callable[[], Awaitable[None]]) -> list[BaseRoute]:
    """The routes below ``/_sim``. ``listeners`` is called when the set of refusing ports may have changed."""

    base = world.base

    async def reset(request: Request, body: Any) -> Any:
        world.reset()
        await listeners()
        return {"ok": True}

    async def apply(request: Request, body: Any) -> Any:
        planted = scenario.apply(world, body or {})
        world.clock_moved()
        await listeners()
        return {"faults": planted}

    def seed(request: Request, body: Any) -> Any:
        if not isinstance(body, dict):
            raise ValueError('the body is an object by system, such as {"nontax": {"units": []}}')
        with base.state.transaction():
            for name, data in body.items():
                world.seed(name, data)
        return {"ok": True}

    def clock(request: Request, body: Any) -> Any:
        if request.method == "POST":
            base.clock.change(body)
            world.clock_moved()
        return {
            "now": rfc3339(base.clock.now()),
            "offset_seconds": base.clock.offset.total_seconds(),
            "frozen": base.clock.frozen is not None,
        }

    async def journal(request: Request, body: Any) -> Any:
        asked = dict(request.query_params)
        wait, after, limit = float(asked.pop("wait", 0)), int(asked.pop("after", 0)), int(asked.pop("limit", 1000))
        return {"entries": await base.journal.wait(wait, after, limit, **asked)}

    def verified(request: Request, body: Any) -> Any:
        said = verify(base.journal.entries(after=int((body or {}).get("after", 0)), limit=1_000_000), body)
        return {"ok": not said, "otherwise": said}

    def state(request: Request, body: Any) -> Any:
        return base.state.dump(request.query_params.get("system"))

    def effects(request: Request, body: Any) -> Any:
        return base.state.effects(request.query_params.get("system"))

    async def faults(request: Request, body: Any) -> Any:
        if request.method == "DELETE":
            base.faults.remove(request.query_params.get("id"))
            await listeners()
        if request.method == "POST":
            planted = base.faults.plant_all(body if isinstance(body, list) else [body])
            await listeners()
            return {"ids": [fault.id for fault in planted]}
        return {"faults": [vars(fault) for fault in base.faults.planted], "kinds": sorted(base.faults.kinds)}

    async def callbacks(request: Request, body: Any) -> Any:
        if request.url.path.endswith("/flush"):
            return {"pending": await base.callbacks.flush(request.query_params.get("system"))}
        if request.method == "POST":
            world.direct_callbacks(body["system"], body["url"])
        return {"urls": base.callbacks.urls(), "callbacks": base.callbacks.queued()}

    def settings(request: Request, body: Any) -> Any:
        return world.change_settings(request.path_params["system"], body or {})

    def systems(request: Request, body: Any) -> Any:
        return ready(world)

    return [
        Route("/reset", endpoint(reset), methods=["POST"]),
        Route("/seed", endpoint(seed), methods=["POST"]),
        Route("/clock", endpoint(clock), methods=["GET", "POST"]),
        Route("/journal", endpoint(journal)),
        Route("/verify", endpoint(verified), methods=["POST"]),
        Route("/state", endpoint(state)),
        Route("/effects", endpoint(effects)),
        Route("/faults", endpoint(faults), methods=["GET", "POST", "DELETE"]),
        Route("/callbacks", endpoint(callbacks), methods=["GET", "POST"]),
        Route("/callbacks/flush", endpoint(callbacks), methods=["POST"]),
        Route("/scenario", endpoint(apply, read=scenario.read), methods=["POST"]),
        Route("/systems", endpoint(systems)),
        Route("/{system}/settings", endpoint(settings), methods=["GET", "POST"]),
        *(Mount(f"/{name}", routes=service.control_routes()) for name, service in world.services.items()),
    ]


def ready(world: World) -> dict[str, Any]:
    """What the ready line tells: every system with its address and development credentials."""
    urls = world.base.urls
    return {
        "url": urls[""],
        "control": urls[""] + "/_sim",
        "systems": {name: {"url": service.url, **service.credentials()} for name, service in world.services.items()},
    }
