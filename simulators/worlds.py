"""Worlds beside the first one, for tests that run at the same time: each with its own state, clock, faults, journal.

A request names its world in its path, ``/worlds/NAME/…``, which works for whoever is given a base address, or in the
header ``X-Simulator-World``. A world begins with its first request, as on a first day, and ends when it is told to, or
with the process; it is kept in memory only. Keys and credentials are those of the first world, so that whoever trusts
one trusts all, and none has to wait for keys to be made.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from simulators.acts import Act, text
from simulators.control import ready
from simulators.foundation import Foundation
from simulators.state import State
from simulators.system import System
from simulators.transport import streamed
from simulators.world import STREAM, World

HEADER = "x-simulator-world"
MOST = 64
"""So many worlds at once; one more is refused until one ends."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PATH = re.compile(f"/worlds/({_NAME})(?=/|$)")


class Open:
    """One world that is open: what serves it, and its ports for connections without HTTP."""

    def __init__(self, world: World, app: ASGIApp) -> None:
        self.world = world
        self.app = app
        self.servers: list[asyncio.Server] = []

    async def end(self) -> None:
        """Nothing of it goes on."""
        for server in self.servers:
            server.close()
        await self.world.stop()
        self.world.base.state.close()


class Worlds:
    """The application of a process: what names no world is for the ``first``.

    ``app_of`` makes what serves a world, with these acts of the process in its control API.
    """

    def __init__(
        self, first: World, systems: Sequence[System], host: str, app_of: Callable[[World, Sequence[Act]], ASGIApp]
    ) -> None:
        self.first = first
        self.systems = systems
        self.host = host
        self.app_of = app_of
        self.main = app_of(first, self.acts())
        self.open: dict[str, Open] = {}
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to its world."""
        if scope["type"] != "http":
            await self.main(scope, receive, send)
            if scope["type"] == "lifespan":
                for name in list(self.open):
                    await self.end(name)
            return
        found = _PATH.match(scope["path"])
        name = found[1] if found else dict(scope["headers"]).get(HEADER.encode(), b"").decode("latin-1")
        if not name:
            await self.main(scope, receive, send)
            return
        try:
            world = await self.get(name)
        except ValueError as refusal:
            await JSONResponse({"error": str(refusal)}, 503 if len(self.open) >= MOST else 422)(scope, receive, send)
            return
        if found:
            scope = {**scope, "root_path": scope.get("root_path", "") + found[0]}
        await world.app(scope, receive, send)

    async def get(self, name: str) -> Open:
        """The world of that name, begun if there is none. ValueError: it cannot be called so, or there are too many."""
        if not re.fullmatch(_NAME, name):
            raise ValueError(f"a world cannot be called {name!r}: letters, digits, dots and hyphens, 64 at most")
        async with self._opening:
            if name not in self.open:
                if len(self.open) >= MOST:
                    raise ValueError(f"{MOST} worlds are open; end one with DELETE /_sim/worlds/<name>")
                self.open[name] = await self._begin(name)
        return self.open[name]

    async def end(self, name: str) -> None:
        """End a world. ValueError: there is none of that name."""
        if name not in self.open:
            raise ValueError(f"no world {name!r}; there are {', '.join(self.open) or 'none'}")
        await self.open.pop(name).end()

    async def _begin(self, name: str) -> Open:
        base = Foundation(State(":memory:"), self.first.base.connections)
        base.faults.barred["refuse"] = "a world shares its port with the others; plant refuse in the first one"
        self.first.base.state.copy_kept(base.state, without="_ports")
        world = World(base, self.first.opening)
        base.urls |= {system: self._below(url, name) for system, url in self.first.base.urls.items()}
        for system in self.systems:
            world.add(system)
        opened = Open(world, self.app_of(world, ()))
        for service in world.services.values():
            if service.system.streams:
                server = await asyncio.start_server(streamed(base.connections, service.connected), self.host, 0)
                base.urls[service.name + STREAM] = "tcp://{}:{}".format(*server.sockets[0].getsockname()[:2])
                opened.servers.append(server)
        world.begin()
        await world.start()
        return opened

    @staticmethod
    def _below(url: str, name: str) -> str:
        return re.sub(r"^(\w+://[^/]+)", rf"\g<1>/worlds/{name}", url)

    # --- control ---------------------------------------------------------------------------------------------------

    def acts(self) -> list[Act]:
        """What the control API of the first world does with the others."""
        name = {"name": text("名称")}

        async def begin(request: Request, body: Any) -> Any:
            return ready((await self.get(body["name"])).world)

        async def end(request: Request, body: Any) -> Any:
            await self.end(request.path_params["name"])
            return self._names(request, body)

        return [
            Act("worlds", "/worlds", "世界", "the worlds beside this one", self._names, "GET"),
            Act("begin_world", "/worlds", "新建世界", "the ready line of a world", begin, fields=name, needs=("name",)),
            Act("end_world", "/worlds/{name}", "结束世界", "end a world", end, "DELETE", name, ("name",)),
        ]

    def _names(self, _request: Request, _body: Any) -> Any:
        return {"worlds": list(self.open), "most": MOST}
